from pathlib import Path

import pytest

from atlas.indexer.workers import Worker, WorkerKey
from atlas.indexer.workers.errors import KeyUnusable, SpoolDamaged
from atlas.indexer.workers.intake.app import intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.sdk.handover import Identity
from atlas.ledger.log import Ledger
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.facts import RECORD_TOPIC, ROTATION_TOPIC, worker_stream
from atlas.protocol.generation import open_envelope
from atlas.protocol.rotation import MAX_ROTATIONS
from tests.indexer.workers.support import KEY, OTHER_KEY, generate, serving

NOWHERE = "http://127.0.0.1:9"


def test_a_worker_goes_on_under_its_identity_with_a_new_key(intake: Intake, ledger: Ledger, tmp_path: Path) -> None:
    with serving(intake_app(intake)) as url:
        with Worker(key=KEY, spool=tmp_path, endpoint=url) as worker:
            generate(worker, "shot 0")
            worker.hand_over(OTHER_KEY)
            generate(worker, "shot 2")
            worker.flush(30)
        with Worker(key=OTHER_KEY, spool=tmp_path, endpoint=url) as worker:
            assert worker.address == KEY.address
            generate(worker, "shot 3")
            worker.flush(30)
    facts = ledger.stream(worker_stream(KEY.address))
    assert [fact.topic for fact in facts] == [RECORD_TOPIC, ROTATION_TOPIC, RECORD_TOPIC, RECORD_TOPIC]
    signers = [open_envelope(fact.payload).signer for fact in facts if fact.topic == RECORD_TOPIC]
    assert signers == [KEY.address, OTHER_KEY.address, OTHER_KEY.address]


def test_the_retired_key_does_not_open_the_spool(tmp_path: Path) -> None:
    with Worker(key=KEY, spool=tmp_path, endpoint=NOWHERE) as worker:
        worker.hand_over(OTHER_KEY)
    with pytest.raises(KeyUnusable, match="0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"):
        Worker(key=KEY, spool=tmp_path, endpoint=NOWHERE)


def test_a_rotation_that_was_not_spooled_before_a_crash_is_spooled_at_the_next_start(tmp_path: Path) -> None:
    with Worker(key=KEY, spool=tmp_path, endpoint=NOWHERE) as worker:
        generate(worker, "shot 0")
    Identity(KEY).handed_over(OTHER_KEY, 1).save(tmp_path)
    for _ in range(2):
        with Worker(key=OTHER_KEY, spool=tmp_path, endpoint=NOWHERE) as worker:
            assert worker.status.next_sequence == 2


def test_damaged_rotations_are_told(tmp_path: Path) -> None:
    (tmp_path / "rotations").write_bytes(b"\x00\x00\x00\x01x")
    with pytest.raises(SpoolDamaged):
        Worker(key=KEY, spool=tmp_path, endpoint=NOWHERE)


def test_a_key_changes_so_many_times_and_no_more() -> None:
    identity = Identity(KEY)
    for number in range(MAX_ROTATIONS):
        identity = identity.handed_over(WorkerKey(bytes(31) + bytes([number + 10])), number)
    with pytest.raises(InvalidEnvelope, match="at most 16"):
        identity.handed_over(OTHER_KEY, 100)
