"""Columns as Python values, as the contract ABI has them: int, bool, bytes, str, and tuples of them."""

from itertools import pairwise
from typing import Any

import numpy as np

from atlas.protocol.abi.types import WORD_BYTES, AbiType, ContentType, ListType, TupleType, WordType
from atlas.protocol.abi.words import LANES, Words
from atlas.protocol.logs import ArrowArray


def python_values(kind: AbiType, column: ArrowArray) -> list[Any]:
    """The values of a column without nulls: integers as int, addresses as bytes, lists and tuples as tuples."""
    match kind:
        case WordType():
            return _words(kind, column)
        case ContentType():
            return column.to_pylist()
        case ListType():
            return _lists(kind, column)
        case TupleType():
            members = zip(kind.members, column.flatten(), strict=True)
            return list(zip(*(python_values(member, values) for member, values in members), strict=True))


def _lists(kind: ListType, column: ArrowArray) -> list[Any]:
    items = python_values(kind.item, column.flatten())
    if kind.length is not None:
        bounds = list(range(0, len(items) + 1, kind.length))
    else:
        bounds = (np.cumsum([0, *column.value_lengths().to_pylist()])).tolist()
    return [tuple(items[start:end]) for start, end in pairwise(bounds)]


def _words(kind: WordType, column: ArrowArray) -> list[Any]:
    if kind.family == "bool" or not str(column.type).startswith("fixed_size_binary"):
        return column.to_pylist()
    size = column.type.byte_width
    content = column.buffers()[1].slice(column.offset * size, len(column) * size)
    if kind.family in ("uint", "int"):
        words = np.frombuffer(content, np.uint64).reshape(-1, LANES)
        return _wide_integers(words, bytes(content), signed=kind.family == "int")
    values: list[Any] = np.frombuffer(content, f"V{size}").tolist()
    return values


def _wide_integers(words: Words, content: bytes, *, signed: bool) -> list[int]:
    """Most numbers fit their last lane; only the others are made of all their bytes."""
    numbers: list[int] = words[:, -1].byteswap().tolist()
    for row in np.flatnonzero(words[:, 0] | words[:, 1] | words[:, 2]).tolist():
        start = row * WORD_BYTES
        numbers[row] = int.from_bytes(content[start : start + WORD_BYTES], "big", signed=signed)
    return numbers
