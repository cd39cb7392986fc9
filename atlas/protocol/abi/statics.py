"""Readers of the types that always take the same words: elementary ones, and tuples and lists of such."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from atlas.protocol.abi.heap import Positions
from atlas.protocol.abi.reading import Reading, StaticReader
from atlas.protocol.abi.words import WordReader, Words
from atlas.protocol.logs import ArrowArray


@dataclass(frozen=True)
class WordColumn:
    """One word a value; ``label`` says whose."""

    label: str
    reader: WordReader
    words = 1

    def read(self, reading: Reading, block: Words, rows: Positions) -> ArrowArray:
        """The values, and a refusal of the logs with a word outside the type."""
        lane = block[:, 0]
        misfits = self.reader.misfits(lane)
        if misfits is not None and misfits.any():
            reading.verdicts.refuse(
                rows[misfits], "bad_value", f"{self.label} is not the word of a {self.reader.kind.canonical}"
            )
        return self.reader.array(lane)


@dataclass(frozen=True)
class StaticTuple:
    """Members next to each other."""

    members: tuple[StaticReader, ...]
    names: tuple[str, ...]
    words: int

    def read(self, reading: Reading, block: Words, rows: Positions) -> ArrowArray:
        """A struct column."""
        arrays: list[ArrowArray] = []
        start = 0
        for member in self.members:
            arrays.append(member.read(reading, block[:, start : start + member.words], rows))
            start += member.words
        return pa.StructArray.from_arrays(arrays, names=self.names)


@dataclass(frozen=True)
class StaticList:
    """``length`` items next to each other."""

    item: StaticReader
    length: int
    words: int

    def read(self, reading: Reading, block: Words, rows: Positions) -> ArrowArray:
        """A column of lists of fixed size."""
        items = np.ascontiguousarray(block).reshape(-1, self.item.words, block.shape[-1])
        values = self.item.read(reading, items, np.repeat(rows, self.length))
        return pa.FixedSizeListArray.from_arrays(values, self.length)
