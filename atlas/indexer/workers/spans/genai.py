"""Spans with OpenTelemetry's semantic conventions for generative AI, as generation records (W2, W9).

    gen_ai.request.model, gen_ai.response.model     model.name, model.version; one stands in for the other
    gen_ai.provider.name, or gen_ai.system          model.provider
    atlas.agent, else gen_ai.output.type            agent: text, json -> script, image -> scene, speech -> voice
    gen_ai.input.messages, or gen_ai.prompt         prompt, and an input by its hash
    gen_ai.output.messages, or gen_ai.completion    an output by its hash; without it the span itself, in JSON
    gen_ai.request.seed                             seed
    start, end                                      started_at_ms, ended_at_ms, compute.runtime_ms
    resource: atlas.device, or hw.name              compute.device, else "unknown"
    everything else                                 parameters, by its own name, among them the tokens used

Parameters ``collector`` (its address), ``otlp.trace_id``, ``otlp.span_id`` and ``otlp.span_name`` mark a record as the
word of who collected the span, not of the machine that ran the model. What does not fit into parameters (256 of them,
4,096 characters each) is shortened or left out, and counted in ``otlp.shortened`` and ``otlp.omitted``.
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from atlas.indexer.workers.errors import RecordingMisused, SpanRejected
from atlas.indexer.workers.sdk.recording import config_digest, device_seconds
from atlas.indexer.workers.spans.values import AttributeValue, Span
from atlas.protocol.generation import Compute, Cost, GenerationRecord, Input, Model, Output
from atlas.protocol.ids import checksum_address
from atlas.protocol.vocabulary import Agent

_INPUTS = ("gen_ai.input.messages", "gen_ai.prompt")
_OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion")
_NOT_GENERATIONS = frozenset({"execute_tool", "create_agent", "invoke_agent"})  # their model calls have own spans
_AGENT_OF_OUTPUT = {"image": Agent.SCENE, "speech": Agent.VOICE, "video": Agent.VIDEO}
_MEDIA_TYPE = "application/json"
_MAX_PROMPT = 65_536
_MAX_TEXT = 4_096
_MAX_NAME = 256
_MAX_PARAMETERS = 256
_RESERVED = 6  # what this module adds
_writer = msgspec.json.Encoder(order="sorted")


def is_generation(span: Span) -> bool:
    """Whether the span tells of a model that ran."""
    attributes = span.attributes
    named = "gen_ai.request.model" in attributes or "gen_ai.response.model" in attributes
    return named and _text(attributes.get("gen_ai.operation.name")) not in _NOT_GENERATIONS


def record_of(span: Span, collector: bytes) -> GenerationRecord:
    """The record that ``collector`` (20 bytes) makes of a span, not numbered yet. Raises SpanRejected."""
    _require_identity(span)
    runtime_ms = (span.end_ns - span.start_ns) // 1_000_000
    model, parameters, seed = _model(span), dict(_parameters(span, collector)), _seed(span)
    try:
        config_sha256 = config_digest(model, parameters, seed)
    except RecordingMisused as error:
        raise SpanRejected(f"span {span.span_id}: {error.message}") from error
    return GenerationRecord(
        format=1,
        worker=collector,
        sequence=0,
        agent=_agent(span),
        model=model,
        prompt=_storable(_text(_first(span, _INPUTS)), _MAX_PROMPT),
        inputs=tuple(Input("messages", *_digest(one), None) for one in _contents(span, _INPUTS)),
        outputs=tuple(Output("messages", *_digest(one)) for one in _contents(span, _OUTPUTS))
        or (Output("span", *_digest(_writer.encode(span))),),
        parameters=parameters,
        seed=seed,
        config_sha256=config_sha256,
        compute=Compute(_device(span), 1, runtime_ms, device_seconds(1, runtime_ms), None, None),
        cost=Cost("0", "0", "0"),
        started_at_ms=span.start_ns // 1_000_000,
        ended_at_ms=span.end_ns // 1_000_000,
    )


def _require_identity(span: Span) -> None:
    for what, digits, length in (("trace", span.trace_id, 32), ("span", span.span_id, 16)):
        if len(digits) != length or not set(digits) <= set("0123456789abcdef") or not int(digits, 16):
            raise SpanRejected(f"a {what} id is {length} hex digits, not all zero, got {digits[:40]!r}")
    if not 0 <= span.start_ns <= span.end_ns:
        raise SpanRejected(f"span {span.span_id} ends at {span.end_ns} ns, it starts at {span.start_ns} ns")


def _model(span: Span) -> Model:
    name = _first(span, ("gen_ai.request.model", "gen_ai.response.model"))
    version = _first(span, ("gen_ai.response.model", "gen_ai.request.model"))
    provider = _first(span, ("gen_ai.provider.name", "gen_ai.system"))
    texts = [_storable(_text(value), _MAX_NAME) or "unknown" for value in (name, version, provider)]
    return Model(*texts)


def _agent(span: Span) -> Agent:
    named = span.attributes.get("atlas.agent", span.resource.get("atlas.agent"))
    if named is None:
        return _AGENT_OF_OUTPUT.get(_text(span.attributes.get("gen_ai.output.type")), Agent.SCRIPT)
    try:
        return Agent(_text(named))
    except ValueError as error:
        raise SpanRejected(f"span {span.span_id}: there is no agent {_text(named)[:100]!r}") from error


def _seed(span: Span) -> int | None:
    seed = span.attributes.get("gen_ai.request.seed")
    is_seed = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64
    return seed if is_seed and isinstance(seed, int) else None


def _device(span: Span) -> str:
    device = span.resource.get("atlas.device", span.resource.get("hw.name"))
    return _storable(_text(device), _MAX_NAME) or "unknown"


def _parameters(span: Span, collector: bytes) -> Iterator[tuple[str, str | int | bool]]:
    yield "collector", checksum_address(collector)
    yield "otlp.trace_id", span.trace_id
    yield "otlp.span_id", span.span_id
    yield "otlp.span_name", _storable(span.name, _MAX_TEXT)
    shortened, kept = 0, 0
    others = dict(_other_attributes(span))
    for name, value in others.items():
        if kept == _MAX_PARAMETERS - _RESERVED:
            break
        parameter = _parameter(value)
        shortened += isinstance(parameter, str) and len(parameter) < len(_text(value))
        kept += 1
        yield name, parameter
    if shortened:
        yield "otlp.shortened", shortened
    if len(span.attributes) and kept < len(others):
        yield "otlp.omitted", len(others) - kept


def _other_attributes(span: Span) -> Iterator[tuple[str, AttributeValue]]:
    mapped = {*_INPUTS, *_OUTPUTS, "collector"}
    for attributes in (span.attributes, _service(span.resource)):
        for name, value in attributes.items():
            if name not in mapped and not name.startswith("otlp.") and 0 < len(name) <= _MAX_NAME and "\0" not in name:
                yield name, value


def _service(resource: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in resource.items() if name.startswith("service.")}


def _parameter(value: AttributeValue) -> str | int | bool:
    if isinstance(value, int) and -(2**63) <= value < 2**64:  # booleans are integers
        return value
    return _storable(_text(value), _MAX_TEXT)


def _contents(span: Span, names: tuple[str, ...]) -> Iterator[bytes]:
    value = _first(span, names)
    if value is not None:
        yield _text(value).encode(errors="surrogatepass")


def _first(span: Span, names: tuple[str, ...]) -> AttributeValue:
    return next((span.attributes[name] for name in names if span.attributes.get(name) not in (None, "")), None)


def _text(value: AttributeValue) -> str:
    """Text as it is; other values in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _writer.encode(value).decode()


def _storable(text: str, limit: int) -> str:
    """What PostgreSQL can store of a text, at most ``limit`` characters."""
    return text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _digest(content: bytes) -> tuple[bytes, str, int]:
    return hashlib.sha256(content).digest(), _MEDIA_TYPE, len(content)
