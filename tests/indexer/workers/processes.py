"""Programs that tests start as processes of their own, to kill them.

serve <database url> <port>
work <spool> <endpoint> <count>      generations "shot 0" to "shot <count - 1>", going on where the spool is
hold <spool>                         hold a spool until killed
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from atlas.indexer.workers import Worker
from atlas.indexer.workers.intake.app import intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.sdk.spool import Spool
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from tests.indexer.workers.support import KEY, generate, impatient


def serve(url: str, port: str) -> None:
    with Database(url) as database:
        uvicorn.run(intake_app(Intake(Ledger(database), lambda worker: True)), port=int(port), log_level="critical")


def work(spool: str, endpoint: str, count: str) -> None:
    with Worker(key=KEY, spool=Path(spool), endpoint=endpoint, backoff=impatient()) as worker:
        for number in range(worker.status.next_sequence, int(count)):
            generate(worker, f"shot {number}")
            print(number, flush=True)
        worker.flush(timeout_s=30)
    print("done", flush=True)


def hold(spool: str) -> None:
    with Spool(Path(spool), KEY.address):
        print("held", flush=True)
        time.sleep(60)


PROGRAMS: dict[str, Callable[..., None]] = {"serve": serve, "work": work, "hold": hold}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
