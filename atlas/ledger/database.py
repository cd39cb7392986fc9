"""Connections to PostgreSQL: a psycopg pool for statements, ADBC for columns.

Nothing is opened before the first connection is asked for, and every wait for a connection is bounded.
"""

import select
import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from adbc_driver_manager import dbapi as adbc_errors
from adbc_driver_postgresql import dbapi
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from atlas.ledger.arrays import take_arrays
from atlas.ledger.errors import DatabaseFull, DatabaseUnreachable, InvalidDatabaseUrl

# What a role or a database has set could put names of its own before the server's.
_NAMES = "set search_path = pg_catalog"
CONNECT_TIMEOUT_S = 10
IDLE_ADBC_CONNECTIONS = 4


class Database:
    """One PostgreSQL database, shared by the threads of a process.

    ``url`` is a libpq connection string or URL; ``max_connections`` bounds the pool, and
    ``timeout_s`` every wait for a connection. Raises InvalidDatabaseUrl.
    """

    def __init__(self, url: str, *, max_connections: int = 10, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self.url = url
        self.display_url = masked_url(url)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._opened = False
        self._idle_adbc: list[dbapi.Connection] = []
        self._pool = ConnectionPool(
            url,
            kwargs={"connect_timeout": max(2, round(timeout_s))},
            min_size=0,
            max_size=max_connections,
            open=False,
            timeout=timeout_s,
            configure=_configure,
            check=_check,
            reconnect_timeout=timeout_s,
        )

    @contextmanager
    def connection(self) -> Generator[psycopg.Connection]:
        """A pooled connection in a transaction: committed at the end of the block, rolled back on an error.

        Raises DatabaseUnreachable when there is none in time, or when it is lost within the block, and DatabaseFull.
        """
        self._open()
        try:
            connection = self._pool.getconn()
        except (PoolTimeout, PoolClosed, psycopg.OperationalError) as error:
            raise self._unreachable(error) from error
        try:
            with connection:
                yield connection
        except psycopg.errors.DiskFull as error:
            raise DatabaseFull(
                f"{self.display_url} has no room left: {str(error).strip()}", hint="Make room on the server's disk."
            ) from error
        except psycopg.OperationalError as error:
            if _is_lost(connection):
                raise self._unreachable(error) from error
            raise
        finally:
            self._pool.putconn(connection)

    @contextmanager
    def adbc(self) -> Generator[dbapi.Connection]:
        """An ADBC connection in autocommit mode, for results as Arrow.

        Raises DatabaseUnreachable when there is none, or when it is lost within the block.
        """
        connection = self._take_adbc()
        try:
            yield connection
        # A result that is cut off in the middle is an OSError of pyarrow's.
        except (adbc_errors.Error, OSError) as error:
            if not _answers(connection):
                raise self._unreachable(error) from error
            connection.close()
            raise
        except BaseException:
            connection.close()
            raise
        self._keep_adbc(connection)

    def close(self) -> None:
        """Close every idle connection; the object can not be used afterwards."""
        self._pool.close()
        with self._lock:
            idle, self._idle_adbc = self._idle_adbc, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        """Open the pool, once, and only onto a database that answers."""
        with self._lock:
            if not self._opened:
                self._probe()
                self._pool.open()
                self._opened = True

    def _probe(self) -> None:
        try:
            psycopg.connect(self.url, connect_timeout=max(2, round(self._timeout_s))).close()
        except psycopg.OperationalError as error:
            raise self._unreachable(error) from error

    def _take_adbc(self) -> dbapi.Connection:
        with self._lock:
            while self._idle_adbc:
                connection = self._idle_adbc.pop()
                if _answers(connection):
                    return connection
        self._probe()
        try:
            connection = dbapi.connect(self.url, autocommit=True)
            with connection.cursor() as cursor:
                cursor.execute(_NAMES)
        except adbc_errors.Error as error:
            raise self._unreachable(error) from error
        return connection

    def _keep_adbc(self, connection: dbapi.Connection) -> None:
        with self._lock:
            if len(self._idle_adbc) < IDLE_ADBC_CONNECTIONS and not self._pool.closed:
                self._idle_adbc.append(connection)
                return
        connection.close()

    def _unreachable(self, error: Exception) -> DatabaseUnreachable:
        return DatabaseUnreachable(
            f"no connection to {self.display_url}: {str(error).strip()}",
            hint="Is PostgreSQL running there, does the database exist, and has it connections left?",
        )


def masked_url(url: str) -> str:
    """``url`` in one form and without its password, fit for logs and errors. Raises InvalidDatabaseUrl."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's words may quote the password.
        raise InvalidDatabaseUrl(
            "the database URL is not a PostgreSQL connection string",
            hint="Expected postgresql://user:password@host:port/database, special characters percent-encoded.",
        ) from None
    user = f"{parts['user']}@" if "user" in parts else ""
    host, port = str(parts.get("host", "")), f":{parts['port']}" if "port" in parts else ""
    database = str(parts.get("dbname", ""))
    if host.startswith("/"):
        return f"postgresql://{user}/{database}?host={host}"
    return f"postgresql://{user}{host}{port}/{database}"


def _configure(connection: psycopg.Connection) -> None:
    """Let every name without a schema be one of the server's, and the writer's columns be parameters."""
    take_arrays(connection.adapters)
    connection.execute(_NAMES.encode())
    connection.commit()


def _check(connection: psycopg.Connection) -> None:
    """Raise psycopg's error when the server has gone; a round trip only when something came that was not asked for.

    A server that ends, or ends a connection, says so. What vanishes without a word is found at the first statement.
    """
    unasked = select.poll()
    unasked.register(connection.fileno(), select.POLLIN)
    if unasked.poll(0):
        ConnectionPool.check_connection(connection)


def _is_lost(connection: psycopg.Connection) -> bool:
    """Asked, for ``broken`` is false where the driver itself has closed the connection, as within a lost COPY."""
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return True
    return False


def _answers(connection: dbapi.Connection) -> bool:
    """Whether a connection still works; a broken one is closed."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            cursor.fetchone()
    except adbc_errors.Error:
        connection.close()
        return False
    return True
