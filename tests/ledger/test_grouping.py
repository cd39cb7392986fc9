import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from atlas.ledger.errors import ConflictingFact, DatabaseUnreachable
from atlas.ledger.recording.batches import Batch, Fact, encode_batch
from atlas.ledger.recording.grouping import Group
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


def test_what_interrupts_a_leader_while_it_sorts_out_a_conflict_is_its_own_and_others_are_recorded() -> None:
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
    assert outcomes["follower"] == [1]


def test_a_thread_interrupted_before_it_leads_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(Log().record)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(group, "_lead", interrupt)
        with pytest.raises(KeyboardInterrupt):
            group.record(encode_batch(facts("a", 1)))
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(group.record, encode_batch(facts("b", 1))).result(10) == [1]


def test_a_batch_that_nothing_can_record_concerns_its_caller_only() -> None:
    log = Log()

    def record(batch: Batch) -> list[int]:
        if b"impossible" in batch.payloads:
            raise TypeError("no payload")
        return log.record(batch)

    bad = [Fact(stream("a"), 0, "t", b"impossible")]
    results = together(Group(record).record, [facts("b", 2), bad, facts("c", 2), bad, facts("d", 2)])
    assert [isinstance(result, TypeError) for result in results] == [False, True, False, True, False]
    assert len(log.leaves) == 6


_OUTLIVING = """
import asyncio, threading
from atlas.ledger.recording.batches import encode_batch
from atlas.ledger.recording.grouping import Group
from tests.ledger.examples import facts

group = Group(lambda batch: list(range(1, len(batch) + 1)))

async def main():
    await asyncio.sleep(0)
    print(await group.record_async(encode_batch(facts("task", 1))))

def outlive():
    threading.main_thread().join()
    asyncio.run(main())
    print(group.record(encode_batch(facts("thread", 1))))

threading.Thread(target=outlive).start()
"""


def test_tasks_and_threads_record_after_the_main_thread_has_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", _OUTLIVING], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split("\n") == ["[1]", "[1]", ""]


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


class Gate:
    """A log whose transactions wait until they are let through, so that others come meanwhile."""

    def __init__(self) -> None:
        self.log = Log()
        self._entered = threading.Semaphore(0)
        self._allowed = threading.Semaphore(0)

    def record(self, batch: Batch) -> list[int]:
        self._entered.release()
        assert self._allowed.acquire(timeout=10)
        return self.log.record(batch)

    def entered(self) -> None:
        """Return when the next transaction has begun."""
        assert self._entered.acquire(timeout=10)

    def let(self, transactions: int = 100) -> None:
        """Let so many transactions through."""
        self._allowed.release(transactions)


async def entered(gate: Gate) -> None:
    await asyncio.to_thread(gate.entered)


def append(group: Group, *names: str) -> list[asyncio.Task[list[int]]]:
    """A task for each, which has come when the loop has run once more."""
    return [asyncio.create_task(group.record_async(encode_batch(facts(name, 1)))) for name in names]


def test_tasks_of_a_loop_share_a_transaction_and_get_their_own_positions() -> None:
    gate = Gate()
    group = Group(gate.record)

    async def main() -> None:
        first = append(group, "first")
        await entered(gate)
        others = append(group, *map(str, range(20)))
        await asyncio.sleep(0)
        gate.let()
        assert await asyncio.gather(*first, *others) == [[position] for position in range(1, 22)]

    asyncio.run(main())
    assert gate.log.transactions == 2


def test_threads_and_tasks_share_a_transaction_whoever_leads_it() -> None:
    gate = Gate()
    group = Group(gate.record)
    results: list[list[int]] = []

    def record(name: str) -> None:
        results.append(group.record(encode_batch(facts(name, 1))))

    async def main(names: Sequence[str]) -> None:
        for name in names:
            others = append(group, f"{name} task")
            await asyncio.sleep(0)
            thread = threading.Thread(target=record, args=[f"{name} thread"])
            thread.start()
            gate.let()
            results.extend(await asyncio.gather(*others))
            await asyncio.to_thread(thread.join, 10)

    leader = threading.Thread(target=record, args=["leader"])
    leader.start()
    gate.entered()
    asyncio.run(main(["a", "b", "c"]))
    leader.join(10)
    assert sorted(results) == [[position] for position in range(1, 8)]


def test_a_conflict_concerns_only_the_tasks_that_conflict() -> None:
    gate = Gate()
    group = Group(gate.record)

    async def main() -> list[list[int] | BaseException]:
        recorded = append(group, "a")
        await entered(gate)
        others = append(group, "b")
        bad = asyncio.create_task(group.record_async(encode_batch([Fact(stream("a"), 0, "t", b"other")])))
        await asyncio.sleep(0)
        gate.let()
        return await asyncio.gather(*recorded, *others, bad, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert (first, second) == ([1], [2])
    assert isinstance(third, ConflictingFact)


def test_a_cancelled_task_withdraws_what_waits_and_others_lose_nothing() -> None:
    gate = Gate()
    group = Group(gate.record)

    async def main() -> None:
        running = append(group, "running")
        await entered(gate)
        cancelled, *others = append(group, "cancelled", "b", "c")
        await asyncio.sleep(0)
        assert cancelled.cancel()
        await asyncio.sleep(0)
        gate.let()
        assert await asyncio.gather(*running, *others) == [[1], [2], [3]]
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(main())
    assert (stream("cancelled"), 0) not in gate.log.leaves


def test_what_a_cancelled_task_has_in_a_transaction_is_recorded_and_the_others_are_told() -> None:
    gate = Gate()
    group = Group(gate.record)

    async def main() -> None:
        first = append(group, "first")
        await entered(gate)
        cancelled, *others = append(group, "cancelled", "b", "c")
        await asyncio.sleep(0)
        gate.let(1)
        await entered(gate)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        gate.let()
        assert await asyncio.wait_for(asyncio.gather(*first, *others), 10) == [[1], [3], [4]]
        assert await append(group, "cancelled")[0] == [2]

    asyncio.run(main())
    assert len(gate.log.leaves) == 4


def test_the_group_goes_on_when_all_tasks_that_waited_were_cancelled() -> None:
    log = Log()
    group = Group(log.record)

    async def main() -> None:
        tasks = append(group, "a", "b")
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(await append(group, "c")[0]) == 1

    asyncio.run(main())
    assert len(group.record(encode_batch(facts("d", 1)))) == 1


def test_a_loop_that_was_closed_meanwhile_keeps_no_other_waiting() -> None:
    gate = Gate()
    group = Group(gate.record)
    closed = asyncio.new_event_loop()

    async def come(name: str) -> asyncio.Task[list[int]]:
        (task,) = append(group, name)
        await asyncio.sleep(0)
        return task

    async def leave(task: asyncio.Task[list[int]]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def stay(left: asyncio.Task[list[int]]) -> None:
        other = await come("stayed")
        gate.let(1)
        await entered(gate)
        await asyncio.to_thread(closed.run_until_complete, leave(left))
        closed.close()
        gate.let()
        assert await asyncio.wait_for(other, 10) == [3]

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(group.record, encode_batch(facts("first", 1)))
        gate.entered()
        asyncio.run(stay(closed.run_until_complete(come("left"))))
        assert first.result(10) == [1]


def test_a_failure_reaches_every_task_of_the_group() -> None:
    def record(_: Batch) -> list[int]:
        raise DatabaseUnreachable("gone")

    group = Group(record)

    async def main() -> list[list[int] | BaseException]:
        return await asyncio.gather(*append(group, "a", "b", "c"), return_exceptions=True)

    assert [type(result) for result in asyncio.run(main())] == [DatabaseUnreachable] * 3
