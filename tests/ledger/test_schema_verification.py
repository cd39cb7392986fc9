"""What a malicious administrator does to the schema, every row left as it is."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atlas.ledger import MIGRATIONS
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredSchema, LedgerCorrupt, UncheckedSchema
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.verification.schema import check_schema
from tests.ledger.archives import SIGNER
from tests.ledger.examples import facts
from tests.ledger.tampering import Tampering, copy_of, new_log, verify

LYING_VIEW = (
    "create or replace view ledger.stored_events as select stream as originator_id, version as originator_version,"
    " topic, case position when 7 then '\\x00' else coalesce(payload, '') end as state, position as notification_id"
    " from ledger.events"
)
NO_RECORD = (
    "create or replace function ledger.append(streams uuid[], versions bigint[], topics text[], payloads bytea[],"
    " leaf_hashes bytea[]) returns table (recorded_position bigint, recorded_leaf_hash bytea) language sql as"
    " $$ select 1::bigint, leaf_hashes[1] $$"
)
NOTHING = "create function public.nothing() returns trigger language plpgsql as $$ begin return null; end $$;"
CHANGES = {
    "a view that lies": LYING_VIEW,
    "a view of streams that lies": "create or replace view ledger.stream_events as select stream as originator_id,"
    " version as originator_version, 'x'::text as topic, ''::bytea as state, position as notification_id"
    " from ledger.keys",
    "a table behind a view": "alter table ledger.tiles rename to stored_tiles;"
    " create view ledger.tiles as select * from ledger.stored_tiles",
    "a function that records nothing": NO_RECORD,
    "a function by the side": NO_RECORD.replace("uuid[]", "varchar[]").replace("or replace ", ""),
    "a function with other settings": "alter function ledger.recorded set search_path = public",
    "a trigger": NOTHING + "create trigger nothing before insert on ledger.checkpoints"
    " for each row execute function nothing()",
    "a trigger on a partition": NOTHING + "create trigger nothing before update on ledger.events_0"
    " for each row execute function nothing()",
    "a rule": "create rule nothing as on insert to ledger.checkpoints do instead nothing",
    "hidden rows": "alter table ledger.keys enable row level security",
    "a policy": "create policy hidden on ledger.keys using (version = 0)",
    "a key that is none": "alter table ledger.keys drop constraint keys_pkey",
    "a column's default": "alter table ledger.head alter column halted set default 'for good'",
    "bounds that are others": "alter table ledger.events detach partition ledger.events_0;"
    " alter table ledger.events attach partition ledger.events_0 for values from (-1000) to (257)",
    "names that are exchanged": "alter table ledger.events_0 rename to events_x;"
    " alter table ledger.events_1 rename to events_0; alter table ledger.events_x rename to events_1",
    "a partition of another schema": "create schema aside; alter table ledger.events_1 set schema aside",
    "a partition for what has none": "create table ledger.events_elsewhere partition of ledger.events default",
    "a partition that is taken away": "alter table ledger.events detach partition ledger.events_1",
    "a part of another table": "create table public.more (); create table ledger.more () inherits (ledger.keys)",
}


@pytest.fixture(scope="module")
def signed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = f"schema_{os.getpid()}"
    with new_log(postgres_url, tmp_path_factory.mktemp("schema"), name, partition_facts=256) as ledger:
        ledger.append(facts("a", 300))
        Checkpointer(ledger.database, SIGNER).checkpoint()
        ledger.database.close()
        yield name


@pytest.fixture
def copied(postgres_url: str, signed: str) -> Iterator[Ledger]:
    with copy_of(postgres_url, signed, f"{signed}_copy") as url, Database(url) as database:
        yield Ledger(database)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_schema_is_found(copied: Ledger, change: str) -> None:
    verify(copied)
    with psycopg.connect(copied.database.url) as connection:
        connection.execute(CHANGES[change].encode())
    with pytest.raises(LedgerCorrupt):
        verify(copied)
    with pytest.raises(AlteredSchema):
        check_schema(copied.database)


def test_an_empty_log_has_the_schema_of_the_migrations(database: Database) -> None:
    check_schema(database)
    with database.connection() as connection:
        schemas = connection.execute("select nspname from pg_namespace where nspname like 'ledger%'").fetchall()
    assert schemas == [("ledger",)]


def test_a_role_that_may_create_nothing_is_told_so(database: Database) -> None:
    role = f"reader_{os.getpid()}"
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute(f"create role {role} login".encode())
        try:
            with (
                Database(make_conninfo(database.url, user=role)) as reader,
                pytest.raises(UncheckedSchema, match="permission denied"),
            ):
                check_schema(reader)
        finally:
            admin.execute(f"drop role {role}".encode())


def test_names_that_stand_before_those_of_the_server_decide_nothing(copied: Ledger) -> None:
    """A count that lies, where the database says that its name goes before the server's."""
    tampering = Tampering(copied.database.url)
    name = conninfo_to_dict(copied.database.url)["dbname"]
    tampering(
        "create schema lies",
        "create function lies.min_state(bigint, bigint) returns bigint immutable language sql as 'select null::bigint'",
        "create aggregate lies.min(bigint) (sfunc = lies.min_state, stype = bigint)",
        f'alter database "{name}" set search_path = lies, pg_catalog',
        "insert into ledger.keys values (gen_random_uuid(), 0, 1000000)",
    )
    tampering.close()
    with Database(copied.database.url) as database, pytest.raises(LedgerCorrupt):
        verify(Ledger(database))


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert migrate(database, MIGRATIONS) == []
    check_schema(database)
