import gzip
import json
from collections.abc import Generator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette

from atlas.indexer.workers.errors import RateLimited
from atlas.indexer.workers.intake.app import Limits
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.throttle import Rate, Throttle
from atlas.indexer.workers.spans.collector import Collector
from atlas.indexer.workers.spans.traces import JSON_TYPE, PROTOBUF_TYPE, trace_routes
from atlas.indexer.workers.spans.values import MAX_SPANS, read_json
from atlas.ledger.log import Ledger
from atlas.protocol.generation import GenerationRecord, open_envelope
from atlas.protocol.ids import checksum_address
from atlas.protocol.inclusion import MAX_BATCH_RECORDS
from tests.indexer.workers.support import KEY, serving

START_NS = 1_700_000_000_123_456_789


@pytest.fixture
def client(intake: Intake) -> Generator[httpx.Client]:
    app = Starlette(routes=trace_routes(Collector(intake, KEY), Limits(max_body_bytes=1 << 20)))
    with serving(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def attribute(key: str, **value: object) -> dict[str, object]:
    return {"key": key, "value": value}


def span(number: int = 1, *attributes: dict[str, object], **fields: object) -> dict[str, object]:
    plain = (
        attribute("gen_ai.operation.name", stringValue="chat"),
        attribute("gen_ai.provider.name", stringValue="example"),
        attribute("gen_ai.request.model", stringValue="tallow"),
        attribute("gen_ai.response.model", stringValue="tallow-3.0.1"),
        attribute("gen_ai.usage.input_tokens", intValue="120"),
        attribute("gen_ai.usage.output_tokens", intValue=340),
        attribute("gen_ai.request.temperature", doubleValue=0.7),
        attribute("gen_ai.request.seed", intValue="7"),
    )
    return {
        "traceId": f"{number:032X}",
        "spanId": f"{number:016x}",
        "name": "chat tallow",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 2_500_000_000),
        "attributes": [*plain, *attributes],
    } | fields


def export(*spans: object) -> bytes:
    resource = {
        "attributes": [attribute("service.name", stringValue="studio"), attribute("hw.name", stringValue="H100")]
    }
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def post(client: httpx.Client, body: bytes, kind: str = JSON_TYPE, **headers: str) -> httpx.Response:
    return client.post("/v1/traces", content=body, headers={"content-type": kind, **headers})


def records(ledger: Ledger) -> list[GenerationRecord]:
    return [open_envelope(fact.payload).record for fact in ledger.facts(after=0)]


def test_a_span_becomes_a_record_that_says_who_collected_it(client: httpx.Client, ledger: Ledger) -> None:
    response = post(client, export(span()))
    assert (response.status_code, response.json()) == (200, {})
    (record,) = records(ledger)
    assert record.worker == KEY.address
    assert record.parameters["collector"] == checksum_address(KEY.address)
    assert record.parameters["otlp.trace_id"] == f"{1:032x}"
    assert record.parameters["service.name"] == "studio"
    assert record.parameters["gen_ai.usage.input_tokens"] == 120
    assert record.parameters["gen_ai.usage.output_tokens"] == 340
    assert record.parameters["gen_ai.request.temperature"] == "0.7"
    assert (record.model.name, record.model.version, record.model.provider) == ("tallow", "tallow-3.0.1", "example")
    assert (record.agent, record.seed, record.compute.device, record.compute.runtime_ms) == ("script", 7, "H100", 2500)
    assert record.started_at_ms == START_NS // 1_000_000


def test_messages_are_hashed_and_the_prompt_is_kept(client: httpx.Client, ledger: Ledger) -> None:
    asked = attribute("gen_ai.input.messages", stringValue='[{"role":"user"}]')
    made = attribute("gen_ai.output.messages", arrayValue={"values": [{"stringValue": "a harbour"}]})
    post(client, export(span(1, asked, made)))
    (record,) = records(ledger)
    assert record.prompt == '[{"role":"user"}]'
    assert [one.size_bytes for one in record.inputs] == [17]
    assert [(one.role, one.size_bytes) for one in record.outputs] == [("messages", len('["a harbour"]'))]


def test_other_spans_are_taken_and_not_kept(client: httpx.Client, ledger: Ledger) -> None:
    plain = span(2) | {"attributes": [attribute("http.method", stringValue="GET")]}
    tool = span(3, attribute("gen_ai.operation.name", stringValue="execute_tool"))
    response = post(client, export(plain, tool, span(1)))
    assert response.json() == {}
    assert len(records(ledger)) == 1


def test_a_span_sent_again_is_recorded_once(client: httpx.Client, ledger: Ledger) -> None:
    post(client, export(span(1)))
    post(client, export(span(1), span(2), span(2)))
    assert [one.sequence for one in records(ledger)] == [0, 1]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (span(2, traceId="0" * 32), "trace id"),
        (span(2, spanId="short"), "span id"),
        (span(2, endTimeUnixNano="1"), "ends at"),
        (span(2, attribute("atlas.agent", stringValue="dentist")), "no agent"),
    ],
)
def test_bad_spans_are_a_partial_success(client: httpx.Client, ledger: Ledger, bad: object, reason: str) -> None:
    response = post(client, export(bad, span(1)))
    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert reason in partial["errorMessage"]
    assert len(records(ledger)) == 1


def test_what_does_not_fit_into_parameters_is_counted(client: httpx.Client, ledger: Ledger) -> None:
    many = [attribute(f"x.{number}", stringValue="\0" * (5_000 if number < 10 else 5)) for number in range(300)]
    assert post(client, export(span(1, *many))).json() == {}
    (record,) = records(ledger)
    assert len(record.parameters) <= 256
    assert record.parameters["otlp.omitted"] == 300 + 9 - 250
    assert record.parameters["otlp.shortened"] == 10


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"resourceSpans": 1}', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_export_is_refused_with_a_status(client: httpx.Client, body: bytes) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert "bad_spans" in response.json()["message"]


def test_deep_attributes_are_refused(client: httpx.Client) -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(40):
        value = {"arrayValue": {"values": [value]}}
    assert post(client, export(span(1, {"key": "deep", "value": value}))).status_code == 400


def test_a_packed_body_is_unpacked_and_other_types_are_refused(client: httpx.Client, ledger: Ledger) -> None:
    assert post(client, gzip.compress(export(span())), **{"content-encoding": "gzip"}).status_code == 200
    assert len(records(ledger)) == 1
    assert post(client, export(span()), "text/plain").status_code == 415
    assert post(client, gzip.compress(bytes(2 << 20)), **{"content-encoding": "gzip"}).status_code == 413


def test_two_collectors_with_one_key_share_a_stream(intake: Intake, ledger: Ledger) -> None:
    one, other = Collector(intake, KEY), Collector(intake, KEY)
    one.collect(read_json(export(span(1))))
    other.collect(read_json(export(span(2), span(3))))
    one.collect(read_json(export(span(4))))
    assert [record.sequence for record in records(ledger)] == [0, 1, 2, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(body=st.binary(max_size=200), kind=st.sampled_from([JSON_TYPE, PROTOBUF_TYPE]))
def test_random_bodies_never_break_it(client: httpx.Client, body: bytes, kind: str) -> None:
    assert post(client, body, kind).status_code in {200, 400}


def test_protobuf_says_the_same_as_json(client: httpx.Client, ledger: Ledger) -> None:
    request = ExportTraceServiceRequest()
    made = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=(1).to_bytes(16, "big"),
            span_id=(1).to_bytes(8, "big"),
            name="chat",
            start_time_unix_nano=START_NS,
            end_time_unix_nano=START_NS + 1_000_000,
        )
    )
    for key, value in (("gen_ai.request.model", "tallow"), ("gen_ai.input.messages", "hello")):
        made.attributes.add(key=key).value.string_value = value
    bad = request.resource_spans[0].scope_spans[0].spans.add()
    bad.attributes.add(key="gen_ai.request.model").value.string_value = "tallow"
    response = post(client, request.SerializeToString(), PROTOBUF_TYPE)
    answer = ExportTraceServiceResponse.FromString(response.content)
    assert answer.partial_success.rejected_spans == 1
    assert [record.prompt for record in records(ledger)] == ["hello"]


def test_a_refusal_in_protobuf_is_a_status_message(client: httpx.Client) -> None:
    response = post(client, b"\xff\xff", PROTOBUF_TYPE)
    assert response.status_code == 400
    assert response.headers["content-type"] == PROTOBUF_TYPE
    assert response.content[0] == 0x12


def test_an_operation_that_is_no_text_is_kept_as_it_is(client: httpx.Client, ledger: Ledger) -> None:
    odd = attribute("gen_ai.operation.name", arrayValue={"values": [{"stringValue": "chat"}]})
    assert post(client, export(span(1, odd))).json() == {}
    assert records(ledger)[0].parameters["gen_ai.operation.name"] == '["chat"]'


def test_a_span_too_large_for_a_record_takes_no_other_with_it(client: httpx.Client, ledger: Ledger) -> None:
    many = [attribute(f"x.{number}", stringValue="a" * 4_000) for number in range(100)]
    partial = post(client, export(span(1), span(2, *many), span(3))).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert f"span {2:016x} makes a record of" in partial["errorMessage"]
    assert len(records(ledger)) == 2


def test_a_large_resource_is_not_repeated_in_every_record(client: httpx.Client, ledger: Ledger) -> None:
    large = [attribute(f"service.{number}", stringValue="a" * 4_000) for number in range(50)]
    spans = [{"spans": [span(number) for number in range(1, 101)]}]
    body = json.dumps({"resourceSpans": [{"resource": {"attributes": large}, "scopeSpans": spans}]}).encode()
    assert post(client, body).json() == {}
    assert sum(len(fact.payload) for fact in ledger.facts(after=0)) < 2 * len(body) + 100 * 16 * 300


@pytest.mark.parametrize("kind", [JSON_TYPE, PROTOBUF_TYPE])
def test_more_spans_than_are_taken_at_once_are_refused(client: httpx.Client, kind: str) -> None:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(MAX_SPANS + 1):
        scope.spans.add()
    body = request.SerializeToString() if kind == PROTOBUF_TYPE else export(*[{}] * (MAX_SPANS + 1))
    response = post(client, body, kind)
    assert response.status_code == 413
    assert b"too_many_spans" in response.content


def test_what_was_stored_before_the_rate_was_exceeded_is_not_stored_again(ledger: Ledger) -> None:
    clock = [0.0]
    throttle = Throttle(Rate(), Rate(records_per_s=1), burst_s=MAX_BATCH_RECORDS, clock=lambda: clock[0])
    collector = Collector(Intake(ledger, lambda worker: True, throttle=throttle), KEY)
    spans = read_json(export(*map(span, range(1, MAX_BATCH_RECORDS + 3))))
    with pytest.raises(RateLimited):
        collector.collect(spans)
    clock[0] = MAX_BATCH_RECORDS
    counts = collector.collect(spans).counts
    assert (counts.recorded, counts.repeated) == (2, MAX_BATCH_RECORDS)
    assert ledger.head() == MAX_BATCH_RECORDS + 2


def test_bytes_beyond_the_rate_are_refused_with_the_time_to_wait(ledger: Ledger) -> None:
    intake = Intake(ledger, lambda worker: True, throttle=Throttle(Rate(bytes_per_s=1), Rate(), burst_s=10))
    app = Starlette(routes=trace_routes(Collector(intake, KEY)))
    with serving(app) as url, httpx.Client(base_url=url) as client:
        assert post(client, export(span())).status_code == 200
        refused = post(client, export(span()))
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
