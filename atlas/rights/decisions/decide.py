"""May this account use this asset so, there, at that time, by what was known at a position? With all reasons.

A use is permitted when the account has title (it owns the asset, or a grant of its own carries the use) and
every rule holds:

    registered      somebody is on record as the asset's owner at that time
    prohibition     no takedown, ruling or reservation reaches the use, on the asset or on what it derives from
    dispute         none is pending over any of them
    lineage         the grant that each derivation was made under carries the use too: a derivative never has
                    more than its parents; whoever is not the derivative's owner stands one sub-licence below
    portrait        real persons shown in any of them allow it (W26)
    jurisdiction    what the law of the territory makes a condition of a distribution is met (W27)
    exclusivity     nobody else holds it exclusively (a constraint of each grant, and of ownership)
    duty            nothing is late whose delay suspends or ends the licence by its terms (of each grant)

The answer depends on the arguments alone. Rules are conjoined, grants are alternatives, and a violation wins
over what is not known, which wins over what is satisfied.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from atlas.rights.decisions.duties import duties_of
from atlas.rights.decisions.exclusivity import kept_out
from atlas.rights.decisions.explaining import explain
from atlas.rights.decisions.grants import hold, judge, write_address
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.jurisdictions import PORTRAIT_RULE, JurisdictionRule, rules_for
from atlas.rights.decisions.pedigree import Pedigree
from atlas.rights.decisions.reasons import (
    OUTCOMES,
    Decision,
    GrantFinding,
    Outcome,
    Reason,
    State,
    standing,
    state_of,
    worst,
)
from atlas.rights.decisions.state import At, Authorization, Derivation, Ownership, Prohibition, in_force
from atlas.rights.decisions.uses import Use, check_use
from atlas.rights.terms.extents import Extent
from atlas.rights.terms.scopes import DIMENSIONS

__all__ = ["Decision", "Outcome", "Reason", "State", "decide", "explain"]

_TERRITORIES, _MEDIA = DIMENSIONS["territories"], DIMENSIONS["media"]


def decide(use: Use, rights: Rights, at: At) -> Decision:
    """Whether ``use`` is permitted at ``at``, given ``rights``. Raises InvalidUse."""
    check_use(use)
    ownership = rights.owner(use.asset, at)
    pedigree = rights.pedigree(use.asset, at)
    owner = _owner(use, ownership, rights, at)
    grants = tuple(
        judge(use, grant, rights, at, kept_out(use, use.asset, rights, at, grant))
        for grant in rights.held.get((use.asset, use.account), ())
        if grant.position <= at.known_position
    )
    rules = tuple(_rules(use, ownership, pedigree, rights, at))
    if not grants and not owner.children and owner.state is not State.SATISFIED:
        rules += tuple(kept_out(use, use.asset, rights, at, None))  # what would keep a new license out
    state = worst((*[rule.state for rule in rules], _title(owner, grants)))
    outcome = OUTCOMES[state]
    if outcome is not Outcome.PERMIT:
        return Decision(outcome, owner, grants, rules, (), ())
    chain = _relied_on(owner, grants)
    derived = tuple(step.grant for step in pedigree.steps if step.grant is not None and not step.by_owner)
    duties = duties_of(use, chain, derived, rights, at)
    first = (ownership.position,) if ownership is not None and not chain else chain
    return Decision(outcome, owner, grants, rules, duties, (*first, *derived))


def _title(owner: Reason, grants: Sequence[GrantFinding]) -> State:
    """The best of ownership and of the grants; an owner kept out by an exclusive grant of another has none."""
    outcomes = {finding.outcome for finding in grants}
    if owner.state is State.SATISFIED or Outcome.PERMIT in outcomes:
        return State.SATISFIED
    open_ = owner.state is State.UNKNOWN or Outcome.UNDETERMINED in outcomes
    return State.UNKNOWN if open_ else State.VIOLATED


def _relied_on(owner: Reason, grants: Sequence[GrantFinding]) -> tuple[int, ...]:
    """The grant that permits, with those above it: the earliest, so that the answer does not depend on order."""
    if owner.state is State.SATISFIED:
        return ()
    return next(finding.chain for finding in grants if finding.outcome is Outcome.PERMIT)


def _owner(use: Use, ownership: Ownership | None, rights: Rights, at: At) -> Reason:
    account = write_address(use.account)
    if ownership is None:
        return Reason("owner", State.VIOLATED, "no owner on record", account)
    owner = write_address(ownership.owner)
    if ownership.owner != use.account:
        return Reason("owner", State.VIOLATED, owner, account, ownership.position)
    kept = tuple(kept_out(use, use.asset, rights, at, None))
    return Reason("owner", standing(kept), owner, account, ownership.position, kept)


def _rules(use: Use, ownership: Ownership | None, pedigree: Pedigree, rights: Rights, at: At) -> Iterator[Reason]:
    if ownership is None:
        yield Reason("registered", State.UNKNOWN, "an owner on record", "none at that time and position")
    for asset in pedigree.assets if rights.burdened else ():
        if asset in rights.burdened:
            yield from _prohibited(use, asset, rights, at)
            yield from _disputed(asset, rights, at)
            yield from _portrayed(use, asset, rights, at)
    yield from _lineage(use, pedigree, rights, at)
    if use.distributed:
        yield from _lawful(use, rights, at)


def _lineage(use: Use, pedigree: Pedigree, rights: Rights, at: At) -> tuple[Reason, ...]:
    if not pedigree.steps:
        return ()
    key = pedigree.key(use, at)
    found = None if key is None else pedigree.found(key)
    if found is None:
        found = tuple(_derived(use, step, rights, at) for step in pedigree.steps)
        if key is not None:
            pedigree.keep(key, found)
    return found


def _prohibited(use: Use, asset: bytes, rights: Rights, at: At) -> Iterator[Reason]:
    for fact in rights.prohibitions.get(asset, ()):
        if in_force(fact, at) and fact.account in (None, use.account) and _reaches(fact, use):
            where = f"{fact.cause} of {_write(asset)} in {fact.territories}, {fact.media}"
            yield Reason("prohibition", State.VIOLATED, "no prohibition", where, fact.position)


def _disputed(asset: bytes, rights: Rights, at: At) -> Iterator[Reason]:
    for fact in rights.disputes.get(asset, ()):
        if fact.grant is None and in_force(fact, at):
            yield Reason("dispute", State.UNKNOWN, "no dispute", f"pending over {_write(asset)}", fact.position)


def _portrayed(use: Use, asset: bytes, rights: Rights, at: At) -> Iterator[Reason]:
    for portrait in rights.portraits.get(asset, ()):
        if portrait.position > at.known_position:
            continue
        wanted = f"leave of the person 0x{portrait.person.hex()}"
        allowed = [
            fact
            for fact in rights.authorizations.get(asset, ())
            if fact.person == portrait.person and in_force(fact, at) and _allows(fact, use)
        ]
        seen = "authorized" if allowed else "no authorization that reaches the use"
        position = allowed[0].position if allowed else portrait.position
        yield Reason(PORTRAIT_RULE, state_of(bool(allowed)), wanted, seen, position)


def _derived(use: Use, step: Derivation, rights: Rights, at: At) -> Reason:
    """The use lies within the grant that ``step`` was made under."""
    parent = _write(step.parent)
    if step.by_owner:
        return Reason("lineage", State.SATISFIED, f"leave of the owner of {parent}", "made by the owner", step.position)
    grant = None if step.grant is None else rights.by_position.get(step.grant)
    if grant is None or grant.position > at.known_position or grant.asset != step.parent:
        return Reason("lineage", State.UNKNOWN, f"the license on {parent}", "not on record", step.position)
    maker = rights.owner(step.child, at)
    depth = 0 if maker is not None and maker.owner == use.account else 1
    kept = kept_out(use, step.parent, rights, at, grant)
    children = (*hold(use, grant, rights, at, depth=depth, counted=False), *kept)
    seen = f"license {grant.license_id}"
    return Reason("lineage", standing(children), f"within the license on {parent}", seen, grant.position, children)


def _lawful(use: Use, rights: Rights, at: At) -> Iterator[Reason]:
    for rule in rules_for(use.territory):
        if rule.is_condition and rule.since <= at.valid_time:
            yield _met(rule, use, rights, at)


def _met(rule: JurisdictionRule, use: Use, rights: Rights, at: At) -> Reason:
    """The latest word on the measure counts."""
    taken = [
        fact
        for fact in rights.measures.get(use.asset, ())
        if fact.measure is rule.measure
        and fact.position <= at.known_position
        and fact.at <= at.valid_time
        and _TERRITORIES.covers(fact.territories, rule.territories)
    ]
    wanted = f"{rule.measure} ({rule.law})"
    if not taken:
        return Reason(rule.rule, State.UNKNOWN, wanted, "nothing on record")
    last = max(taken, key=lambda fact: (fact.at, fact.position))
    return Reason(rule.rule, state_of(last.passed), wanted, "passed" if last.passed else "failed", last.position)


def _reaches(fact: Prohibition, use: Use) -> bool:
    return (
        _TERRITORIES.witness(fact.territories, Extent((use.territory,))) is not None
        and _MEDIA.witness(fact.media, Extent((use.media,))) is not None
    )


def _allows(fact: Authorization, use: Use) -> bool:
    return (
        fact.account in (None, use.account)
        and _TERRITORIES.covers(fact.territories, Extent((use.territory,)))
        and _MEDIA.covers(fact.media, Extent((use.media,)))
    )


@lru_cache(maxsize=65_536)
def _write(asset: bytes) -> str:
    return f"aaid:{asset.hex()}"
