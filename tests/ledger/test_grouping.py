import threading
import time
from collections.abc import Callable

import pytest

from atlas.ledger.batches import Batch, Fact, encode_batch
from atlas.ledger.errors import ConflictingFact, DatabaseUnreachable
from atlas.ledger.grouping import Group
from tests.ledger.examples import facts, stream


class Log:
    """A log in memory, slow enough for others to arrive meanwhile."""

    def __init__(self) -> None:
        self.leaves: dict[tuple[object, int], tuple[int, bytes]] = {}
        self.transactions = 0

    def record(self, batch: Batch) -> list[int]:
        self.transactions += 1
        time.sleep(0.05)
        keys = list(zip(batch.streams, batch.versions, strict=True))
        for key, leaf in zip(keys, batch.leaf_hashes, strict=True):
            if self.leaves.get(key, (0, leaf))[1] != leaf:
                raise ConflictingFact(*key, position=self.leaves[key][0], recorded="one", offered="another")
        for key, leaf in zip(keys, batch.leaf_hashes, strict=True):
            self.leaves.setdefault(key, (len(self.leaves) + 1, leaf))
        return [self.leaves[key][0] for key in keys]


def together(record: Callable[[Batch], list[int]], batches: list[list[Fact]]) -> list[list[int] | Exception]:
    """What each of the threads gets that record at once."""
    results: list[list[int] | Exception] = [[] for _ in batches]

    def run(place: int, batch: list[Fact]) -> None:
        try:
            results[place] = record(encode_batch(batch))
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(batches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_lone_batch_is_one_transaction() -> None:
    log = Log()
    assert Group(log.record).record(encode_batch(facts("a", 3))) == [1, 2, 3]
    assert log.transactions == 1


def test_batches_that_come_meanwhile_share_a_transaction_and_get_their_own_positions() -> None:
    log = Log()
    results = together(Group(log.record).record, [facts(str(number), 3) for number in range(20)])
    assert log.transactions < 20
    assert sorted(position for result in results if isinstance(result, list) for position in result) == list(
        range(1, 61)
    )
    for number, result in enumerate(results):
        assert result == [log.leaves[stream(str(number)), version][0] for version in range(3)]


def test_the_same_fact_from_several_threads_is_one() -> None:
    log = Log()
    assert together(Group(log.record).record, [facts("a", 2)] * 8) == [[1, 2]] * 8


def test_a_conflict_concerns_only_those_who_conflict() -> None:
    log = Log()
    log.record(encode_batch([Fact(stream("a"), 0, "t", b"recorded")]))
    bad = [Fact(stream("a"), 0, "t", b"other")]
    results = together(Group(log.record).record, [facts("b", 2), bad, facts("c", 2), bad, facts("d", 2)])
    assert [isinstance(result, ConflictingFact) for result in results] == [False, True, False, True, False]
    assert len(log.leaves) == 7


def test_a_failure_reaches_everyone_in_the_group_and_the_next_group_works() -> None:
    log = Log()
    failing = [True]

    def record(batch: Batch) -> list[int]:
        if failing[0]:
            time.sleep(0.05)
            raise DatabaseUnreachable("gone")
        return log.record(batch)

    group = Group(record)
    assert all(isinstance(result, DatabaseUnreachable) for result in together(group.record, [facts("a", 1)] * 5))
    failing[0] = False
    assert group.record(encode_batch(facts("a", 1))) == [1]


def test_an_interrupted_leader_leaves_no_one_waiting() -> None:
    log = Log()
    interrupts = iter([True])

    def record(batch: Batch) -> list[int]:
        if next(interrupts, False):
            raise KeyboardInterrupt
        return log.record(batch)

    group = Group(record)
    with pytest.raises(KeyboardInterrupt):
        group.record(encode_batch(facts("a", 1)))
    assert group.record(encode_batch(facts("a", 1))) == [1]


def test_a_leader_interrupted_while_it_sorts_out_a_conflict_leaves_nobody_without_an_answer() -> None:
    disputed, free = [Fact(stream("a"), 0, "t", b"other")], facts("b", 1)
    entered, gate = threading.Event(), threading.Event()
    outcomes: dict[str, list[int] | BaseException] = {}
    transactions = 0

    def record(batch: Batch) -> list[int]:
        nonlocal transactions
        transactions += 1
        entered.set()
        gate.wait(10)
        if len(batch) == 2:
            raise ConflictingFact(batch.streams[0], 0, position=1, recorded="one", offered="another")
        if transactions == 3:
            raise KeyboardInterrupt
        return [1]

    group = Group(record)

    def run(name: str, batch: list[Fact]) -> None:
        try:
            outcomes[name] = group.record(encode_batch(batch))
        except BaseException as error:
            outcomes[name] = error

    threads = [
        threading.Thread(target=run, args=item)
        for item in (("first", facts("c", 1)), ("leader", disputed), ("follower", free))
    ]
    for thread in threads:
        thread.start()
        entered.wait(10)
        time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert outcomes["first"] == [1]
    assert isinstance(outcomes["leader"], KeyboardInterrupt)
    assert isinstance(outcomes["follower"], KeyboardInterrupt)


def test_while_one_transaction_runs_all_others_gather_for_the_next() -> None:
    log = Log()
    group = Group(log.record)
    rounds = 4

    def often(number: int) -> None:
        for turn in range(rounds):
            group.record(encode_batch(facts(f"{number}/{turn}", 1)))

    threads = [threading.Thread(target=often, args=[number]) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.leaves) == 30 * rounds
    assert log.transactions < 30
