"""The intake over HTTP; ``wire`` shows the exchange.

POST /records              200 · 400 malformed · 403 unknown worker · 408 slow · 409 conflict or gap · 413 · 415 ·
                           422 wrong signature or field · 429 too many at once · 503 no database
GET  /workers/{address}    200 · 400 · 503
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas.indexer.workers.bodies import content_coding, media_type, read_body, unpack
from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake import Intake, Receipt, Submission
from atlas.indexer.workers.problems import guarded, http_problem, problem_of, problem_response
from atlas.indexer.workers.wire import Accepted, ReceiptView, WorkerView
from atlas.protocol.ids import checksum_address, parse_address

Result = TypeVar("Result")


class Limits(msgspec.Struct, frozen=True):
    """What the intake takes on."""

    max_body_bytes: int = 8 << 20  # of a submission, unpacked
    max_in_flight: int = 8  # submissions at once; one more is told to come back
    body_timeout_s: float = 30.0
    retry_after_s: int = 1


DEFAULT_LIMITS = Limits()
_log = structlog.get_logger(__name__)


def intake_routes(intake: Intake, limits: Limits = DEFAULT_LIMITS) -> list[Route]:
    """The two routes, to be mounted by a server. Each answers every failure itself."""
    endpoints = _Endpoints(intake, limits)
    retry_after_s = limits.retry_after_s
    return [
        Route("/records", guarded(endpoints.records, retry_after_s=retry_after_s), methods=["POST"]),
        Route("/workers/{address}", guarded(endpoints.worker, retry_after_s=retry_after_s), methods=["GET"]),
    ]


def intake_app(intake: Intake, limits: Limits = DEFAULT_LIMITS) -> Starlette:
    """A server of the intake alone."""
    return Starlette(routes=intake_routes(intake, limits), exception_handlers={HTTPException: http_problem})


class _Endpoints:
    def __init__(self, intake: Intake, limits: Limits) -> None:
        self._intake = intake
        self._limits = limits
        self._in_flight = 0
        self._threads = anyio.CapacityLimiter(limits.max_in_flight)

    async def records(self, request: Request) -> Response:
        """Take a submission; the answer says what is stored, also when a part is refused."""
        kind, coding = media_type(request), content_coding(request)
        limits = self._limits
        with self._slot():
            body = await read_body(request, max_bytes=limits.max_body_bytes, timeout_s=limits.body_timeout_s)

            def take() -> Submission:
                envelopes = unpack(body, kind=kind, coding=coding, max_bytes=limits.max_body_bytes)
                return self._intake.submit_many(envelopes)

            submission = await self._in_thread(take)
        if submission.refusal is not None:
            error = submission.refusal.error
            _log.info("submission refused", code=error.code, reason=error.message, stored=len(submission.receipts))
        return _submission_response(submission)

    async def worker(self, request: Request) -> Response:
        """Where the ledger is with a worker."""
        address = parse_address(request.path_params["address"])
        progress = await self._in_thread(lambda: self._intake.progress(address))
        view = WorkerView(
            worker=checksum_address(progress.worker),
            admitted=progress.admitted,
            next_sequence=progress.next_sequence,
            last_record_id=progress.last_record_id.hex() if progress.last_record_id else None,
        )
        return _json(view)

    @contextmanager
    def _slot(self) -> Generator[None]:
        """One of the submissions at once, from its first byte on: bodies in memory are bounded as well."""
        if self._in_flight >= self._limits.max_in_flight:
            raise RequestRefused(
                429, "busy", f"{self._in_flight} submissions are in flight", hint="Send the same bytes again later."
            )
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def _submission_response(submission: Submission) -> Response:
    receipts = _views(submission.receipts)
    if submission.refusal is None:
        return _json(Accepted(receipts))
    problem = problem_of(submission.refusal.error)
    return problem_response(msgspec.structs.replace(problem, index=submission.refusal.index, receipts=receipts))


def _views(receipts: Sequence[Receipt]) -> tuple[ReceiptView, ...]:
    return tuple(
        ReceiptView(
            worker=checksum_address(receipt.worker),
            sequence=receipt.sequence,
            record_id=receipt.record_id.hex(),
            position=receipt.position,
            duplicate=receipt.duplicate,
        )
        for receipt in receipts
    )


def _json(value: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
