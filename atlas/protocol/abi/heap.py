"""The data of many logs as one run of words."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from atlas.protocol.abi.types import WORD_BYTES
from atlas.protocol.abi.words import LANES, Mask, Words
from atlas.protocol.logs import ArrowArray

Positions: TypeAlias = npt.NDArray[np.int64]
"""Byte positions in a heap, or other counts of 64 bits."""


class Heap:
    """Every log's data, each starting at a word; ``starts`` and ``ends`` are the logs' own first and last byte."""

    def __init__(self, data: ArrowArray) -> None:
        bounds, content = _bounds(data), data.buffers()[2]
        if np.bitwise_or.reduce(bounds - bounds[0]) % WORD_BYTES:
            data, sizes = _padded(data), np.diff(bounds)
            bounds, content = _bounds(data), data.buffers()[2]
        else:
            sizes = np.diff(bounds)
        self.starts: Positions = (bounds - bounds[0])[:-1]
        self.ends: Positions = self.starts + sizes
        size = int(bounds[-1] - bounds[0])
        self.content = pa.py_buffer(b"") if content is None or not size else content.slice(int(bounds[0]), size)
        self.words: Words = np.frombuffer(self.content, np.uint64).reshape(-1, LANES)

    def __len__(self) -> int:
        return len(self.starts)

    def blocks(self, starts: Positions, words: int) -> Words:
        """``words`` words from each of ``starts`` on: (count, words, 4). They lie within the heap."""
        if not len(starts):
            return np.empty((0, words, LANES), np.uint64)
        if np.bitwise_or.reduce(starts) % WORD_BYTES:
            return self._unaligned(starts, words)
        first = starts // WORD_BYTES
        if words == 1:
            return self.words.take(first, axis=0)[:, None]
        if self._adjacent(first, words):
            return self.words[first[0] : first[0] + len(first) * words].reshape(len(starts), words, LANES)
        return self.words.take((first[:, None] + np.arange(words)).ravel(), axis=0).reshape(len(starts), words, LANES)

    @staticmethod
    def _adjacent(first: Positions, words: int) -> bool:
        return bool((np.diff(first) == words).all())

    def _unaligned(self, starts: Positions, words: int) -> Words:
        content = np.frombuffer(self.content, np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(content, WORD_BYTES * words)
        return windows[starts].view(np.uint64).reshape(len(starts), words, LANES)

    def slices(self, starts: Positions, ends: Positions) -> ArrowArray:
        """The bytes from each of ``starts`` until before its end, as a binary column."""
        bounds = np.empty(2 * len(starts), np.int32)
        bounds[0::2], bounds[1::2] = starts, ends
        if not len(starts) or (np.diff(bounds) < 0).any():  # not one after the other, as only lenient layouts are
            content = memoryview(self.content)
            return pa.array([bytes(content[a:b]) for a, b in zip(starts, ends, strict=True)], pa.binary())
        # The values lie between gaps: taking every second element of that column compacts them.
        gapped = pa.Array.from_buffers(pa.binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), self.content])
        return gapped.take(pa.array(np.arange(0, len(bounds), 2, dtype=np.int32)))


@dataclass(frozen=True)
class Places:
    """Where values of one type lie: in the data of log ``rows``, from ``starts`` on, at most until ``limits``."""

    rows: Positions
    starts: Positions
    limits: Positions

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, mask: Mask) -> "Places":
        """Those of the mask."""
        if mask.all():
            return self
        return Places(self.rows[mask], self.starts[mask], self.limits[mask])


def small_numbers(words: Words) -> Positions:
    """Words as counts of bytes or elements; -1 for what is more than any heap holds."""
    numbers = words[:, -1].byteswap()
    large = (words[:, 0] | words[:, 1] | words[:, 2]) != 0
    return np.where(large | (numbers >> np.uint64(31) != 0), -1, numbers.astype(np.int64))


def _bounds(data: ArrowArray) -> Positions:
    """Where in the buffer each value starts, and where the last one ends."""
    offsets = np.frombuffer(data.buffers()[1], np.int32, len(data) + 1, 4 * data.offset)
    return offsets.astype(np.int64)


def _padded(data: ArrowArray) -> ArrowArray:
    """Every value, zeros added up to a whole number of words."""
    return pa.array([value + bytes(-len(value) % WORD_BYTES) for value in data.to_pylist()], pa.binary())
