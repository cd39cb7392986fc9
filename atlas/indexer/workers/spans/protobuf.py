"""The protobuf encoding of OTLP, read and answered with the messages of the package ``opentelemetry-proto``."""

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from atlas.indexer.workers.spans.values import MAX_DEPTH, AttributeValue, Span, kept_of_resource, malformed, require_few


def read_protobuf(body: bytes) -> list[Span]:
    """The spans of an export request. Raises RequestRefused (400)."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except (DecodeError, ValueError) as error:
        raise malformed(str(error)) from error
    require_few(sum(len(scope.spans) for part in request.resource_spans for scope in part.scope_spans))
    return [
        _span(span, resource)
        for part in request.resource_spans
        for resource in (kept_of_resource(_attributes(part.resource.attributes, 0)),)
        for scope in part.scope_spans
        for span in scope.spans
    ]


def write_protobuf(rejected: int, reason: str) -> bytes:
    """The answer: that so many spans were rejected and why, or nothing, which says that all were taken."""
    if not rejected and not reason:
        return ExportTraceServiceResponse().SerializeToString()
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=reason)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def _span(span: Any, resource: dict[str, AttributeValue]) -> Span:  # noqa: ANN401 - a generated class
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes, 0),
        resource,
    )


def _attributes(attributes: Any, depth: int) -> dict[str, AttributeValue]:  # noqa: ANN401
    return {attribute.key: _value(attribute.value, depth) for attribute in attributes}


def _value(value: Any, depth: int) -> AttributeValue:  # noqa: ANN401
    if depth > MAX_DEPTH:
        raise malformed(f"attributes are nested deeper than {MAX_DEPTH} levels")
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(one, depth + 1) for one in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values, depth + 1)
        case "bytes_value":
            return value.bytes_value.hex()
        case kind:
            return getattr(value, kind)
