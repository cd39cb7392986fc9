"""Duties under a grant: when they fall due, what fulfils them, what delay costs and does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.duties import duties_of
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.reasons import Action, Duty, DutyState, Outcome, Remedy
from atlas.rights.decisions.standings import MAX_PERIODS, standings
from atlas.rights.decisions.state import At, Fulfilment, Grant, Ownership, RecordedUse, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import Terms
from atlas.rights.terms.obligations import DAY_S, YEAR_S, Effect, Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope

ASSET, OWNER, LICENSEE, STRANGER = b"\xaa" * 32, b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
START = 1_000_000_000
GRANT = Grant(10, 7, ASSET, LICENSEE, LicenseKind.COMMERCIAL, None, START, None)
USE = Use(ASSET, LICENSEE, "DE", "film")


def granted(price: Price, obligations: Obligations = Obligations(), **changes: object) -> Grant:  # noqa: B008 - frozen
    terms = Terms(2, LicenseKind.COMMERCIAL, Scope(attribution=False), price, obligations)
    return msgspec.structs.replace(GRANT, terms=terms, **changes)


def paid(at: int, amount_wei: int, position: int = 20) -> Fulfilment:
    return Fulfilment(10, Action.PAY, at, position, amount_wei)


def rights(grant: Grant, *fulfilments: Fulfilment, uses: tuple[RecordedUse, ...] = ()) -> Rights:
    owned = (Ownership(ASSET, OWNER, 0, 1),)
    return Rights(RightsState(ownerships=owned, grants=(grant,), fulfilments=fulfilments, uses=uses))


def ledger(
    grant: Grant, now: int, *fulfilments: Fulfilment, known: int = 100, uses: tuple[RecordedUse, ...] = ()
) -> list[Duty]:
    return [*standings(grant, rights(grant, *fulfilments, uses=uses), At(now, known))]


def states(duties: list[Duty]) -> list[tuple[str, int | None, str]]:
    return [(duty.rule.split(".")[1], duty.due_at, duty.state.value) for duty in duties]


FLAT = granted(Price(flat_wei=100), Obligations(grace_s=50, late_fee_bps=1_000))


@pytest.mark.parametrize(
    ("now", "payments", "state", "outstanding_wei"),
    [
        (START, (), "pending", 100),
        (START + 50, (), "pending", 100),
        (START + 51, (), "late", 110),
        (START + 51, (paid(START + 50, 100),), "fulfilled", 0),
        (START + 60, (paid(START + 51, 100),), "late", 10),
        (START + 60, (paid(START + 51, 110),), "remedied", 0),
        (START + 60, (paid(START + 10, 60), paid(START + 55, 50, 21)), "remedied", 0),
        (START + 60, (paid(START - 10, 100),), "fulfilled", 0),
        (START + 60, (paid(START + 61, 110),), "late", 110),
        (START + 60, (paid(START + 50, 100, position=101),), "late", 110),
    ],
)
def test_a_payment_is_pending_then_late_with_its_fee_and_can_be_made_good(
    now: int, payments: tuple[Fulfilment, ...], state: str, outstanding_wei: int
) -> None:
    [duty] = ledger(FLAT, now, *payments)
    assert (duty.state.value, duty.outstanding_wei, duty.late_at) == (state, outstanding_wei, START + 50)


def test_a_late_fee_is_floored() -> None:
    [duty] = ledger(granted(Price(flat_wei=19), Obligations(late_fee_bps=1_000)), START + 1)
    assert duty.outstanding_wei == 20


def test_payments_count_for_what_was_due_first_and_are_named() -> None:
    yearly = granted(Price(annual_wei=100))
    found = ledger(yearly, START + YEAR_S, paid(START, 150), paid(START + YEAR_S, 30, 21))
    assert states(found) == [
        ("annual_wei", START, "fulfilled"),
        ("annual_wei", START + YEAR_S, "pending"),
        ("annual_wei", START + 2 * YEAR_S, "pending"),
    ]
    assert [duty.relied_on for duty in found] == [(20,), (20, 21), ()]
    assert [duty.outstanding_wei for duty in found] == [0, 20, 100]


def test_annual_fees_end_with_the_licence_and_the_next_is_shown() -> None:
    yearly = granted(Price(annual_wei=100), expires_at=START + YEAR_S)
    assert [due for _, due, _ in states(ledger(yearly, START + 3 * YEAR_S))] == [START]
    revoked = granted(Price(annual_wei=100), revoked_at=START + 5, revoked_position=50)
    assert [due for _, due, _ in states(ledger(revoked, START + 5))] == [START]
    assert [due for _, due, _ in states(ledger(revoked, START + 5, known=49))] == [START, START + YEAR_S]


def test_reports_are_due_at_the_end_of_each_period_and_of_the_licence() -> None:
    reporting = granted(Price(share_bps=500), Obligations(report_every_s=30 * DAY_S), expires_at=START + 45 * DAY_S)
    report = Fulfilment(10, Action.REPORT, START + 31 * DAY_S, 20, until=START + 30 * DAY_S)
    assert states(ledger(reporting, START + 40 * DAY_S, report)) == [
        ("report_every_s", START + 30 * DAY_S, "remedied"),
        ("report_every_s", START + 45 * DAY_S, "pending"),
        ("share_bps", None, "pending"),
    ]
    early = msgspec.structs.replace(report, at=START + 30 * DAY_S, until=None)
    assert [state for _, _, state in states(ledger(reporting, START + 60 * DAY_S, early))] == [
        "fulfilled",
        "late",
        "pending",
    ]


def test_every_use_is_paid_and_credited() -> None:
    terms = Terms(2, LicenseKind.SCENE, Scope(attribution=True), Price(per_use_wei=7))
    grant = msgspec.structs.replace(GRANT, terms=terms)
    uses = (RecordedUse(10, START + 5, 30, count=2), RecordedUse(10, START + 6, 31))
    credit = Fulfilment(10, Action.ATTRIBUTE, START + 5, 40, use=30)
    found = ledger(grant, START + 7, credit, paid(START + 6, 14, 41), uses=uses)
    assert [(duty.action, duty.use, duty.state.value, duty.outstanding_wei) for duty in found] == [
        ("pay", 30, "remedied", 0),
        ("attribute", 30, "fulfilled", None),
        ("pay", 31, "late", 7),
        ("attribute", 31, "late", None),
    ]


def test_nothing_is_owed_before_the_grant_or_under_terms_that_are_not_known() -> None:
    assert ledger(FLAT, START - 1) == []
    assert ledger(FLAT, START, known=9) == []
    assert ledger(GRANT, START) == []


def test_even_a_thousand_years_of_daily_reports_are_counted_in_time() -> None:
    daily = granted(Price(annual_wei=1), Obligations(report_every_s=DAY_S))
    assert len(ledger(daily, START + 1_000 * YEAR_S)) == MAX_PERIODS + 1_001 + 1


@pytest.mark.parametrize(
    ("effect", "payments", "answer", "remedy"),
    [
        (Effect.NONE, (), "permit", None),
        (Effect.SUSPEND, (), "deny", Remedy.DUTY),
        (Effect.SUSPEND, (paid(START + 60, 100),), "permit", None),
        (Effect.TERMINATE, (), "deny", Remedy.LICENSE),
        (Effect.TERMINATE, (paid(START + 60, 100),), "deny", Remedy.LICENSE),
        (Effect.TERMINATE, (paid(START + 50, 100),), "permit", None),
    ],
)
def test_delay_does_to_the_licence_what_its_terms_say(
    effect: Effect, payments: tuple[Fulfilment, ...], answer: str, remedy: Remedy | None
) -> None:
    grant = granted(Price(flat_wei=100), Obligations(grace_s=50, when_late=effect))
    decision = decide(USE, rights(grant, *payments), At(START + 100, 100))
    assert decision.outcome is Outcome(answer)
    assert {each.remedy for each in missing(decision)} == ({remedy} if remedy is not None else set())
    assert decide(USE, rights(grant), At(START + 50, 100)).outcome is Outcome.PERMIT


def test_a_sub_licence_is_suspended_with_its_head() -> None:
    head = granted(Price(flat_wei=100), Obligations(when_late=Effect.SUSPEND))
    assert head.terms is not None
    wide = msgspec.structs.replace(head.terms, scope=Scope(sublicense_depth=1))
    head = msgspec.structs.replace(head, terms=wide)
    plain = Terms(2, head.kind, Scope())
    below: dict[str, object] = {"licensee": STRANGER, "licensor": LICENSEE, "terms": plain, "under": 10}
    held = msgspec.structs.replace(GRANT, position=11, **below)
    state = RightsState(ownerships=(Ownership(ASSET, OWNER, 0, 1),), grants=(head, held))
    asked = msgspec.structs.replace(USE, account=STRANGER)
    assert decide(asked, Rights(state), At(START, 100)).outcome is Outcome.PERMIT
    denied = decide(asked, Rights(state), At(START + 1, 100))
    assert [each.path for each in missing(denied)] == [("held_under", "duty")]


def test_after_termination_nothing_new_falls_due() -> None:
    yearly = granted(Price(annual_wei=100), Obligations(when_late=Effect.TERMINATE))
    assert [due for _, due, _ in states(ledger(yearly, START + 3 * YEAR_S))] == [START]


def test_a_decision_has_the_duties_that_are_open_and_not_those_fulfilled() -> None:
    grant = granted(Price(annual_wei=100))
    owed = duties_of(USE, (10,), (), rights(grant, paid(START, 100)), At(START + 1, 100))
    assert [(duty.action, duty.due_at) for duty in owed if duty.position is not None] == [("pay", START + YEAR_S)]


PAYMENTS = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 300)), max_size=6)


@given(PAYMENTS, st.integers(0, 400), st.integers(0, 60), st.sampled_from([0, 1_000, 3_333]))
def test_what_was_paid_is_spent_once_and_on_what_was_due_first(
    payments: list[tuple[int, int]], now: int, grace_s: int, late_fee_bps: int
) -> None:
    price = Price(flat_wei=100, per_use_wei=50, minimum_guarantee_wei=75)
    grant = granted(price, Obligations(grace_s=grace_s, late_fee_bps=late_fee_bps))
    uses = tuple(RecordedUse(10, START + each, 50 + each) for each in (30, 90, 91))
    facts = [paid(START + at, amount, 200 + place) for place, (at, amount) in enumerate(payments)]
    found = ledger(grant, START + now, *facts, known=1_000, uses=uses)
    given_wei = sum(fact.amount_wei for fact in facts if fact.at <= START + now)
    fees_wei = sum(
        (duty.amount_wei or 0) * late_fee_bps // 10_000
        for duty in found
        if duty.state in (DutyState.LATE, DutyState.REMEDIED)
    )
    owed_wei = sum(duty.amount_wei or 0 for duty in found) + fees_wei
    outstanding_wei = sum(duty.outstanding_wei or 0 for duty in found)
    assert outstanding_wei == max(0, owed_wei - given_wei)
    settled = [duty.outstanding_wei == 0 for duty in found]
    assert settled == sorted(settled, reverse=True)


@given(PAYMENTS, st.integers(0, 400), st.integers(0, 400))
def test_what_is_fulfilled_stays_fulfilled_as_time_goes_on(
    payments: list[tuple[int, int]], now: int, later: int
) -> None:
    grant = granted(Price(annual_wei=100), Obligations(grace_s=20, late_fee_bps=500))
    facts = [paid(START + at, amount, 200 + place) for place, (at, amount) in enumerate(payments)]
    before, after = (
        {duty.due_at: duty.state for duty in ledger(grant, START + each, *facts, known=1_000)}
        for each in sorted((now, later))
    )
    done = (DutyState.FULFILLED, DutyState.REMEDIED)
    assert all(after[due] is state for due, state in before.items() if state in done)
