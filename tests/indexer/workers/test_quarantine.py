from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from atlas.indexer.workers.errors import IntakeUnavailable, UnknownWorker
from atlas.indexer.workers.intake.app import intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.quarantine import HeldRecord, Quarantine, QuarantineLimits
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.sdk.client import IntakeClient
from atlas.indexer.workers.wire import FRAMES_TYPE, join_frames
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.batches import seal_batch
from atlas.protocol.rotation import KeyRotation, seal_rotation
from tests.indexer.workers.support import KEY, OTHER_KEY, envelope, record, serving, stored_prompts


class World:
    """An intake with a quarantine, and the workers that are registered."""

    def __init__(self, ledger: Ledger, limits: QuarantineLimits | None = None) -> None:
        self.registered: set[bytes] = set()
        self.ledger = ledger
        self.quarantine = Quarantine(ledger.database, limits)
        self.intake = Intake(ledger, lambda worker: worker in self.registered, quarantine=self.quarantine)


@pytest.fixture
def world(ledger: Ledger) -> World:
    return World(ledger)


def test_records_of_strangers_are_kept_apart_from_the_log(world: World) -> None:
    submission = world.intake.submit_many([envelope(0), envelope(1)])
    assert (submission.quarantined, submission.receipts, submission.refusal) == (2, (), None)
    assert world.ledger.head() == 0
    (held,) = world.quarantine.held()
    assert (held.worker, held.records, held.first_sequence, held.last_sequence) == (KEY.address, 2, 0, 1)
    assert world.intake.progress(KEY.address).quarantined


def test_the_same_record_is_kept_once(world: World) -> None:
    for _ in range(2):
        world.intake.submit_many([envelope(0)])
    assert world.quarantine.totals().records == 1


def test_a_worker_that_has_registered_is_released_by_the_sweep(world: World) -> None:
    batch = seal_batch([record(KEY, sequence) for sequence in range(3)], KEY.secret)
    world.intake.submit_many([batch, envelope(0, key=OTHER_KEY)])
    assert world.intake.release_registered() == 0
    world.registered.add(KEY.address)
    assert world.intake.release_registered() == 3
    assert stored_prompts(world.ledger) == ["shot 0", "shot 1", "shot 2"]
    assert [held.worker for held in world.quarantine.held()] == [OTHER_KEY.address]


def test_a_worker_that_has_registered_is_released_when_it_sends_on(world: World) -> None:
    world.intake.submit_many([envelope(0), envelope(1)])
    world.registered.add(KEY.address)
    submission = world.intake.submit_many([envelope(2)])
    assert submission.refusal is None
    assert stored_prompts(world.ledger) == ["shot 0", "shot 1", "shot 2"]
    assert world.quarantine.totals().records == 0


def test_an_operator_releases_without_a_stake(world: World) -> None:
    world.intake.submit_many([envelope(0)])
    with pytest.raises(UnknownWorker):
        world.intake.release(KEY.address)
    assert len(world.intake.release(KEY.address, forced=True).receipts) == 1
    assert stored_prompts(world.ledger) == ["shot 0"]


def test_what_does_not_fit_the_stream_stays_and_is_told(world: World) -> None:
    world.intake.submit_many([envelope(0), envelope(0, prompt="another"), envelope(3)])
    released = world.intake.release(KEY.address, forced=True)
    assert [receipt.sequence for receipt in released.receipts] == [0]
    assert sorted(refusal.error.code for refusal in released.refusals) == ["sequence_conflict", "sequence_gap"]
    assert [held.sequence for held in world.quarantine.records(KEY.address)] == [0, 3]


def test_a_worker_beyond_its_share_is_refused_in_words(ledger: Ledger) -> None:
    world = World(ledger, QuarantineLimits(max_worker_records=2))
    submission = world.intake.submit_many([envelope(number) for number in range(3)])
    assert submission.quarantined == 2
    assert submission.refusal is not None
    assert (submission.refusal.index, submission.refusal.error.code) == (2, "unknown_worker")


@pytest.mark.parametrize("limits", [QuarantineLimits(max_records=4), QuarantineLimits(max_bytes=5 * len(envelope(0)))])
def test_beyond_the_bounds_the_oldest_give_way_and_are_counted(ledger: Ledger, limits: QuarantineLimits) -> None:
    world = World(ledger, limits)
    for number in range(10):
        world.intake.submit_many([envelope(number)])
    totals = world.quarantine.totals()
    kept = [held.sequence for held in world.quarantine.records(KEY.address)]
    assert 0 < totals.records <= 5
    assert totals.records + totals.expired_records == 10
    assert totals.size_bytes + totals.expired_bytes == 10 * len(envelope(0))
    assert kept == list(range(10 - totals.records, 10))


def test_what_is_in_the_log_is_a_repetition_also_of_a_worker_without_a_stake(world: World) -> None:
    world.registered.add(KEY.address)
    world.intake.submit_many([envelope(0)])
    world.registered.clear()
    submission = world.intake.submit_many([envelope(0), envelope(1)])
    assert [receipt.duplicate for receipt in submission.receipts] == [True]
    assert submission.quarantined == 1


def test_strangers_that_come_while_others_are_released_lose_nothing(world: World) -> None:
    def come(first: int) -> None:
        for number in range(first, first + 10):
            world.intake.submit_many([envelope(number), envelope(number, key=OTHER_KEY)])

    def leave() -> None:
        for _ in range(10):
            world.intake.release(KEY.address, forced=True)

    with ThreadPoolExecutor(4) as threads:
        started = [threads.submit(come, first) for first in (0, 10, 20)]
        for done in [*started, threads.submit(leave)]:
            done.result(60)
    world.intake.release(KEY.address, forced=True)
    assert stored_prompts(world.ledger) == [f"shot {number}" for number in range(30)]
    assert [(held.worker, held.records) for held in world.quarantine.held()] == [(OTHER_KEY.address, 30)]
    assert world.quarantine.totals().records == 30


def test_dropped_records_are_gone(world: World) -> None:
    world.intake.submit_many([envelope(0), envelope(0, key=OTHER_KEY)])
    assert world.quarantine.drop(KEY.address) == 1
    assert [held.worker for held in world.quarantine.held()] == [OTHER_KEY.address]
    assert world.quarantine.totals().records == 1


def test_over_http_quarantine_is_accepted_and_the_worker_keeps_its_records(world: World, database: Database) -> None:
    with serving(intake_app(world.intake)) as url:
        body, headers = join_frames([envelope(0)]), {"content-type": FRAMES_TYPE}
        response = httpx.post(f"{url}/records", content=body, headers=headers)
        assert (response.status_code, response.json()) == (202, {"receipts": [], "quarantined": 1})
        with IntakeClient(url) as client, pytest.raises(IntakeUnavailable, match="quarantine"):
            client.submit([envelope(0)])
        assert httpx.get(f"{url}/workers/0x{KEY.address.hex()}").json()["quarantined"] is True


THIRD_KEY = WorkerKey(bytes(31) + b"\x03")


def rotation(sequence: int, before: WorkerKey, after: WorkerKey) -> bytes:
    change = KeyRotation(1, "key-rotation", KEY.address, sequence, before.address, after.address, 1_700_000_000_000)
    return seal_rotation(change, previous_secret=before.secret, next_secret=after.secret)


def test_a_rotation_by_a_stranger_takes_none_of_the_room_of_the_worker_it_names(ledger: Ledger) -> None:
    world = World(ledger, QuarantineLimits(max_worker_records=2))
    for sequence in range(2):
        submission = world.intake.submit_many([rotation(sequence, OTHER_KEY, THIRD_KEY)])
        assert submission.refusal is not None
        assert (submission.quarantined, submission.refusal.error.code) == (0, "unknown_worker")
    assert world.intake.submit_many([envelope(0), rotation(1, KEY, OTHER_KEY)]).quarantined == 2


def test_a_chain_of_rotations_is_kept_and_released(world: World) -> None:
    frames = [rotation(0, KEY, OTHER_KEY), rotation(1, OTHER_KEY, THIRD_KEY)]
    assert world.intake.submit_many(frames).quarantined == 2
    world.registered.add(KEY.address)
    assert world.intake.release_registered() == 2
    assert world.intake.progress(KEY.address).key == THIRD_KEY.address


def test_of_an_import_every_record_beyond_the_share_is_told(ledger: Ledger) -> None:
    world = World(ledger, QuarantineLimits(max_worker_records=2))
    submission = world.intake.take_all([envelope(number) for number in range(6)])
    assert submission.quarantined == 2
    assert [refusal.index for refusal in submission.refusals] == [2, 3, 4, 5]


@pytest.mark.parametrize("limits", [QuarantineLimits(max_records=3), QuarantineLimits(max_bytes=len(envelope(0)) * 3)])
def test_no_more_is_confirmed_than_the_whole_has_room_for(ledger: Ledger, limits: QuarantineLimits) -> None:
    world = World(ledger, limits)
    world.intake.submit_many([envelope(0, key=OTHER_KEY)])
    submission = world.intake.submit_many([envelope(number) for number in range(9)])
    assert submission.quarantined == world.quarantine.totals().records == 3
    assert submission.refusal is not None


def test_a_quarantine_without_room_refuses(ledger: Ledger) -> None:
    submission = World(ledger, QuarantineLimits(max_records=0)).intake.submit_many([envelope(0)])
    assert submission.quarantined == 0
    assert submission.refusal is not None


def test_what_is_kept_already_needs_no_more_room(ledger: Ledger) -> None:
    world = World(ledger, QuarantineLimits(max_worker_records=2))
    for _ in range(2):
        assert world.intake.submit_many([envelope(0), envelope(1)]).quarantined == 2


def test_what_will_never_fit_is_not_verified_again_with_each_submission(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.intake.submit_many([envelope(0), envelope(0, prompt="another"), envelope(3)])
    world.registered.add(KEY.address)
    assert world.intake.release_registered() == 1
    looked_at: list[bytes] = []

    def records(worker: bytes, *, after: tuple[int, int]) -> list[HeldRecord]:
        looked_at.append(worker)
        return []

    monkeypatch.setattr(world.quarantine, "records", records)
    world.intake.submit_many([envelope(1)])
    assert world.intake.release_registered() == 0
    assert looked_at == []
