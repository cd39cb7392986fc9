"""OTLP/HTTP: spans come in, and those of generative AI become records of the collector.

POST /v1/traces    application/json, application/x-protobuf · content-encoding gzip, zstd
                   200 ExportTraceServiceResponse, with partialSuccess where spans were rejected
                   400 · 408 · 413 · 415 · 429 · 503  google.rpc.Status; 429 and 503 with Retry-After

Source: the OTLP specification, "OTLP/HTTP". Rejected spans are not to be sent again; those that are not of generative
AI are taken and not kept.
"""

import threading

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake.app import DEFAULT_LIMITS, Desk, Limits
from atlas.indexer.workers.intake.bodies import content_coding
from atlas.indexer.workers.intake.codings import decode
from atlas.indexer.workers.intake.metrics import IntakeMetrics
from atlas.indexer.workers.intake.problems import guarded
from atlas.indexer.workers.spans.collector import Collected, Collector
from atlas.indexer.workers.spans.protobuf import read_protobuf, write_protobuf
from atlas.indexer.workers.spans.values import Span, read_json
from atlas.indexer.workers.wire import Problem

JSON_TYPE = "application/json"
PROTOBUF_TYPE = "application/x-protobuf"
_STATUS_MESSAGE_FIELD = 2 << 3 | 2  # field 2 of google.rpc.Status, length-delimited


class _PartialSuccess(msgspec.Struct, frozen=True, rename="camel"):
    rejected_spans: str  # 64-bit integers are text in JSON
    error_message: str


class _Answer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    partial_success: _PartialSuccess | None = None


def trace_routes(
    collector: Collector, limits: Limits = DEFAULT_LIMITS, metrics: IntakeMetrics | None = None
) -> list[Route]:
    """The route, to be mounted by a server. It answers every failure itself."""
    traces = _Traces(collector, limits, metrics or IntakeMetrics())
    return [Route("/v1/traces", traces.answer, methods=["POST"])]


class _Traces:
    def __init__(self, collector: Collector, limits: Limits, metrics: IntakeMetrics) -> None:
        self._collector = collector
        self._limits = limits
        self._metrics = metrics
        self._desk = Desk(limits, metrics)
        self._reading = threading.Lock()
        self._guarded = guarded(self._export, retry_after_s=limits.retry_after_s)

    async def answer(self, request: Request) -> Response:
        """Take spans; a failure is told as OTLP tells it."""
        response = await self._guarded(request)
        return response if response.status_code == 200 else _status(response, _media_type(request))

    async def _export(self, request: Request) -> Response:
        media_type, coding = _media_type(request), content_coding(request)
        if media_type not in (JSON_TYPE, PROTOBUF_TYPE):
            raise RequestRefused(
                415, "unsupported_media_type", f"spans are not {media_type!r}", hint=f"{JSON_TYPE} or {PROTOBUF_TYPE}."
            )
        body = await self._desk.receive(request)

        self._collector.charge(len(body))

        def collect() -> Response:
            with self._reading:  # read, spans take many times their bytes
                spans = _read(decode(body, coding, self._limits.max_body_bytes), media_type)
                collected = self._collector.collect(spans)
            self._metrics.collected(collected.counts)
            return _success(collected, media_type)

        return await self._desk.work(collect)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(body: bytes, media_type: str) -> list[Span]:
    return read_protobuf(body) if media_type == PROTOBUF_TYPE else read_json(body)


def _success(collected: Collected, media_type: str) -> Response:
    rejected, reason = collected.counts.rejected, collected.reason
    if media_type == PROTOBUF_TYPE:
        return Response(write_protobuf(rejected, reason), media_type=PROTOBUF_TYPE)
    partial = _PartialSuccess(str(rejected), reason) if rejected else None
    return Response(msgspec.json.encode(_Answer(partial)), media_type=JSON_TYPE)


def _status(response: Response, media_type: str) -> Response:
    """The problem in ``response`` as a google.rpc.Status in the request's encoding."""
    problem = msgspec.json.decode(bytes(response.body), type=Problem)
    message = f"{problem.code}: {problem.detail} {problem.hint}".strip()
    if media_type == PROTOBUF_TYPE:
        text = message.encode()
        body, kind = bytes([_STATUS_MESSAGE_FIELD]) + _varint(len(text)) + text, PROTOBUF_TYPE
    else:
        body, kind = msgspec.json.encode({"message": message}), JSON_TYPE
    headers = {name: value for name, value in response.headers.items() if name == "retry-after"}
    return Response(body, response.status_code, headers, kind)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a set eighth bit says that more follow."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])
