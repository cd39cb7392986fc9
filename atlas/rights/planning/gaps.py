"""What a planned work still lacks: the cheapest licences on offer that would complete its title, and what none gives.

Every need of the plan (plans.py) is decided by the rules of ``decisions.decide``, once for what the
account has and once for each live offer on the asset, as if it were taken when the plan starts. Of the offers the
set is chosen that leaves the fewest countries for the shortest time without a licence, then costs the least wei,
then the least share of revenue, then has the fewest licences. A licence that is held is used first, for nothing.

    counters   a licence carries a planned use whole or not at all, and all it carries fit within what is left of
               its uses and its seconds; one offer may be taken several times
    time       no licence is taken later than the plan's start; a duty that is not late then is taken to be met
    price      the parts that the terms ask for until the plan ends (annual fees by the year begun), or the price of
               the offer, whichever is more; shares of revenue are told beside it, for nobody knows the revenue

The choice is exact for each asset where the search ends within its bound; where it does not, the best found stands,
with what the cheapest must cost at least.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import msgspec

from atlas.rights.decisions.conflicts import ConflictBook
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.exclusivity import kept_out
from atlas.rights.decisions.grants import judge, used
from atlas.rights.decisions.index import Rights, is_exclusive
from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.reasons import Decision, Missing, Outcome, State
from atlas.rights.decisions.standings import in_default, standings
from atlas.rights.decisions.state import At, Grant, RightsState, as_known
from atlas.rights.planning.covering import MOST_STEPS, Column, Cover, cover
from atlas.rights.planning.plans import Need, Offer, Plan, as_grant, check_plan, needs_of, use_of
from atlas.rights.terms.obligations import NO_OBLIGATIONS, YEAR_S

MOST_DECISIONS: Final = 100_000
"""How many times a need is held against what the account has, or against an offer on its asset, at most."""
MOST_USES: Final = 12
"""Planned uses of one asset that a licence with counters is tried with in every combination; of more, one by one."""


class Purchase(msgspec.Struct, frozen=True):
    """One offer to be taken, for these planned uses."""

    position: int  # of the offer
    offer_id: int
    asset: bytes
    uses: tuple[int, ...]  # their places in the plan
    price_wei: int
    share_bps: int  # of revenue, on top


class Lack(msgspec.Struct, frozen=True):
    """Where a planned use is not permitted, whatever is bought, and why."""

    need: Need
    missing: tuple[Missing, ...]


class Gap(msgspec.Struct, frozen=True):
    """What the plan lacks. ``price_wei`` is of all purchases; ``at_least_wei`` is less only if it is not exact."""

    purchases: tuple[Purchase, ...]
    price_wei: int
    at_least_wei: int
    is_exact: bool
    held: tuple[int, ...]  # the positions of the account's own grants that are relied on
    uncovered: tuple[Lack, ...]  # no live offer carries it
    forbidden: tuple[Lack, ...]  # a rule forbids it, and nothing is bought for it
    conditions: tuple[Lack, ...]  # a rule is open: beside a licence it takes this too


def find_gap(
    plan: Plan, offers: Iterable[Offer], state: RightsState, *, known_position: int, most_steps: int = MOST_STEPS
) -> Gap:
    """The licences that ``plan`` still lacks, by what was known at a position. Raises InvalidUse, PlanTooLarge."""
    check_plan(plan)
    market = _market(plan, offers, state, known_position)
    needs = needs_of(plan, market.rights, market.at(plan.starts_at), market.most_needs)
    judged = [market.judge(need) for need in needs]
    assets = dict.fromkeys(planned.asset for planned in plan.uses)
    chosen = [market.choose([each for each in judged if each.need.asset == asset], most_steps) for asset in assets]
    return Gap(
        purchases=tuple(each for part in chosen for each in part.purchases),
        price_wei=sum(part.cover.cost[1] for part in chosen),
        at_least_wei=sum(part.cover.at_least[1] for part in chosen),
        is_exact=all(part.cover.is_exact for part in chosen),
        held=tuple(sorted({position for part in chosen for position in part.held})),
        uncovered=tuple(lack for part in chosen for lack in part.uncovered),
        forbidden=tuple(Lack(each.need, each.rules(State.VIOLATED)) for each in judged if each.is_forbidden),
        conditions=tuple(
            Lack(each.need, each.rules(State.UNKNOWN))
            for each in judged
            if not each.is_forbidden and each.rules(State.UNKNOWN)
        ),
    )


class _Judged(NamedTuple):
    """One need, how it stands now, and which grants and offers, by position, would carry it."""

    need: Need
    decision: Decision
    sources: tuple[int, ...]

    @property
    def is_forbidden(self) -> bool:
        return bool(self.rules(State.VIOLATED))

    @property
    def is_owned(self) -> bool:
        return self.decision.owner.state is State.SATISFIED

    def rules(self, state: State) -> tuple[Missing, ...]:
        """What is open beside the title: of another's exclusive licence the offers tell by themselves."""
        lacking = missing(self.decision)
        return tuple(
            each for each in lacking if each.grant is None and each.state is state and each.path[0] not in _TITLE
        )


_TITLE: Final = ("exclusivity", "license", "owner")


class _Chosen(NamedTuple):
    """What was chosen for one asset."""

    purchases: tuple[Purchase, ...]
    held: tuple[int, ...]
    uncovered: tuple[Lack, ...]
    cover: Cover


class _Market(NamedTuple):
    """The facts, with each live offer as the grant that it would become."""

    plan: Plan
    rights: Rights
    known_position: int
    offers: dict[int, Offer]  # by the position of the grant that it would become

    def at(self, instant: int) -> At:
        return At(instant, self.known_position)

    @property
    def most_needs(self) -> int:
        offered = Counter(offer.asset for offer in self.offers.values())
        return MOST_DECISIONS // (1 + max(offered.values(), default=0))

    def judge(self, need: Need) -> _Judged:
        use = use_of(self.plan, self.plan.uses[need.use], need.media, need.territories[0])
        at = self.at(need.starts_at)
        decision = decide(use, self.rights, at)
        taken = [self.rights.by_position[position] for position in self.offers]
        fitting = [
            grant.position
            for grant in taken
            if grant.asset == need.asset
            and judge(use, grant, self.rights, at, kept_out(use, need.asset, self.rights, at, grant)).outcome
            is Outcome.PERMIT
        ]
        return _Judged(need, decision, (*decision.permitted_by, *fitting))

    def choose(self, judged: Sequence[_Judged], most_steps: int) -> _Chosen:
        """The cheapest title to all needs of one asset that are not forbidden, nor the owner's."""
        open_ = [each for each in judged if not each.is_forbidden and not each.is_owned]
        classes: defaultdict[tuple[int, tuple[int, ...]], list[_Judged]] = defaultdict(list)
        for each in open_:
            classes[each.need.use, each.sources].append(each)
        found: list[tuple[int, tuple[int, ...], Column]] = []
        for source in sorted({source for each in open_ for source in each.sources}):
            found.extend(self._columns(source, [*classes]))
        weights = [sum(each.need.weight for each in members) for members in classes.values()]
        chosen = cover(weights, [column for _, _, column in found], places=3, most_steps=most_steps)
        picked = [found[number] for number in chosen.chosen]
        left_out = [members for bit, members in enumerate(classes.values()) if chosen.left_out >> bit & 1]
        return _Chosen(
            tuple(self._purchase(source, uses, column) for source, uses, column in picked if source in self.offers),
            tuple(source for source, _, _ in picked if source not in self.offers),
            tuple(Lack(each.need, missing(each.decision)) for members in left_out for each in members),
            chosen,
        )

    def _columns(
        self, source: int, classes: Sequence[tuple[int, tuple[int, ...]]]
    ) -> Iterator[tuple[int, tuple[int, ...], Column]]:
        """The sets of planned uses that a source can carry at once, with what they cost."""
        fitting = [(bit, use) for bit, (use, sources) in enumerate(classes) if source in sources]
        group = None if source in self.offers else source
        for uses in self._loads(source, sorted({use for _, use in fitting})):
            mask = sum(1 << bit for bit, use in fitting if use in uses)
            yield source, uses, Column(mask, self._cost(source, uses), group)

    def _loads(self, source: int, uses: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """All uses at once where nothing counts them; else each combination that fits."""
        grant = self.rights.by_position[source]
        room = self._room(grant)
        if not room and not _per_use_wei(grant):
            yield tuple(uses)
            return
        sizes = range(len(uses), 0, -1) if len(uses) <= MOST_USES else (1,)
        for size in sizes:
            for each in combinations(uses, size):
                if self._fits(each, room):
                    yield each

    def _room(self, grant: Grant) -> list[tuple[int | None, int | None]]:
        """What is left of the counters of a grant, and of those it is held under: uses and seconds, None unbounded."""
        room: list[tuple[int | None, int | None]] = []
        for position in self.rights.chain(grant, self.known_position):
            each = self.rights.by_position[position]
            limits = self.rights.limits(each)
            if limits is None or not limits.is_counted:
                continue
            count, exposure_s = used(each, self.rights, self.at(self.plan.ends_at))
            most, most_s = limits.scope.max_uses, limits.scope.max_exposure_s
            room.append((None if most is None else most - count, None if most_s is None else most_s - exposure_s))
        return room

    def _fits(self, uses: Sequence[int], room: Iterable[tuple[int | None, int | None]]) -> bool:
        count = sum(self.plan.uses[use].count for use in uses)
        exposure_s = sum(self.plan.uses[use].exposure_s for use in uses)
        return all(
            (most is None or count <= most) and (most_s is None or exposure_s <= most_s) for most, most_s in room
        )

    def _cost(self, source: int, uses: Sequence[int]) -> tuple[int, int, int]:
        """In wei, in basis points of revenue, in licences."""
        offer = self.offers.get(source)
        if offer is None:
            return 0, 0, 0
        price = None if offer.terms is None else offer.terms.price
        if price is None:
            return offer.price_wei, 0, 1
        end = self.rights.term(self.rights.by_position[source]).ends_at
        until = self.plan.ends_at if end is None else min(end, self.plan.ends_at)
        years = -(-(until - self.plan.starts_at) // YEAR_S)
        once_wei = (price.flat_wei or 0) + (price.buyout_wei or 0) + (price.minimum_guarantee_wei or 0)
        counted_wei = (price.per_use_wei or 0) * sum(self.plan.uses[use].count for use in uses)
        asked_wei = once_wei + counted_wei + (price.annual_wei or 0) * max(years, 0)
        return max(asked_wei, offer.price_wei), (price.share_bps or 0) + (price.performance_bps or 0), 1

    def _purchase(self, source: int, uses: tuple[int, ...], column: Column) -> Purchase:
        offer = self.offers[source]
        price_wei, share_bps, _ = column.cost
        return Purchase(offer.position, offer.offer_id, offer.asset, uses, price_wei, share_bps)


def _market(plan: Plan, offers: Iterable[Offer], state: RightsState, known_position: int) -> _Market:
    """The facts without what delay may do to a licence later, and the live offers that nothing on record excludes."""
    known = Rights(state)
    at = At(plan.starts_at, known_position)
    grants = tuple(_in_good_standing(grant, known, at) for grant in state.grants)
    live = sorted((offer for offer in offers if _is_live(offer, known_position)), key=lambda offer: offer.position)
    first = max((known_position, *(grant.position for grant in grants))) + 1
    taken = [(offer, as_grant(offer, plan, first + number)) for number, offer in enumerate(live)]
    book = ConflictBook(as_known(grant, known_position) for grant in grants if grant.position <= known_position)
    free = [
        (offer, _without_effect(grant))
        for offer, grant in taken
        if not is_exclusive(grant) or not book.conflicts(grant, at=plan.starts_at)
    ]
    more = msgspec.structs.replace(state, grants=(*grants, *(grant for _, grant in free)))
    return _Market(plan, Rights(more), known_position, {grant.position: offer for offer, grant in free})


def _is_live(offer: Offer, known_position: int) -> bool:
    is_withdrawn = offer.withdrawn_position is not None and offer.withdrawn_position <= known_position
    return offer.position <= known_position and not is_withdrawn


def _in_good_standing(grant: Grant, rights: Rights, at: At) -> Grant:
    return grant if in_default(standings(grant, rights, at)) is not None else _without_effect(grant)


def _without_effect(grant: Grant) -> Grant:
    if grant.terms is None or grant.terms.obligations == NO_OBLIGATIONS:
        return grant
    return msgspec.structs.replace(grant, terms=msgspec.structs.replace(grant.terms, obligations=NO_OBLIGATIONS))


def _per_use_wei(grant: Grant) -> int:
    price = None if grant.terms is None else grant.terms.price
    return 0 if price is None or price.per_use_wei is None else price.per_use_wei
