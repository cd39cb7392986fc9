"""One request's view of the database: a read-only transaction that sees one moment, opened when first needed."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import cast

import psycopg

from atlas.graphql.errors import BadInput, DatabaseUnavailable, PositionNotReached, QueryTimeout, ViewNotReady
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable

_FURTHEST_BEHIND = """
select name, position from projections.views where name = any(%(names)s) order by position limit 1
"""


class Snapshot:
    """A context manager; every statement in it sees the database as it was at the first one."""

    def __init__(self, database: Database, *, statement_timeout_ms: int) -> None:
        self._database = database
        self._statement_timeout_ms = statement_timeout_ms
        self._stack = ExitStack()
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def json(self, statement: str, parameters: Mapping[str, object]) -> bytes | None:
        """The bytes of the only column of the only row, None without one. Raises as ``rows`` does."""
        with self._failures():
            result = self._open().execute(statement.encode(), parameters).pgresult
            return result.get_value(0, 0) if result is not None and result.ntuples else None

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        """The rows of a query. Raises QueryTimeout, ViewNotReady and DatabaseUnavailable."""
        with self._failures():
            return self._open().execute(statement.encode(), parameters).fetchall()

    def require(self, views: Iterable[str], position: int) -> None:
        """Return when ``views`` have folded the ledger up to ``position``. Raises PositionNotReached and BadInput."""
        if position < 0:
            raise BadInput(f"a ledger position is not negative, got {position}", hint="Positions count from 1.")
        behind = self.rows(_FURTHEST_BEHIND, {"names": sorted(views)})
        for name, reached in behind:
            if cast("int", reached) < position:
                raise PositionNotReached(
                    f"view {name} has folded the ledger up to position {reached}, not {position}",
                    hint="Ask for an earlier position, or try again later.",
                )

    def _open(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = self._stack.enter_context(self._database.connection())
            self._connection.execute(
                b"set transaction isolation level repeatable read, read only;"
                b"set local statement_timeout = %d;"
                b"set local client_encoding = 'UTF8'" % self._statement_timeout_ms
            )
        return self._connection

    @contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except psycopg.errors.QueryCanceled as error:
            raise QueryTimeout(
                f"the query ran longer than {self._statement_timeout_ms} ms", hint="Ask for less, or filter by a key."
            ) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            raise ViewNotReady(
                "the views are not built yet", hint="Start the projector, and try again in a moment."
            ) from error
        except (DatabaseUnreachable, psycopg.OperationalError) as error:
            raise DatabaseUnavailable("the database cannot be reached", hint="Try again in a moment.") from error
