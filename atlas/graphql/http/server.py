"""The HTTP server: a Starlette application over one database.

POST /graphql    GET /graphql?query=...    the API
GET /            the query editor
GET /health      200 while the process lives
GET /ready       200 while it can answer, 503 otherwise
GET /metrics     Prometheus
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from atlas.graphql.archived import archived_entry, no_entry
from atlas.graphql.context import RequestContext
from atlas.graphql.errors import GraphQLError, InvalidRequest
from atlas.graphql.http.metrics import Metrics
from atlas.graphql.http.middleware import Observed
from atlas.graphql.http.requests import GraphQLRequest, read_request, response_media_type
from atlas.graphql.http.responses import refusal, respond, view_of
from atlas.graphql.limits import Limits
from atlas.graphql.schema import build_schema
from atlas.graphql.snapshot import Snapshot
from atlas.indexer.workers.intake.problems import http_problem
from atlas.ledger.archive.archive import Archive
from atlas.ledger.database import Database

STATIC = Path(__file__).parent.parent / "static"
CONCURRENT_QUERIES = 10


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    database: Database,
    *,
    limits: Limits | None = None,
    routes: Sequence[BaseRoute] = (),
    metrics: Collector | None = None,
    archive: Archive | None = None,
    unready: Callable[[], str | None] = lambda: None,
    allowed_origins: Sequence[str] = ("*",),
    clock: Callable[[], datetime] = _now,
) -> Starlette:
    """The server over ``database``; ``routes`` are served beside its own, ``clock`` says what now is.

    ``metrics`` of others are shown beside its own. What was dropped from the log is read from ``archive``.
    ``unready`` gives a reason why answers may be out of date, if there is one.

    Pages of ``allowed_origins`` may query it from a browser: there is nothing but public data, and no cookie.
    """
    counts = Metrics(metrics)
    endpoints = _Endpoints(database, limits or Limits(), clock, counts, archive, unready)
    return Starlette(
        routes=[
            Route("/", endpoints.editor, methods=["GET"]),
            Route("/graphql", endpoints.graphql, methods=["GET", "POST"]),
            Route("/health", endpoints.health, methods=["GET"]),
            Route("/ready", endpoints.ready, methods=["GET"]),
            Route("/metrics", endpoints.metrics, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
            *routes,
        ],
        middleware=[
            Middleware(Observed, metrics=counts),
            Middleware(
                CORSMiddleware,
                allow_origins=list(allowed_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["content-type"],
            ),
            Middleware(GZipMiddleware, minimum_size=1024),
        ],
        exception_handlers={HTTPException: http_problem},
    )


class _Endpoints:
    def __init__(
        self,
        database: Database,
        limits: Limits,
        clock: Callable[[], datetime],
        metrics: Metrics,
        archive: Archive | None,
        unready: Callable[[], str | None],
    ) -> None:
        self._unready = unready
        self._database = database
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._entry = no_entry if archive is None else archived_entry(archive)
        self._schema = build_schema(limits)
        self._threads = anyio.CapacityLimiter(CONCURRENT_QUERIES)

    async def graphql(self, request: Request) -> Response:
        """Execute one operation."""
        media_type = response_media_type(request)
        try:
            asked = await read_request(request, self._limits)
            data, errors = await anyio.to_thread.run_sync(self._execute, asked, limiter=self._threads)
        except GraphQLError as error:
            self._metrics.failed([error.code])
            return refusal(error, media_type)
        views = [view_of(error) for error in errors]
        self._metrics.failed(view.code for view in views)
        return respond(data, views, media_type=media_type)

    async def editor(self, _: Request) -> Response:
        """The query editor's page."""
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def health(self, _: Request) -> Response:
        """The process lives."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """The database answers, the views are there, and nothing says that they are out of date."""
        try:
            reason = await anyio.to_thread.run_sync(self._check, limiter=self._threads)
        except GraphQLError as error:
            reason = error.message
        if reason is not None:
            return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def metrics(self, _: Request) -> Response:
        """The server's counts."""
        return await anyio.to_thread.run_sync(self._metrics.response, limiter=self._threads)

    def _execute(self, asked: GraphQLRequest) -> tuple[dict[str, Any] | None, list[Any]]:
        with self._snapshot() as snapshot:
            try:
                result = self._schema.execute_sync(
                    asked.query,
                    variable_values=asked.variables,
                    operation_name=asked.operation_name,
                    context_value=RequestContext(snapshot, self._limits, self._clock, self._entry),
                    allowed_operation_types={OperationType.QUERY},
                )
            except CannotGetOperationTypeError as error:
                raise InvalidRequest(error.as_http_error_reason(), hint="Set `operationName`.") from error
            except InvalidOperationTypeError as error:
                raise InvalidRequest("only queries are answered here", hint="This API is read-only.") from error
        return result.data, list(result.errors or ())

    def _check(self) -> str | None:
        with self._snapshot() as snapshot:
            snapshot.rows("select name from projections.views", {})
        return self._unready()

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._database, statement_timeout_ms=self._limits.statement_timeout_ms)
