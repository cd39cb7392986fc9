"""A long range of blocks in portions: several are read at once, and given in order.

How long a portion is and how many are under way is asked of ``pace`` each time, so that both follow what the
endpoint bears. A portion that turns out too large is read in smaller ones. At most ``concurrency`` portions are
read or wait to be taken: whoever takes them slowly slows the reading.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

import msgspec

from atlas.indexer.errors import RangeTooLarge

T = TypeVar("T")

MAX_THREADS = 32


class Pacing(Protocol):
    """How much to ask for at once; an EndpointPool says it."""

    @property
    def range_blocks(self) -> int:
        """Blocks of a portion."""
        ...

    @property
    def concurrency(self) -> int:
        """Portions under way."""
        ...


class Portion(msgspec.Struct, Generic[T], frozen=True):
    """What was read of blocks ``first`` to ``last``, both included."""

    first: int
    last: int
    read: T


def read_ahead(pacing: Pacing, first: int, last: int, read: Callable[[int, int], T]) -> Generator[Portion[T]]:
    """``read(first, last)`` of portions that together are ``first`` to ``last``, ascending and without gaps.

    ``read`` runs in threads. What it raises is raised here, in order; RangeTooLarge only for a single block.
    """
    waiting: deque[Future[list[Portion[T]]]] = deque()
    with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="read-ahead") as threads:
        try:
            following = first
            while following <= last or waiting:
                while following <= last and len(waiting) < max(1, min(pacing.concurrency, MAX_THREADS)):
                    end = min(last, following + max(1, pacing.range_blocks) - 1)
                    waiting.append(threads.submit(read_split, pacing, following, end, read))
                    following = end + 1
                yield from waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def read_split(pacing: Pacing, first: int, last: int, read: Callable[[int, int], T]) -> list[Portion[T]]:
    """Blocks ``first`` to ``last`` in as many portions as it takes. Raises RangeTooLarge for a single block."""
    portions: list[Portion[T]] = []
    following = first
    size = last - first + 1
    while following <= last:
        end = min(last, following + size - 1)
        try:
            portions.append(Portion(following, end, read(following, end)))
        except RangeTooLarge:
            if following == end:
                raise
            size = max(1, min(pacing.range_blocks, (end - following + 1) // 2))
        else:
            following = end + 1
    return portions
