from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.projections.errors import UnstorableValue
from atlas.projections.tables import entities
from atlas.projections.tables.declarations import EntityTable, binary, integer, optional, text, uint256
from atlas.projections.tables.entities import EntityRows
from atlas.projections.tables.schema import creation, rewinding

TABLE = EntityTable("things", key=(binary("id"), uint256("number")), values=(text("state"), optional(integer("count"))))
KEY = (b"\x01", 2**255)


@pytest.fixture
def cursor(database_url: str) -> Iterator[psycopg.Cursor]:
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        for statement in creation("view_test", [TABLE]):
            cursor.execute(statement)
        yield cursor
        connection.rollback()


def rows_of(*, empty: bool = True) -> EntityRows:
    return EntityRows("view_test", TABLE, empty=empty)


def stored(cursor: psycopg.Cursor) -> list[tuple[Any, ...]]:
    columns = b"number::text, state, count, valid_from, valid_to"
    return cursor.execute(b"select " + columns + b" from view_test.things order by number, valid_from").fetchall()


def versions(cursor: psycopg.Cursor) -> list[tuple[Any, ...]]:
    return [row[1:] for row in stored(cursor)]


def test_a_put_ends_the_version_before_it(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    rows.put(3, KEY, ("open", None))
    rows.flush(cursor)
    rows.put(5, KEY, ("shut", 1))
    rows.put(8, KEY, ("gone", 1))
    rows.flush(cursor)
    assert versions(cursor) == [("open", None, 3, 5), ("shut", 1, 5, 8), ("gone", 1, 8, None)]


def test_puts_of_one_position_are_one_version(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    rows.put(3, KEY, ("open", None))
    rows.put(3, KEY, ("shut", None))
    rows.flush(cursor)
    assert versions(cursor) == [("shut", None, 3, None)]


def test_a_put_of_what_is_there_makes_no_version(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    rows.put(3, KEY, ("open", None))
    rows.flush(cursor)
    others = rows_of(empty=False)
    others.put(4, KEY, ("open", None))
    others.put(5, KEY, ("shut", None))
    others.put(5, KEY, ("open", None))
    others.flush(cursor)
    assert versions(cursor) == [("open", None, 3, None)]


def test_rows_written_by_others_are_found(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    rows.put(3, KEY, ("open", 7))
    rows.flush(cursor)
    others = rows_of(empty=False)
    assert others.get(cursor, KEY) == ("open", 7)
    assert others.get(cursor, (b"\x02", 1)) is None


def test_an_empty_table_is_not_asked(cursor: psycopg.Cursor) -> None:
    cursor.execute(b"insert into view_test.things values ('\\x01', 1, 'open', null, 1, null)")
    assert rows_of().get(cursor, (b"\x01", 1)) is None
    assert rows_of(empty=False).get(cursor, (b"\x01", 1)) == ("open", None)


def test_what_a_refused_fact_put_is_taken_back(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    rows.put(3, KEY, ("open", None))
    rows.put(4, KEY, ("shut", None))
    rows.put(4, (b"\x02", 1), ("new", None))
    rows.undo(4)
    rows.undo(5)
    assert rows.get(cursor, KEY) == ("open", None)
    assert rows.get(cursor, (b"\x02", 1)) is None
    rows.flush(cursor)
    assert versions(cursor) == [("open", None, 3, None)]


def test_an_unstorable_value_is_refused_before_it_is_kept(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    with pytest.raises(UnstorableValue):
        rows.put(3, KEY, ("\x00", None))
    rows.flush(cursor)
    assert versions(cursor) == []


def test_rewinding_reopens_and_deletes(cursor: psycopg.Cursor) -> None:
    rows = rows_of()
    for position, state in ((3, "open"), (5, "shut"), (8, "gone")):
        rows.put(position, KEY, (state, None))
    rows.flush(cursor)
    for statement in rewinding("view_test", [TABLE], 5):
        cursor.execute(statement)
    assert versions(cursor) == [("open", None, 3, 5), ("shut", None, 5, None)]


def test_many_rows_are_forgotten_but_not_lost(cursor: psycopg.Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entities, "MAX_KNOWN_ROWS", 2)
    rows = rows_of()
    for number in range(5):
        rows.put(number + 1, (b"", number), ("open", number))
    rows.flush(cursor)
    rows.put(9, (b"", 1), ("shut", 1))
    rows.flush(cursor)
    assert rows.get(cursor, (b"", 3)) == ("open", 3)
    assert ("open", 1, 2, 9) in versions(cursor)


PUT = st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"]), st.integers(0, 1), st.booleans())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(puts=st.lists(PUT, max_size=25))
def test_the_stored_versions_are_those_of_a_dictionary(
    cursor: psycopg.Cursor, puts: list[tuple[int, str, int, bool]]
) -> None:
    cursor.execute(b"truncate view_test.things")
    rows = rows_of()
    expected: dict[int, list[list[Any]]] = {}
    position = 1
    for number, state, step, flushes in puts:
        if flushes:
            rows.flush(cursor)
        # A batch ends between positions, never within one.
        position += 1 if flushes else step
        rows.put(position, (b"", number), (state, None))
        _put(expected.setdefault(number, []), position, state)
    rows.flush(cursor)
    assert stored(cursor) == [
        (str(number), state, None, start, end) for number in sorted(expected) for state, start, end in expected[number]
    ]


def _put(history: list[list[Any]], position: int, state: str) -> None:
    if history and history[-1][1] == position:
        history.pop()
        if history:
            history[-1][2] = None
    if history and history[-1][0] == state:
        return
    if history:
        history[-1][2] = position
    history.append([state, position, None])
