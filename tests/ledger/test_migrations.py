import os
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.errors import SchemaVersionMismatch
from atlas.ledger.migrations import Migration, migrate

ONE = Migration("room", 1, "create table public.room_one (a int); insert into public.room_one values (1)")
TWO = Migration("room", 2, "create table public.room_two (a int)")
OTHER = Migration("other", 1, "create table public.other_one (a int)")


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database


def has(database: Database, table: str) -> bool:
    with database.connection() as connection:
        return connection.execute("select to_regclass(%s) is not null", (table,)).fetchall() == [(True,)]


def test_what_is_missing_is_applied_once_and_in_order(empty: Database) -> None:
    assert migrate(empty, [ONE]) == [ONE]
    assert migrate(empty, [ONE, TWO]) == [TWO]
    assert migrate(empty, [ONE, TWO]) == []
    assert has(empty, "public.room_two")


def test_rooms_may_migrate_apart(empty: Database) -> None:
    migrate(empty, [ONE, TWO])
    assert migrate(empty, [OTHER]) == [OTHER]
    assert migrate(empty, [ONE, TWO, OTHER]) == []


def test_a_migration_that_fails_leaves_nothing_of_its_run(empty: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate(empty, [ONE, Migration("room", 2, "insert into nowhere values (1)")])
    assert not has(empty, "public.room_one")
    assert migrate(empty, [ONE]) == [ONE]


@pytest.fixture
def reader(empty: Database) -> Iterator[Database]:
    """The same database, opened by a role that may read it and change nothing."""
    role = f"reader_{os.getpid()}"
    with psycopg.connect(empty.url, autocommit=True) as admin:
        admin.execute(f"create role {role} login in role pg_read_all_data".encode())
        try:
            with Database(make_conninfo(empty.url, user=role)) as database:
                yield database
        finally:
            admin.execute(f"drop role {role}".encode())


def test_who_may_only_read_opens_a_database_that_lacks_nothing(empty: Database, reader: Database) -> None:
    migrate(empty, [ONE])
    assert migrate(reader, [ONE]) == []


def test_who_may_only_read_is_told_what_a_database_lacks(empty: Database, reader: Database) -> None:
    with pytest.raises(SchemaVersionMismatch, match=r"room 1, room 2.*permission denied"):
        migrate(reader, [ONE, TWO])
    migrate(empty, [ONE])
    with pytest.raises(SchemaVersionMismatch, match=r"lacks migrations \(room 2\): permission denied") as caught:
        migrate(reader, [ONE, TWO])
    assert (caught.value.exit_code, bool(caught.value.hint)) == (2, True)


def test_a_server_that_takes_no_writes_is_opened_when_nothing_is_lacking(empty: Database) -> None:
    migrate(empty, [ONE])
    with Database(make_conninfo(empty.url, options="-c default_transaction_read_only=on")) as standby:
        assert migrate(standby, [ONE]) == []
        with pytest.raises(SchemaVersionMismatch, match=r"room 2.*read-only transaction"):
            migrate(standby, [ONE, TWO])


def test_a_database_of_a_newer_program_is_refused(empty: Database) -> None:
    migrate(empty, [ONE, TWO])
    with pytest.raises(SchemaVersionMismatch, match="migration 2 of room, which this program does not know"):
        migrate(empty, [ONE])


def test_a_migration_that_was_changed_is_refused(empty: Database) -> None:
    migrate(empty, [ONE])
    changed = Migration("room", 1, ONE.statements + " -- edited")
    with pytest.raises(SchemaVersionMismatch, match="other statements"):
        migrate(empty, [changed])


@pytest.mark.parametrize("wrong", [[TWO], [ONE, ONE], [TWO, ONE], [Migration("room", 0, "")]])
def test_a_list_with_gaps_or_out_of_order_is_refused(empty: Database, wrong: list[Migration]) -> None:
    with pytest.raises(SchemaVersionMismatch, match="is expected"):
        migrate(empty, wrong)


def test_several_may_migrate_at_once(empty: Database) -> None:
    applied: list[Migration] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(empty, MIGRATIONS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == list(MIGRATIONS)
