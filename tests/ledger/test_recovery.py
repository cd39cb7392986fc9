import asyncio

import msgspec
import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpoint, Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import AppendingHalted, InvalidFact, LedgerBehindCheckpoint, RefusedResumption
from atlas.ledger.log import Ledger
from atlas.ledger.recovery import TOPIC, AppendingResumed, behind_checkpoint, resume
from atlas.ledger.verification.whole import verify_ledger
from atlas.protocol.facts import stream_id
from tests.ledger.examples import facts

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))


@pytest.fixture
def behind(ledger: Ledger) -> Ledger:
    """A log that was held against a checkpoint that it has not reached."""
    ledger.append(facts("a", 5))
    newer = SIGNER.sign(Checkpoint("log.example.org/ledger", 6, bytes(32)).text())
    with pytest.raises(LedgerBehindCheckpoint):
        verify_ledger(ledger, newer, SIGNER.verifier)
    return ledger


def decide(ledger: Ledger, reason: str = "the site burned down") -> AppendingResumed:
    return resume(ledger, reason=reason, authoriser="operator", decided_at_ms=7)


@pytest.mark.parametrize("count", [1, 200, 300])
def test_a_log_behind_a_checkpoint_refuses_to_append(behind: Ledger, database: Database, count: int) -> None:
    for ledger in (behind, Ledger(database)):
        with pytest.raises(AppendingHalted, match="over 6 facts is signed, and the log has 5"):
            ledger.append(facts("b", count))
    assert behind.head() == 5
    assert behind.append(facts("a", 5)) == [1, 2, 3, 4, 5]  # What is recorded already is no append.


def test_a_halted_log_tells_the_positions_of_what_it_has_in_a_large_batch_too(
    ledger: Ledger, database: Database
) -> None:
    recorded = facts("a", 300)
    ledger.append(recorded)
    behind_checkpoint(database, 301, 300)
    assert ledger.append(recorded) == list(range(1, 301))
    with pytest.raises(AppendingHalted):
        ledger.append([*recorded, *facts("b", 1)])


def test_whoever_appends_what_is_recorded_is_answered_although_others_are_refused(behind: Ledger) -> None:
    async def main() -> list[list[int] | BaseException]:
        batches = (facts("b", 1), facts("c", 1), facts("a", 5), facts("d", 1))
        return await asyncio.gather(*map(behind.append_async, batches), return_exceptions=True)

    refused, *together = asyncio.run(main())
    assert [type(outcome) for outcome in (refused, together[0], together[2])] == [AppendingHalted] * 3
    assert together[1] == [1, 2, 3, 4, 5]


def test_an_operator_goes_on_with_one_connection(behind: Ledger, database: Database) -> None:
    with Database(database.url, max_connections=1, timeout_s=2) as one:
        decide(Ledger(one))
    assert behind.append(facts("b", 1)) == [7]


def test_the_signer_halts_a_log_that_lost_its_end(ledger: Ledger, database: Database) -> None:
    checkpointer = Checkpointer(database, SIGNER)
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position > 5")
        connection.execute("delete from ledger.keys where position > 5")
        connection.execute("update ledger.head set position = 5")
        connection.execute("delete from ledger.tiles")
    with pytest.raises(LedgerBehindCheckpoint):
        checkpointer.checkpoint()
    with pytest.raises(AppendingHalted):
        ledger.append(facts("b", 1))


def test_nothing_new_is_signed_while_the_log_is_halted(ledger: Ledger, database: Database) -> None:
    checkpointer = Checkpointer(database, SIGNER)
    ledger.append(facts("a", 5))
    signed = checkpointer.checkpoint()
    ledger.append(facts("b", 5))
    with pytest.raises(LedgerBehindCheckpoint):
        verify_ledger(ledger, SIGNER.sign(Checkpoint(checkpointer.origin, 20, bytes(32)).text()), SIGNER.verifier)
    for sign in (checkpointer.checkpoint, lambda: checkpointer.checkpoint_at(3)):
        with pytest.raises(AppendingHalted, match="over 20 facts is signed"):
            sign()
    assert checkpointer.latest() == signed
    decide(ledger)
    assert checkpointer.checkpoint().text.startswith(f"{checkpointer.origin}\n11\n")


def test_an_operator_decides_and_the_log_records_it(behind: Ledger) -> None:
    decision = decide(behind)
    assert behind.append(facts("b", 1)) == [7]
    (fact,) = behind.stream(stream_id("recovery"))
    assert (fact.position, fact.topic) == (6, TOPIC)
    assert msgspec.msgpack.decode(fact.payload, type=AppendingResumed) == decision
    assert (decision.head, decision.authoriser) == (5, "operator")


def test_each_decision_is_kept(behind: Ledger) -> None:
    decide(behind)
    newer = SIGNER.sign(Checkpoint("log.example.org/ledger", 60, bytes(32)).text())
    with pytest.raises(LedgerBehindCheckpoint):
        verify_ledger(behind, newer, SIGNER.verifier)
    decide(behind)
    assert [fact.version for fact in behind.stream(stream_id("recovery"))] == [0, 1]


def test_there_is_something_to_decide_and_someone_who_does(behind: Ledger) -> None:
    with pytest.raises(InvalidFact):
        decide(behind, " ")
    decide(behind)
    with pytest.raises(RefusedResumption):
        decide(behind)
