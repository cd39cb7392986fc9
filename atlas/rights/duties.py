"""What is owed for a permitted use: by the terms of the grants relied on, and by the law of the place."""

from collections.abc import Iterator, Sequence
from typing import Final

from atlas.rights.extents import Territories
from atlas.rights.index import Rights
from atlas.rights.jurisdictions import JurisdictionRule, rules_for
from atlas.rights.prices import Price
from atlas.rights.reasons import Duty
from atlas.rights.state import At, Grant
from atlas.rights.uses import Use

YEAR_S: Final = 365 * 24 * 3600
"""A licence year: annual fees fall due at the grant's start and every 365 days after."""


def duties_of(use: Use, chain: Sequence[int], derived: Sequence[int], rights: Rights, at: At) -> tuple[Duty, ...]:
    """The duties, in the order: the account's own grant, the grants its parents rest on, the law.

    Payment is owed under the account's own grant only: who pays for the head grants is who holds them.
    """
    found: list[Duty] = []
    if chain:
        grant = rights.by_position[chain[0]]
        price = None if grant.terms is None else grant.terms.price
        if price is not None:
            found.extend(_payments(use, grant, price, at))
    for position in (*chain, *derived):
        grant = rights.by_position[position]
        if grant.terms is not None and grant.terms.scope.attribution:
            found.append(Duty("attribute", "scope.attribution", at.valid_time, None, position))
    if use.distributed:
        found.extend(_measures(use, rights, at))
    return tuple(found)


def _payments(use: Use, grant: Grant, price: Price, at: At) -> Iterator[Duty]:
    start, position = grant.starts_at, grant.position
    for name, amount_wei in (("flat_wei", price.flat_wei), ("buyout_wei", price.buyout_wei)):
        if amount_wei:
            yield Duty("pay", f"price.{name}", start, amount_wei, position)
    if price.annual_wei:
        years = (at.valid_time - start) // YEAR_S
        yield Duty("pay", "price.annual_wei", start + years * YEAR_S, price.annual_wei, position)
    if price.per_use_wei:
        yield Duty("pay", "price.per_use_wei", at.valid_time, price.per_use_wei * use.count, position)
    if price.minimum_guarantee_wei:
        yield Duty("pay", "price.minimum_guarantee_wei", start, price.minimum_guarantee_wei, position)
    for name, share_bps in (("share_bps", price.share_bps), ("performance_bps", price.performance_bps)):
        if share_bps:
            yield Duty(f"share {share_bps} basis points", f"price.{name}", None, None, position)


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
