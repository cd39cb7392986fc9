"""Many processes append for a while, and readers follow.

    python -m tests.ledger.crowd --processes 8 --seconds 60

Checked: positions are dense, every reader saw every position once and in order, every acknowledged append is where it
was acknowledged, and the log verifies.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import threading
import time
from pathlib import Path
from uuid import UUID

import msgspec

from atlas.ledger import MIGRATIONS
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.appending import SIGNER, append_for_ever, read_acknowledged
from tests.ledger.examples import stream

READERS = 2
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.ledger.appending"])


class Seen(msgspec.Struct, frozen=True):
    """What a crowd has done."""

    processes: int
    facts: int
    acknowledged: int
    facts_per_s: float


class Tail(threading.Thread):
    """Follows the log by waiting and paging, over a connection of its own, and opens a new one now and then."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.at: dict[tuple[UUID, int], int] = {}
        self.last = 0
        self.stop = threading.Event()
        self.failure: Exception | None = None
        self._url = url

    def run(self) -> None:
        try:
            while not self._follow():
                pass
        except Exception as error:
            self.failure = error

    def _follow(self) -> bool:
        """Read a while; whether this is the end."""
        with Database(self._url) as database:
            ledger = Ledger(database)
            for _ in range(50):
                stopping = self.stop.is_set()
                head = ledger.wait(after=self.last, timeout_s=0.2)
                for fact in ledger.facts(after=self.last, upto=head):
                    assert fact.position == self.last + 1, f"{fact.position} follows {self.last}"
                    self.last = fact.position
                    self.at[fact.stream, fact.version] = fact.position
                if stopping and self.last == ledger.head():
                    return True
        return False


def gather(url: str, directory: Path, *, processes: int, seconds: float) -> Seen:
    """Let a crowd append to the log at ``url``. Raises AssertionError when anything is missed, repeated or lost."""
    files = [directory / f"crowd-{number}" for number in range(processes)]
    writers = [
        _PROCESSES.Process(target=append_for_ever, args=(url, f"crowd/{number}", number, str(file)))
        for number, file in enumerate(files)
    ]
    tails = [Tail(url) for _ in range(READERS)]
    for tail in tails:
        tail.start()
    started = time.monotonic()
    for writer in writers:
        writer.start()
    try:
        time.sleep(seconds)
        assert all(writer.is_alive() for writer in writers), "a writer ended by itself"
    finally:
        for writer in writers:
            writer.kill()
            writer.join(timeout=30)
    elapsed_s = time.monotonic() - started
    facts = _check(url, tails)
    acknowledged = [batch for file in files for batch in read_acknowledged(file)]
    for batch in acknowledged:
        for tail in tails:
            found = [tail.at.get((stream(batch.name), version)) for version in range(batch.count)]
            assert found == batch.positions, f"{batch.name} was acknowledged at other positions"
    return Seen(processes, facts, sum(batch.count for batch in acknowledged), facts / elapsed_s)


def _check(url: str, tails: list[Tail]) -> int:
    """The head, when every reader has come there and the log verifies."""
    with Database(url) as database:
        ledger = Ledger(database)
        with database.connection() as connection:  # waits for what the server still has in hand
            connection.execute("select position from ledger.head for update")
        for tail in tails:
            tail.stop.set()
            tail.join(timeout=120)
            assert tail.failure is None, tail.failure
            assert not tail.is_alive(), f"a reader is at {tail.last}"
            assert tail.last == len(tail.at) == ledger.head()
        note = Checkpointer(database, SIGNER).checkpoint()
        verify_ledger(ledger, note, SIGNER.verifier)
        return ledger.head()


def main() -> None:
    """Gather a crowd on a server of its own, and print what it has done."""
    parser = argparse.ArgumentParser(description="Let many processes append while readers follow.")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="atlas-crowd-"))
    directory.chmod(0o755)
    try:
        with EmbeddedPostgres(directory / "postgres") as server:
            with Database(server.url) as database:
                migrate(database, MIGRATIONS)
            seen = gather(server.url, directory, processes=options.processes, seconds=options.seconds)
            print("all checks hold:", msgspec.json.encode(seen).decode())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
