import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from atlas.ledger.database import Database, masked_url
from atlas.ledger.errors import DatabaseFull, DatabaseUnreachable, InvalidDatabaseUrl


@pytest.fixture
def plain(database_url: str) -> Iterator[Database]:
    with Database(database_url, max_connections=2, timeout_s=2) as database:
        yield database


def test_a_block_that_ends_well_is_committed(plain: Database) -> None:
    with plain.connection() as connection:
        connection.execute("create table public.kept (a int)")
    with plain.connection() as connection:
        assert connection.execute("select * from public.kept").fetchall() == []


def test_a_block_that_fails_is_rolled_back(plain: Database) -> None:
    def fail() -> None:
        with plain.connection() as connection:
            connection.execute("create table public.lost (a int)")
            connection.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        fail()
    with plain.connection() as connection:
        assert connection.execute("select to_regclass('public.lost')").fetchall() == [(None,)]


def test_columns_come_as_arrow(plain: Database) -> None:
    for _ in range(2):
        with plain.adbc() as connection, connection.cursor() as cursor:
            cursor.execute("select generate_series(1, 3)::bigint as number")
            assert cursor.fetch_arrow_table().column("number").to_pylist() == [1, 2, 3]


def test_a_broken_statement_does_not_spoil_the_columns_after_it(plain: Database) -> None:
    with pytest.raises(Exception, match="nowhere"), plain.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("select * from nowhere")
    with plain.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("use", ["connection", "adbc"])
def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path, use: str) -> None:
    url = f"postgresql://someone:secret@/nothing?host={tmp_path}"
    started = time.monotonic()
    with (
        Database(url, timeout_s=2) as database,
        pytest.raises(DatabaseUnreachable) as caught,
        getattr(database, use)(),
    ):
        pass
    assert time.monotonic() - started < 10
    assert f"postgresql://someone@/nothing?host={tmp_path}" in caught.value.message
    assert "secret" not in caught.value.message
    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


def test_a_host_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        with (
            Database(f"postgresql://127.0.0.1:{port}/x", timeout_s=2) as database,
            pytest.raises(DatabaseUnreachable, match=str(port)),
            database.connection(),
        ):
            pass
        assert time.monotonic() - started < 10


def test_a_missing_database_is_unreachable(database_url: str) -> None:
    url = database_url.replace("/test_", "/no_test_")
    with Database(url) as database, pytest.raises(DatabaseUnreachable, match="does not exist"), database.connection():
        pass


def test_waiting_for_a_busy_pool_is_bounded(plain: Database) -> None:
    started = time.monotonic()
    with (
        plain.connection(),
        plain.connection(),
        pytest.raises(DatabaseUnreachable, match="couldn't get a connection"),
        plain.connection(),
    ):
        pass
    assert time.monotonic() - started < 10


def test_a_connection_lost_in_use_is_unreachable_and_the_next_one_works(plain: Database, database_url: str) -> None:
    def lose() -> None:
        with plain.connection() as connection:
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
            connection.execute("select 1")

    with pytest.raises(DatabaseUnreachable):
        lose()
    with plain.connection() as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]


def test_a_connection_that_the_driver_closed_in_use_is_unreachable(plain: Database) -> None:
    def lose() -> None:
        with plain.connection() as connection:
            connection.close()
            connection.execute("select 1")

    with pytest.raises(DatabaseUnreachable, match="closed"):
        lose()
    with plain.connection() as connection:
        connection.execute("select 1")


def test_a_statement_that_fails_for_a_while_is_not_taken_for_a_lost_connection(plain: Database) -> None:
    with pytest.raises(psycopg.OperationalError), plain.connection() as connection:
        connection.execute("do $$ begin raise sqlstate '53200' using message = 'out of memory'; end $$")
    with plain.connection() as connection:
        connection.execute("select 1")


def test_a_full_disk_is_said_to_be_one(plain: Database) -> None:
    with pytest.raises(DatabaseFull, match="no room left"), plain.connection() as connection:
        connection.execute("do $$ begin raise sqlstate '53100' using message = 'disk full'; end $$")
    with plain.connection() as connection:
        connection.execute("select 1")


def end_other_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )


def test_columns_lost_before_or_within_their_result_are_unreachable_and_the_next_ones_come(
    plain: Database, database_url: str
) -> None:
    def lose(pages: int) -> None:
        with plain.adbc() as connection, connection.cursor() as cursor:
            cursor.execute("select repeat('x', 100000) as data from generate_series(1, 2000)")
            reader = cursor.fetch_record_batch()
            for _ in range(pages):
                reader.read_next_batch()
            end_other_sessions(database_url)
            for _ in reader:
                pass
            cursor.execute("select 1")

    for pages in (0, 1):
        with pytest.raises(DatabaseUnreachable):
            lose(pages)
        with plain.adbc() as connection, connection.cursor() as cursor:
            cursor.execute("select 1")


def test_an_error_of_the_caller_is_not_taken_for_a_lost_connection(plain: Database) -> None:
    with pytest.raises(OSError, match="disk full"), plain.adbc():
        raise OSError("disk full")


def test_idle_connections_that_died_are_replaced(plain: Database, database_url: str) -> None:
    for use in (plain.connection, plain.adbc):
        with use():
            pass
    end_other_sessions(database_url)
    with plain.connection() as connection:
        connection.execute("select 1")
    with plain.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")


def test_threads_share_a_database(plain: Database) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        with plain.connection() as connection:
            answers.extend(row[0] for row in connection.execute("select %s::int", (number,)).fetchall())

    threads = [threading.Thread(target=ask, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))


def test_a_closed_database_stays_closed(database_url: str) -> None:
    database = Database(database_url)
    with database.connection():
        pass
    database.close()
    with pytest.raises(DatabaseUnreachable, match="closed"), database.connection():
        pass


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:secret@db.example.org:5433/atlas", "postgresql://user@db.example.org:5433/atlas"),
        ("postgresql://db.example.org/atlas?user=user&password=secret", "postgresql://user@db.example.org/atlas"),
        ("host=db.example.org dbname=atlas password=secret", "postgresql://db.example.org/atlas"),
        ("postgresql://postgres:@/postgres?host=/run/pg", "postgresql://postgres@/postgres?host=/run/pg"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize("url", ["http://example.org", "postgresql://[", "nonsense", "postgresql://x/y?bogus=1"])
def test_what_is_no_connection_string_is_refused(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as caught:
        Database(url)
    assert caught.value.exit_code == 2


def test_a_broken_url_is_refused_without_showing_a_password() -> None:
    with pytest.raises(InvalidDatabaseUrl) as caught:
        Database("postgresql://user:sec%ret@host/db")
    assert "sec" not in str(caught.value)
