from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from atlas.protocol.decisions import (
    AgreementRevoked,
    Decision,
    DisputeAnswered,
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
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
from atlas.protocol.ids import account_id
from atlas.protocol.keccak import keccak256
from atlas.rights.errors import InvalidDecision, InvalidTerms, NotEntitled, OutOfTurn, TermsMismatch
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, Reservation, encode_policy, with_uid
from atlas.rights.proceedings import (
    Authorities,
    Stage,
    Turn,
    agreed_terms,
    check_content,
    check_turn,
    stage_of,
)
from tests.deciding import (
    ADA,
    ASSET,
    AUTHORITIES,
    BEN,
    DERIVATIVE_TERMS,
    GUARDIAN,
    JUDGE,
    NOW,
    OTHER_JUDGE,
    REVIEWER,
    STRANGER,
    agreement,
    decided,
)

FILED = decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=JUDGE, category="infringement", grant=7)
DISPUTE = decision_id(FILED)
ANSWERED = decided(DisputeAnswered, BEN, dispute=DISPUTE)
RULED = decided(DisputeRuled, JUDGE, dispute=DISPUTE, ruling=1, remedy=Remedy.REVOKE, appeal_until=NOW + 100)
APPEALED = decided(DisputeAppealed, BEN, dispute=DISPUTE)
TAKEDOWN = decided(TakedownOrdered, REVIEWER, asset=ASSET, cause=TakedownCause.DEEPFAKE)
PORTRAIT = decided(PortraitDeclared, REVIEWER, asset=ASSET, person=b"\5" * 32, guardian=GUARDIAN)
ALLOWED = decided(PortraitAuthorized, GUARDIAN, portrait=decision_id(PORTRAIT))


def turn(*history: Decision, now: int = NOW, authorities: Authorities = AUTHORITIES) -> Turn:
    return Turn(history, authorities, now)


def changed(decision: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(decision, **fields)


@pytest.mark.parametrize(
    ("history", "decision"),
    [
        ((), FILED),
        ((FILED,), ANSWERED),
        ((FILED,), RULED),
        ((FILED,), decided(EvidenceAttached, JUDGE, dispute=DISPUTE)),
        ((FILED, RULED), APPEALED),
        ((FILED, RULED, APPEALED), changed(RULED, author=OTHER_JUDGE)),
        ((), TAKEDOWN),
        ((TAKEDOWN,), decided(TakedownLifted, REVIEWER, takedown=decision_id(TAKEDOWN))),
        ((), PORTRAIT),
        ((PORTRAIT,), ALLOWED),
        (
            (PORTRAIT, ALLOWED),
            decided(PortraitWithdrawn, GUARDIAN, portrait=decision_id(PORTRAIT), authorization=decision_id(ALLOWED)),
        ),
        ((agreement(),), decided(AgreementRevoked, ADA, agreement=decision_id(agreement()))),
        ((), decided(UseRecorded, REVIEWER, grant=7, used_at=NOW, reference=ASSET)),
    ],
)
def test_who_is_entitled_may_decide_in_turn(history: Sequence[Decision], decision: Decision) -> None:
    check_content(decision)
    check_turn(decision, turn(*history))


@pytest.mark.parametrize(
    ("history", "decision", "field"),
    [
        ((), changed(FILED, arbitrator=STRANGER), "arbitrator"),
        ((FILED,), changed(ANSWERED, author=ADA), "author"),
        ((FILED,), changed(RULED, author=OTHER_JUDGE), "author"),
        ((FILED,), decided(EvidenceAttached, STRANGER, dispute=DISPUTE), "author"),
        ((FILED, RULED), changed(APPEALED, author=STRANGER), "author"),
        ((FILED, RULED, APPEALED), changed(RULED, author=STRANGER), "author"),
        ((FILED, RULED, APPEALED), changed(RULED, author=ADA), "author"),
        ((), changed(TAKEDOWN, author=ADA), "author"),
        ((), changed(PORTRAIT, author=ADA), "author"),
        ((PORTRAIT,), changed(ALLOWED, author=REVIEWER), "author"),
        ((agreement(),), decided(AgreementRevoked, BEN, agreement=decision_id(agreement())), "author"),
    ],
)
def test_nobody_decides_for_others(history: Sequence[Decision], decision: Decision, field: str) -> None:
    with pytest.raises(NotEntitled, match=f"^{field}"):
        check_turn(decision, turn(*history))


@pytest.mark.parametrize(
    ("history", "decision"),
    [
        ((), ANSWERED),
        ((FILED,), FILED),
        ((FILED, ANSWERED), ANSWERED),
        ((FILED, RULED), RULED),
        ((FILED, RULED), decided(EvidenceAttached, ADA, dispute=DISPUTE)),
        ((FILED,), APPEALED),
        ((FILED, RULED, APPEALED), APPEALED),
        ((PORTRAIT,), ANSWERED),
        (
            (TAKEDOWN, decided(TakedownLifted, REVIEWER, takedown=DISPUTE)),
            decided(TakedownLifted, REVIEWER, takedown=DISPUTE),
        ),
        ((PORTRAIT,), decided(PortraitWithdrawn, GUARDIAN, portrait=DISPUTE, authorization=DISPUTE)),
    ],
)
def test_a_decision_out_of_turn_is_refused(history: Sequence[Decision], decision: Decision) -> None:
    with pytest.raises(OutOfTurn):
        check_turn(decision, turn(*history))


@pytest.mark.parametrize("party", [ADA, BEN])
def test_an_arbitrator_of_the_ledger_does_not_rule_its_own_dispute(party: bytes) -> None:
    authorities = Authorities(frozenset({JUDGE, party}))
    with pytest.raises(NotEntitled, match=r"^author is a party"):
        check_turn(changed(RULED, author=party), turn(FILED, RULED, APPEALED, authorities=authorities))


def test_an_arbitrator_that_the_operator_no_longer_names_rules_nothing_and_another_does() -> None:
    authorities = Authorities(frozenset({OTHER_JUDGE}))
    with pytest.raises(NotEntitled, match=r"^author"):
        check_turn(RULED, turn(FILED, authorities=authorities))
    check_turn(changed(RULED, author=OTHER_JUDGE), turn(FILED, authorities=authorities))


def test_an_appeal_is_in_time_until_just_before_its_end() -> None:
    check_turn(APPEALED, turn(FILED, RULED, now=NOW + 99))
    with pytest.raises(OutOfTurn, match="until before"):
        check_turn(APPEALED, turn(FILED, RULED, now=NOW + 100))


@pytest.mark.parametrize(("issued_at", "now"), [(NOW, NOW - 301), (NOW - 1, NOW)])
def test_a_decision_of_tomorrow_or_of_before_its_matter_is_refused(issued_at: int, now: int) -> None:
    answered = decided(DisputeAnswered, BEN, dispute=DISPUTE, issued_at=issued_at)
    with pytest.raises(InvalidDecision, match=r"^issued_at"):
        check_turn(answered, turn(FILED, now=now))


def test_no_grant_in_dispute_no_revocation() -> None:
    filed = decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=JUDGE, category="infringement")
    with pytest.raises(InvalidDecision, match=r"^remedy"):
        check_turn(RULED, turn(filed))


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        (changed(FILED, respondent=ADA), "author"),
        (changed(FILED, arbitrator=BEN), "arbitrator"),
        (changed(RULED, ruling=2), "remedy"),
        (changed(RULED, territories=("XX",)), "territories"),
        (changed(TAKEDOWN, media=("smell",)), "media"),
        (changed(ALLOWED, starts_at=9, ends_at=9), "ends_at"),
        (
            decided(MeasureRecorded, REVIEWER, asset=ASSET, measure="prayer", territories=("*",), taken_at=NOW),
            "measure",
        ),
        (agreement(expires_at=NOW - 2_000), "expires_at"),
        (agreement(licensee=ADA), "licensor"),
        (agreement(terms_hash=b"\1" * 32), "terms_hash"),
    ],
)
def test_what_makes_no_sense_names_the_field(decision: Decision, field: str) -> None:
    with pytest.raises((InvalidDecision, InvalidTerms), match=f"^{field}"):
        check_content(decision)


def test_terms_of_an_unknown_territory_name_it() -> None:
    document = b'{"attribution":true,"channels":["*"],"format":1,"kind":"derivative","media":["film"],"sublicensing":false,"territories":["XX"]}'  # noqa: E501
    with pytest.raises(InvalidTerms, match="territories cannot name 'XX'") as refused:
        check_content(agreement(document=document, terms_hash=keccak256(document)))
    assert not isinstance(refused.value, TermsMismatch)


def policy(**changes: Any) -> bytes:
    """The agreement of Ada and Ben as ODRL."""
    fields: dict[str, Any] = {
        "type": PolicyType.AGREEMENT,
        "uid": "",
        "assigner": account_id("eip155:1", ADA),
        "assignee": account_id("eip155:1", BEN),
        "asset": ASSET,
        "terms": DERIVATIVE_TERMS,
        **changes,
    }
    return encode_policy(with_uid(LicensePolicy(**fields)))


def test_an_agreement_may_be_an_odrl_agreement() -> None:
    document = policy()
    assert agreed_terms(agreement(document=document, terms_hash=keccak256(document))) == DERIVATIVE_TERMS


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": PolicyType.OFFER}, "@type"),
        ({"asset": b"\2" * 32}, "target"),
        ({"assigner": account_id("eip155:1", STRANGER)}, "assigner"),
        ({"assignee": account_id("eip155:1", STRANGER)}, "assignee"),
        ({"reservations": (Reservation(),)}, "prohibition"),
    ],
)
def test_an_odrl_policy_of_something_else_is_no_agreement(changes: dict[str, Any], field: str) -> None:
    document = policy(**changes)
    with pytest.raises(InvalidDecision, match=rf"^document\.{field}"):
        check_content(agreement(document=document, terms_hash=keccak256(document)))


def test_the_stage_is_that_of_the_last_step() -> None:
    evidence = decided(EvidenceAttached, ADA, dispute=DISPUTE)
    steps = ((FILED, Stage.FILED), (ANSWERED, Stage.ANSWERED), (evidence, Stage.ANSWERED), (RULED, Stage.RULED))
    history: list[Decision] = []
    for decision, stage in steps:
        history.append(decision)
        assert stage_of(history) is stage
