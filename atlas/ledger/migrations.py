"""Schema changes: forward only, each in a transaction, recorded with the hash of its statements.

Table ``ledger.migrations(room text, number int, statements_hash bytea, applied_at timestamptz)``.
Several processes may migrate at once; an advisory lock lets one do the work.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
import psycopg
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from atlas.ledger.database import Database
from atlas.ledger.errors import SchemaVersionMismatch

# Any constant will do, as long as every version of the program uses the same.
MIGRATION_LOCK = 0x61746C61_73000001

_BOOKKEEPING = b"""
create schema if not exists ledger;
create table if not exists ledger.migrations (
    room            text        not null,
    number          int         not null check (number > 0),
    statements_hash bytea       not null check (octet_length(statements_hash) = 32),
    applied_at      timestamptz not null default now(),
    primary key (room, number)
);
"""


class Migration(msgspec.Struct, frozen=True):
    """One step of a room's schema; ``number`` counts from 1, ``statements`` is SQL, several statements or one."""

    room: str
    number: int
    statements: str

    def statements_hash(self) -> bytes:
        """SHA-256 of the statements: a migration that has been applied never changes."""
        return hashlib.sha256(self.statements.encode()).digest()


def migrate(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply what is missing, in the order given, all or nothing; returns what was applied.

    A database that lacks nothing is only read, so that a role without the right to change the schema may open it.
    Raises SchemaVersionMismatch when one of the rooms named has a migration in the database that is unknown here
    or differs, or when some are missing that this role, or this server, may not apply; DatabaseUnreachable.
    """
    _check_numbering(migrations)
    with database.connection() as connection:
        missing = _missing(migrations, _applied(connection))
        if missing:
            try:
                return _apply(connection, migrations)
            except (InsufficientPrivilege, ReadOnlySqlTransaction) as error:
                names = ", ".join(f"{migration.room} {migration.number}" for migration in missing)
                raise SchemaVersionMismatch(
                    f"{database.display_url} lacks migrations ({names}): {error.diag.message_primary}",
                    hint="Run any command once on the primary server, as a role that may change the schema.",
                ) from error
    return missing


def _apply(connection: psycopg.Connection, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply what nobody else has applied until it is this process's turn."""
    connection.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    connection.execute(_BOOKKEEPING)
    missing = _missing(migrations, _applied(connection))
    for migration in missing:
        connection.execute(migration.statements.encode())
        connection.execute(
            "insert into ledger.migrations (room, number, statements_hash) values (%s, %s, %s)",
            (migration.room, migration.number, migration.statements_hash()),
        )
    return missing


def _applied(connection: psycopg.Connection) -> dict[tuple[str, int], bytes]:
    if connection.execute("select to_regclass('ledger.migrations')").fetchone() == (None,):
        return {}
    rows = connection.execute("select room, number, statements_hash from ledger.migrations").fetchall()
    return {(room, number): bytes(statements_hash) for room, number, statements_hash in rows}


def _missing(migrations: Iterable[Migration], applied: dict[tuple[str, int], bytes]) -> list[Migration]:
    """The migrations not applied yet. Raises SchemaVersionMismatch when those applied are not these."""
    known = {(migration.room, migration.number): migration for migration in migrations}
    rooms = {room for room, _ in known}
    for (room, number), statements_hash in sorted(applied.items()):
        if room not in rooms:
            continue
        migration = known.get((room, number))
        if migration is None:
            raise SchemaVersionMismatch(
                f"the database has migration {number} of {room}, which this program does not know",
                hint="The database was used by a newer version: upgrade this program.",
            )
        if migration.statements_hash() != statements_hash:
            raise SchemaVersionMismatch(
                f"migration {number} of {room} was applied with other statements than this program carries",
                hint="Applied migrations never change: use the version that wrote this database, or a new database.",
            )
    return [migration for key, migration in known.items() if key not in applied]


def _check_numbering(migrations: Iterable[Migration]) -> None:
    """Numbers of a room count from 1 without gaps, in the order given."""
    counts: dict[str, int] = {}
    for migration in migrations:
        counts[migration.room] = expected = counts.get(migration.room, 0) + 1
        if migration.number != expected:
            raise SchemaVersionMismatch(
                f"migration {migration.number} of {migration.room} stands where {expected} is expected",
                hint="This is a fault of the program's own list of migrations.",
            )
