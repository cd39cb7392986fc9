import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decide import decide
from atlas.rights.errors import InvalidUse
from atlas.rights.explaining import explain
from atlas.rights.extents import EVERYTHING, extent
from atlas.rights.index import Rights
from atlas.rights.missing import missing
from atlas.rights.reasons import Decision, Outcome, Remedy, State
from atlas.rights.scopes import Scope, narrower
from atlas.rights.state import (
    At,
    Derivation,
    Dispute,
    Grant,
    Ownership,
    Prohibition,
    RightsState,
)
from atlas.rights.terms import Terms, make_terms
from atlas.rights.uses import Use

ASSET, PARENT = b"\xaa" * 32, b"\xbb" * 32
OWNER, LICENSEE, STRANGER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
TERMS = make_terms(LicenseKind.COMMERCIAL, territories=["DE", "FR"], media=["film", "series"])
GRANT = Grant(
    position=41,
    license_id=7,
    asset=ASSET,
    licensee=LICENSEE,
    kind=LicenseKind.COMMERCIAL,
    terms=TERMS,
    starts_at=1_000,
    expires_at=2_000,
)
USE = Use(asset=ASSET, account=LICENSEE, territory="DE", media="film")
OWNED = Ownership(ASSET, OWNER, 0, 1)
AT = At(1_500, 100)


def grant(**changes: object) -> Grant:
    return msgspec.structs.replace(GRANT, **changes)


def use(**changes: object) -> Use:
    return msgspec.structs.replace(USE, **changes)


def ask(asked: Use, *grants: Grant, at: At = AT, **facts: object) -> Decision:
    state = msgspec.structs.replace(RightsState(ownerships=(OWNED,), grants=grants), **facts)
    return decide(asked, Rights(state), at)


def violated(decision: Decision) -> list[list[str]]:
    """The names of the violated constraints, grant by grant."""
    return [[c.name for c in finding.constraints if c.state is State.VIOLATED] for finding in decision.grants]


def test_a_grant_that_covers_the_use_permits_it_by_its_position() -> None:
    decision = ask(USE, GRANT)
    assert decision.outcome is Outcome.PERMIT
    assert decision.permitted_by == decision.relied_on == (41,)
    assert missing(decision) == ()


def test_the_owner_needs_no_grant() -> None:
    decision = ask(use(account=OWNER))
    assert decision.outcome is Outcome.PERMIT
    assert (decision.permitted_by, decision.relied_on) == ((), (1,))


def test_without_a_grant_a_stranger_is_denied_and_told_what_is_missing() -> None:
    decision = ask(use(account=STRANGER), GRANT)
    assert decision.outcome is Outcome.DENY
    [lack] = missing(decision)
    assert (lack.name, lack.remedy, lack.grant) == ("license", Remedy.LICENSE, None)


@pytest.mark.parametrize(
    ("asked", "given_", "valid_time", "name"),
    [
        (use(), grant(), 999, "starts_at"),
        (use(), grant(), 2_000, "expires_at"),
        (use(), grant(revoked_at=1_500), 1_500, "revoked_at"),
        (use(territory="US"), grant(), 1_500, "territory"),
        (use(territory="*"), grant(), 1_500, "territory"),
        (use(territory="EU@2020-02-01"), grant(), 1_500, "territory"),
        (use(media="game"), grant(), 1_500, "media"),
        (use(modification="trim"), grant(), 1_500, "modification"),
        (use(kind=LicenseKind.DERIVATIVE), grant(), 1_500, "kind"),
    ],
)
def test_one_violated_constraint_denies_and_is_named(asked: Use, given_: Grant, valid_time: int, name: str) -> None:
    decision = ask(asked, given_, at=At(valid_time, 100))
    assert decision.outcome is Outcome.DENY
    assert violated(decision) == [[name]]
    assert [each.name for each in missing(decision)] == [name]


@pytest.mark.parametrize("valid_time", [1_000, 1_999])
def test_a_grant_holds_from_its_start_until_before_its_end(valid_time: int) -> None:
    assert ask(USE, GRANT, at=At(valid_time, 100)).outcome is Outcome.PERMIT


def test_what_is_not_known_at_the_position_does_not_count() -> None:
    revoked = grant(revoked_at=1_100, revoked_position=60)
    assert ask(USE, GRANT, at=At(1_500, 40)).outcome is Outcome.DENY
    assert ask(USE, revoked, at=At(1_500, 59)).outcome is Outcome.PERMIT
    assert ask(USE, revoked, at=At(1_500, 60)).outcome is Outcome.DENY


def test_the_owner_is_the_one_of_the_time_and_of_the_position() -> None:
    sold = (OWNED, Ownership(ASSET, STRANGER, 1_400, 50))
    mine = use(account=OWNER)
    assert ask(mine, ownerships=sold).outcome is Outcome.DENY
    assert ask(mine, ownerships=sold, at=At(1_399, 100)).outcome is Outcome.PERMIT
    assert ask(mine, ownerships=sold, at=At(1_500, 49)).outcome is Outcome.PERMIT


def test_unknown_terms_leave_the_answer_open_but_do_not_save_an_expired_grant() -> None:
    assert ask(USE, grant(terms=None)).outcome is Outcome.UNDETERMINED
    assert ask(USE, grant(terms=None), at=At(2_000, 100)).outcome is Outcome.DENY


def test_what_the_terms_limit_and_the_use_does_not_state_leaves_the_answer_open() -> None:
    limited = grant(terms=make_terms(LicenseKind.COMMERCIAL, channels=["cinema"]))
    assert ask(USE, limited).outcome is Outcome.UNDETERMINED
    assert ask(use(channel="cinema"), limited).outcome is Outcome.PERMIT


def test_terms_of_another_kind_than_their_grant_leave_the_answer_open() -> None:
    assert ask(USE, grant(terms=make_terms(LicenseKind.DERIVATIVE))).outcome is Outcome.UNDETERMINED


def test_a_grant_under_another_carries_no_more_than_that_one() -> None:
    head = grant(position=10, licensee=STRANGER, terms=make_terms(LicenseKind.COMMERCIAL, sublicensing=True))
    held = grant(licensor=STRANGER, under=10)
    assert ask(USE, head, held).relied_on == (41, 10)
    narrow = msgspec.structs.replace(
        head, terms=make_terms(LicenseKind.COMMERCIAL, territories=["FR"], sublicensing=True)
    )
    assert ask(USE, narrow, held).outcome is Outcome.DENY
    forbidden = msgspec.structs.replace(head, terms=make_terms(LicenseKind.COMMERCIAL))
    assert "sublicensing" in {each.name for each in missing(ask(USE, forbidden, held))}
    assert ask(USE, held).outcome is Outcome.UNDETERMINED


def test_who_did_not_own_the_asset_gave_nothing() -> None:
    assert ask(USE, grant(licensor=OWNER)).outcome is Outcome.PERMIT
    assert violated(ask(USE, grant(licensor=STRANGER))) == [["licensor"]]


def test_a_cycle_of_grants_permits_nothing() -> None:
    one = grant(position=10, licensor=STRANGER, under=11)
    other = grant(position=11, licensee=STRANGER, licensor=LICENSEE, under=10)
    assert ask(USE, one, other).outcome is Outcome.DENY


def test_a_decision_is_the_same_for_a_cycle_of_derivations() -> None:
    cycle = (Derivation(ASSET, PARENT, 5), Derivation(PARENT, ASSET, 6))
    assert ask(USE, GRANT, derivations=cycle).outcome is Outcome.UNDETERMINED


def test_the_explanation_is_the_tree_in_lines() -> None:
    lines = explain(ask(use(territory="US"), GRANT))
    assert lines[0] == "deny"
    assert "  license 7, position 41: deny" in lines
    assert "    territory violated: wanted US, saw DE,FR" in lines
    assert lines[-1] == "  missing territory violated: wanted US, saw DE,FR (position 41); remedy: license"


@pytest.mark.parametrize(
    "changes",
    [
        {"territory": "XX"},
        {"territory": ""},
        {"territory": "EU"},
        {"media": "opera"},
        {"channel": "Not A Channel"},
        {"channel": ""},
        {"language": "german"},
        {"industry": "alchemy"},
        {"modification": "delete"},
        {"count": 0},
        {"exposure_s": -1},
        {"asset": bytes(31)},
        {"account": bytes(32)},
    ],
    ids=str,
)
def test_a_use_outside_the_vocabulary_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidUse):
        ask(use(**changes), GRANT)


TIMES = st.integers(0, 6)
POSITIONS = st.integers(1, 9)
TERRITORIES = st.sampled_from([EVERYTHING, extent("DE"), extent("EU@2020-02-01", without=("DE",)), extent("FR", "US")])
MEDIA = st.sampled_from([EVERYTHING, extent("film"), extent("film", without=("trailer",)), extent("game")])
SCOPES = st.builds(
    Scope,
    territories=TERRITORIES,
    media=MEDIA,
    sublicense_depth=st.sampled_from([None, 0, 1]),
    exclusive=st.booleans(),
)
KINDS = st.sampled_from([LicenseKind.COMMERCIAL, LicenseKind.DERIVATIVE])
ACCOUNTS = st.sampled_from([OWNER, LICENSEE, STRANGER])
ASSETS = st.sampled_from([ASSET, PARENT])


@st.composite
def a_grant(draw: st.DrawFn, *, exclusive: bool | None = None) -> Grant:
    kind = draw(KINDS)
    scope = draw(SCOPES)
    if exclusive is not None:
        scope = msgspec.structs.replace(scope, exclusive=exclusive)
    return Grant(
        position=draw(POSITIONS),
        license_id=1,
        asset=draw(ASSETS),
        licensee=draw(ACCOUNTS),
        kind=kind,
        terms=draw(st.sampled_from([Terms(2, kind, scope), None])),
        starts_at=draw(TIMES),
        expires_at=draw(st.none() | TIMES),
        revoked_at=draw(st.none() | TIMES),
        revoked_position=draw(st.none() | POSITIONS),
        licensor=draw(st.none() | ACCOUNTS),
        under=draw(st.none() | POSITIONS),
    )


def by_position(each: Grant) -> int:
    return each.position


def derived_under(position: int | None) -> tuple[Derivation, ...]:
    return (Derivation(ASSET, PARENT, 2, position),)


STATES = st.builds(
    RightsState,
    ownerships=st.just((Ownership(ASSET, OWNER, 0, 1), Ownership(PARENT, STRANGER, 0, 1))),
    grants=st.lists(a_grant(), max_size=5, unique_by=by_position).map(tuple),
    derivations=st.just(()) | st.builds(derived_under, st.none() | POSITIONS),
)
USES = st.builds(
    Use,
    asset=st.just(ASSET),
    account=ACCOUNTS,
    territory=st.sampled_from(["DE", "FR", "US", "*"]),
    media=st.sampled_from(["film", "trailer", "game"]),
    kind=st.none() | KINDS,
    distributed=st.booleans(),
)
MOMENTS = st.builds(At, TIMES, POSITIONS)
PROHIBITIONS = st.builds(
    Prohibition,
    asset=ASSETS,
    cause=st.just("takedown"),
    starts_at=TIMES,
    position=POSITIONS,
    territories=TERRITORIES,
    media=MEDIA,
)
DISPUTES = st.builds(Dispute, asset=ASSETS, starts_at=TIMES, position=POSITIONS)
RANK = {Outcome.DENY: 0, Outcome.UNDETERMINED: 1, Outcome.PERMIT: 2}


@given(USES, STATES, MOMENTS, PROHIBITIONS | DISPUTES)
def test_adding_a_prohibition_or_a_dispute_never_adds_a_permit(
    asked: Use, state: RightsState, at: At, fact: Prohibition | Dispute
) -> None:
    if isinstance(fact, Prohibition):
        more = msgspec.structs.replace(state, prohibitions=(fact,))
    else:
        more = msgspec.structs.replace(state, disputes=(fact,))
    before, after = decide(asked, Rights(state), at), decide(asked, Rights(more), at)
    assert RANK[after.outcome] <= RANK[before.outcome]


@given(USES, STATES, MOMENTS, SCOPES)
def test_a_narrower_grant_never_permits_more(asked: Use, state: RightsState, at: At, other: Scope) -> None:
    """Every grant with terms that are wider than ``other`` gets ``other``; exclusivity stays as it was."""
    narrowed: list[Grant] = []
    for each in state.grants:
        scope = None if each.terms is None else each.terms.scope
        tighter = msgspec.structs.replace(other, exclusive=scope.exclusive) if scope is not None else other
        fits = scope is not None and not scope.exclusive and narrower(tighter, scope)
        narrowed.append(msgspec.structs.replace(each, terms=Terms(2, each.kind, tighter)) if fits else each)
    less = msgspec.structs.replace(state, grants=tuple(narrowed))
    assert RANK[decide(asked, Rights(less), at).outcome] <= RANK[decide(asked, Rights(state), at).outcome]


@given(USES, STATES, MOMENTS)
def test_the_order_of_facts_does_not_matter(asked: Use, state: RightsState, at: At) -> None:
    turned = msgspec.structs.replace(state, grants=state.grants[::-1], ownerships=state.ownerships[::-1])
    assert decide(asked, Rights(turned), at) == decide(asked, Rights(state), at)


@given(USES, STATES, MOMENTS)
def test_a_permit_has_title_and_no_open_rule_and_all_else_says_what_is_missing(
    asked: Use, state: RightsState, at: At
) -> None:
    decision = decide(asked, Rights(state), at)
    assert (decision.outcome is Outcome.PERMIT) == (missing(decision) == ())
    if decision.outcome is Outcome.PERMIT:
        assert decision.owner.state is State.SATISFIED or decision.permitted_by
        assert all(rule.state is State.SATISFIED for rule in decision.rules)
        assert decision.relied_on


@given(USES, STATES, MOMENTS)
def test_nothing_younger_than_the_position_changes_the_answer(asked: Use, state: RightsState, at: At) -> None:
    def known(facts: tuple[Grant, ...]) -> tuple[Grant, ...]:
        return tuple(
            msgspec.structs.replace(each, revoked_at=None, revoked_position=None)
            if each.revoked_position is not None and each.revoked_position > at.known_position
            else each
            for each in facts
            if each.position <= at.known_position
        )

    derivations = tuple(each for each in state.derivations if each.position <= at.known_position)
    older = msgspec.structs.replace(state, grants=known(state.grants), derivations=derivations)
    assert decide(asked, Rights(older), at).outcome is decide(asked, Rights(state), at).outcome
