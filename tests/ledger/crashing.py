"""Kills writers, and PostgreSQL itself, at random moments under load, and checks after each time what is left.

    python -m tests.ledger.crashing --rounds 300            writers and server killed in turn
    python -m tests.ledger.crashing --rounds 50 --kill server --seed 7

In each round two processes append and one signs checkpoints. Then either all three are killed by SIGKILL, or the
server's postmaster is, and started again while they go on; at the end of the round they are killed too. Checked:
positions are dense, every acknowledged append is where it was acknowledged, batches are whole, and the roots of all
checkpoints ever published are those of the entries now stored, hashed anew by code that is not the ledger's; none of
them is larger than the one that is kept outside the database. At the end the whole log is read once more.
"""

import argparse
import multiprocessing
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID

import msgspec
import psutil

from atlas.ledger import MIGRATIONS
from atlas.ledger.checkpoints.high_water import HighWater
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger, RecordedFact
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.appending import (
    NOTE_FILE,
    ORIGIN,
    SIGNER,
    Acknowledged,
    append_for_ever,
    read_acknowledged,
    read_published,
    sign_for_ever,
)
from tests.ledger.auditor import read_checkpoint
from tests.ledger.examples import stream

WRITERS = 2
LONGEST_ROUND_S = 0.8
FIRST_ACKNOWLEDGEMENT_S = 60.0
VERIFY_EVERY = 50
VKEY = SIGNER.verifier.format()
# Children begin as copies of a small process that has everything imported: a round takes seconds as it is.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.ledger.appending"])


class Report(msgspec.Struct):
    """What the rounds have seen."""

    rounds: int = 0
    writer_kills: int = 0
    server_kills: int = 0
    facts: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    checkpoints: int = 0


class Hashing:
    """The entries' tree as a row of perfect subtrees, grown leaf by leaf; its own code."""

    def __init__(self) -> None:
        self.size = 0
        self._row: list[tuple[int, bytes]] = []

    def add(self, fact: RecordedFact) -> None:
        topic, digest = fact.topic.encode(), sha256(fact.payload).digest()
        entry = fact.stream.bytes + fact.version.to_bytes(8, "big") + len(topic).to_bytes(2, "big") + topic
        height, value = 0, sha256(b"\x00" + entry + len(fact.payload).to_bytes(8, "big") + digest).digest()
        while self._row and self._row[-1][0] == height:
            value = sha256(b"\x01" + self._row.pop()[1] + value).digest()
            height += 1
        self._row.append((height, value))
        self.size += 1

    def root(self) -> bytes:
        if not self._row:
            return sha256(b"").digest()
        value = self._row[-1][1]
        for _, left in reversed(self._row[:-1]):
            value = sha256(b"\x01" + left + value).digest()
        return value


class Audit:
    """Reads the log's new part after each round and holds it against what was acknowledged and published."""

    def __init__(self, ledger: Ledger, report: Report, directory: Path) -> None:
        self._ledger = ledger
        self._high_water = HighWater(ledger.database, directory / NOTE_FILE, ORIGIN)
        self._report = report
        self._hashing = Hashing()
        self._published: dict[int, bytes] = {0: sha256(b"").digest()}

    def round(self, acknowledged: Iterable[Acknowledged], notes: Iterable[bytes]) -> None:
        for note in notes:
            _, size, root = read_checkpoint(note, VKEY)
            assert self._published.setdefault(size, root) == root, f"two roots over {size} facts were published"
            self._report.checkpoints += 1
        self._check_kept()
        # Whatever the server had in hand when its clients died is recorded or not once this is.
        head = self._settled_head()
        assert max(self._published) <= head, f"a checkpoint over {max(self._published)} facts, the log has {head}"
        at = self._read(head)
        self._report.facts = head
        self._check_acknowledged(list(acknowledged), at)

    def _check_kept(self) -> None:
        kept = self._high_water.note()
        _, size, _ = (ORIGIN, 0, b"") if kept is None else read_checkpoint(kept.encode(), VKEY)
        assert max(self._published) <= size, f"{max(self._published)} facts were published, and {size} are kept"
        self._high_water.watch()

    def _settled_head(self) -> int:
        with self._ledger.database.connection() as connection:
            # The lock that every writer holds: when it is ours, none is under way.
            (head,) = connection.execute("select position from ledger.head for update").fetchall()[0]
            (last,) = connection.execute("select coalesce(max(position), 0) from ledger.events").fetchall()[0]
        assert last == head, f"the head is {head}, and the last fact is at position {last}"
        return head

    def _read(self, head: int) -> dict[tuple[UUID, int], int]:
        at: dict[tuple[UUID, int], int] = {}
        begin: dict[UUID, int] = {}
        for fact in self._ledger.facts(after=self._hashing.size, upto=head):
            assert fact.position == self._hashing.size + 1, f"position {self._hashing.size + 1} is missing"
            start = begin.setdefault(fact.stream, fact.position)
            assert fact.position - start == fact.version, f"a batch is torn at position {fact.position}"
            at[fact.stream, fact.version] = fact.position
            self._hashing.add(fact)
            signed = self._published.get(self._hashing.size)
            assert signed in (None, self._hashing.root()), f"the root over {self._hashing.size} facts has changed"
        assert self._hashing.size == head, f"position {self._hashing.size + 1} is missing"
        return at

    def _check_acknowledged(self, acknowledged: list[Acknowledged], at: dict[tuple[UUID, int], int]) -> None:
        for batch in acknowledged:
            found = [at.get((stream(batch.name), version)) for version in range(batch.count)]
            assert found == batch.positions, f"{batch.name} was acknowledged at other positions"
        known = sum(batch.count for batch in acknowledged)
        self._report.acknowledged += known
        self._report.unacknowledged += len(at) - known

    def everything(self) -> None:
        """Read the whole log again: every checkpoint ever published, and the ledger's own verification."""
        again = Hashing()
        for fact in self._ledger.facts(after=0, upto=self._hashing.size):
            again.add(fact)
            assert self._published.get(again.size) in (None, again.root()), f"the root over {again.size} has changed"
        assert (again.size, again.root()) == (self._hashing.size, self._hashing.root())
        with self._ledger.database.connection() as connection:
            rows = connection.execute("select note from ledger.checkpoints order by tree_size desc limit 1").fetchall()
        verify_ledger(self._ledger, bytes(rows[0][0]), SIGNER.verifier)


class Runner:
    """The server in ``directory`` and the rounds on it; a context manager."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.report = Report()
        self._directory = directory
        self._chance = random.Random(seed)
        self._seed = seed
        self._stack = ExitStack()

    def __enter__(self) -> "Runner":
        server = self._stack.enter_context(EmbeddedPostgres(self._directory / "postgres"))
        self._url = server.url
        self._database = self._stack.enter_context(Database(self._url, timeout_s=30))
        migrate(self._database, MIGRATIONS)
        self._audit = Audit(Ledger(self._database), self.report, self._directory)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def round(self, *, kill_server: bool) -> None:
        """One round, see the module. Raises AssertionError when anything is lost, changed or invented."""
        number = self.report.rounds
        files = [self._directory / f"{number}-{name}" for name in [*map(str, range(WRITERS)), "notes"]]
        with self._children(number, files) as children:
            _wait_for(files[:WRITERS], children)
            time.sleep(self._chance.random() * LONGEST_ROUND_S)
            if kill_server:
                kill_postmaster(self._directory / "postgres")
                self._stack.enter_context(EmbeddedPostgres(self._directory / "postgres"))
                time.sleep(self._chance.random() * LONGEST_ROUND_S)
                self.report.server_kills += 1
            assert all(child.is_alive() for child in children), "a process ended by itself"
        self.report.writer_kills += 1
        self.report.rounds += 1
        acknowledged = [batch for file in files[:WRITERS] for batch in read_acknowledged(file)]
        self._audit.round(acknowledged, read_published(files[-1]))
        if self.report.rounds % VERIFY_EVERY == 0:
            self._audit.everything()
        for file in files:
            file.unlink(missing_ok=True)

    def finish(self) -> Report:
        """The last check, over everything."""
        self._audit.everything()
        return self.report

    @contextmanager
    def _children(self, number: int, files: list[Path]) -> Generator[Sequence[BaseProcess]]:
        """Writers and a signer; all are killed at the end."""
        children = [
            _PROCESSES.Process(target=append_for_ever, args=(self._url, f"{number}/{writer}", self._seed, str(file)))
            for writer, file in enumerate(files[:WRITERS])
        ]
        children.append(_PROCESSES.Process(target=sign_for_ever, args=(self._url, str(files[-1]))))
        for child in children:
            child.start()
        try:
            yield children
        finally:
            for child in children:
                child.kill()
            for child in children:
                child.join(timeout=30)


def kill_postmaster(directory: Path) -> None:
    """SIGKILL to PostgreSQL's first process, whose children then end by themselves."""
    pid = int((directory / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])
    process = psutil.Process(pid)
    assert process.name().startswith("postgres"), process
    process.send_signal(signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        process.wait(timeout=30)


def _wait_for(files: list[Path], children: Sequence[BaseProcess]) -> None:
    """Wait until every writer has something acknowledged: before that there is nothing to lose."""
    deadline = time.monotonic() + FIRST_ACKNOWLEDGEMENT_S
    while not all(file.exists() and file.stat().st_size for file in files):
        assert time.monotonic() < deadline, "nothing is acknowledged"
        assert all(child.is_alive() for child in children), "a process ended by itself"
        time.sleep(0.01)


def main() -> None:
    """Run the rounds and print what they have seen."""
    parser = argparse.ArgumentParser(
        description="Kill writers and PostgreSQL at random moments, and check what is left."
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kill", choices=["writers", "server", "both"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=3600.0, help="begin no round after so many seconds")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="atlas-crashing-"))
    directory.chmod(0o755)
    deadline = time.monotonic() + options.limit_s
    try:
        with Runner(directory, options.seed) as runner:
            while runner.report.rounds < options.rounds and time.monotonic() < deadline:
                is_odd = runner.report.rounds % 2 == 1
                runner.round(kill_server=options.kill == "server" or (options.kill == "both" and is_odd))
                if runner.report.rounds % 10 == 0:
                    print(msgspec.json.encode(runner.report).decode(), flush=True)
            print("all checks hold:", msgspec.json.encode(runner.finish()).decode(), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
