"""Batches, rotations, repeats and gaps, through the intake."""

import io

import httpx
import msgspec
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from atlas.indexer.workers.errors import RateLimited, RetiredKey, SequenceConflict, SequenceGap
from atlas.indexer.workers.intake.app import intake_app, intake_routes
from atlas.indexer.workers.intake.bulk import BadFrame, import_frames
from atlas.indexer.workers.intake.importing import read_frames
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.metrics import IntakeMetrics
from atlas.indexer.workers.intake.streams import Gap
from atlas.indexer.workers.intake.throttle import Rate, Throttle
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.wire import ENVELOPE_TYPE, PROBLEM_TYPE, join_frames
from atlas.ledger.log import Ledger
from atlas.protocol.batches import seal_batch
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.facts import RECORD_TOPIC, ROTATION_TOPIC, worker_stream
from atlas.protocol.generation import open_envelope
from atlas.protocol.rotation import MAX_ROTATIONS, KeyRotation, open_rotation, seal_rotation
from tests.indexer.workers.support import KEY, OTHER_KEY, envelope, record, serving, stored_prompts


def batch(*sequences: int, prompt: str | None = None) -> bytes:
    changes = {} if prompt is None else {"prompt": prompt}
    return seal_batch([record(KEY, sequence, **changes) for sequence in sequences], KEY.secret)


def rotation(sequence: int, before: WorkerKey = KEY, after: WorkerKey = OTHER_KEY) -> bytes:
    change = KeyRotation(1, "key-rotation", KEY.address, sequence, before.address, after.address, 1_700_000_000_000)
    return seal_rotation(change, previous_secret=before.secret, next_secret=after.secret)


def rotated(sequence: int, *rotations: bytes) -> bytes:
    return seal_batch([record(KEY, sequence)], OTHER_KEY.secret, rotations)


def test_each_record_of_a_batch_is_a_fact_that_verifies_alone(intake: Intake, ledger: Ledger) -> None:
    submission = intake.submit_many([batch(0, 1, 2)])
    assert [receipt.position for receipt in submission.receipts] == [1, 2, 3]
    for fact in ledger.facts(after=0):
        assert (fact.stream, fact.topic) == (worker_stream(KEY.address), RECORD_TOPIC)
        assert open_envelope(fact.payload).record.sequence == fact.version
    assert stored_prompts(ledger) == ["shot 0", "shot 1", "shot 2"]


def test_a_record_is_the_same_in_whatever_envelope_it_comes(intake: Intake, ledger: Ledger) -> None:
    intake.submit_many([batch(0, 1), envelope(2)])
    submission = intake.submit_many([batch(1, 2, 3), envelope(0)])
    assert submission.refusal is None
    assert [(one.sequence, one.position, one.duplicate) for one in submission.receipts] == [
        (1, 2, True),
        (2, 3, True),
        (3, 4, False),
        (0, 1, True),
    ]
    assert ledger.head() == 4


def test_a_batch_that_begins_too_late_is_refused_as_a_whole(intake: Intake, ledger: Ledger) -> None:
    submission = intake.submit_many([batch(1, 2)])
    assert submission.refusal is not None
    assert isinstance(submission.refusal.error, SequenceGap)
    assert ledger.head() == 0


def test_another_record_in_a_batch_conflicts_at_its_place(intake: Intake, ledger: Ledger) -> None:
    intake.submit_many([batch(0, 1)])
    submission = intake.submit_many([seal_batch([record(KEY, 1), record(KEY, 0, prompt="x")], KEY.secret)])
    assert submission.refusal is not None
    assert submission.refusal.index == 1
    assert isinstance(submission.refusal.error, SequenceConflict)
    assert ledger.head() == 2


def test_a_new_key_takes_over_and_the_old_one_is_refused(intake: Intake, ledger: Ledger) -> None:
    change = rotation(1)
    submission = intake.submit_many([envelope(0), change, rotated(2, change)])
    assert submission.refusal is None
    assert [fact.topic for fact in ledger.facts(after=0)] == [RECORD_TOPIC, ROTATION_TOPIC, RECORD_TOPIC]
    with pytest.raises(RetiredKey, match="its key is 0x2B5A"):
        intake.submit(envelope(3))
    assert intake.submit(rotated(3, change)).position == 4
    assert intake.progress(KEY.address).key == OTHER_KEY.address
    facts = list(ledger.facts(after=0))
    assert open_rotation(facts[1].payload).next_key == OTHER_KEY.address
    signed = open_envelope(facts[3].payload)
    assert (signed.record.worker, signed.signer) == (KEY.address, OTHER_KEY.address)


def test_a_key_that_was_not_handed_over_in_the_stream_is_refused(intake: Intake) -> None:
    intake.submit_many([envelope(0), envelope(1)])
    with pytest.raises(RetiredKey) as refused:
        intake.submit(rotated(2, rotation(1)))
    assert "send the rotation first" in refused.value.hint


def test_a_retired_key_cannot_hand_over_again(intake: Intake) -> None:
    third = WorkerKey(bytes(31) + b"\x03")
    intake.submit_many([envelope(0), rotation(1)])
    with pytest.raises(RetiredKey):
        intake.submit(rotation(2, KEY, third))
    assert not intake.submit(rotation(2, OTHER_KEY, third)).duplicate
    assert intake.submit(rotation(1)).duplicate


def test_an_import_lands_all_but_the_bad_frame_and_tells_its_offset(intake: Intake, ledger: Ledger) -> None:
    damaged = bytearray(envelope(2))
    damaged[-3] ^= 1
    frames = [envelope(0), envelope(1), bytes(damaged), envelope(3), batch(4, 5, 6)]
    data = b"".join(frames)
    bad: list[BadFrame] = []
    tally = import_frames(intake, read_frames(io.BytesIO(data)), on_bad=bad.append, on_progress=lambda _: None)
    assert (tally.stored, tally.bad, tally.duplicates, tally.read_bytes) == (6, 1, 0, len(data))
    assert [one.offset for one in bad] == [len(frames[0]) + len(frames[1])]
    assert bad[0].code in {"bad_signature", "wrong_signer"}
    assert tally.gaps == (Gap(KEY.address, 2, 2),)
    assert intake.progress(KEY.address).missing == (Gap(KEY.address, 2, 2),)
    again = import_frames(intake, read_frames(io.BytesIO(data)), on_bad=bad.append, on_progress=lambda _: None)
    assert (again.stored, again.duplicates, again.bad) == (0, 6, 1)
    assert intake.submit(envelope(2)).position == 7  # what was missing may come later
    assert intake.progress(KEY.address).missing == ()
    assert stored_prompts(ledger) == [f"shot {number}" for number in range(7)]


def test_more_than_the_rate_is_refused_before_anything_is_stored(ledger: Ledger) -> None:
    throttle = Throttle(Rate(), Rate(records_per_s=1), burst_s=5, clock=lambda: 0.0)
    intake = Intake(ledger, lambda worker: True, throttle=throttle)
    intake.submit_many([batch(0, 1, 2)])
    with pytest.raises(RateLimited):
        intake.submit_many([batch(3, 4, 5)])
    assert ledger.head() == 3


def test_a_batch_is_one_submission_over_http_in_zstd(intake: Intake, ledger: Ledger) -> None:
    packed = pa.compress(batch(0, 1, 2), "zstd", asbytes=True)
    headers = {"content-type": ENVELOPE_TYPE, "content-encoding": "zstd"}
    with serving(intake_app(intake)) as url:
        response = httpx.post(f"{url}/records", content=packed, headers=headers)
        assert [one["position"] for one in response.json()["receipts"]] == [1, 2, 3]
        bad = httpx.post(f"{url}/records", content=packed[:-1], headers=headers)
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_zstd")


def test_the_rate_is_told_over_http_with_the_time_to_wait(ledger: Ledger) -> None:
    throttle = Throttle(Rate(bytes_per_s=100), Rate(), burst_s=1, clock=lambda: 0.0)
    with serving(intake_app(Intake(ledger, lambda worker: True, throttle=throttle))) as url:
        headers = {"content-type": ENVELOPE_TYPE}
        assert httpx.post(f"{url}/records", content=envelope(0), headers=headers).status_code == 200
        response = httpx.post(f"{url}/records", content=envelope(1), headers=headers)
    assert response.status_code == 429
    assert response.headers["content-type"] == PROBLEM_TYPE
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["code"] == "rate_limited"


def test_a_rotation_by_a_stranger_is_not_charged_to_the_worker_it_names(ledger: Ledger) -> None:
    throttle = Throttle(Rate(), Rate(records_per_s=0.001), burst_s=1_000)
    intake = Intake(ledger, lambda worker: True, throttle=throttle)
    assert intake.submit_many([rotation(0, OTHER_KEY, WorkerKey(bytes(31) + b"\x03"))]).refusal is not None
    assert intake.submit_many([envelope(0)]).refusal is None


def test_a_key_changes_no_more_often_than_a_record_can_prove(intake: Intake) -> None:
    keys = [KEY, *(WorkerKey(bytes(30) + bytes([1, number])) for number in range(MAX_ROTATIONS + 1))]
    for sequence in range(MAX_ROTATIONS):
        intake.submit(rotation(sequence, keys[sequence], keys[sequence + 1]))
    with pytest.raises(RetiredKey, match="16 times"):
        intake.submit(rotation(MAX_ROTATIONS, keys[-2], keys[-1]))


def test_a_worker_may_have_used_the_highest_number(intake: Intake) -> None:
    intake.take_all([envelope(2**63 - 1)])
    assert intake.progress(KEY.address).next_sequence == 2**63


def test_what_became_of_submissions_is_counted(intake: Intake) -> None:
    registry = CollectorRegistry()
    app = Starlette(routes=intake_routes(intake, metrics=IntakeMetrics(registry)))
    with serving(app) as url:
        for body in (batch(0, 1), batch(0, 1), envelope(9)):
            httpx.post(f"{url}/records", content=body, headers={"content-type": ENVELOPE_TYPE})
    for outcome, count in (("stored", 2), ("duplicate", 2), ("quarantined", 0)):
        assert registry.get_sample_value("atlas_intake_records_total", {"outcome": outcome}) == count
    assert registry.get_sample_value("atlas_intake_refusals_total", {"code": "sequence_gap"}) == 1
    assert registry.get_sample_value("atlas_intake_duration_seconds_count") == 3


def test_a_frame_within_frames_is_refused_with_its_place(intake: Intake) -> None:
    submission = intake.submit_many([batch(0, 1), join_frames([envelope(2)])])
    assert submission.refusal is not None
    assert (submission.refusal.index, submission.refusal.frame) == (2, 1)
    assert isinstance(submission.refusal.error, InvalidEnvelope)
    assert len(submission.receipts) == 2
    assert msgspec.structs.replace(submission, refusals=()).refusal is None
