"""Rows to PostgreSQL's COPY text format, and the check that a column can hold a value.

One line a row, fields between tabs, ``\\N`` for null; backslash, tab, newline and carriage return escaped
(PostgreSQL manual, COPY, "Text Format"). Lines are made here rather than by the driver because postings
repeat the text of their key, and because a value that PostgreSQL would refuse must be found before it is sent.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice, repeat
from typing import Any, cast

import orjson
import psycopg
from psycopg import sql

from atlas.projections.errors import UnstorableValue
from atlas.projections.schema import names_of
from atlas.projections.tables import Column, ColumnType, Value

NUMERIC_LIMIT = 10**78
"""Absolute values from here on do not fit numeric(78,0)."""

_LINES_PER_WRITE = 2_000
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def write_rows(cursor: psycopg.Cursor, table: sql.Identifier, columns: Sequence[Column], lines: Iterable[str]) -> None:
    """COPY ``lines`` (see ``RowFormat``) into ``columns`` of ``table``."""
    statement = sql.SQL("copy {} ({}) from stdin").format(table, names_of(columns))
    remaining = iter(lines)
    with cursor.copy(statement) as copy:
        while chunk := list(islice(remaining, _LINES_PER_WRITE)):
            copy.write("\n".join(chunk) + "\n")


class RowFormat:
    """Rows of ``columns``: what they can hold, and their lines of COPY text. Made once for many rows."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._encoders = tuple(_ENCODERS[column.type] for column in columns)
        self._checks = tuple(_CHECKS[column.type] for column in columns)

    def check(self, values: Sequence[Value]) -> None:
        """Return when the columns can hold ``values``, one each. Raises UnstorableValue."""
        for problem_of, value, column in zip(self._checks, values, self._columns, strict=True):
            if value is None:
                if not column.nullable:
                    raise UnstorableValue(f"{column.name} must have a value")
            elif problem := problem_of(value):
                raise UnstorableValue(f"{column.name} must be {problem}")

    def line(self, values: Sequence[Value]) -> str:
        """One row as a line of COPY text, without the newline."""
        encoded = zip(self._encoders, values, strict=True)
        return "\t".join([_NULL if value is None else encode(value) for encode, value in encoded])


def column_texts(column: Column, values: object) -> Iterable[str]:
    """A column of COPY text: of a list each value, of any other value the same without end. Raises UnstorableValue."""
    one = RowFormat((column,))
    if not isinstance(values, list):
        one.check((cast("Value", values),))
        return repeat(one.line((cast("Value", values),)))
    listed = cast("list[Any]", values)
    kinds = set(map(type, listed))
    match column.type:
        case ColumnType.BYTES if kinds == {bytes}:
            return [f"\\\\x{value.hex()}" for value in listed]
        case ColumnType.INTEGER | ColumnType.BIGINT | ColumnType.UINT256 if kinds == {int}:
            one.check((min(listed),))
            one.check((max(listed),))
            return map(str, listed)
        case ColumnType.TIME | ColumnType.TEXT:
            texts = {value: _checked(one, value) for value in dict.fromkeys(listed)}
            return [texts[value] for value in listed]
        case _:
            return [_checked(one, value) for value in listed]


def _checked(one: RowFormat, value: Value) -> str:
    one.check((value,))
    return one.line((value,))


def _encode_text(value: object) -> str:
    return str(value).translate(_ESCAPES)


def _encode_bytes(value: object) -> str:
    assert isinstance(value, bytes)
    return "\\\\x" + value.hex()


def _encode_time(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _encode_json(value: object) -> str:
    return orjson.dumps(value).decode().translate(_ESCAPES)


_ENCODERS: dict[ColumnType, Callable[[object], str]] = {
    ColumnType.TEXT: _encode_text,
    ColumnType.BYTES: _encode_bytes,
    ColumnType.INTEGER: str,
    ColumnType.BIGINT: str,
    ColumnType.UINT256: str,
    ColumnType.BOOLEAN: str,
    ColumnType.TIME: _encode_time,
    ColumnType.JSON: _encode_json,
}


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
    return "a JSON document without the character U+0000" if _ESCAPED_NUL.search(encoded) else ""


_CHECKS: dict[ColumnType, Callable[[object], str]] = {
    ColumnType.TEXT: _check_text,
    ColumnType.BYTES: _check_bytes,
    ColumnType.INTEGER: _integer_check(-(2**31), 2**31),
    ColumnType.BIGINT: _integer_check(-(2**63), 2**63),
    ColumnType.UINT256: _integer_check(0, NUMERIC_LIMIT),
    ColumnType.BOOLEAN: _check_boolean,
    ColumnType.TIME: _check_time,
    ColumnType.JSON: _check_json,
}
