import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RequestRefused, SequenceConflict, SequenceGap, UnknownWorker
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.outcomes import Receipt, Submission
from atlas.indexer.workers.keys import WorkerKey
from atlas.ledger.log import Ledger
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.facts import RECORD_TOPIC, worker_stream
from atlas.protocol.generation import open_envelope
from tests.indexer.workers.support import KEY, OTHER_KEY, envelope, stored_prompts


class UnusedLedger(Ledger):
    """For submissions that must be refused before the ledger is asked anything."""

    def __init__(self) -> None: ...


def test_an_envelope_is_stored_as_received_under_its_number(intake: Intake, ledger: Ledger) -> None:
    data = envelope(0)
    receipt = intake.submit(data)
    assert receipt == Receipt(KEY.address, 0, open_envelope(data).record_id, 1, duplicate=False)
    (fact,) = ledger.facts(after=0)
    assert (fact.stream, fact.version, fact.topic) == (worker_stream(KEY.address), 0, RECORD_TOPIC)
    assert fact.payload == data


def test_the_same_bytes_again_keep_their_position(intake: Intake, ledger: Ledger) -> None:
    first = intake.submit(envelope(0))
    intake.submit(envelope(1))
    again = intake.submit(envelope(0))
    assert again.position == first.position
    assert again.duplicate
    assert ledger.head() == 2


def test_other_bytes_under_a_stored_number_conflict(intake: Intake, ledger: Ledger) -> None:
    intake.submit(envelope(0))
    with pytest.raises(SequenceConflict, match=r"record 0 of worker 0x7E5F.* recorded at position 1"):
        intake.submit(envelope(0, prompt="another"))
    assert stored_prompts(ledger) == ["shot 0"]


def test_a_gap_names_the_missing_record_and_stores_nothing(intake: Intake, ledger: Ledger) -> None:
    intake.submit(envelope(0))
    with pytest.raises(SequenceGap) as caught:
        intake.submit(envelope(3))
    assert (caught.value.expected, caught.value.got) == (1, 3)
    assert ledger.head() == 1


def test_a_worker_that_is_not_admitted_is_refused(ledger: Ledger) -> None:
    intake = Intake(ledger, lambda worker: worker == KEY.address)
    intake.submit(envelope(0))
    with pytest.raises(UnknownWorker):
        intake.submit(envelope(0, key=OTHER_KEY))
    assert ledger.head() == 1


def test_a_record_signed_by_another_key_is_refused(intake: Intake, ledger: Ledger) -> None:
    data = bytearray(envelope(0))
    data[-2] ^= 1
    with pytest.raises(InvalidEnvelope) as caught:
        intake.submit(bytes(data))
    assert caught.value.code in {"bad_signature", "wrong_signer"}
    assert ledger.head() == 0


def test_an_envelope_beyond_the_limit_is_refused(ledger: Ledger) -> None:
    data = envelope(0)
    intake = Intake(ledger, lambda worker: True, max_envelope_bytes=len(data) - 1)
    with pytest.raises(InvalidEnvelope) as caught:
        intake.submit(data)
    assert caught.value.code == "too_large"


@given(st.binary(max_size=512))
def test_random_bytes_are_an_invalid_envelope(data: bytes) -> None:
    with pytest.raises(InvalidEnvelope):
        Intake(UnusedLedger(), lambda worker: True).submit(data)


@given(st.integers(0, 8 * len(envelope(0)) - 1))
def test_an_envelope_with_any_bit_turned_is_invalid(bit: int) -> None:
    data = bytearray(envelope(0))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidEnvelope):
        Intake(UnusedLedger(), lambda worker: True).submit(bytes(data))


def test_a_batch_lands_in_order_with_its_repetitions(intake: Intake, ledger: Ledger) -> None:
    intake.submit(envelope(0))
    submission = intake.submit_many([envelope(0), envelope(1), envelope(1), envelope(0, key=OTHER_KEY), envelope(2)])
    assert submission.refusal is None
    outcomes = [(receipt.sequence, receipt.position, receipt.duplicate) for receipt in submission.receipts]
    assert outcomes == [(0, 1, True), (1, 2, False), (1, 2, True), (0, 3, False), (2, 4, False)]
    assert stored_prompts(ledger) == ["shot 0", "shot 1", "shot 2"]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"nonsense", InvalidEnvelope),
        (envelope(7), SequenceGap),
        (envelope(1, prompt="another"), SequenceConflict),  # of the same batch
        (envelope(0, prompt="another"), SequenceConflict),  # of the ledger
    ],
)
def test_of_a_batch_the_envelopes_before_the_first_bad_one_land(
    intake: Intake, ledger: Ledger, bad: bytes, kind: type[Exception]
) -> None:
    intake.submit(envelope(0))
    submission = intake.submit_many([envelope(1), envelope(2), bad, envelope(3)])
    assert submission.refusal is not None
    assert submission.refusal.index == 2
    assert isinstance(submission.refusal.error, kind)
    assert [receipt.sequence for receipt in submission.receipts] == [1, 2]
    assert stored_prompts(ledger) == ["shot 0", "shot 1", "shot 2"]


def test_a_batch_whose_first_record_conflicts_stores_nothing(intake: Intake, ledger: Ledger) -> None:
    intake.submit(envelope(0))
    submission = intake.submit_many([envelope(0, prompt="another"), envelope(1)])
    assert submission.receipts == ()
    assert submission.refusal is not None
    assert submission.refusal.index == 0
    assert ledger.head() == 1


def test_progress_tells_the_next_number_and_the_last_record(intake: Intake) -> None:
    before = intake.progress(KEY.address)
    assert (before.next_sequence, before.last_record_id, before.admitted) == (0, None, True)
    intake.submit_many([envelope(0), envelope(1)])
    after = intake.progress(KEY.address)
    assert after.next_sequence == 2
    assert after.last_record_id == open_envelope(envelope(1)).record_id


def test_concurrent_submissions_of_one_worker_store_each_record_once(intake: Intake, ledger: Ledger) -> None:
    batches = [[envelope(sequence) for sequence in range(first, first + 20)] for first in (0, 5, 0, 10)]

    def push(batch: list[bytes]) -> None:
        while intake.submit_many(batch).refusal is not None:  # a gap, until another has closed it
            pass

    with ThreadPoolExecutor(len(batches)) as threads:
        list(threads.map(push, batches, timeout=60))
    assert stored_prompts(ledger) == [f"shot {sequence}" for sequence in range(30)]
    assert ledger.head() == 30


def test_of_two_records_with_one_number_at_once_exactly_one_wins(intake: Intake, ledger: Ledger) -> None:
    start = threading.Barrier(8)

    def push(contender: int) -> Submission:
        data = envelope(0, prompt=f"contender {contender}")
        start.wait(30)
        return intake.submit_many([data])

    with ThreadPoolExecutor(8) as threads:
        submissions = list(threads.map(push, range(8), timeout=60))
    assert sum(len(submission.receipts) for submission in submissions) == 1
    errors = [submission.refusal.error for submission in submissions if submission.refusal]
    assert len(errors) == 7
    assert all(isinstance(error, SequenceConflict) for error in errors)
    assert ledger.head() == 1


def test_a_submission_speaks_for_a_bounded_number_of_workers(intake: Intake) -> None:
    keys = [WorkerKey(bytes(30) + bytes([1, number])) for number in range(65)]
    assert len(intake.submit_many([envelope(0, key=key) for key in keys[:64]]).receipts) == 64
    with pytest.raises(RequestRefused, match="at most 64 workers"):
        intake.submit_many([envelope(1, key=key) for key in keys])
