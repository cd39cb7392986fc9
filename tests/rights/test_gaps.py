"""The gap finder, against every choice of offers decided country by country and instant by instant."""

from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.reasons import Action, Outcome, Remedy
from atlas.rights.decisions.state import At, Fulfilment, Grant, Ownership, Prohibition, RecordedUse, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.errors import InvalidUse, PlanTooLarge
from atlas.rights.planning.gaps import Gap, find_gap
from atlas.rights.planning.plans import Offer, Plan, PlannedUse
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import EVERYTHING, Extent, countries, extent
from atlas.rights.terms.obligations import YEAR_S, Effect, Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope

ASSET, SONG = b"\xaa" * 32, b"\xbb" * 32
OWNER, STUDIO, RIVAL = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
OWNED = (Ownership(ASSET, OWNER, 0, 1), Ownership(SONG, OWNER, 0, 1))
KIND = LicenseKind.COMMERCIAL
KNOWN = 100
ANYWHERE = Scope()


def planned(*territories: str, media: tuple[str, ...] = ("film",), asset: bytes = ASSET, count: int = 1) -> PlannedUse:
    return PlannedUse(asset, media, extent(*territories), count=count, distributed=False)


def plan(*uses: PlannedUse, starts_at: int = 10, ends_at: int = 20) -> Plan:
    return Plan(STUDIO, starts_at, ends_at, uses)


def offer(number: int, price: Price, scope: Scope = ANYWHERE, **changes: object) -> Offer:
    made = Offer(number, number, ASSET, KIND, Terms(2, KIND, scope, price))
    return msgspec.structs.replace(made, **changes)


def gap(made: Plan, *offers: Offer, **facts: object) -> Gap:
    state = msgspec.structs.replace(RightsState(ownerships=OWNED), **facts)
    return find_gap(made, offers, state, known_position=KNOWN)


def held(position: int, scope: Scope, **changes: object) -> Grant:
    made = Grant(position, position, ASSET, STUDIO, KIND, Terms(2, KIND, scope), 0, None)
    return msgspec.structs.replace(made, **changes)


WORLD = offer(5, Price(buyout_wei=100))
GERMANY = offer(6, Price(buyout_wei=30), Scope(territories=extent("DE")))
FRANCE = offer(7, Price(buyout_wei=40), Scope(territories=extent("FR")))


def bought(found: Gap) -> list[tuple[int, int]]:
    return [(each.offer_id, each.price_wei) for each in found.purchases]


def test_two_small_licences_are_taken_where_they_cost_less_than_one_for_all() -> None:
    found = gap(plan(planned("DE", "FR")), WORLD, GERMANY, FRANCE)
    assert bought(found) == [(6, 30), (7, 40)]
    assert (found.price_wei, found.at_least_wei, found.is_exact, found.uncovered) == (70, 70, True, ())
    assert bought(gap(plan(planned("DE", "FR", "US")), WORLD, GERMANY, FRANCE)) == [(5, 100)]


def test_what_is_held_is_not_bought_again() -> None:
    found = gap(plan(planned("DE", "FR")), WORLD, GERMANY, FRANCE, grants=(held(3, Scope(territories=extent("DE"))),))
    assert (bought(found), found.held) == ([(7, 40)], (3,))
    assert gap(Plan(OWNER, 10, 20, (planned("*"),)), WORLD).purchases == ()


def test_a_licence_that_ends_within_the_plan_leaves_the_rest_to_be_bought() -> None:
    found = gap(plan(planned("DE")), GERMANY, grants=(held(3, Scope(), expires_at=15),))
    assert bought(found) == [(6, 30)]
    short = msgspec.structs.replace(GERMANY, duration_s=4)
    [lack] = gap(plan(planned("DE")), short).uncovered
    assert (lack.need.starts_at, lack.need.ends_at, lack.need.territories) == (14, 20, ("DE",))


def test_what_no_offer_covers_is_told_with_what_a_permit_takes() -> None:
    found = gap(plan(planned("DE", "US"), planned("*", asset=SONG)), GERMANY)
    assert (found.uncovered[0].need.asset, found.uncovered[0].need.territories) == (ASSET, ("US",))
    assert {each.need.use for each in found.uncovered} == {0, 1}
    assert {lack.remedy for each in found.uncovered for lack in each.missing} == {Remedy.LICENSE}


def test_nothing_is_bought_for_what_is_forbidden_and_open_rules_are_conditions() -> None:
    takedown = Prohibition(ASSET, "takedown", 0, 9, territories=extent("DE"))
    found = gap(plan(planned("DE", "FR")), GERMANY, FRANCE, prohibitions=(takedown,))
    assert bought(found) == [(7, 40)]
    assert [(each.need.territories, each.missing[0].remedy) for each in found.forbidden] == [(("DE",), Remedy.LIFTING)]
    public = msgspec.structs.replace(planned("CN"), distributed=True)
    reviewed = gap(plan(public, starts_at=1_800_000_000, ends_at=1_800_000_010), WORLD)
    assert bought(reviewed) == [(5, 100)]
    assert {lack.remedy for each in reviewed.conditions for lack in each.missing} == {Remedy.MEASURE}


@pytest.mark.parametrize(
    ("price", "registry_wei", "expected_wei", "share_bps"),
    [
        (Price(annual_wei=10), 0, 30, 0),
        (Price(annual_wei=10), 50, 50, 0),
        (Price(flat_wei=7, performance_bps=250), 7, 7, 250),
        (Price(minimum_guarantee_wei=9, share_bps=800), 0, 9, 800),
        (Price(per_use_wei=3), 0, 12, 0),
    ],
)
def test_a_price_is_what_the_plan_comes_to(price: Price, registry_wei: int, expected_wei: int, share_bps: int) -> None:
    made = plan(planned("DE", count=4), ends_at=10 + 2 * YEAR_S + 1)
    [purchase] = gap(made, offer(5, price, price_wei=registry_wei)).purchases
    assert (purchase.price_wei, purchase.share_bps) == (expected_wei, share_bps)


def test_of_equal_prices_the_smaller_share_of_revenue_is_taken() -> None:
    dear, cheap = offer(5, Price(share_bps=900)), offer(6, Price(share_bps=300))
    assert [each.offer_id for each in gap(plan(planned("DE")), dear, cheap).purchases] == [6]


def test_counters_bound_what_a_licence_carries_and_an_offer_is_taken_again() -> None:
    three = offer(5, Price(flat_wei=10), Scope(max_uses=3))
    made = plan(planned("DE", count=2), planned("DE", media=("game",), count=2))
    assert [(each.uses, each.price_wei) for each in gap(made, three).purchases] == [((0,), 10), ((1,), 10)]
    five = offer(6, Price(flat_wei=15), Scope(max_uses=5))
    assert [(each.offer_id, each.uses) for each in gap(made, three, five).purchases] == [(6, (0, 1))]
    mine = held(3, Scope(max_uses=5))
    spent = RecordedUse(3, 5, 50, count=2)
    found = gap(made, three, grants=(mine,), uses=(spent,))
    assert (len(found.purchases), found.held) == (1, (3,))
    assert gap(made, three, grants=(mine,)).purchases == ()
    [lack] = gap(plan(planned("DE", count=4)), three).uncovered
    assert lack.need.use == 0


def test_a_withdrawn_offer_and_one_of_later_do_not_count() -> None:
    gone = msgspec.structs.replace(WORLD, withdrawn_position=50)
    assert bought(gap(plan(planned("DE")), gone, GERMANY)) == [(6, 30)]
    assert bought(gap(plan(planned("DE")), msgspec.structs.replace(WORLD, withdrawn_position=101))) == [(5, 100)]
    assert gap(plan(planned("DE")), msgspec.structs.replace(WORLD, position=101)).purchases == ()


def test_an_exclusive_offer_is_no_offer_while_another_holds_such_a_licence() -> None:
    exclusive = msgspec.structs.replace(WORLD, exclusive=True)
    theirs = held(3, Scope(territories=extent("US")), licensee=RIVAL)
    assert gap(plan(planned("DE")), exclusive, grants=(theirs,)).purchases == ()
    assert bought(gap(plan(planned("DE")), exclusive, grants=(msgspec.structs.replace(theirs, expires_at=10),))) != []
    keeping_out = msgspec.structs.replace(theirs, exclusive=True)
    assert bought(gap(plan(planned("DE", "US")), WORLD, grants=(keeping_out,))) == [(5, 100)]
    commercial = msgspec.structs.replace(planned("DE", "US"), kind=KIND)
    [lack] = gap(plan(commercial), WORLD, grants=(keeping_out,)).uncovered
    assert lack.need.territories == ("US",)
    assert Remedy.RELEASE in {each.remedy for each in lack.missing}


def test_an_offer_by_somebody_who_does_not_own_the_asset_is_none() -> None:
    assert gap(plan(planned("DE")), msgspec.structs.replace(WORLD, licensor=RIVAL)).purchases == ()
    assert bought(gap(plan(planned("DE")), msgspec.structs.replace(WORLD, licensor=OWNER))) == [(5, 100)]


def test_a_duty_is_taken_to_be_met_unless_it_is_late_when_the_plan_starts() -> None:
    terms = Terms(2, KIND, Scope(), Price(annual_wei=5), Obligations(when_late=Effect.SUSPEND))
    mine = held(3, Scope(), terms=terms, starts_at=9)
    made = plan(planned("DE"), ends_at=3 * YEAR_S)
    assert bought(gap(made, GERMANY, grants=(mine,))) == [(6, 30)]
    paid = Fulfilment(3, Action.PAY, 9, 60, 5)
    assert gap(made, GERMANY, grants=(mine,), fulfilments=(paid,)).purchases == ()


@pytest.mark.parametrize(
    "made",
    [
        plan(planned("DE"), starts_at=20),
        plan(planned("XX")),
        plan(PlannedUse(ASSET, ("film",), Extent(()))),
        plan(planned("DE", media=())),
        plan(planned("DE", media=("opera",))),
        plan(planned("DE", media=("film", "film"))),
        plan(planned("DE", count=0)),
        plan(planned("DE", asset=b"")),
        Plan(b"", 1, 2, ()),
    ],
)
def test_a_plan_that_is_none_is_refused(made: Plan) -> None:
    with pytest.raises(InvalidUse):
        gap(made)


PLACES = st.sampled_from(
    [EVERYTHING, extent("DE"), extent("DACH@2026-01-01", without=("AT",)), extent("FR", "US"), extent("AT", "FR")]
)
MEDIA = st.sampled_from([EVERYTHING, extent("film"), extent("game"), extent("film", without=("trailer",))])
SCOPES = st.builds(Scope, territories=PLACES, media=MEDIA)
PRICES = st.builds(Price, buyout_wei=st.integers(0, 9), share_bps=st.sampled_from([None, 100]))
OFFERS = st.lists(st.tuples(PRICES, SCOPES, st.sampled_from([None, 2, 4])), max_size=5)
ACCOUNTS = st.sampled_from([STUDIO, STUDIO, RIVAL])
HELD = st.lists(
    st.tuples(SCOPES, st.integers(8, 14), st.none() | st.integers(10, 16), ACCOUNTS, st.booleans()), max_size=2
)
TAKEDOWNS = st.lists(
    st.builds(Prohibition, st.just(ASSET), st.just("takedown"), st.integers(8, 14), st.just(9), territories=PLACES),
    max_size=1,
)
CODES = st.sets(st.sampled_from(["DE", "AT", "FR", "US"]), min_size=1, max_size=3)
USED_MEDIA = st.sets(st.sampled_from(["film", "trailer", "game"]), min_size=1, max_size=2)


def at_places(territories: set[str], media: set[str]) -> PlannedUse:
    return planned(*territories, media=tuple(sorted(media)))


USES = st.lists(st.builds(at_places, CODES, USED_MEDIA), min_size=1, max_size=2)


def by_force(made: Plan, offers: list[Offer], state: RightsState) -> tuple[int, int, int, int]:
    """The least (points without a title, wei, basis points, licences) over all choices of offers."""
    points = [
        (Use(each.asset, STUDIO, code, media, distributed=False), instant)
        for each in made.uses
        for media in each.media
        for code in sorted(countries(each.territories))
        for instant in range(made.starts_at, made.ends_at)
    ]

    def is_forbidden(use: Use, instant: int) -> bool:
        facts = (each for each in state.prohibitions if each.starts_at <= instant)
        return any(use.territory in countries(each.territories) for each in facts)

    points = [point for point in points if not is_forbidden(*point)]
    found: list[tuple[int, int, int, int]] = []
    for taken in product([False, True], repeat=len(offers)):
        chosen = [each for each, is_taken in zip(offers, taken, strict=True) if is_taken]
        licences = tuple(
            held(
                KNOWN + 1 + place,
                each.terms.scope if each.terms is not None else Scope(),
                starts_at=made.starts_at,
                expires_at=None if each.duration_s is None else made.starts_at + each.duration_s,
            )
            for place, each in enumerate(chosen)
        )
        after = Rights(msgspec.structs.replace(state, grants=(*state.grants, *licences)))
        unmet = sum(decide(use, after, At(instant, 10**6)).outcome is not Outcome.PERMIT for use, instant in points)
        prices = [each.terms.price for each in chosen if each.terms is not None and each.terms.price is not None]
        found.append(
            (
                unmet,
                sum(price.buyout_wei or 0 for price in prices),
                sum(price.share_bps or 0 for price in prices),
                len(chosen),
            )
        )
    return min(found)


@settings(max_examples=60, deadline=None)
@given(USES, OFFERS, HELD, TAKEDOWNS)
def test_the_set_is_the_one_that_trying_every_set_finds(
    uses: list[PlannedUse],
    given_offers: list[tuple[Price, Scope, int | None]],
    given_grants: list[tuple[Scope, int, int | None, bytes, bool]],
    takedowns: list[Prohibition],
) -> None:
    made = plan(*uses, ends_at=16)
    offers = [
        offer(20 + place, price, scope, duration_s=duration_s)
        for place, (price, scope, duration_s) in enumerate(given_offers)
    ]
    grants = tuple(
        held(10 + place, scope, starts_at=start, expires_at=end, licensee=licensee, exclusive=exclusive)
        for place, (scope, start, end, licensee, exclusive) in enumerate(given_grants)
    )
    state = RightsState(ownerships=OWNED, grants=grants, prohibitions=tuple(takedowns))
    found = find_gap(made, offers, state, known_position=KNOWN)
    uncovered = sum(each.need.weight for each in found.uncovered)
    assert found.is_exact
    assert (
        uncovered,
        found.price_wei,
        sum(each.share_bps for each in found.purchases),
        len(found.purchases),
    ) == by_force(made, offers, state)
    assert find_gap(made, offers[::-1], state, known_position=KNOWN) == found


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(0, 4)), max_size=3),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
def test_counted_licences_are_filled_as_trying_every_filling_finds(
    given_offers: list[tuple[int, int, int]], counts: list[int]
) -> None:
    """Each planned use goes to one copy of an offer, or to none; copies carry no more than their uses."""
    offers = [
        offer(20 + place, Price(flat_wei=flat), Scope(max_uses=most, media=extent("film")), price_wei=floor)
        for place, (most, flat, floor) in enumerate(given_offers)
    ]
    made = plan(*(planned("DE", count=count) for count in counts), ends_at=11)
    copies = [each for each in offers for _ in counts]
    best = (len(counts), 0)
    for places in product(range(-1, len(copies)), repeat=len(counts)):
        loads: dict[int, int] = {}
        for place, count in zip(places, counts, strict=True):
            loads[place] = loads.get(place, 0) + count
        taken = [number for number in loads if number >= 0]
        if all(loads[n] <= given_offers[n // len(counts)][0] for n in taken):
            cost = sum(max(given_offers[n // len(counts)][1], given_offers[n // len(counts)][2]) for n in taken)
            best = min(best, (places.count(-1), cost))
    found = gap(made, *offers)
    assert (len(found.uncovered), found.price_wei) == best


def test_a_plan_of_more_needs_than_are_decided_at_once_is_refused() -> None:
    """Each use on record cuts the plan in two; each offer on the asset is held against each need."""
    uses = tuple(RecordedUse(9, 11 + number, 50) for number in range(3_000))
    made = plan(*[planned("DE", "FR")] * 20, ends_at=20_000)
    assert gap(made, WORLD, uses=uses[:100]).purchases
    with pytest.raises(PlanTooLarge, match="more than 50,000 needs"):
        gap(made, WORLD, uses=uses)
