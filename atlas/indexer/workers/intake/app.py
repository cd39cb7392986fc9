"""The intake over HTTP; ``wire`` shows the exchange.

POST /records              200 · 202 in quarantine · 400 malformed · 403 unknown worker, retired key · 408 slow ·
                           409 conflict or gap · 413 · 415 · 422 wrong signature or field · 429 too much at once ·
                           503 no database
GET  /workers/{address}    200 · 400 · 503
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
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

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake.bodies import Receiving, content_coding, media_type, unpack
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.metrics import IntakeMetrics
from atlas.indexer.workers.intake.outcomes import Receipt, Submission
from atlas.indexer.workers.intake.problems import guarded, http_problem, problem_of, problem_response
from atlas.indexer.workers.wire import Accepted, ReceiptView, WorkerView
from atlas.protocol.ids import checksum_address, parse_address

Result = TypeVar("Result")


class Limits(msgspec.Struct, frozen=True):
    """What the intake takes on."""

    max_body_bytes: int = 8 << 20  # of a submission, unpacked
    max_in_flight: int = 8  # submissions worked on at once; one more is told to come back
    max_arriving: int = 256  # bodies on their way in
    max_arriving_bytes: int = 64 << 20  # of them, in memory
    body_timeout_s: float = 30.0
    retry_after_s: int = 1


DEFAULT_LIMITS = Limits()
_log = structlog.get_logger(__name__)
_checksum_address = lru_cache(maxsize=4096)(checksum_address)  # one for all records of a batch


def intake_routes(intake: Intake, limits: Limits = DEFAULT_LIMITS, metrics: IntakeMetrics | None = None) -> list[Route]:
    """The two routes, to be mounted by a server. Each answers every failure itself."""
    endpoints = _Endpoints(intake, limits, metrics or IntakeMetrics())
    retry_after_s = limits.retry_after_s
    return [
        Route("/records", guarded(endpoints.records, retry_after_s=retry_after_s), methods=["POST"]),
        Route("/workers/{address}", guarded(endpoints.worker, retry_after_s=retry_after_s), methods=["GET"]),
    ]


def intake_app(intake: Intake, limits: Limits = DEFAULT_LIMITS) -> Starlette:
    """A server of the intake alone."""
    return Starlette(routes=intake_routes(intake, limits), exception_handlers={HTTPException: http_problem})


class Desk:
    """Where submissions are worked on: so many at once, each in a thread, after its body has come in."""

    def __init__(self, limits: Limits, metrics: IntakeMetrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._in_flight = 0
        self._threads = anyio.CapacityLimiter(limits.max_in_flight)
        self._receiving = Receiving(max_bodies=limits.max_arriving, max_buffered_bytes=limits.max_arriving_bytes)

    async def receive(self, request: Request) -> bytes:
        """The body as sent. Raises RequestRefused."""
        limits = self._limits
        body = await self._receiving.read(request, max_bytes=limits.max_body_bytes, timeout_s=limits.body_timeout_s)
        self._metrics.received(len(body))
        return body

    async def work(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns, done in a thread. Raises RequestRefused (429) when too much is being done."""
        with self._slot(), self._metrics.durations.time():
            return await anyio.to_thread.run_sync(work, limiter=self._threads)

    @contextmanager
    def _slot(self) -> Generator[None]:
        if self._in_flight >= self._limits.max_in_flight:
            self._metrics.refused("busy")
            raise RequestRefused(
                429, "busy", f"{self._in_flight} submissions are in flight", hint="Send the same bytes again later."
            )
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()


class _Endpoints:
    def __init__(self, intake: Intake, limits: Limits, metrics: IntakeMetrics) -> None:
        self._intake = intake
        self._limits = limits
        self._metrics = metrics
        self._desk = Desk(limits, metrics)
        self._lookups = anyio.CapacityLimiter(limits.max_in_flight)

    async def records(self, request: Request) -> Response:
        """Take a submission; the answer says what is stored, also when a part is refused."""
        kind, coding = media_type(request), content_coding(request)
        body = await self._desk.receive(request)
        self._intake.charge(len(body))

        def take() -> Response:
            frames = unpack(body, kind=kind, coding=coding, max_bytes=self._limits.max_body_bytes)
            submission = self._intake.submit_many(frames)
            self._metrics.settled(submission)
            return _submission_response(submission)

        return await self._desk.work(take)

    async def worker(self, request: Request) -> Response:
        """Where the ledger is with a worker."""
        address = parse_address(request.path_params["address"])
        progress = await anyio.to_thread.run_sync(self._intake.progress, address, limiter=self._lookups)
        view = WorkerView(
            worker=checksum_address(progress.worker),
            admitted=progress.admitted,
            next_sequence=progress.next_sequence,
            last_record_id=progress.last_record_id.hex() if progress.last_record_id else None,
            key=checksum_address(progress.key),
            missing=tuple((gap.first, gap.last) for gap in progress.missing),
            quarantined=progress.quarantined,
        )
        return _json(view)


def _submission_response(submission: Submission) -> Response:
    receipts, quarantined = _views(submission.receipts), submission.quarantined
    if submission.refusal is None:
        return _json(Accepted(receipts, quarantined), 202 if quarantined else 200)
    error = submission.refusal.error
    _log.info("submission refused", code=error.code, reason=error.message, stored=len(receipts))
    problem = problem_of(error)
    index = submission.refusal.index
    return problem_response(msgspec.structs.replace(problem, index=index, receipts=receipts, quarantined=quarantined))


def _views(receipts: Sequence[Receipt]) -> tuple[ReceiptView, ...]:
    return tuple(
        [
            ReceiptView(
                _checksum_address(receipt.worker),
                receipt.sequence,
                receipt.record_id.hex(),
                receipt.position,
                receipt.duplicate,
            )
            for receipt in receipts
        ]
    )


def _json(value: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
