"""``gap``: what a planned work still lacks: the cheapest licenses on offer, and what none of them gives."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.types import Info

from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput, LimitExceeded
from atlas.graphql.rights.decisions import facts_of, known_position, query_of, seconds, told
from atlas.graphql.rights.reasons import Missing, missing_type
from atlas.graphql.scalars import Aaid, Address, BigInt, DateTime
from atlas.graphql.types import AsOf, page_size
from atlas.projections.rights import VIEWS, read_offers
from atlas.projections.views.values import moment
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import PlanTooLarge, RightsError
from atlas.rights.planning import gaps as engine
from atlas.rights.planning.gaps import find_gap
from atlas.rights.planning.plans import Plan, PlannedUse
from atlas.rights.terms.extents import extent

MOST_USES = 50
"""Planned uses of one request."""
_ONCE, _NO_TIME = BigInt(1), BigInt(0)


@strawberry.input(name="PlannedUse", description="One use of one asset in a planned work.")
class PlannedUseInput:
    """One use of one asset; what a license limits and this does not state, no license is found for."""

    aaid: Aaid = strawberry.field(description="The asset.")
    media: list[str] = strawberry.field(description="In which media: all of them.")
    territories: list[str] = strawberry.field(description="Where: codes, groups, or * for everywhere.")
    except_territories: list[str] = strawberry.field(default_factory=list[str], description="Where not.")
    kind: LicenseKind | None = strawberry.field(default=None, description="Only under licenses of this kind.")
    channel: str | None = strawberry.field(default=None, description="On which channel or platform.")
    work: str | None = strawberry.field(default=None, description="In which work.")
    project: str | None = strawberry.field(default=None, description="In which project.")
    series: str | None = strawberry.field(default=None, description="In which series.")
    language: str | None = strawberry.field(default=None, description="In which language.")
    format: str | None = strawberry.field(default=None, description="In which ad format.")
    industry: str | None = strawberry.field(default=None, description="For which industry.")
    modification: str | None = strawberry.field(default=None, description="Changed how; as it is otherwise.")
    count: BigInt = strawberry.field(default=_ONCE, description="All uses together.")
    exposure_s: BigInt = strawberry.field(default=_NO_TIME, description="On screen, in seconds.")
    distributed: bool = strawberry.field(default=True, description="Whether a public sees it.")


@strawberry.type(description="An offer to be taken.")
class Purchase:
    """An offer to be taken."""

    position: BigInt = strawberry.field(description="The ledger position of the offer.")
    offer_id: BigInt = strawberry.field(description="Its number in its registry.")
    aaid: Aaid = strawberry.field(description="The asset.")
    uses: list[int] = strawberry.field(description="The planned uses that it is for, by their place in the plan.")
    price_wei: BigInt = strawberry.field(description="What it costs, in wei.")
    share_bps: int = strawberry.field(description="Its share of revenue, on top.")


@strawberry.type(description="Where a planned use is not permitted, whatever is bought, and why.")
class Lack:
    """Where a planned use is not permitted."""

    use: int = strawberry.field(description="The planned use, by its place in the plan.")
    aaid: Aaid = strawberry.field(description="The asset.")
    media: str = strawberry.field(description="In what.")
    territories: list[str] = strawberry.field(description="Where: ISO 3166-1 alpha-2.")
    starts_at: DateTime = strawberry.field(description="From when on.")
    ends_at: DateTime = strawberry.field(description="Until before when.")
    missing: list[Missing] = strawberry.field(description="What a permit would take.")


@strawberry.type(description="What a planned work lacks.")
class Gap:
    """What a planned work lacks."""

    purchases: list[Purchase] = strawberry.field(description="The cheapest offers that complete the title.")
    price_wei: BigInt = strawberry.field(description="What they cost together, in wei.")
    at_least_wei: BigInt = strawberry.field(description="What the cheapest costs at least; the same where it is exact.")
    is_exact: bool = strawberry.field(description="Whether nothing cheaper exists for certain.")
    held: list[BigInt] = strawberry.field(description="The positions of the account's licenses that are relied on.")
    uncovered: list[Lack] = strawberry.field(description="What no live offer carries.")
    forbidden: list[Lack] = strawberry.field(description="What a rule forbids; nothing is bought for it.")
    conditions: list[Lack] = strawberry.field(description="What takes more than a license, and what.")


def gap(
    info: Info[RequestContext, None],
    account: Annotated[Address, told("Who plans.")],
    uses: Annotated[list[PlannedUseInput], told("The planned uses, 50 at most.")],
    starts_at: Annotated[DateTime, told("When the uses begin.")],
    ends_at: Annotated[DateTime, told("When they have ended.")],
    first: Annotated[int | None, told("How many lacks of each sort: 100 by default, 1000 at most.")] = None,
    as_of: Annotated[AsOf | None, told("By what the ledger said up to a position.")] = None,
) -> Gap:
    """What a plan lacks. Raises BadInput, LimitExceeded, PositionNotReached."""
    if len(uses) > MOST_USES:
        raise LimitExceeded(f"the plan has {len(uses)} uses, and {MOST_USES} is the most allowed", hint="Divide it.")
    snapshot, size = info.context.snapshot, page_size(first)
    known = known_position(snapshot, VIEWS, as_of)
    assets = tuple(dict.fromkeys(use.aaid for use in uses))
    facts, offers = facts_of(snapshot, assets, known), read_offers(query_of(snapshot), assets)
    plan = Plan(account, seconds(starts_at), seconds(ends_at), tuple(map(_planned, uses)))
    try:
        found = find_gap(plan, offers, facts, known_position=known)
    except PlanTooLarge as error:
        raise LimitExceeded(error.message, hint=error.hint) from error
    except RightsError as error:
        raise BadInput(error.message, hint=error.hint) from error
    return Gap(
        purchases=[_purchase(each) for each in found.purchases],
        price_wei=BigInt(found.price_wei),
        at_least_wei=BigInt(found.at_least_wei),
        is_exact=found.is_exact,
        held=[BigInt(position) for position in found.held],
        uncovered=_lacks(found.uncovered, size),
        forbidden=_lacks(found.forbidden, size),
        conditions=_lacks(found.conditions, size),
    )


GAP = strawberry.field(
    gap,
    name="gap",
    description="What a planned work still lacks: the cheapest set of live offers that completes its title, with its "
    "price, and what no offer gives.",
)


def _planned(use: PlannedUseInput) -> PlannedUse:
    return PlannedUse(
        asset=use.aaid,
        media=tuple(use.media),
        territories=extent(*use.territories, without=tuple(use.except_territories)),
        kind=use.kind,
        channel=use.channel,
        work=use.work,
        project=use.project,
        series=use.series,
        language=use.language,
        format=use.format,
        industry=use.industry,
        modification=use.modification,
        count=use.count,
        exposure_s=use.exposure_s,
        distributed=use.distributed,
    )


def _purchase(each: engine.Purchase) -> Purchase:
    return Purchase(
        position=BigInt(each.position),
        offer_id=BigInt(each.offer_id),
        aaid=Aaid(each.asset),
        uses=list(each.uses),
        price_wei=BigInt(each.price_wei),
        share_bps=each.share_bps,
    )


def _lacks(lacks: Sequence[engine.Lack], size: int) -> list[Lack]:
    return [
        Lack(
            use=each.need.use,
            aaid=Aaid(each.need.asset),
            media=each.need.media,
            territories=list(each.need.territories),
            starts_at=DateTime(moment(each.need.starts_at)),
            ends_at=DateTime(moment(each.need.ends_at)),
            missing=[missing_type(one) for one in each.missing],
        )
        for each in lacks[:size]
    ]
