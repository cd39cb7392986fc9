"""Set-based statements over many keys at once: the keys travel as one array a column."""

from collections.abc import Sequence
from itertools import repeat

import psycopg
from psycopg import sql

from atlas.ledger.arrays import Array
from atlas.projections.tables.cells import encode
from atlas.projections.tables.copying import array, execute_with_arrays
from atlas.projections.tables.declarations import Column, ColumnType, Value
from atlas.projections.tables.schema import names_of, same_key


def keys_as_table(key: Sequence[Column], alias: str) -> sql.Composed:
    """``unnest(...)`` over one array parameter a column, as the table ``alias``."""
    arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(column.type.value)) for column in key)
    return sql.SQL("unnest({}) as {} ({})").format(arrays, sql.Identifier(alias), names_of(key))


def keys_as_arrays(key: Sequence[Column], rows: Sequence[Sequence[Value]]) -> list[Array]:
    """The columns of ``rows``, as the parameters of ``keys_as_table``."""
    columns = map(list, zip(*rows, strict=True)) if rows else repeat([], len(key))
    return [array(column.type, encode(column, values), len(rows)) for column, values in zip(key, columns, strict=True)]


def select_rows(
    cursor: psycopg.Cursor,
    table: sql.Identifier,
    key: Sequence[Column],
    columns: Sequence[Column],
    keys: Sequence[Sequence[Value]],
    condition: sql.Composable,
) -> list[tuple[Value, ...]]:
    """The rows of ``table`` that have one of ``keys`` and fulfil ``condition``: its ``key`` and ``columns``."""
    selected = [*key, *columns]
    statement = sql.SQL("select {} from {} as stored join {} on {} where {}").format(
        sql.SQL(", ").join(sql.Identifier("stored", column.name) for column in selected),
        table,
        keys_as_table(key, "wanted"),
        same_key("stored", "wanted", key),
        condition,
    )
    execute_with_arrays(cursor, statement, keys_as_arrays(key, keys))
    return [loaded(selected, row) for row in cursor.fetchall()]


def loaded(columns: Sequence[Column], row: Sequence[Value]) -> tuple[Value, ...]:
    """A fetched row with its numerics as ``int``: money is never a Decimal here."""
    return tuple(
        int(value) if column.type is ColumnType.UINT256 and value is not None else value  # pyright: ignore[reportArgumentType]
        for column, value in zip(columns, row, strict=True)
    )
