"""One indexer a chain and database, by a PostgreSQL advisory lock that dies with its process."""

import hashlib
from contextlib import ExitStack, suppress

import psycopg

from atlas.indexer.errors import AlreadyRunning
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable


class ChainLock:
    """The right to index ``chain`` into ``database``, held over one connection until ``release``."""

    def __init__(self, database: Database, chain: str) -> None:
        self._database = database
        self._chain = chain
        self._held = ExitStack()
        self._connection: psycopg.Connection | None = None

    def acquire(self) -> bool:
        """Hold the lock; True when it was taken just now, for the first time or after its connection was lost.

        Raises AlreadyRunning, DatabaseUnreachable.
        """
        if self._connection is not None and _answers(self._connection):
            return False
        self.release()
        with ExitStack() as stack:
            connection = stack.enter_context(self._database.connection())
            row = connection.execute("select pg_try_advisory_lock(%s)", (lock_key(self._chain),)).fetchone()
            connection.commit()
            if row != (True,):
                raise AlreadyRunning(
                    f"{self._chain} is being indexed into {self._database.display_url} by another process",
                    hint="One indexer a chain and database: stop the other one.",
                )
            stack.callback(connection.execute, "select pg_advisory_unlock(%s)", (lock_key(self._chain),))
            self._held = stack.pop_all()
        self._connection = connection
        return True

    def release(self) -> None:
        """Give the lock back, if it was not lost with its connection."""
        self._connection = None
        with suppress(DatabaseUnreachable):
            self._held.close()


def lock_key(chain: str) -> int:
    """The 64-bit key of a chain's lock."""
    digest = hashlib.sha256(f"atlas-ledger/indexer/{chain}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _answers(connection: psycopg.Connection) -> bool:
    """Whether the session that holds the lock is still there."""
    try:
        connection.execute("select 1")
        connection.commit()
    except psycopg.OperationalError:
        return False
    return True
