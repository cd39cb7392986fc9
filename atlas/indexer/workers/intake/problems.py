"""Failures as HTTP answers: problem details (RFC 9457), never a traceback."""

import http
import secrets
from collections.abc import Awaitable, Callable

import msgspec
import psycopg
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from atlas.indexer.workers.errors import (
    IntakeError,
    RateLimited,
    RequestRefused,
    RetiredKey,
    SequenceConflict,
    SequenceGap,
    UnknownWorker,
)
from atlas.indexer.workers.wire import PROBLEM_TYPE, Problem
from atlas.ledger.errors import AppendingHalted
from atlas.protocol.errors import AtlasError, InvalidEnvelope, MalformedId

Handler = Callable[[Request], Awaitable[Response]]

_UNREACHABLE_EXIT_CODE = 3
_STATUS_OF_ENVELOPE = {"too_large": 413, "malformed": 400, "not_canonical": 400}  # any other code: 422
_log = structlog.get_logger(__name__)


def problem_of(error: InvalidEnvelope | IntakeError) -> Problem:
    """The answer to a refused submission."""
    problem = _problem(_status_of(error), error.code, error.message, error.hint)
    if isinstance(error, SequenceGap):
        return msgspec.structs.replace(problem, expected=error.expected, got=error.got)
    return problem


def problem_response(problem: Problem, *, retry_after_s: int | None = None) -> Response:
    """``problem`` on the wire."""
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return Response(msgspec.json.encode(problem), problem.status, headers, PROBLEM_TYPE)


def guarded(handler: Handler, *, retry_after_s: int) -> Handler:
    """``handler``, with every failure turned into a problem; what nobody foresaw is logged under an id."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            return _failure(request, error, retry_after_s)

    return answer


async def http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (404, 405) in the same form; an exception handler."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = http.HTTPStatus(status).phrase
    response = problem_response(_problem(status, phrase.lower().replace(" ", "_"), f"{request.method} {request.url}"))
    response.headers.update((isinstance(error, HTTPException) and error.headers) or {})
    return response


def _failure(request: Request, error: Exception, retry_after_s: int) -> Response:
    match error:
        case RequestRefused():
            problem = _problem(error.status, error.code, error.message, error.hint)
            return problem_response(problem, retry_after_s=retry_after_s if error.status == 429 else None)
        case RateLimited():
            return problem_response(problem_of(error), retry_after_s=error.retry_after_s)
        case InvalidEnvelope() | IntakeError():
            return problem_response(problem_of(error))
        case MalformedId():
            return problem_response(_problem(400, "malformed_id", error.message, error.hint))
        case ClientDisconnect():
            return problem_response(_problem(400, "disconnected", "the client went away"))
        case _:
            return _outage(request, error, retry_after_s)


def _outage(request: Request, error: Exception, retry_after_s: int) -> Response:
    """503 when the store is out of reach, 500 for what nobody foresaw. Neither tells how the store is reached."""
    error_id = secrets.token_hex(8)
    if isinstance(error, AppendingHalted):
        _log.warning("the log is halted", error_id=error_id, path=request.url.path, reason=str(error))
        problem = _problem(503, "halted", "the ledger takes no facts for now", "Send the same bytes again later.")
        return problem_response(msgspec.structs.replace(problem, error_id=error_id), retry_after_s=retry_after_s)
    unreachable = isinstance(error, AtlasError) and error.exit_code == _UNREACHABLE_EXIT_CODE
    if unreachable or isinstance(error, psycopg.OperationalError):
        _log.warning("store out of reach", error_id=error_id, path=request.url.path, reason=str(error))
        problem = _problem(503, "store_unavailable", "the ledger cannot be reached", "Send the same bytes again later.")
        return problem_response(msgspec.structs.replace(problem, error_id=error_id), retry_after_s=retry_after_s)
    _log.error("request failed", error_id=error_id, path=request.url.path, exc_info=error)
    problem = _problem(500, "internal", "the server failed", f"Its log has the reason under {error_id}.")
    return problem_response(msgspec.structs.replace(problem, error_id=error_id))


def _status_of(error: InvalidEnvelope | IntakeError) -> int:
    match error:
        case RequestRefused():
            return error.status
        case RateLimited():
            return 429
        case UnknownWorker() | RetiredKey():
            return 403
        case SequenceConflict() | SequenceGap():
            return 409
        case _:
            return _STATUS_OF_ENVELOPE.get(error.code, 422)


def _problem(status: int, code: str, detail: str, hint: str = "") -> Problem:
    return Problem(http.HTTPStatus(status).phrase, status, detail, code, hint)
