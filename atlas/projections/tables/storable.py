"""What a column can hold: a value that PostgreSQL would refuse is found before it is sent."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import orjson

from atlas.projections.errors import UnstorableValue
from atlas.projections.tables.declarations import Column, ColumnType, Value

NUMERIC_DIGITS = 78
NUMERIC_LIMIT = 10**NUMERIC_DIGITS
"""Absolute values from here on do not fit numeric(78,0)."""

INDEXED_BYTES = 512
"""The longest text and the most bytes in a column that an index has.

An entry has at most 2,704 bytes (PostgreSQL manual, "B-Tree Indexes"), and no index has more than four such columns.
"""

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class RowCheck:
    """What rows of ``columns`` can hold, of which those named ``indexed`` are in an index. Made once for many rows."""

    def __init__(self, columns: Sequence[Column], indexed: Collection[str] = ()) -> None:
        self._columns = tuple(columns)
        checks = ((_INDEXED_CHECKS if column.name in indexed else _CHECKS)[column.type] for column in columns)
        self._checks = tuple(checks)

    def __call__(self, values: Sequence[Value]) -> None:
        """Return when the columns can hold ``values``, one each. Raises UnstorableValue."""
        for problem_of, value, column in zip(self._checks, values, self._columns, strict=True):
            if value is None:
                require_nullable(column)
            elif problem := problem_of(value):
                raise unstorable(column, problem)


def require_nullable(column: Column) -> None:
    """Raises UnstorableValue for a column that must have a value."""
    if not column.nullable:
        raise UnstorableValue(f"{column.name} must have a value")


def require_indexable(column: Column, most_bytes: int) -> None:
    """Return when an index can have values of ``column`` with so many bytes. Raises UnstorableValue."""
    if most_bytes > INDEXED_BYTES and column.type in (ColumnType.TEXT, ColumnType.BYTES):
        raise unstorable(column, _indexable(most_bytes))


def unstorable(column: Column, problem: str) -> UnstorableValue:
    """A value of ``column`` is not what ``problem`` says that it must be."""
    return UnstorableValue(f"{column.name} must be {problem}")


def has_nul(document: bytes) -> bool:
    """Whether a text in the JSON ``document`` has the character U+0000, which jsonb does not hold."""
    return _ESCAPED_NUL.search(document) is not None


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        return f"a text, not {type(value).__name__}"
    if "\x00" in value:
        return "a text without the character U+0000"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "a text without lone surrogates"
    return ""


def _check_bytes(value: object) -> str:
    return "" if isinstance(value, bytes) else f"bytes, not {type(value).__name__}"


def _check_indexed_text(value: object) -> str:
    return _check_text(value) or _indexable(len(value.encode()) if isinstance(value, str) else 0)


def _check_indexed_bytes(value: object) -> str:
    return _check_bytes(value) or _indexable(len(value) if isinstance(value, bytes) else 0)


def _indexable(size: int) -> str:
    return "" if size <= INDEXED_BYTES else f"at most {INDEXED_BYTES} bytes, as an index has it, not {size:,}"


def _integer_check(low: int, high: int) -> Callable[[object], str]:
    def check_integer(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value < high:
            return ""
        return f"an integer from {low} to below {high}, not {value!r}"

    return check_integer


def _check_boolean(value: object) -> str:
    return "" if isinstance(value, bool) else f"true or false, not {value!r}"


def _check_time(value: object) -> str:
    return "" if isinstance(value, datetime) and value.tzinfo else f"a moment with its time zone, not {value!r}"


def _check_json(value: object) -> str:
    try:
        encoded = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        return f"a JSON document: {error}"
    return "a JSON document without the character U+0000" if has_nul(encoded) else ""


_CHECKS: Mapping[ColumnType, Callable[[object], str]] = {
    ColumnType.TEXT: _check_text,
    ColumnType.BYTES: _check_bytes,
    ColumnType.INTEGER: _integer_check(-(2**31), 2**31),
    ColumnType.BIGINT: _integer_check(-(2**63), 2**63),
    ColumnType.UINT256: _integer_check(0, NUMERIC_LIMIT),
    ColumnType.BOOLEAN: _check_boolean,
    ColumnType.TIME: _check_time,
    ColumnType.JSON: _check_json,
}

_INDEXED_CHECKS: Mapping[ColumnType, Callable[[object], str]] = {
    **_CHECKS,
    ColumnType.TEXT: _check_indexed_text,
    ColumnType.BYTES: _check_indexed_bytes,
}
