"""Portions read at once and given in order."""

import threading
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.indexer.chain.sources.ahead import read_ahead
from atlas.indexer.errors import EndpointUnavailable, RangeTooLarge


@dataclass
class Pacing:
    range_blocks: int = 10
    concurrency: int = 4


def too_large() -> RangeTooLarge:
    return RangeTooLarge("too large", code=0)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 50), st.integers(0, 150), st.integers(1, 40), st.integers(1, 6), st.integers(1, 40))
def test_portions_cover_the_range_in_order_whatever_is_refused(
    first: int, length: int, range_blocks: int, concurrency: int, most: int
) -> None:
    def read(start: int, end: int) -> list[int]:
        if end - start + 1 > most:
            raise too_large()
        return list(range(start, end + 1))

    portions = list(read_ahead(Pacing(range_blocks, concurrency), first, first + length - 1, read))
    assert [number for portion in portions for number in portion.read] == list(range(first, first + length))
    assert all(portion.read == list(range(portion.first, portion.last + 1)) for portion in portions)


def test_several_are_read_at_once_but_no_more_than_the_concurrency() -> None:
    under_way: list[int] = []
    seen: list[int] = []
    lock = threading.Lock()

    def read(start: int, _: int) -> int:
        with lock:
            under_way.append(start)
            seen.append(len(under_way))
        time.sleep(0.02)
        with lock:
            under_way.remove(start)
        return start

    assert [portion.read for portion in read_ahead(Pacing(1, 3), 0, 11, read)] == list(range(12))
    assert max(seen) == 3


def test_who_takes_slowly_slows_the_reading() -> None:
    started: list[int] = []

    def read(start: int, _: int) -> int:
        started.append(start)
        return start

    portions = read_ahead(Pacing(1, 2), 0, 99, read)
    assert next(portions).read == 0
    time.sleep(0.05)
    assert len(started) <= 2
    portions.close()
    assert len(started) <= 2


def test_a_failure_is_raised_in_its_place() -> None:
    def read(start: int, _: int) -> int:
        if start == 3:
            raise EndpointUnavailable("gone")
        return start

    taken: list[int] = []
    with pytest.raises(EndpointUnavailable):
        taken.extend(portion.read for portion in read_ahead(Pacing(1, 4), 0, 9, read))
    portions = read_ahead(Pacing(1, 4), 0, 9, read)
    assert [next(portions).read for _ in range(3)] == [0, 1, 2]


def test_a_single_block_that_is_refused_ends_it() -> None:
    def read(start: int, end: int) -> int:
        raise too_large()

    with pytest.raises(RangeTooLarge):
        list(read_ahead(Pacing(), 0, 99, read))


def test_the_pace_is_asked_each_time() -> None:
    pacing = Pacing(range_blocks=4, concurrency=1)

    def read(start: int, end: int) -> int:
        pacing.range_blocks = 2
        return end - start + 1

    assert [portion.read for portion in read_ahead(pacing, 0, 9, read)] == [4, 2, 2, 2]
