from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from atlas.projections.errors import UnstorableValue
from atlas.projections.tables.amounts import of_integers
from atlas.projections.tables.cells import encode
from atlas.projections.tables.copying import encode_rows, rows_of, write_rows
from atlas.projections.tables.declarations import (
    Column,
    Value,
    bigint,
    binary,
    boolean,
    integer,
    json,
    optional,
    text,
    time,
    uint256,
)
from atlas.projections.tables.storable import NUMERIC_LIMIT, RowCheck

COLUMNS: tuple[Column, ...] = (
    text("text"),
    binary("bytes"),
    integer("integer"),
    bigint("bigint"),
    uint256("amount"),
    boolean("truth"),
    time("moment"),
    json("document"),
    optional(text("note")),
)
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROW = st.tuples(
    TEXT | st.sampled_from(["\\N", "\\.", "a\tb\nc\rd\\", ""]),
    st.binary(max_size=40),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, NUMERIC_LIMIT - 1),
    st.booleans(),
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.dictionaries(TEXT, JSON, max_size=3),
    st.none() | TEXT,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=5))
def test_what_is_copied_is_what_is_stored(database_url: str, rows: list[tuple[Value, ...]]) -> None:
    definitions = ", ".join(f'"{column.name}" {column.type}' for column in COLUMNS)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"create temp table stored (serial int generated always as identity, {definitions})".encode())
        for row in rows:
            RowCheck(COLUMNS)(row)
        write_rows(cursor, sql.Identifier("stored"), COLUMNS, [encode_rows(COLUMNS, rows)] if rows else [])
        names = ", ".join(f'"{column.name}"' for column in COLUMNS)
        assert cursor.execute(f"select {names} from stored order by serial".encode()).fetchall() == rows


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (text("note"), None),
        (text("note"), "a\x00b"),
        (text("note"), "\ud800"),
        (text("note"), 7),
        (binary("hash"), "0x00"),
        (integer("count"), 2**31),
        (integer("count"), True),
        (bigint("count"), -(2**63) - 1),
        (uint256("amount_wei"), -1),
        (uint256("amount_wei"), 10**78),
        (boolean("exclusive"), 1),
        (time("at"), datetime(2020, 1, 1)),  # noqa: DTZ001
        (json("terms"), {"a": "\x00"}),
        (json("terms"), {"a": 2**70}),
    ],
)
def test_a_value_that_a_column_cannot_hold_is_refused(column: Column, value: Any) -> None:
    with pytest.raises(UnstorableValue, match=column.name):
        RowCheck([column])([value])
    with pytest.raises(UnstorableValue, match=column.name):
        encode(column, value)
    with pytest.raises(UnstorableValue, match=column.name):
        encode(column, [value])


def test_a_backslash_before_u0000_is_no_null_character() -> None:
    RowCheck([json("terms")])([{"a": "\\u0000"}])


def test_columns_in_any_form_are_stored_as_lists_are(database_url: str) -> None:
    hashes, counts, amounts = [b"\x01" * 32, b"\x02" * 32], [-5, 2**31], [7, 2**200]
    moments = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)]
    forms: list[tuple[Column, list[Any], object]] = [
        (binary("hash"), hashes, pa.array(hashes, pa.binary(32))),
        (binary("cell"), hashes, np.frombuffer(b"".join(hashes), "V32")),
        (bigint("count"), counts, np.array(counts)),
        (uint256("small"), counts[1:] * 2, np.array(counts[1:] * 2)),
        (uint256("amount"), amounts, of_integers(amounts)),
        (time("at"), moments, np.array(["1970-01-01", "2026-02-03T04:05:06"], "datetime64[s]")),
        (text("same"), ["x", "x"], "x"),
    ]
    columns = [column for column, _, _ in forms]
    definitions = ", ".join(f'"{column.name}" {column.type}' for column in columns)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"create temp table stored ({definitions})".encode())
        for place in (1, 2):
            cells = [encode(form[0], form[place]) for form in forms]
            write_rows(cursor, sql.Identifier("stored"), columns, [rows_of(len(columns), cells, 2)])
        rows = cursor.execute("select * from stored").fetchall()
    assert rows[:2] == rows[2:] == list(zip(*(values for _, values, _ in forms), strict=True))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (integer("count"), np.array([0, 2**31])),
        (uint256("amount_wei"), np.array([5, -1])),
        (uint256("amount_wei"), of_integers([5, 10**78])),
        (binary("hash"), np.array([5, 6])),
    ],
)
def test_an_array_with_a_value_that_a_column_cannot_hold_is_refused(column: Column, values: Any) -> None:
    with pytest.raises(UnstorableValue, match=column.name):
        encode(column, values)
