"""python -m tests.indexer.simulation --seeds A..B: schedules by the thousand; the seeds that fail are printed."""

import argparse
import sys
import tempfile
import time
import traceback

from atlas.indexer.chain.state import MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from tests.indexer.simulation.schedule import play


def main() -> int:
    """Play them; 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", required=True, metavar="A..B")
    parser.add_argument("--traceback", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("..")
    seeds = range(int(first), int(last or first) + 1)
    failed: list[int] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="atlas-simulation-") as directory, EmbeddedPostgres(directory) as server:
        with Database(server.url) as database:
            migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
            with database.connection() as connection:  # only processes crash here, not the machine
                connection.execute("alter database postgres set synchronous_commit = off")
        with Database(server.url) as database:
            for seed in seeds:
                try:
                    play(seed, database)
                except Exception as error:
                    failed.append(seed)
                    print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
                    if arguments.traceback:
                        traceback.print_exc()
    print(f"{len(seeds)} schedules, {len(failed)} failed {failed[:50]}, {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
