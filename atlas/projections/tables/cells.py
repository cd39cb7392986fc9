"""Columns of values as PostgreSQL's binary cells: the form that COPY and arrays have in common.

    cell     int32 length, -1 for null; then the value as its type's receive function takes it, integers big-endian
    numeric  int16 digits, int16 weight, int16 sign, int16 scale = 0, then digits in base 10**4, the highest first
    time     int64 microseconds since 2000
    jsonb    0x01, the document

(PostgreSQL manual, "Binary Format" under COPY; the receive functions of its source.) A column comes as a list, a NumPy
or Arrow array or Amounts, with a value a row, or as one value for all rows. Where all cells have one width they are
rows of one array, and nothing is done for each.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from atlas.projections.tables.amounts import Amounts, of_integers
from atlas.projections.tables.declarations import Column, ColumnType
from atlas.projections.tables.storable import (
    NUMERIC_DIGITS,
    NUMERIC_LIMIT,
    RowCheck,
    has_nul,
    require_nullable,
    unstorable,
)
from atlas.protocol.logs import cells_of

Fixed: TypeAlias = npt.NDArray[np.uint8]
"""Cells of one width, (rows, bytes)."""
Cells: TypeAlias = "Fixed | list[bytes] | bytes"
"""The cells of a column; ``bytes``: every row's."""

NULL = b"\xff\xff\xff\xff"
OIDS: Mapping[ColumnType, int] = {
    ColumnType.TEXT: 25,
    ColumnType.BYTES: 17,
    ColumnType.INTEGER: 23,
    ColumnType.BIGINT: 20,
    ColumnType.UINT256: 1700,
    ColumnType.BOOLEAN: 16,
    ColumnType.TIME: 1184,
    ColumnType.JSON: 3802,
}

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_US = np.datetime64("2000-01-01", "us")
_CALENDAR = np.array(["0001-01-01T00:00:00", "9999-12-31T23:59:59"], "datetime64[s]")
_MICROSECOND = timedelta(microseconds=1)
_NEGATIVE = 0x4000
_INTEGERS: Mapping[ColumnType, np.dtype[Any]] = {
    ColumnType.INTEGER: np.dtype(">i4"),
    ColumnType.BIGINT: np.dtype(">i8"),
}


def encode(column: Column, values: object) -> Cells:
    """The cells of ``values``, each of which ``column`` can hold. Raises UnstorableValue."""
    if isinstance(values, Amounts):
        return _checked_amounts(column, values)
    if isinstance(values, np.ndarray):
        return _encode_array(column, cast("npt.NDArray[Any]", values))
    if isinstance(values, pa.Array):
        return _encode_arrow(column, values)
    if isinstance(values, list):
        return _encode_list(column, cast("list[Any]", values))
    if values is None:
        require_nullable(column)
        return NULL
    return to_list(_encode_list(column, [values]), 1)[0]


def numeric(amounts: Amounts) -> Fixed:
    """Cells of numeric, whatever the sign; as wide as the longest needs."""
    limbs = amounts.magnitudes()
    digits = np.empty((2 * len(limbs), len(amounts)), np.int64)
    digits[1::2], digits[0::2] = limbs // 10**4, limbs % 10**4
    count = len(digits)
    while count > 1 and not digits[count - 1].any():
        count -= 1
    shorts = np.empty((len(amounts), 4 + count), ">i2")
    shorts[:, 0], shorts[:, 1], shorts[:, 3] = count, count - 1, 0
    shorts[:, 2] = np.where(amounts.is_negative(), _NEGATIVE, 0)
    shorts[:, 4:] = digits[count - 1 :: -1].T
    return _fixed(shorts)


def integers(values: npt.NDArray[Any], kind: ColumnType) -> Fixed:
    """Cells of an integer type, of numbers in its range."""
    return _fixed(values.astype(_INTEGERS[kind]).reshape(-1, 1))


def to_list(cells: Cells, count: int) -> list[bytes]:
    """Them one by one."""
    if isinstance(cells, bytes):
        return [cells] * count
    if isinstance(cells, list):
        return cells
    content, width = cells.tobytes(), cells.shape[1]
    return [content[start : start + width] for start in range(0, len(content), width)]


def longest(cells: Cells) -> int:
    """The bytes of the longest value, at least 0."""
    if isinstance(cells, np.ndarray):
        return cells.shape[1] - len(NULL)
    return max(map(len, [cells] if isinstance(cells, bytes) else cells), default=len(NULL)) - len(NULL)


def side_by_side(parts: Sequence[Fixed | bytes], count: int) -> Fixed:
    """The columns ``parts`` as one, in as many rows."""
    widths = [len(part) if isinstance(part, bytes) else part.shape[1] for part in parts]
    rows, start = np.empty((count, sum(widths)), np.uint8), 0
    for part, width in zip(parts, widths, strict=True):
        rows[:, start : start + width] = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
        start += width
    return rows


def _encode_array(column: Column, values: npt.NDArray[Any]) -> Cells:
    match column.type, values.dtype.kind:
        case (ColumnType.BYTES, "V"):
            return _fixed(values.reshape(-1, 1))
        case (ColumnType.INTEGER | ColumnType.BIGINT, "i" | "u"):
            limits = np.iinfo(_INTEGERS[column.type])
            if len(values) and not (limits.min <= values.min() and values.max() <= limits.max):
                RowCheck((column,))([int(values[(values < limits.min) | (values > limits.max)][0])])
            return integers(values, column.type)
        case (ColumnType.UINT256, "i" | "u"):
            return _checked_amounts(column, of_integers(values))
        case (ColumnType.TIME, "M"):
            if len(values) and not (_CALENDAR[0] <= values.min() and values.max() <= _CALENDAR[1]):  # or no time at all
                raise unstorable(column, "moments of the years 1 to 9999")
            return _fixed(((values - _EPOCH_US) // np.timedelta64(1, "us")).astype(">i8").reshape(-1, 1))
        case _:
            return _encode_list(column, values.tolist())


def _encode_arrow(column: Column, values: Any) -> Cells:  # noqa: ANN401 - pyarrow carries no type information
    if column.type is ColumnType.BYTES and pa.types.is_fixed_size_binary(values.type) and not values.null_count:
        return _fixed(cells_of(values).reshape(-1, 1))
    return _encode_list(column, values.to_pylist())


def _encode_list(column: Column, values: list[Any]) -> Cells:
    if not values:
        return []
    if None in values:
        require_nullable(column)
        present = [value for value in values if value is not None]
        cells = iter(to_list(_encode_list(column, present), len(present)))
        return [NULL if value is None else next(cells) for value in values]
    return _ENCODERS[column.type](column, values)


def _encode_texts(column: Column, values: list[Any]) -> Cells:
    check = RowCheck((column,))
    cells: dict[object, bytes] = {}
    for value in dict.fromkeys(values):
        check((value,))
        cells[value] = _cell(value.encode())
    return [cells[value] for value in values]


def _encode_bytes(column: Column, values: list[Any]) -> Cells:
    if set(map(type, values)) != {bytes}:
        check = RowCheck((column,))
        for value in values:
            check((value,))
    size = len(values[0])
    if size and all([len(value) == size for value in values]):  # noqa: C419 - a list is faster here
        return _fixed(np.frombuffer(b"".join(values), f"V{size}").reshape(-1, 1))
    return list(map(_cell, values))


def _encode_integers(column: Column, values: list[Any]) -> Cells:
    _check_integers(column, values)
    return integers(np.array(values, np.int64), column.type)


def _encode_amounts(column: Column, values: list[Any]) -> Cells:
    _check_integers(column, values)
    return numeric(of_integers(values))


def _check_integers(column: Column, values: list[Any]) -> None:
    check = RowCheck((column,))
    for value in (min(values), max(values)) if set(map(type, values)) == {int} else values:
        check((value,))


def _encode_booleans(column: Column, values: list[Any]) -> Cells:
    check = RowCheck((column,))
    for value in values:
        check((value,))
    return [_cell(b"\x01" if value else b"\x00") for value in values]


def _encode_times(column: Column, values: list[Any]) -> Cells:
    check = RowCheck((column,))
    cells: dict[object, bytes] = {}
    for value in dict.fromkeys(values):
        check((value,))
        cells[value] = _cell(struct.pack(">q", (value - _EPOCH) // _MICROSECOND))
    return [cells[value] for value in values]


def _encode_documents(column: Column, values: list[Any]) -> Cells:
    try:
        documents = list(map(orjson.dumps, values))
    except orjson.JSONEncodeError as error:
        raise unstorable(column, f"a JSON document: {error}") from error
    if any(map(has_nul, documents)):
        raise unstorable(column, "a JSON document without the character U+0000")
    return [_cell(b"\x01" + document) for document in documents]


def _checked_amounts(column: Column, values: Amounts) -> Cells:
    if column.type is not ColumnType.UINT256:
        return _encode_list(column, values.to_ints())
    wrong = values.is_negative() | values.reaches(NUMERIC_DIGITS)
    if wrong.any():
        found = values.take([int(np.flatnonzero(wrong)[0])]).to_ints()[0]
        raise unstorable(column, f"an integer from 0 to below {NUMERIC_LIMIT}, not {found}")
    return numeric(values)


def _fixed(values: npt.NDArray[Any]) -> Fixed:
    """The rows of ``values``, each with its length before it."""
    width = values.shape[1] * values.dtype.itemsize
    content = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)
    return side_by_side([struct.pack(">i", width), content], len(values))


def _cell(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


_ENCODERS: Mapping[ColumnType, Callable[[Column, list[Any]], Cells]] = {
    ColumnType.TEXT: _encode_texts,
    ColumnType.BYTES: _encode_bytes,
    ColumnType.INTEGER: _encode_integers,
    ColumnType.BIGINT: _encode_integers,
    ColumnType.UINT256: _encode_amounts,
    ColumnType.BOOLEAN: _encode_booleans,
    ColumnType.TIME: _encode_times,
    ColumnType.JSON: _encode_documents,
}
