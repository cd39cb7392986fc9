"""Taking a table, or the archive, for oneself while others read and append.

Whoever waits for an exclusive lock makes everybody wait who comes after, and a reader may hold the table for an hour.
So an attempt waits LOCK_WAIT_S at most, then lets those go on who came meanwhile, and is made again, until the
patience of the caller is over.

PostgreSQL ends an automatic vacuum for whoever has waited for ``deadlock_timeout`` (1 s), longer than an attempt. So
before the next one the partition is asked for in a mode that neither readers nor appends stand in line behind, and
for long enough. A vacuum against wraparound of the transaction ids is not ended for anybody, and is waited for.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.errors import LockNotAvailable, UndefinedTable
from psycopg.sql import SQL, Identifier

from atlas.ledger.database import Database
from atlas.ledger.errors import TableInUse
from atlas.ledger.redaction import ARCHIVING_LOCK

LOCK_WAIT_S = 0.3
PAUSE_S = 0.7
PATIENCE_S = 30.0
LOCK_TIMEOUT = f"set lock_timeout = {round(LOCK_WAIT_S * 1000)}".encode()
LOCK_TIMEOUT_OF_TRANSACTION = LOCK_TIMEOUT.replace(b"set ", b"set local ")
# Those who were there before the last attempt; when others' transactions began may not be shown to everyone.
_HOLDERS = b"""
select coalesce(string_agg(distinct pid::text, ', '), 'none any more') from pg_locks join pg_stat_activity using (pid)
where relation in (to_regclass(%s), to_regclass(%s)) and granted and pid <> pg_backend_pid()
  and coalesce(xact_start < now() - make_interval(secs => %s), true)
"""
_LONGER_THAN_DEADLOCKS = b"""
select set_config('lock_timeout', (setting::int + 1000)::text, true) from pg_settings where name = 'deadlock_timeout'
"""
# It conflicts with itself and what is stronger: with maintenance, not with reading and writing rows.
_LOCK = SQL("lock table {} in share update exclusive mode")


@contextmanager
def alone(database: Database) -> Generator[psycopg.Connection]:
    """A transaction during which nobody else writes a range to the archive, drops one, or redacts in one."""
    with database.connection() as connection:
        # It waits for files, for as long as they take: the server does not end it for that.
        connection.execute("set local idle_in_transaction_session_timeout = 0")
        connection.execute("select pg_advisory_xact_lock(%s)", (ARCHIVING_LOCK,))
        yield connection


def exclusively(
    database: Database,
    partition: str,
    attempt: Callable[[], None],
    *,
    parent: str | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Call ``attempt``, which sets LOCK_TIMEOUT and takes the partition for itself, until it gets it.

    ``partition`` is its name within the schema ``ledger``; ``parent`` is ``events`` where the attempt takes that too.
    Raises TableInUse when others have held them for ``patience_s``.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return attempt()
        except LockNotAvailable as error:
            if time.monotonic() >= deadline_s:
                raise TableInUse(
                    f"ledger.{partition} is in use for longer than {patience_s:g} s, by the database's sessions "
                    f"{_holders(database, partition, parent)}",
                    hint="Ask again when what reads the log (a dump, a long query) is done: see pg_stat_activity.",
                ) from error
        time.sleep(PAUSE_S)
        _end_vacuum(database, partition)


def _end_vacuum(database: Database, partition: str) -> None:
    """Have the server end an automatic vacuum of the partition; what else holds it, the next attempt meets."""
    with suppress(LockNotAvailable, UndefinedTable), database.connection() as connection:
        connection.execute(_LONGER_THAN_DEADLOCKS)
        connection.execute(_LOCK.format(Identifier("ledger", partition)))


def _holders(database: Database, partition: str, parent: str | None) -> str:
    names = [None if name is None else f"ledger.{name}" for name in (partition, parent)]
    with database.connection() as connection:
        return connection.execute(_HOLDERS, (*names, LOCK_WAIT_S)).fetchall()[0][0]
