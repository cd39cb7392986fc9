"""A snapshot is one moment, read-only, and opened only when something is asked."""

import psycopg
import pytest

from atlas.graphql.errors import DatabaseUnavailable, QueryTimeout, ViewNotReady
from atlas.graphql.snapshot import Snapshot
from atlas.ledger.database import Database


@pytest.fixture
def counted(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        connection.execute("create table public.counted (number int)")
    return database_url


def test_every_statement_sees_the_same_moment(counted: str) -> None:
    with Database(counted) as database, Snapshot(database, statement_timeout_ms=1000) as snapshot:
        assert snapshot.rows("select count(*) from public.counted", {}) == [(0,)]
        with psycopg.connect(counted) as writer:
            writer.execute("insert into public.counted values (1)")
        assert snapshot.rows("select count(*) from public.counted", {}) == [(0,)]


def test_nothing_can_be_written(counted: str) -> None:
    with (
        Database(counted) as database,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        Snapshot(database, statement_timeout_ms=1000) as snapshot,
    ):
        snapshot.rows("insert into public.counted values (1) returning number", {})


def test_the_next_request_on_the_same_connection_is_an_ordinary_one(counted: str) -> None:
    with Database(counted, max_connections=1) as database:
        with Snapshot(database, statement_timeout_ms=1000) as snapshot:
            snapshot.rows("select 1", {})
        with database.connection() as connection:
            connection.execute("insert into public.counted values (1)")
            assert connection.execute("show statement_timeout").fetchone() == ("0",)


def test_json_is_the_bytes_of_the_database_or_none(counted: str) -> None:
    with Database(counted) as database, Snapshot(database, statement_timeout_ms=1000) as snapshot:
        assert snapshot.json("select json_build_object('é', %(x)s::int)", {"x": 1}) == '{"é" : 1}'.encode()
        assert snapshot.json("select number from public.counted", {}) is None


def test_failures_have_names(counted: str) -> None:
    with Database(counted) as database:
        with pytest.raises(QueryTimeout), Snapshot(database, statement_timeout_ms=50) as snapshot:
            snapshot.rows("select pg_sleep(5)", {})
        with pytest.raises(ViewNotReady), Snapshot(database, statement_timeout_ms=1000) as snapshot:
            snapshot.rows("select * from view_none.nothing", {})
    with (
        Database("postgresql://127.0.0.1:1/none", timeout_s=1) as nowhere,
        pytest.raises(DatabaseUnavailable),
        Snapshot(nowhere, statement_timeout_ms=1000) as snapshot,
    ):
        snapshot.rows("select 1", {})


def test_nothing_is_opened_before_it_is_needed() -> None:
    with Database("postgresql://127.0.0.1:1/none", timeout_s=1) as nowhere, Snapshot(nowhere, statement_timeout_ms=1):
        pass
