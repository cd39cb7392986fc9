"""The declarations of view tables: from these come the SQL of the engine and of the readers.

Two shapes, and no third:

``EntityTable`` ``name``: key columns, value columns, ``valid_from`` and ``valid_to``. A row is one version
of one key, valid from log position ``valid_from`` until before ``valid_to`` (null: it is the current one).
As of position ``q``: ``valid_from <= q and (valid_to is null or valid_to > q)``.

``AccountTable`` ``name``: key columns, ``balance``, ``position`` and ``block_number``, one current row an
account; and ``name_postings``: key columns, ``position``, ``ordinal``, ``delta``, ``balance``, ``block_number``,
insert-only. As of position ``q``: the posting with the greatest ``(position, ordinal)`` whose position is at
most ``q``. ``ordinal`` counts the postings of one fact to one account (a transfer to oneself makes two).
"""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

Value: TypeAlias = str | bytes | int | bool | datetime | dict[str, Any] | None
"""What a column holds in Python: ``int`` for every integer type, an aware ``datetime`` for times."""


class ColumnType(StrEnum):
    """The PostgreSQL types that views use; the value is the type's SQL name."""

    TEXT = "text"
    BYTES = "bytea"
    INTEGER = "integer"
    BIGINT = "bigint"
    UINT256 = "numeric(78,0)"
    BOOLEAN = "boolean"
    TIME = "timestamptz"
    JSON = "jsonb"


class Column(msgspec.Struct, frozen=True):
    """A column of a view table."""

    name: str
    type: ColumnType
    nullable: bool = False


class EntityTable(msgspec.Struct, frozen=True, dict=True):
    """A table of row versions; ``indexes`` name the column lists that readers look up besides the key.

    ``contained`` names the JSON columns that readers search by what is in them.
    """

    name: str
    key: tuple[Column, ...]
    values: tuple[Column, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    contained: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Key columns, then value columns; ``valid_from`` and ``valid_to`` come after them."""
        return self.key + self.values

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The names of the columns that an index has."""
        return frozenset(column.name for column in self.key).union(*self.indexes)

    @cached_property
    def value_names(self) -> tuple[str, ...]:
        """The names of the value columns, in order."""
        return tuple(column.name for column in self.values)


class AccountTable(msgspec.Struct, frozen=True):
    """A table of running accounts. ``non_negative``: what the accounts count cannot fall below zero."""

    name: str
    key: tuple[Column, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    non_negative: bool = True

    @property
    def postings(self) -> str:
        """The name of the table of this table's postings."""
        return f"{self.name}_postings"


Table: TypeAlias = EntityTable | AccountTable


def table_names(table: Table) -> tuple[str, ...]:
    """The names of the PostgreSQL tables that a declaration makes."""
    return (table.name,) if isinstance(table, EntityTable) else (table.name, table.postings)


def text(name: str) -> Column:
    """A text column."""
    return Column(name, ColumnType.TEXT)


def binary(name: str) -> Column:
    """A column of bytes: addresses (20), hashes and ids (32)."""
    return Column(name, ColumnType.BYTES)


def integer(name: str) -> Column:
    """A 32-bit integer column."""
    return Column(name, ColumnType.INTEGER)


def bigint(name: str) -> Column:
    """A 64-bit integer column."""
    return Column(name, ColumnType.BIGINT)


def uint256(name: str) -> Column:
    """A column of amounts in wei and of on-chain numbers: up to 78 decimal digits."""
    return Column(name, ColumnType.UINT256)


def boolean(name: str) -> Column:
    """A truth column."""
    return Column(name, ColumnType.BOOLEAN)


def time(name: str) -> Column:
    """A column of moments."""
    return Column(name, ColumnType.TIME)


def json(name: str) -> Column:
    """A column of JSON documents."""
    return Column(name, ColumnType.JSON)


def optional(column: Column) -> Column:
    """The same column, allowed to be null."""
    return msgspec.structs.replace(column, nullable=True)
