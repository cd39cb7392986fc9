"""Writers and readers at once: several processes and threads, and some of them killed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from uuid import UUID

import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import ConflictingFact
from atlas.ledger.log import Fact, Ledger, RecordedFact
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts, stream

# Appends batches of random size, small and large, each its own stream, and says each one once it is acknowledged.
WRITER = """
import random, sys
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from tests.ledger.examples import facts
url, name, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(name)
with Database(url) as database:
    ledger = Ledger(database)
    for number in range(batches):
        count = chance.choice([1, 1, 2, 63, 255, 256])
        positions = ledger.append(facts(f"{name}/{number}", count))
        print(number, count, positions[0], positions[-1], flush=True)
"""
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def writer(url: str, name: str, batches: int) -> Generator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(batches)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def acknowledged(output: str) -> list[tuple[int, int, int, int]]:
    """Number, count, first and last position of each batch that was acknowledged."""
    lines = [line.split() for line in output.splitlines() if line.count(" ") == 3]
    return [(int(number), int(count), int(first), int(last)) for number, count, first, last in lines]


class Reader(threading.Thread):
    """Follows the log as an indexer would, by waiting and paging, until it has been told to stop and is at the end."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.seen: list[RecordedFact] = []
        self._ledger = ledger
        self.stop = threading.Event()

    def run(self) -> None:
        while True:
            stopping = self.stop.is_set()
            after = self.seen[-1].position if self.seen else 0
            head = self._ledger.wait(after=after, timeout_s=0.2)
            self.seen.extend(self._ledger.facts(after=after, upto=head, limit=random.randint(1, 500)))
            if stopping and self.seen and self.seen[-1].position == self._ledger.head():
                return


def append_often(ledger: Ledger, name: str) -> None:
    for number in range(60):
        ledger.append(facts(f"{name}/{number}", 5))


def test_a_reader_that_follows_several_writers_misses_nothing_and_repeats_nothing(
    ledger: Ledger, database: Database
) -> None:
    readers = [Reader(ledger), Reader(ledger)]
    for reader in readers:
        reader.start()
    outputs: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        writers = {name: stack.enter_context(writer(database.url, name, 40)) for name in ("a", "b", "c")}
        threads = [threading.Thread(target=append_often, args=[ledger, f"thread {number}"]) for number in range(4)]
        for thread in threads:
            thread.start()
        for name, process in writers.items():
            outputs[name] = process.communicate(timeout=120)[0]
            assert process.returncode == 0
        for thread in threads:
            thread.join()
    for reader in readers:
        reader.stop.set()
        reader.join(timeout=60)
        assert [fact.position for fact in reader.seen] == list(range(1, ledger.head() + 1))
    at = {(fact.stream, fact.version): fact.position for fact in readers[0].seen}
    for name, output in outputs.items():
        batches = acknowledged(output)
        assert len(batches) == 40
        for number, count, first, last in batches:
            positions = [at[stream(f"{name}/{number}"), version] for version in range(count)]
            assert positions == list(range(first, last + 1))


def test_the_same_facts_from_everywhere_at_once_are_recorded_once(ledger: Ledger) -> None:
    answers: list[list[int]] = []

    def append(count: int) -> None:
        answers.append(ledger.append(facts("same", count)))

    threads = [threading.Thread(target=append, args=[count]) for count in (10, 50, 64, 200) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16
    position = {fact.version: fact.position for fact in ledger.stream(stream("same"))}
    for answer in answers:
        assert answer == [position[version] for version in range(len(answer))]
    assert ledger.head() == 200
    assert sorted(position.values()) == list(range(1, 201))


def test_of_conflicting_facts_at_once_exactly_one_is_recorded(ledger: Ledger) -> None:
    outcomes: list[str] = []

    def append(number: int) -> None:
        batch = [Fact(stream("disputed"), 0, "t", b"%d" % number), *facts(f"own {number}", number % 3 * 50)]
        try:
            ledger.append(batch)
            outcomes.append("recorded")
        except ConflictingFact:
            outcomes.append("refused")

    threads = [threading.Thread(target=append, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["recorded"] + ["refused"] * 11
    winner = int(ledger.stream(stream("disputed"))[0].payload)
    assert ledger.head() == 1 + winner % 3 * 50


@pytest.mark.parametrize("seed", range(3))
def test_killed_writers_leave_a_dense_log_with_everything_acknowledged(
    ledger: Ledger, database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    outputs: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        writers = {name: stack.enter_context(writer(database.url, name, 100_000)) for name in ("a", "b")}
        for name, process in writers.items():
            assert process.stdout is not None
            outputs[name] = process.stdout.readline()
        time.sleep(chance.random() / 2)
        for name, process in writers.items():
            process.send_signal(signal.SIGKILL)
            outputs[name] += process.communicate(timeout=30)[0]
    # What comes next goes on where the log ends, after whatever the server still had in hand.
    (last,) = ledger.append(facts("next", 1))
    recorded = list(ledger.facts(after=0, upto=last))
    assert [fact.position for fact in recorded] == list(range(1, last + 1))
    assert recorded[-1].stream == stream("next")
    at = {(fact.stream, fact.version): fact.position for fact in recorded}
    for name, output in outputs.items():
        for number, count, first, final in acknowledged(output):
            assert [at[stream(f"{name}/{number}"), version] for version in range(count)] == [*range(first, final + 1)]
    _check_whole_batches(recorded)
    checkpointer = Checkpointer(database, Signer.generate("log.example.org/ledger"))
    verify_ledger(ledger, checkpointer.checkpoint(), checkpointer.verifier)


def _check_whole_batches(recorded: list[RecordedFact]) -> None:
    """A batch is there as a whole: its versions count from 0 at adjacent positions."""
    start: dict[UUID, int] = {}
    for fact in recorded:
        start.setdefault(fact.stream, fact.position)
        assert fact.position - start[fact.stream] == fact.version
