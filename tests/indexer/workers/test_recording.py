import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RecordingMisused
from atlas.indexer.workers.sdk.content import digest_of
from atlas.indexer.workers.sdk.recording import (
    Generated,
    Material,
    Measurement,
    Parameters,
    Recording,
    config_digest,
    device_seconds,
)
from atlas.indexer.workers.sdk.telemetry import Usage
from atlas.protocol.generation import Compute, Cost, Input, Model, Output
from tests.indexer.workers.support import MODEL

MEASUREMENT = Measurement(1_000, 3_500, 2_400, Usage("NVIDIA H100", 2, 9_000, 1 << 30))
PARAMETERS: Parameters = {"steps": 30, "guidance": "7.5", "tiled": True}


def recording(**changes: object) -> Recording:
    arguments = {"agent": "video", "model": MODEL, "prompt": "dawn", "parameters": PARAMETERS, "seed": 7}
    return Recording(**(arguments | changes))  # pyright: ignore[reportArgumentType]


def test_a_completed_record_holds_what_was_said_and_measured(tmp_path: Path) -> None:
    (tmp_path / "reference.png").write_bytes(b"picture")
    running = recording()
    running.input(Material(tmp_path / "reference.png", "reference", "image/png"))
    running.output(b"film", role="video", media_type="video/mp4")
    running.cost(model_fee_wei=10**30, compute_fee_wei=2, protocol_fee_wei=3)
    record = running.complete(MEASUREMENT)
    assert record.inputs == (Input("reference", hashlib.sha256(b"picture").digest(), "image/png", 7, None),)
    assert record.outputs == (Output("video", hashlib.sha256(b"film").digest(), "video/mp4", 4),)
    assert record.cost == Cost("1000000000000000000000000000000", "2", "3")
    assert record.compute == Compute("NVIDIA H100", 2, 2_400, 6, 9_000, 1 << 30)
    assert (record.started_at_ms, record.ended_at_ms) == (1_000, 3_500)
    assert record.config_sha256 == config_digest(MODEL, PARAMETERS, 7)


def test_own_compute_units_replace_the_device_seconds() -> None:
    running = recording()
    running.output(b"film", role="video", media_type="video/mp4")
    running.compute_units(123)
    assert running.complete(MEASUREMENT).compute.compute_units == 123


@pytest.mark.parametrize(("runtime_ms", "units"), [(0, 0), (1, 4), (1_000, 4), (1_001, 8)])
def test_device_seconds_are_counted_when_begun(runtime_ms: int, units: int) -> None:
    assert device_seconds(4, runtime_ms) == units


def test_a_path_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"film")
    output = recording().output(str(tmp_path / "film"), role="video", media_type="video/mp4")
    assert output.sha256 == digest_of(b"film").sha256


def test_material_may_name_the_record_it_came_out_of() -> None:
    made = recording().input(Material(b"script", "script", "text/plain", record=b"\x01" * 32))
    assert made.record == b"\x01" * 32


def test_an_output_becomes_an_input_linked_to_its_record() -> None:
    generated = Generated(b"\x02" * 32, 0, (Output("script", bytes(32), "text/plain", 5),))
    assert generated.as_input() == Input("script", bytes(32), "text/plain", 5, b"\x02" * 32)
    assert generated.as_input(0, role="dialogue").role == "dialogue"
    with pytest.raises(RecordingMisused):
        generated.as_input(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "director"},
        {"prompt": "x" * 65_537},
        {"prompt": "nul \x00"},
        {"model": Model("", "1", "x")},
        {"seed": -1},
        {"seed": 2**64},
        {"parameters": {"guidance": 7.5}},
        {"parameters": {"": 1}},
        {"parameters": {"a": 2**65}},
    ],
    ids=str,
)
def test_what_a_record_cannot_hold_fails_before_anything_runs(changes: dict[str, object]) -> None:
    with pytest.raises(RecordingMisused):
        recording(**changes)


@pytest.mark.parametrize("fee", [-1, 1.5, 2**256])
def test_a_fee_that_is_no_amount_of_wei_is_refused(fee: int) -> None:
    with pytest.raises(RecordingMisused):
        recording().cost(model_fee_wei=fee)


def test_a_refused_output_is_not_part_of_the_record() -> None:
    running = recording()
    with pytest.raises(RecordingMisused):
        running.output(b"film", role="", media_type="video/mp4")
    with pytest.raises(RecordingMisused, match="no output"):
        running.complete(MEASUREMENT)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordingMisused, match=r"film\.mp4"):
        recording().output(tmp_path / "film.mp4", role="video", media_type="video/mp4")


def test_a_recorded_generation_does_not_change() -> None:
    running = recording()
    with pytest.raises(RecordingMisused):
        _ = running.generated
    running.conclude(Generated(bytes(32), 0, ()))
    with pytest.raises(RecordingMisused, match="cannot change"):
        running.output(b"film", role="video", media_type="video/mp4")


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.text(max_size=5), st.booleans(), st.integers(0))))
def test_the_order_of_parameters_does_not_change_the_configuration(parameters: dict[str, str | int | bool]) -> None:
    backwards = dict(reversed(parameters.items()))
    try:
        assert config_digest(MODEL, parameters, 1) == config_digest(MODEL, backwards, 1)
    except RecordingMisused:
        assert any(isinstance(value, int) and value >= 2**63 for value in parameters.values())


def test_model_parameters_and_seed_each_change_the_configuration() -> None:
    digests = {
        config_digest(MODEL, {"a": 1}, 1),
        config_digest(Model("wan", "2.3", "alibaba"), {"a": 1}, 1),
        config_digest(MODEL, {"a": 2}, 1),
        config_digest(MODEL, {"a": True}, 1),
        config_digest(MODEL, {"a": "1"}, 1),
        config_digest(MODEL, {"a": 1}, 2),
        config_digest(MODEL, {"a": 1}, None),
    }
    assert len(digests) == 7
