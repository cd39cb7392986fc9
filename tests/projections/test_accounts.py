from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.projections.errors import UnstorableValue
from atlas.projections.tables.accounts import Accounts
from atlas.projections.tables.declarations import AccountTable, text
from atlas.projections.tables.schema import creation, rewinding

TABLE = AccountTable("accounts", key=(text("name"),))
FREE = AccountTable("free", key=(text("name"),), non_negative=False)
Finding = tuple[int, str, str]


@pytest.fixture
def cursor(database_url: str) -> Iterator[psycopg.Cursor]:
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        for statement in creation("view_test", [TABLE, FREE]):
            cursor.execute(statement)
        yield cursor
        connection.rollback()


def flush(cursor: psycopg.Cursor, *posts: tuple[int, str, int], table: AccountTable = TABLE) -> list[Finding]:
    """Post to accounts that know nothing of what is stored, and return what they report."""
    accounts = Accounts("view_test", table, empty=False)
    findings: list[Finding] = []
    for position, name, delta in posts:
        accounts.post(position, (name,), delta, 10 * position)
    accounts.flush(cursor, lambda position, reason, detail: findings.append((position, reason, detail)))
    accounts.settle(cursor)
    return findings


def fetch(cursor: psycopg.Cursor, statement: str) -> list[Any]:
    return cursor.execute(statement.encode()).fetchall()


def postings(cursor: psycopg.Cursor) -> list[Any]:
    columns = "name, position, ordinal, delta, balance"
    rows = fetch(cursor, f"select {columns} from view_test.accounts_postings order by position, name, ordinal")
    return [(name, *map(int, numbers)) for name, *numbers in rows]


def test_postings_carry_the_running_balance(cursor: psycopg.Cursor) -> None:
    assert flush(cursor, (1, "a", 10), (2, "b", 5), (2, "a", -3)) == []
    assert flush(cursor, (4, "a", 1)) == []
    assert postings(cursor) == [("a", 1, 0, 10, 10), ("a", 2, 0, -3, 7), ("b", 2, 0, 5, 5), ("a", 4, 0, 1, 8)]
    rows = fetch(cursor, "select name, balance::int, position, block_number from view_test.accounts order by name")
    assert rows == [("a", 8, 4, 40), ("b", 5, 2, 20)]


def test_postings_of_one_fact_to_one_account_are_counted(cursor: psycopg.Cursor) -> None:
    flush(cursor, (1, "a", 10), (2, "a", -10), (2, "a", 10))
    assert postings(cursor) == [("a", 1, 0, 10, 10), ("a", 2, 0, -10, 0), ("a", 2, 1, 10, 10)]


def test_nothing_is_posted_for_zero(cursor: psycopg.Cursor) -> None:
    flush(cursor, (1, "a", 0))
    assert postings(cursor) == []


def test_falling_below_zero_is_reported_once_where_it_cannot_happen(cursor: psycopg.Cursor) -> None:
    findings = flush(cursor, (1, "a", -3), (2, "a", -1), (3, "a", 5), (4, "a", -2))
    assert findings == [
        (1, "negative-balance", "accounts a fell to -3"),
        (4, "negative-balance", "accounts a fell to -1"),
    ]
    assert flush(cursor, (1, "a", -3), table=FREE) == []


def test_a_balance_beyond_the_column_is_reported_and_not_posted(cursor: psycopg.Cursor) -> None:
    findings = flush(cursor, (1, "a", 10**78 - 1), (2, "a", 1), (3, "a", -1))
    assert [(position, reason) for position, reason, _ in findings] == [(2, "overflow")]
    assert [row[1] for row in postings(cursor)] == [1, 3]


def test_what_a_refused_fact_posted_is_taken_back(cursor: psycopg.Cursor) -> None:
    accounts = Accounts("view_test", TABLE, empty=True)
    accounts.post(1, ("a",), 5, 1)
    accounts.post(2, ("a",), 7, 1)
    accounts.post(2, ("b",), 7, 1)
    accounts.undo(2)
    accounts.flush(cursor, lambda _position, _reason, _detail: None)
    assert postings(cursor) == [("a", 1, 0, 5, 5)]


def test_an_unstorable_key_is_refused(cursor: psycopg.Cursor) -> None:
    with pytest.raises(UnstorableValue):
        Accounts("view_test", TABLE, empty=True).post(1, ("\x00",), 5, 1)


def test_rewinding_restores_the_balance_and_forgets_new_accounts(cursor: psycopg.Cursor) -> None:
    flush(cursor, (1, "a", 10), (2, "a", -4), (2, "a", 1), (3, "b", 5), (4, "a", 9))
    for statement in rewinding("view_test", [TABLE], 2):
        cursor.execute(statement)
    rows = fetch(cursor, "select name, balance::int, position, block_number from view_test.accounts")
    assert rows == [("a", 7, 2, 20)]
    assert [row[1] for row in postings(cursor)] == [1, 2, 2]


POST = st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(-(2**200), 2**200))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posts=st.lists(POST, max_size=20), cut=st.integers(0, 20), back=st.integers(0, 20))
def test_batches_and_rewinds_leave_the_sums_of_what_remains(
    cursor: psycopg.Cursor, posts: list[tuple[int, str, int]], cut: int, back: int
) -> None:
    cursor.execute(b"truncate view_test.accounts, view_test.accounts_postings")
    placed = [(place // 2 + 1, name, delta) for place, (_, name, delta) in enumerate(posts)]
    flush(cursor, *(post for post in placed if post[0] <= cut))
    flush(cursor, *(post for post in placed if post[0] > cut))
    for statement in rewinding("view_test", [TABLE], back):
        cursor.execute(statement)
    expected: dict[str, int] = {}
    for position, name, delta in placed:
        if position <= back and delta:
            expected[name] = expected.get(name, 0) + delta
    rows = fetch(cursor, "select name, balance from view_test.accounts")
    assert {name: int(balance) for name, balance in rows} == expected
