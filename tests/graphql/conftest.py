"""One filled database for the tests that only read, and the API and its oracle over it."""

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette

from atlas.graphql.context import RequestContext
from atlas.graphql.http.server import create_app
from atlas.graphql.limits import Limits
from atlas.graphql.schema import ApiSchema, build_schema
from atlas.graphql.snapshot import Snapshot
from atlas.ledger.database import Database
from atlas.ledger.migrations import migrate
from atlas.ledger.schema import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.projections.builds import Build
from atlas.projections.migrations import MIGRATIONS as PROJECTION_MIGRATIONS
from atlas.projections.views import VIEWS
from tests.graphql.oracle import Oracle
from tests.graphql.world import fill

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_serial = itertools.count()


def prepare(database: Database) -> None:
    """Create every table of the ledger and of the views."""
    migrate(database, (*LEDGER_MIGRATIONS, *PROJECTION_MIGRATIONS))
    with database.connection() as connection, connection.cursor() as cursor:
        for view in VIEWS.values():
            Build(view).create(cursor)


@pytest.fixture(scope="session")
def filled_url(postgres_url: str) -> Iterator[str]:
    """The URL of a database with rows in every table."""
    name = f"graphql_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    url = postgres_url.replace("/postgres?", f"/{name}?")
    with Database(url) as database:
        prepare(database)
        with database.connection() as connection:
            fill(connection)
    yield url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())


@pytest.fixture(scope="session")
def database(filled_url: str) -> Iterator[Database]:
    """The filled database."""
    with Database(filled_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def schema() -> ApiSchema:
    """The API's schema."""
    return build_schema()


@pytest.fixture(scope="session")
def oracle(filled_url: str, schema: ApiSchema) -> Iterator[Oracle]:
    """The second implementation over the filled database."""
    with psycopg.connect(filled_url, autocommit=True) as connection:
        yield Oracle(connection, schema.as_str())


Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask(database: Database, schema: ApiSchema) -> Ask:
    """Ask the API a query with variables; gives the data, and fails on errors."""

    def run(query: str, /, **variables: Any) -> Any:
        with Snapshot(database, statement_timeout_ms=10_000) as snapshot:
            result = schema.execute_sync(
                query,
                variable_values=variables,
                context_value=RequestContext(snapshot, Limits(), lambda: NOW),
            )
        assert not result.errors, result.errors
        return orjson.loads(orjson.dumps(result.data))

    return run


class Client:
    """An HTTP client of an application in this process, for tests that are not coroutines."""

    def __init__(self, portal: BlockingPortal, app: Starlette) -> None:
        self._portal = portal
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; ``options`` are httpx's."""
        return self._portal.call(self._send, method, path, options)

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://atlas.test") as client:
            return await client.request(method, path, **options)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread."""
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="session")
def client(database: Database, portal: BlockingPortal) -> Client:
    """A client of a server over the filled database."""
    return Client(portal, create_app(database, clock=lambda: NOW))


Post = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def post(client: Client) -> Post:
    """POST a query with variables, in GraphQL's own media type."""

    def send(query: str, /, **variables: Any) -> httpx.Response:
        return client.request(
            "POST",
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"accept": "application/graphql-response+json"},
        )

    return send
