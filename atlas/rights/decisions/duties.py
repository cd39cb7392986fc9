"""What is owed for a permitted use: by the terms of the grants relied on, and by the law of the place."""

from collections.abc import Iterator, Sequence

from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.jurisdictions import JurisdictionRule, rules_for
from atlas.rights.decisions.reasons import Action, Duty, DutyState
from atlas.rights.decisions.standings import standings
from atlas.rights.decisions.state import At, Grant
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.extents import Territories


def duties_of(use: Use, chain: Sequence[int], derived: Sequence[int], rights: Rights, at: At) -> tuple[Duty, ...]:
    """The duties still to be met, in the order: the account's own grant, the grants its parents rest on, the law.

    What has to be paid and reported is owed under the account's own grant only: who owes it under the head grants
    is who holds them. ``standings`` has the whole ledger of a grant, what was fulfilled included.
    """
    found: list[Duty] = []
    if chain:
        grant = rights.by_position[chain[0]]
        found.extend(duty for duty in standings(grant, rights, at) if _is_open(duty))
        found.extend(_per_use(use, grant, at))
    for position in (*chain, *derived):
        grant = rights.by_position[position]
        if grant.terms is not None and grant.terms.scope.attribution:
            found.append(Duty(Action.ATTRIBUTE, "scope.attribution", at.valid_time, position=position))
    if use.distributed:
        found.extend(_measures(use, rights, at))
    return tuple(found)


def _is_open(duty: Duty) -> bool:
    """Credit for earlier uses is in the ledger, and no matter of this one."""
    return duty.action != Action.ATTRIBUTE and duty.state in (DutyState.PENDING, DutyState.LATE)


def _per_use(use: Use, grant: Grant, at: At) -> Iterator[Duty]:
    """The price of this use, which is not on record yet."""
    price = None if grant.terms is None else grant.terms.price
    if price is not None and price.per_use_wei:
        amount_wei = price.per_use_wei * use.count
        yield Duty(Action.PAY, "price.per_use_wei", at.valid_time, amount_wei, position=grant.position)


def _measures(use: Use, rights: Rights, at: At) -> Iterator[Duty]:
    """Measures that the law asks for and that nobody recorded as taken."""
    for rule in rules_for(use.territory):
        if not rule.is_condition and rule.since <= at.valid_time and not _taken(rule, use, rights, at):
            yield Duty(rule.measure, rule.rule, at.valid_time)


def _taken(rule: JurisdictionRule, use: Use, rights: Rights, at: At) -> bool:
    return any(
        fact.passed
        and fact.measure is rule.measure
        and fact.position <= at.known_position
        and fact.at <= at.valid_time
        and Territories().covers(fact.territories, rule.territories)
        for fact in rights.measures.get(use.asset, ())
    )
