"""Half-open intervals, asked which of them meet another.

Entries are (start, end, label). They lie in runs sorted by start, each under a binary tree of the latest end;
a new entry makes a run of one, and runs of like length are merged (Bentley and Saxe's logarithmic method), so
that there are at most about log2 n runs and an entry is moved log2 n times.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from heapq import merge

Entry = tuple[int, int, int]


class Intervals:
    """A growing set of intervals."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        first = sorted(entries)
        self._runs = [_Run(first)] if first else []

    def add(self, entry: Entry) -> None:
        """Put an interval in."""
        entries = [entry]
        while self._runs and len(self._runs[-1].entries) <= len(entries):
            entries = list(merge(self._runs.pop().entries, entries))
        self._runs.append(_Run(entries))

    def meeting(self, start: int, end: int) -> Iterator[int]:
        """The labels of the intervals that share an instant with the half-open one from ``start`` to ``end``."""
        for run in self._runs:
            yield from run.meeting(start, end)


class _Run:
    """Entries sorted by start; ``latest[i]`` is the latest end below node i of a complete binary tree."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self._size = 1 << (len(entries) - 1).bit_length()
        latest = [-1] * (2 * self._size)
        latest[self._size : self._size + len(entries)] = [end for _, end, _ in entries]
        for node in range(self._size - 1, 0, -1):
            latest[node] = max(latest[2 * node], latest[2 * node + 1])
        self._latest = latest

    def meeting(self, start: int, end: int) -> Iterator[int]:
        """Walk down to those that end after ``start``, among those that start before ``end``."""
        before = bisect_left(self.entries, (end,))
        pending = [(1, 0, self._size)]
        while pending:
            node, low, width = pending.pop()
            if low >= before or self._latest[node] <= start:
                continue
            if width == 1:
                yield self.entries[low][2]
            else:
                half = width // 2
                pending += ((2 * node + 1, low + half, half), (2 * node, low, half))
