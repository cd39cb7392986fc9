"""The door for decisions, on a real log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from atlas.indexer.chain.recording import finalized_fact
from atlas.indexer.decisions import DecisionDoor
from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.protocol.decisions import (
    DisputeAnswered,
    DisputeFiled,
    DisputeRuled,
    EvidenceAttached,
    UseRecorded,
    decision_id,
    open_decision,
)
from atlas.protocol.errors import MalformedFact, UnsignedDecision
from atlas.rights.errors import InvalidDecision, NotEntitled, OutOfTurn, TermsMismatch
from tests.deciding import ADA, ASSET, AUTHORITIES, BEN, JUDGE, NOW, REVIEWER, STRANGER, agreement, decided
from tests.projections.chain import CHAIN, Block

FILED = decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=JUDGE, category="copyright_infringement")
DISPUTE = decision_id(FILED)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with Database(database_url) as database:
        migrate(database, MIGRATIONS)
        yield Ledger(database)


@pytest.fixture
def door(ledger: Ledger) -> DecisionDoor:
    return DecisionDoor(ledger, AUTHORITIES, lambda: NOW)


def test_a_decision_is_recorded_with_its_author_and_the_time_of_the_door(ledger: Ledger, door: DecisionDoor) -> None:
    admitted = door.admit(FILED)
    (fact,) = ledger.facts(after=0)
    assert (admitted.position, admitted.decision, admitted.matter) == (fact.position, DISPUTE, DISPUTE)
    assert fact.topic == "decision.dispute-filed"
    recorded = open_decision(fact.payload, DisputeFiled)
    assert (recorded.author, recorded.recorded_at) == (ADA, NOW)


def test_the_same_decision_twice_is_one_fact(ledger: Ledger) -> None:
    first = DecisionDoor(ledger, AUTHORITIES, lambda: NOW).admit(FILED)
    again = DecisionDoor(ledger, AUTHORITIES, lambda: NOW + 60).admit(FILED)
    assert again == msgspec.structs.replace(first, is_known=True)
    assert ledger.head() == 1


def test_what_follows_is_in_the_stream_of_the_matter(ledger: Ledger, door: DecisionDoor) -> None:
    door.admit(FILED)
    answer = door.admit(decided(DisputeAnswered, BEN, dispute=DISPUTE))
    ruling = door.admit(decided(DisputeRuled, JUDGE, dispute=DISPUTE, ruling=2))
    assert [answer.matter, ruling.matter] == [DISPUTE, DISPUTE]
    facts = list(ledger.facts(after=0))
    assert [(fact.stream, fact.version) for fact in facts] == [(facts[0].stream, version) for version in range(3)]


def test_a_clock_that_goes_back_does_not_date_a_decision_before_the_one_that_it_follows(ledger: Ledger) -> None:
    DecisionDoor(ledger, AUTHORITIES, lambda: NOW).admit(FILED)
    DecisionDoor(ledger, AUTHORITIES, lambda: NOW - 60).admit(decided(DisputeAnswered, BEN, dispute=DISPUTE))
    answered = open_decision(next(ledger.facts(after=1)).payload, DisputeAnswered)
    assert answered.recorded_at == NOW


def test_two_that_come_at_once_are_both_recorded(ledger: Ledger, door: DecisionDoor) -> None:
    door.admit(FILED)
    evidence = [
        decided(EvidenceAttached, party, dispute=DISPUTE, evidence_uri=f"ipfs://{number}")
        for number in range(6)
        for party in (ADA, BEN)
    ]
    with ThreadPoolExecutor(4) as threads:
        admitted = list(threads.map(door.admit, evidence))
    assert sorted(each.position for each in admitted) == list(range(2, 14))


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (msgspec.structs.replace(FILED, category="other"), UnsignedDecision),
        (msgspec.structs.replace(FILED, signatures=()), UnsignedDecision),
        (msgspec.structs.replace(FILED, asset=b""), MalformedFact),
        (
            decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=STRANGER, category="other"),
            NotEntitled,
        ),
        (decided(DisputeAnswered, BEN, dispute=DISPUTE), OutOfTurn),
        (agreement(terms_hash=bytes(32)), TermsMismatch),
        (agreement(under=1), InvalidDecision),
        (decided(UseRecorded, REVIEWER, grant=1, used_at=NOW, reference=ASSET), InvalidDecision),
    ],
)
def test_what_is_refused_leaves_no_fact(ledger: Ledger, door: DecisionDoor, decision: object, error: type) -> None:
    with pytest.raises(error):
        door.admit(decision)  # pyright: ignore[reportArgumentType]
    assert ledger.head() == 0


def used(position: int) -> UseRecorded:
    return decided(UseRecorded, REVIEWER, grant=position, used_at=NOW, reference=ASSET)


def test_a_use_is_of_what_the_ledger_has_as_a_grant(door: DecisionDoor) -> None:
    granted, filed = door.admit(agreement()), door.admit(FILED)
    assert not door.admit(used(granted.position)).is_known
    with pytest.raises(InvalidDecision, match=r"^grant is 2, and there the ledger has decision\.dispute-filed"):
        door.admit(used(filed.position))


def test_a_license_of_a_chain_is_named_once_its_block_is_final(ledger: Ledger, door: DecisionDoor) -> None:
    values = 1, 0, ASSET, ADA, BEN, 0, bytes(32), "ipfs://terms", NOW, 0, False
    (position,) = ledger.append([Block(7).log("LicenseRegistry", "LicenseGranted", *values)])
    ledger.append([finalized_fact(CHAIN, 0, Block(6).ref)])
    with pytest.raises(InvalidDecision, match=r"block 7 of .* is not final"):
        door.admit(used(position))
    ledger.append([finalized_fact(CHAIN, 1, Block(7).ref)])
    assert not door.admit(used(position)).is_known
