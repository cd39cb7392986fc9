"""OpenTelemetry spans as they come over OTLP/HTTP, in the JSON encoding, and what is kept of them.

    {"resourceSpans": [{"resource": {"attributes": [...]}, "scopeSpans": [{"spans": [{"traceId": 32 hex digits,
     "spanId": 16 hex digits, "name", "startTimeUnixNano": "decimal", "endTimeUnixNano", "attributes": [...]}]}]}]}

    attribute  {"key", "value": {"stringValue" | "boolValue" | "intValue" | "doubleValue" | "arrayValue": {"values"} |
                "kvlistValue": {"values": attributes} | "bytesValue": base64}}

Source: the OTLP specification, "JSON Protobuf Encoding". What else a span has, its events and links, is not kept.
"""

from typing import TypeAlias

import msgspec

from atlas.indexer.workers.errors import RequestRefused

MAX_DEPTH = 16
MAX_SPANS = 65_536  # in one export; what has none of its fields set is a few bytes
_RESOURCE_NAMES = ("service.", "atlas.", "hw.name")
_MAX_RESOURCE_ATTRIBUTES = 16
_MAX_RESOURCE_TEXT = 256

AttributeValue: TypeAlias = str | bool | int | float | list["AttributeValue"] | dict[str, "AttributeValue"] | None


class Span(msgspec.Struct, frozen=True):
    """One span; ``resource`` is what is kept of the attributes of what produced it."""

    trace_id: str
    span_id: str
    name: str
    start_ns: int  # since 1970
    end_ns: int
    attributes: dict[str, AttributeValue]
    resource: dict[str, AttributeValue]


class _Json(msgspec.Struct, frozen=True, rename="camel"):
    """A message of the JSON encoding; members that are not known are ignored, as OTLP asks."""


class _Value(_Json, frozen=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: "_Array | None" = None
    kvlist_value: "_Attributes | None" = None


class _Attribute(_Json, frozen=True):
    key: str
    value: _Value = _Value()


class _Array(_Json, frozen=True):
    values: tuple[_Value, ...] = ()


class _Attributes(_Json, frozen=True):
    values: tuple[_Attribute, ...] = ()


class _Resource(_Json, frozen=True):
    attributes: tuple[_Attribute, ...] = ()


class _Span(_Json, frozen=True):
    trace_id: str = ""
    span_id: str = ""
    name: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: tuple[_Attribute, ...] = ()


class _ScopeSpans(_Json, frozen=True):
    spans: tuple[_Span, ...] = ()


class _ResourceSpans(_Json, frozen=True):
    resource: _Resource = _Resource()
    scope_spans: tuple[_ScopeSpans, ...] = ()


class _Request(_Json, frozen=True):
    resource_spans: tuple[_ResourceSpans, ...] = ()


_reader = msgspec.json.Decoder(_Request)


def read_json(body: bytes) -> list[Span]:
    """The spans of an export request in JSON. Raises RequestRefused (400)."""
    try:
        request = _reader.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(str(error)) from error
    require_few(sum(len(scope.spans) for part in request.resource_spans for scope in part.scope_spans))
    return [
        _span(span, resource)
        for part in request.resource_spans
        for resource in (kept_of_resource(_attributes(part.resource.attributes, 0)),)
        for scope in part.scope_spans
        for span in scope.spans
    ]


def require_few(spans: int) -> None:
    """Return when an export has no more spans than are taken. Raises RequestRefused (413)."""
    if spans > MAX_SPANS:
        raise RequestRefused(
            413, "too_many_spans", f"an export has at most {MAX_SPANS} spans, got {spans}", hint="Send fewer at once."
        )


def kept_of_resource(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """What is kept of a resource: every span repeats it, so that little is, and in few words."""
    named = [(name, value) for name, value in attributes.items() if name.startswith(_RESOURCE_NAMES)]
    return {
        name: value[:_MAX_RESOURCE_TEXT] if isinstance(value, str) else value
        for name, value in named[:_MAX_RESOURCE_ATTRIBUTES]
        if len(name) <= _MAX_RESOURCE_TEXT and isinstance(value, str | int | float)
    }


def malformed(reason: str) -> RequestRefused:
    """The refusal of a body that is not an export request."""
    return RequestRefused(400, "bad_spans", f"the body is not an ExportTraceServiceRequest: {reason}")


def _span(span: _Span, resource: dict[str, AttributeValue]) -> Span:
    return Span(
        span.trace_id.lower(),
        span.span_id.lower(),
        span.name,
        _integer(span.start_time_unix_nano),
        _integer(span.end_time_unix_nano),
        _attributes(span.attributes, 0),
        resource,
    )


def _attributes(attributes: tuple[_Attribute, ...], depth: int) -> dict[str, AttributeValue]:
    return {attribute.key: _value(attribute.value, depth) for attribute in attributes}


def _value(value: _Value, depth: int) -> AttributeValue:
    if depth > MAX_DEPTH:
        raise malformed(f"attributes are nested deeper than {MAX_DEPTH} levels")
    if value.array_value is not None:
        return [_value(one, depth + 1) for one in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values, depth + 1)
    if value.int_value is not None:
        return _integer(value.int_value)
    if isinstance(value.double_value, str):  # "NaN", "Infinity", "-Infinity"
        return value.double_value
    scalars = (value.string_value, value.bool_value, value.double_value, value.bytes_value)
    return next((scalar for scalar in scalars if scalar is not None), None)


def _integer(number: int | str) -> int:
    digits = str(number).removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 20):
        raise malformed(f"{str(number)[:100]!r} is not an integer")
    return int(number)
