"""The kinds of values a column holds: its GraphQL type, and how SQL writes, compares and pages by it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Literal

import strawberry
from psycopg import sql

from atlas.graphql.errors import InvalidScalar
from atlas.graphql.scalars import Aaid, Address, BigInt, Bytes, DateTime, Json, JsonObject, parse_integer, parse_time

Write = Callable[[sql.Composable], sql.Composable]
Comparison = Literal["equality", "order", "text", "containment", "none"]


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    ``annotation`` is the Strawberry type; ``write`` turns a column into the JSON value that clients see;
    ``bind`` turns a coerced input into the value of an SQL parameter; ``cast`` is the parameter's SQL type, None to let
    PostgreSQL take the narrowest integer, which keeps indexes on bigint columns usable;
    ``comparison`` says which filters make sense; ``page`` and ``read_page`` carry it through a cursor as text.
    """

    annotation: object
    write: Write
    cast: sql.SQL | None
    comparison: Comparison
    bind: Callable[[object], object] = lambda value: value
    page: Write = lambda column: sql.SQL("{}::text").format(column)
    read_page: Callable[[str], object] = lambda text: text

    @property
    def orderable(self) -> bool:
        """Whether a list can be ordered by it."""
        return self.comparison in ("order", "text")


def _plain(column: sql.Composable) -> sql.Composable:
    return column


def _text(column: sql.Composable) -> sql.Composable:
    return sql.SQL("{}::text").format(column)


def _prefixed(prefix: str) -> Write:
    def write(column: sql.Composable) -> sql.Composable:
        return sql.SQL("{} || encode({}, 'hex')").format(sql.Literal(prefix), column)

    return write


def _hexadecimal(column: sql.Composable) -> sql.Composable:
    return sql.SQL("encode({}, 'hex')").format(column)


def _utc(pattern: str) -> Write:
    def write(column: sql.Composable) -> sql.Composable:
        return sql.SQL("to_char({} at time zone 'UTC', {})").format(column, sql.Literal(pattern))

    return write


def _atlas(column: sql.Composable) -> sql.Composable:
    # A product of numerics is exact whatever its size; a quotient is not.
    return sql.SQL("trim_scale({} * 0.000000000000000001)::text").format(column)


def _bind_text(value: object) -> object:
    text = str(value)
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidScalar("INVALID_STRING", "a string holds no NUL and no half of a surrogate pair")
    return text


def _binary(annotation: object, prefix: str) -> Kind:
    return Kind(annotation, _prefixed(prefix), sql.SQL("bytea"), "order", page=_hexadecimal, read_page=bytes.fromhex)


def _read_integer(text: str) -> object:
    return parse_integer(text)


def _read_time(text: str) -> datetime:
    return parse_time(text)


AAID = _binary(Aaid, "aaid:")
ADDRESS = _binary(Address, "0x")
BYTES = _binary(Bytes, "0x")
TEXT = Kind(str, _plain, sql.SQL("text"), "text", bind=_bind_text, read_page=_bind_text)
BIG_INTEGER = Kind(BigInt, _text, None, "order", read_page=_read_integer)
INTEGER = Kind(int, _plain, None, "order", read_page=_read_integer)
BOOLEAN = Kind(bool, _plain, sql.SQL("boolean"), "equality")
TIME = Kind(
    DateTime,
    _utc('YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    sql.SQL("timestamptz"),
    "order",
    page=_utc('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    read_page=_read_time,
)
JSON = Kind(Json, _plain, sql.SQL("jsonb"), "none")
JSON_OBJECT = Kind(JsonObject, _plain, sql.SQL("jsonb"), "containment")
ATLAS = Kind(str, _atlas, sql.SQL("numeric"), "none")


def enumeration(vocabulary: type[StrEnum], description: str) -> Kind:
    """A closed list: stored as its members' values, seen by clients under its members' names."""
    annotation = strawberry.enum(vocabulary, description=description)

    def write(column: sql.Composable) -> sql.Composable:
        return sql.SQL("upper({})").format(column)

    def bind(value: object) -> object:
        return str(value.value) if isinstance(value, Enum) else str(value)

    return Kind(annotation, write, sql.SQL("text"), "equality", bind=bind)
