"""GraphQL responses: which errors a client may see, under which code, and with which HTTP status.

errors[].extensions.code   a stable name; GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED and
                           INTERNAL_SERVER_ERROR besides those of ``atlas.graphql.errors``
errors[].extensions.hint   what to do about it
errors[].extensions.errorId    of an internal error: where the server's log has the whole story
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import graphql
import orjson
import structlog
from starlette.responses import Response

from atlas.graphql.errors import GraphQLError
from atlas.graphql.http.requests import MEDIA_TYPE

_log = structlog.get_logger("atlas.graphql")


@dataclass(frozen=True)
class ErrorView:
    """An error as clients see it; ``status`` is the HTTP status when it keeps everything from being answered."""

    code: str
    status: int
    body: dict[str, Any]


def respond(data: dict[str, Any] | None, views: Sequence[ErrorView], *, media_type: str) -> Response:
    """The response to an operation: with data when it was executed, and otherwise only its errors."""
    errors = [view.body for view in views]
    failed = max((view.status for view in views if view.status >= 500), default=0)
    executed = any("path" in error for error in errors) and not failed
    if data is not None or executed:
        body = {"data": data, "errors": errors} if errors else {"data": data}
        return Response(orjson.dumps(body), media_type=f"{media_type}; charset=utf-8")
    # GraphQL over HTTP: with its own media type a request that is refused has status 400, with JSON 200.
    status = failed or (400 if media_type == MEDIA_TYPE else 200)
    return Response(orjson.dumps({"errors": errors}), status_code=status, media_type=f"{media_type}; charset=utf-8")


def refusal(error: GraphQLError, media_type: str) -> Response:
    """The response to an HTTP request that is no GraphQL request."""
    body = orjson.dumps({"errors": [_known(error, {"message": error.message}).body]})
    return Response(body, status_code=error.status, media_type=f"{media_type}; charset=utf-8")


def view_of(error: graphql.GraphQLError) -> ErrorView:
    """What a client sees of ``error``: all of an expected one, an id of any other."""
    formatted: dict[str, Any] = dict(error.formatted)
    for cause in _causes(error):
        if isinstance(cause, GraphQLError):
            return _known(cause, formatted)
        if not isinstance(cause, graphql.GraphQLError):
            return _masked(cause, formatted)
    code = "GRAPHQL_VALIDATION_FAILED"
    if isinstance(error, graphql.GraphQLSyntaxError):
        code = "GRAPHQL_PARSE_FAILED"
    return ErrorView(code, 400, {**formatted, "extensions": {"code": code, **(error.extensions or {})}})


def _causes(error: graphql.GraphQLError) -> Iterator[Exception]:
    cause = error.original_error
    while cause is not None:
        yield cause
        cause = cause.original_error if isinstance(cause, graphql.GraphQLError) else None


def _known(cause: GraphQLError, formatted: dict[str, Any]) -> ErrorView:
    extensions = {"code": cause.code, **({"hint": cause.hint} if cause.hint else {})}
    return ErrorView(cause.code, cause.status, {**formatted, "extensions": extensions})


def _masked(cause: Exception, formatted: dict[str, Any]) -> ErrorView:
    error_id = uuid.uuid4().hex
    _log.error("internal error", error_id=error_id, exc_info=cause)
    code = "INTERNAL_SERVER_ERROR"
    extensions = {"code": code, "errorId": error_id}
    return ErrorView(code, 500, {**formatted, "message": "internal error", "extensions": extensions})
