"""What decisions about rights make of the view ``licensing``."""

from datetime import UTC, datetime

import msgspec
import pytest

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.projections.views.licensing import LICENSING
from atlas.protocol.decisions import (
    AgreementRevoked,
    Decision,
    DisputeAnswered,
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
    DutyFulfilled,
    EvidenceAttached,
    MeasureRecorded,
    PortraitAuthorized,
    PortraitDeclared,
    PortraitWithdrawn,
    Remedy,
    TakedownCause,
    TakedownLifted,
    TakedownOrdered,
    UseRecorded,
    decision_id,
)
from tests.deciding import ADA, ASSET, BEN, GUARDIAN, JUDGE, NOW, REVIEWER, STRANGER, agreement, decided
from tests.folding import Log
from tests.projections.chain import Block, aaid_of, address, contract_fact, digest
from tests.projections.rows import issues, undecodable

FILED = decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=JUDGE, category="infringement", grant=7)
DISPUTE = decision_id(FILED)


@pytest.fixture
def projector(database: Database, ledger: Ledger) -> Projector:
    return Projector(database, ledger, {LICENSING.name: LICENSING})


@pytest.fixture
def log(ledger: Ledger, projector: Projector, database: Database) -> Log:
    return Log(database, ledger, projector)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_an_agreement_is_a_license_from_another_source(log: Log) -> None:
    (position,) = log.decide(agreement(expires_at=NOW + 9))
    assert log.rows("agreements", "aaid", "licensor", "licensee", "kind", "source", "status", "position") == [
        (ASSET, ADA, BEN, "derivative", "off_chain", "granted", position)
    ]
    assert log.rows("agreements", "expires_at", "under", "revoked_at") == [(at(NOW + 9), None, None)]


def test_a_revoked_agreement_ends_when_that_was_recorded(log: Log) -> None:
    signed = agreement()
    positions = log.decide(signed, decided(AgreementRevoked, ADA, agreement=signed.matter, evidence_uri="ipfs://why"))
    assert log.rows("agreements", "status", "revoked_at", "revoked_position", "reason_uri") == [
        ("revoked", at(NOW + 1), positions[1], "ipfs://why")
    ]


def test_a_dispute_is_pending_until_it_is_ruled_and_again_when_that_is_appealed(log: Log) -> None:
    ruled = decided(DisputeRuled, JUDGE, dispute=DISPUTE, ruling=1, remedy=Remedy.REVOKE, appeal_until=NOW + 100)
    positions = log.decide(FILED, decided(DisputeAnswered, BEN, dispute=DISPUTE), ruled)
    assert log.rows("disputes", "stage", "round", "ruling", "remedy", "grant_position") == [
        ("ruled", 0, "claimant", "revoke", 7)
    ]
    opened = ("opened_position", "ruled_position", "suspended_position")
    assert log.rows("dispute_rounds", *opened) == [(positions[0], positions[2], None)]
    appealed = log.decide(decided(DisputeAppealed, BEN, dispute=DISPUTE))
    assert log.rows("disputes", "stage", "round", "ruling", "appeal_until") == [("appealed", 1, None, None)]
    assert log.rows("dispute_rounds", *opened) == [(positions[0], positions[2], appealed[0]), (appealed[0], None, None)]
    log.decide(msgspec.structs.replace(decided(DisputeRuled, JUDGE, dispute=DISPUTE, ruling=2, issued_at=NOW + 5)))
    assert log.rows("disputes", "stage", "ruling", "remedy") == [("ruled", "respondent", "none")]


def test_every_decision_of_a_dispute_is_kept_with_its_evidence(log: Log) -> None:
    log.decide(FILED, decided(DisputeAnswered, BEN, dispute=DISPUTE, evidence_uri="ipfs://a", evidence_sha256=ASSET))
    assert log.rows("dispute_evidence", "ordinal", "act", "party", "uri", "sha256") == [
        (0, "dispute-filed", ADA, "", bytes(32)),
        (1, "dispute-answered", BEN, "ipfs://a", ASSET),
    ]


def test_what_a_ruling_prohibits_is_suspended_by_an_appeal(log: Log) -> None:
    ruled = decided(
        DisputeRuled, JUDGE, dispute=DISPUTE, ruling=1, remedy=Remedy.PROHIBIT, against=BEN, territories=("FR", "DE")
    )
    log.decide(FILED, ruled)
    assert log.rows("prohibitions", "cause", "account", "territories", "media", "starts_at", "ended_at") == [
        ("infringement", BEN, {"of": ["DE", "FR"]}, {"of": ["*"]}, at(NOW + 1), None)
    ]
    log.decide(decided(DisputeAppealed, BEN, dispute=DISPUTE))
    assert log.rows("prohibitions", "ended_at") == [(at(NOW + 2),)]


def test_a_takedown_is_in_force_until_it_is_lifted(log: Log) -> None:
    takedown = decided(TakedownOrdered, REVIEWER, asset=ASSET, cause=TakedownCause.DEEPFAKE, media=("film",))
    log.decide(takedown)
    assert log.rows("prohibitions", "aaid", "cause", "account", "ended_at") == [(ASSET, "deepfake", None, None)]
    lifted = log.decide(decided(TakedownLifted, REVIEWER, takedown=takedown.matter))
    assert log.rows("prohibitions", "ended_at", "ended_position") == [(at(NOW + 1), lifted[0])]


def test_a_portrait_is_authorized_for_a_time_and_withdrawn(log: Log) -> None:
    portrait = decided(PortraitDeclared, REVIEWER, asset=ASSET, person=b"\5" * 32, guardian=GUARDIAN)
    allowed = decided(PortraitAuthorized, GUARDIAN, portrait=portrait.matter, account=BEN, ends_at=NOW + 100)
    positions = log.decide(portrait, allowed)
    assert log.rows("authorizations", "aaid", "person", "account", "ended_at", "ended_position") == [
        (ASSET, b"\5" * 32, BEN, at(NOW + 100), positions[1])
    ]
    gone = decided(PortraitWithdrawn, GUARDIAN, portrait=portrait.matter, authorization=decision_id(allowed))
    withdrawn = log.decide(gone)
    assert log.rows("authorizations", "ended_at", "ended_position") == [(at(NOW + 2), withdrawn[0])]


def test_measures_uses_and_met_duties_are_kept(log: Log) -> None:
    log.decide(
        decided(DutyFulfilled, REVIEWER, grant=7, action="pay", fulfilled_at=NOW, amount_wei=str(2**80)),
        decided(MeasureRecorded, REVIEWER, asset=ASSET, measure="filing", territories=("CN",), taken_at=NOW),
        decided(UseRecorded, REVIEWER, grant=7, used_at=NOW, reference=ASSET, count=3),
    )
    assert log.rows("measures", "measure", "territories", "passed") == [("filing", {"of": ["CN"]}, True)]
    assert log.rows("uses", "grant_position", "count", "exposure_s") == [(7, 3, 0)]
    assert log.rows("fulfilments", "grant_position", "action", "amount_wei") == [(7, "pay", 2**80)]


def test_a_decision_about_nothing_on_record_is_an_issue(log: Log, database: Database) -> None:
    positions = log.decide(decided(DisputeAnswered, BEN, dispute=DISPUTE))
    assert issues(database, "licensing") == [(positions[0], "missing-row")]


AGREED = agreement()
PORTRAIT = decided(PortraitDeclared, REVIEWER, asset=ASSET, person=b"\5" * 32, guardian=GUARDIAN)
ALLOWED = decided(PortraitAuthorized, GUARDIAN, portrait=PORTRAIT.matter)


@pytest.mark.parametrize(
    ("history", "decision"),
    [
        ((AGREED,), decided(AgreementRevoked, BEN, agreement=AGREED.matter)),
        ((FILED,), decided(DisputeAnswered, STRANGER, dispute=DISPUTE)),
        ((FILED,), decided(EvidenceAttached, STRANGER, dispute=DISPUTE)),
        ((FILED,), decided(DisputeRuled, ADA, dispute=DISPUTE, ruling=1, remedy=Remedy.PROHIBIT)),
        (
            (FILED, decided(DisputeRuled, JUDGE, dispute=DISPUTE, ruling=1, appeal_until=NOW + 100)),
            decided(DisputeAppealed, JUDGE, dispute=DISPUTE),
        ),
        ((PORTRAIT,), decided(PortraitAuthorized, STRANGER, portrait=PORTRAIT.matter)),
        (
            (PORTRAIT, ALLOWED),
            decided(PortraitWithdrawn, STRANGER, portrait=PORTRAIT.matter, authorization=decision_id(ALLOWED)),
        ),
    ],
)
def test_a_decision_of_somebody_else_that_passed_by_the_door_is_an_issue(
    log: Log, database: Database, history: tuple[Decision, ...], decision: Decision
) -> None:
    positions = log.decide(*history, decision)
    assert issues(database, "licensing") == [(positions[-1], "not-entitled")]


def test_a_decision_that_nobody_signed_counts_for_nothing(log: Log, database: Database) -> None:
    positions = log.decide(msgspec.structs.replace(FILED, category="other"))
    assert log.rows("disputes", "category") == []
    assert undecodable(database, "licensing") == [(positions[0], "unsigned-decision")]


def test_every_owner_of_an_asset_is_kept_with_the_day_it_became_that(log: Log) -> None:
    alice, bob, zero = address("alice"), address("bob"), bytes(20)
    first, later = Block(1), Block(9)
    registered = first.log(
        "AssetRegistry", "AssetRegistered", aaid_of(1), 1, alice, 0, digest("content"), digest("meta"), ""
    )
    log.say(
        contract_fact("AssetRegistry"),
        first.log("AssetRegistry", "Transfer", zero, alice, 1),
        registered,
        later.log("AssetRegistry", "Transfer", alice, bob, 1),
    )
    assert log.rows("ownerships", "aaid", "position", "owner", "starts_at") == [
        (aaid_of(1), 3, alice, at(first.time)),
        (aaid_of(1), 4, bob, at(later.time)),
    ]
