"""Columns of 32-byte words, as the Arrow arrays of the values that they carry.

    ABI type                     Arrow type
    uint8 .. uint64              uint64
    int8 .. int64                int64
    uint72 .. uint256            binary(32), big-endian: ordered as the numbers are
    int72 .. int256              binary(32), big-endian two's complement
    address                      binary(20)
    bool                         bool
    bytes1 .. bytes32            binary(1) .. binary(32)

A number above 64 bits stays the word that it is: exact for every uint256, which no decimal type of Arrow holds.

A word is checked through its bytes: those that carry no value must be zero, or the sign of a negative integer.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from atlas.protocol.abi.types import WORD_BYTES, WordType
from atlas.protocol.logs import ArrowArray

Words: TypeAlias = npt.NDArray[np.uint64]
"""Words in rows, (count, 4): the bytes of each as they are in the data, in four lanes; lanes may be strided."""
Mask: TypeAlias = npt.NDArray[np.bool_]
LANES = 4
_LANE_BYTES = 8
_ONES = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class WordReader:
    """Reads the words of one elementary type; ``place`` is where in a word the bytes of the value are."""

    kind: WordType
    place: slice
    padding: tuple[np.uint64, ...]  # by lane, ones where the bytes carry no value

    def array(self, words: Words) -> ArrowArray:
        """The values; of a word outside the type, any value."""
        if self.kind.family == "bool":
            bits = np.packbits(words[:, -1] != 0, bitorder="little")
            return pa.BooleanArray.from_buffers(pa.bool_(), len(words), [None, pa.py_buffer(bits)])
        if self.is_narrow:
            numbers = words[:, -1].byteswap()
            return pa.array(numbers.view(np.int64) if self.kind.family == "int" else numbers)
        return binary_array(words) if self.kind.family in ("uint", "int") else binary_array(words, self.place)

    @property
    def is_narrow(self) -> bool:
        """Whether the values are Arrow integers."""
        return self.kind.family in ("uint", "int") and self.kind.size_bytes <= _LANE_BYTES

    def misfits(self, words: Words) -> Mask | None:
        """Which words no value of the type is written as; None when every word is one."""
        if self.kind.family == "int":
            return self._unsigned(words ^ self._signs(words)) if any(self.padding) else None
        return self._unsigned(words)

    def _unsigned(self, words: Words) -> Mask | None:
        lanes = [(words[:, lane], mask) for lane, mask in enumerate(self.padding) if mask]
        if not any([np.bitwise_or.reduce(lane, initial=0) & mask for lane, mask in lanes]):  # noqa: C419 - few lanes
            return None
        return np.logical_or.reduce([(lane & mask) != 0 for lane, mask in lanes])

    def _signs(self, words: Words) -> Words:
        """For each word, the byte that its padding must consist of, eight times."""
        sign = words.view(np.uint8)[:, self.place.start] >> 7
        return np.where(sign[:, None], _ONES, np.uint64(0))


def word_reader(kind: WordType) -> WordReader:
    """The reader of an elementary type."""
    size = kind.size_bytes
    place = slice(0, size) if kind.family == "bytes" else slice(WORD_BYTES - size, WORD_BYTES)
    carrying = bytearray(b"\xff" * WORD_BYTES)
    carrying[place] = b"\xfe" if kind.family == "bool" else bytes(size)
    return WordReader(kind, place, tuple(np.frombuffer(bytes(carrying), np.uint64)))


def binary_array(words: Words, place: slice = slice(0, WORD_BYTES)) -> ArrowArray:
    """These bytes of each word, as a column of fixed width."""
    size = place.stop - place.start
    if len(words) and words.strides[-1] != words.itemsize:
        words = np.ascontiguousarray(words)
    content = np.ascontiguousarray(words.view(np.uint8)[:, place].view(f"V{size}"))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(words), [None, pa.py_buffer(content)])
