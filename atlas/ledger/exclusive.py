"""Taking a table, or the archive, for oneself while others read and append.

Whoever waits for an exclusive lock makes everybody wait who comes after, and a reader may hold the table for an hour.
So an attempt waits LOCK_WAIT_S at most, then lets those go on who came meanwhile, and is made again, until the
patience of the caller is over.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
from psycopg.errors import LockNotAvailable

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
where relation = to_regclass(%s) and granted and pid <> pg_backend_pid()
  and coalesce(xact_start < now() - make_interval(secs => %s), true)
"""


@contextmanager
def alone(database: Database) -> Generator[psycopg.Connection]:
    """A transaction during which nobody else writes a range to the archive, drops one, or redacts in one."""
    with database.connection() as connection:
        # It waits for files, for as long as they take: the server does not end it for that.
        connection.execute("set local idle_in_transaction_session_timeout = 0")
        connection.execute("select pg_advisory_xact_lock(%s)", (ARCHIVING_LOCK,))
        yield connection


def exclusively(database: Database, table: str, attempt: Callable[[], None], *, patience_s: float = PATIENCE_S) -> None:
    """Call ``attempt``, which sets LOCK_TIMEOUT and takes ``table`` for itself, until it gets it.

    Raises TableInUse when others have held the table for ``patience_s``.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return attempt()
        except LockNotAvailable as error:
            if time.monotonic() >= deadline_s:
                raise TableInUse(
                    f"{table} is in use for longer than {patience_s:g} s, by the database's sessions "
                    f"{_holders(database, table)}",
                    hint="Ask again when what reads the log (a dump, a long query) is done: see pg_stat_activity.",
                ) from error
        time.sleep(PAUSE_S)


def _holders(database: Database, table: str) -> str:
    with database.connection() as connection:
        return connection.execute(_HOLDERS, (table, LOCK_WAIT_S)).fetchall()[0][0]
