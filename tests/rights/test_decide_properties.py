"""What holds for every decision, in worlds of few facts."""

import random
from collections.abc import Callable

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.missing import missing, ways
from atlas.rights.decisions.reasons import Outcome, Reason, State
from atlas.rights.decisions.state import At, Dispute, Grant, Portrait, Prohibition, RightsState, as_known
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import extent
from atlas.rights.terms.scopes import Scope, narrower
from tests.rights.worlds import (
    ASSET,
    DISPUTES,
    LICENSEE,
    MOMENTS,
    OWNER,
    PORTRAITS,
    PROHIBITIONS,
    SCOPES,
    USES,
    a_grant,
    derived_worlds,
    with_more,
    worlds,
)

RANK = {Outcome.DENY: 0, Outcome.UNDETERMINED: 1, Outcome.PERMIT: 2}
SEEDS = st.integers(0, 2**16)


def rank(use: Use, state: RightsState, at: At) -> int:
    return RANK[decide(use, Rights(state), at).outcome]


@given(USES, worlds(), MOMENTS, PROHIBITIONS | DISPUTES | PORTRAITS)
def test_adding_a_prohibition_a_dispute_or_a_portrait_never_adds_a_permit(
    asked: Use, state: RightsState, at: At, fact: Prohibition | Dispute | Portrait
) -> None:
    if isinstance(fact, Prohibition):
        more = with_more(state, prohibitions=(*state.prohibitions, fact))
    elif isinstance(fact, Dispute):
        more = with_more(state, disputes=(*state.disputes, fact))
    else:
        more = with_more(state, portraits=(*state.portraits, fact))
    is_of_one_grant = isinstance(fact, Dispute) and fact.grant is not None
    before, after = rank(asked, state, at), rank(asked, more, at)
    # A dispute over another's exclusive license opens the question of whether that one keeps the account out.
    assert after <= max(before, RANK[Outcome.UNDETERMINED] if is_of_one_grant else before)


@given(USES, worlds(), MOMENTS, a_grant())
def test_a_grant_to_another_never_adds_a_permit(asked: Use, state: RightsState, at: At, other: Grant) -> None:
    assume(other.licensee != asked.account and other.position not in {each.position for each in state.grants})
    assume(all(other.position != each.under for each in state.grants))
    assume(all(other.position != each.grant for each in state.derivations))
    more = with_more(state, grants=(*state.grants, other))
    assert rank(asked, more, at) <= rank(asked, state, at)


@given(USES, worlds(), MOMENTS, SCOPES)
def test_a_narrower_grant_never_permits_more(asked: Use, state: RightsState, at: At, other: Scope) -> None:
    """Every grant that keeps nobody out and is wider than ``other`` gets ``other``."""

    def narrowed(each: Grant) -> Grant:
        scope = None if each.terms is None else each.terms.scope
        tighter = msgspec.structs.replace(other, exclusive=False)
        if scope is None or each.terms is None or scope.exclusive or not narrower(tighter, scope):
            return each
        return msgspec.structs.replace(each, terms=msgspec.structs.replace(each.terms, scope=tighter))

    less = with_more(state, grants=tuple(map(narrowed, state.grants)))
    assert rank(asked, less, at) <= rank(asked, state, at)


NARROWINGS: dict[str, Callable[[Scope], Scope]] = {
    "territory": lambda scope: msgspec.structs.replace(scope, territories=extent("DE")),
    "use": lambda scope: msgspec.structs.replace(scope, max_uses=1),
    "time": lambda scope: msgspec.structs.replace(scope, duration_s=1),
    "sublicense": lambda scope: msgspec.structs.replace(scope, sublicense_depth=0),
}


@given(USES, worlds(), MOMENTS, st.sampled_from(sorted(NARROWINGS)))
def test_narrowing_every_grant_along_one_dimension_never_permits_more(
    asked: Use, state: RightsState, at: At, name: str
) -> None:
    def narrowed(each: Grant) -> Grant:
        if each.terms is None or each.terms.scope.exclusive:
            return each
        tighter = NARROWINGS[name](each.terms.scope)
        fits = narrower(tighter, each.terms.scope)
        return msgspec.structs.replace(each, terms=Terms(2, each.kind, tighter)) if fits else each

    plain = with_more(
        state,
        grants=tuple(
            each if each.terms is None else msgspec.structs.replace(each, terms=Terms(2, each.kind, each.terms.scope))
            for each in state.grants
        ),
    )
    less = with_more(plain, grants=tuple(map(narrowed, plain.grants)))
    assert rank(asked, less, at) <= rank(asked, plain, at)


@given(USES, worlds(), MOMENTS, SEEDS)
def test_the_order_of_facts_does_not_matter(asked: Use, state: RightsState, at: At, seed: int) -> None:
    draw = random.Random(seed)
    turned = {
        name: tuple(draw.sample(getattr(state, name), len(getattr(state, name)))) for name in state.__struct_fields__
    }
    one, other = decide(asked, Rights(state), at), decide(asked, Rights(with_more(state, **turned)), at)
    assert one.outcome is other.outcome
    assert one.grants == other.grants
    assert sorted(map(repr, one.rules)) == sorted(map(repr, other.rules))


@given(st.lists(st.tuples(USES, MOMENTS), min_size=2, max_size=6), worlds())
def test_what_was_found_for_other_uses_changes_no_decision(asked: list[tuple[Use, At]], state: RightsState) -> None:
    """Findings are kept from use to use; each decision is the one that fresh facts give, reason by reason."""
    kept = Rights(state)
    for use, at in [*asked, *asked]:
        assert decide(use, kept, at) == decide(use, Rights(state), at)


@given(USES, st.lists(MOMENTS, min_size=4, max_size=8), derived_worlds())
def test_what_was_found_about_a_pedigree_holds_as_long_as_nothing_on_record_about_it_changes(
    asked: Use, moments: list[At], state: RightsState
) -> None:
    kept = Rights(state)
    for account in (asked.account, OWNER, LICENSEE):
        use = msgspec.structs.replace(asked, account=account)
        for at in [*moments, *moments]:
            assert decide(use, kept, at) == decide(use, Rights(state), at)


@given(USES, worlds(), MOMENTS)
def test_a_permit_has_title_and_no_open_rule_and_all_else_says_what_is_missing(
    asked: Use, state: RightsState, at: At
) -> None:
    decision = decide(asked, Rights(state), at)
    assert (decision.outcome is Outcome.PERMIT) == (missing(decision) == ())
    if decision.outcome is Outcome.PERMIT:
        assert decision.owner.state is State.SATISFIED or decision.permitted_by
        assert all(rule.state is State.SATISFIED for rule in decision.rules)
        assert decision.relied_on


@given(USES, worlds(), MOMENTS)
def test_what_is_missing_is_every_open_leaf_of_the_rules_and_of_one_title(
    asked: Use, state: RightsState, at: At
) -> None:
    decision = decide(asked, Rights(state), at)
    assume(decision.outcome is not Outcome.PERMIT)
    rules = {name for rule in decision.rules for name in open_leaves(rule)}
    for way in ways(decision):
        assert rules <= {each.name for each in way}
        assert all(each.state is not State.SATISFIED for each in way)
        [granted] = {each.grant for each in way if each.grant is not None} or {None}
        if granted is not None:
            [finding] = [each for each in decision.grants if each.position == granted]
            title = {name for each in finding.constraints for name in open_leaves(each)}
            assert {each.name for each in way if each.grant == granted} == title
    assert missing(decision) in ways(decision)
    # A way with nothing violated leaves the answer open, and one with something violated does not.
    hopes = [all(each.state is State.UNKNOWN for each in way) for way in ways(decision)]
    assert any(hopes) == (decision.outcome is Outcome.UNDETERMINED)


def open_leaves(reason: Reason) -> set[str]:
    if reason.state is State.SATISFIED:
        return set()
    below = {name for child in reason.children for name in open_leaves(child)}
    return below or {reason.name}


@given(USES, worlds(), MOMENTS)
def test_a_derivative_never_has_more_than_its_parent_was_licensed_for(asked: Use, state: RightsState, at: At) -> None:
    """Whatever its own grants say, a work that was made under a grant stays within that grant."""
    decision = decide(asked, Rights(state), at)
    assume(decision.outcome is Outcome.PERMIT)
    for step in state.derivations:
        if step.child == ASSET and step.position <= at.known_position and not step.by_owner:
            [head] = [each for each in state.grants if each.position == step.grant]
            assert head.terms is not None
            alone = msgspec.structs.replace(head.terms.scope, max_uses=None, max_exposure_s=None, sublicense_depth=None)
            terms = msgspec.structs.replace(head.terms, scope=alone)
            to_owner = msgspec.structs.replace(head, licensee=OWNER, terms=terms, licensor=None, under=None)
            lone = RightsState(ownerships=state.ownerships, grants=(to_owner,), fulfilments=state.fulfilments)
            use = msgspec.structs.replace(asked, asset=head.asset, account=OWNER, kind=None)
            found = decide(use, Rights(lone), at)
            assert found.permitted_by or found.owner.state is State.SATISFIED


@given(USES, worlds(), MOMENTS)
def test_nothing_younger_than_the_position_changes_the_answer(asked: Use, state: RightsState, at: At) -> None:
    known = at.known_position

    def older(facts: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(reopened(fact) for fact in facts if getattr(fact, "position", 0) <= known)

    def reopened(fact: object) -> object:
        if isinstance(fact, Grant):
            return as_known(fact, known)
        ended = getattr(fact, "ended_position", None)
        if isinstance(fact, Prohibition | Dispute) and ended is not None and ended > known:
            return msgspec.structs.replace(fact, ended_at=None, ended_position=None)
        return fact

    past = with_more(state, **{name: older(getattr(state, name)) for name in state.__struct_fields__})
    assert decide(asked, Rights(past), at) == decide(asked, Rights(state), at)
