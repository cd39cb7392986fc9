"""The algebra against brute force over a small universe."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import InvalidTerms
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Extent, countries, extent
from atlas.rights.terms.scopes import (
    DIMENSIONS,
    Period,
    Scope,
    check_scope,
    covers,
    extent_of,
    intersect,
    narrower,
    overlaps,
)
from atlas.rights.terms.territories import GROUPS, TERRITORIES

POINTS = {
    "territories": ["DE", "AT", "FR", "MT", "US", "GB"],
    "media": ["film", "feature_film", "trailer", "series", "miniseries", "game"],
    "languages": ["de", "de-AT", "en", "pt-BR", "qaa", "qab", "qac", "qad", "qae"],
    "channels": ["tv", "tv.arte", "tv.arte.plus", "web", *(f"other-{number}" for number in range(1, 6))],
    "modifications": ["edit", "trim", "adapt", "sequel", "style_transfer"],
}
LISTED = {
    "territories": ["DE", "AT", "FR", "MT", "US", "DACH@2026-01-01", "EU@2020-02-01"],
    "media": ["film", "feature_film", "trailer", "series", "miniseries"],
    "languages": ["de", "de-AT", "en"],
    "channels": ["tv", "tv.arte", "tv.arte.plus", "web"],
    "modifications": ["edit", "trim", "adapt", "sequel"],
}


@st.composite
def extents(draw: st.DrawFn, key: str) -> Extent:
    names = st.sampled_from(LISTED[key])
    of = draw(st.just({"*"}) | st.sets(names, min_size=1, max_size=3))
    without = draw(st.sets(names, max_size=2)) - of
    return extent(*of, without=tuple(without))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, Extent, Extent]:
    key = draw(st.sampled_from(sorted(POINTS)))
    return key, draw(extents(key)), draw(extents(key))


def has(key: str, value: Extent, name: str) -> bool:
    return DIMENSIONS[key].covers(value, Extent((name,)))


def points(key: str, value: Extent) -> set[str]:
    """What of the universe lies in ``value``: countries, or names together with all that is below them."""
    if key == "territories":
        return set(POINTS[key]) & countries(value)
    broader = {name: _line(key, name) for name in POINTS[key]}
    return {name for name, line in broader.items() if line & set(value.of) and not line & set(value.without)}


def _line(key: str, name: str) -> set[str]:
    separator = {"channels": ".", "languages": "-"}.get(key)
    if separator is None:
        tops = {"feature_film": "film", "trailer": "film", "miniseries": "series", "trim": "edit", "sequel": "adapt"}
        return {name, tops.get(name, name), "*"}
    parts = name.split(separator)
    return {separator.join(parts[:end]) for end in range(1, len(parts) + 1)} | {"*"}


@given(pairs())
def test_what_covers_has_every_point_of_what_it_covers(pair: tuple[str, Extent, Extent]) -> None:
    key, wide, narrow = pair
    if DIMENSIONS[key].covers(wide, narrow):
        assert points(key, narrow) <= points(key, wide)


@given(pairs().filter(lambda pair: pair[0] != "territories"))
def test_what_has_every_point_covers(pair: tuple[str, Extent, Extent]) -> None:
    """Lists draw from the universe, which has a name below and beside each: a missing point shows in it."""
    key, wide, narrow = pair
    if narrow.of != ("*",) and points(key, narrow) <= points(key, wide):
        assert DIMENSIONS[key].covers(wide, narrow)


@given(pairs())
def test_a_witness_lies_in_both_and_there_is_one_when_a_point_does(pair: tuple[str, Extent, Extent]) -> None:
    key, one, other = pair
    name = DIMENSIONS[key].witness(one, other)
    if name is None:
        assert not points(key, one) & points(key, other)
    else:
        assert has(key, Extent(one.of), name)
        assert has(key, Extent(other.of), name)
        assert name not in {*one.without, *other.without}


@given(pairs())
def test_what_is_met_is_what_lies_in_both(pair: tuple[str, Extent, Extent]) -> None:
    key, one, other = pair
    met = DIMENSIONS[key].meet(one, other)
    assert points(key, met) == points(key, one) & points(key, other)
    assert met == DIMENSIONS[key].meet(other, one) or countries(met) == countries(DIMENSIONS[key].meet(other, one))
    assert DIMENSIONS[key].covers(one, met)
    assert DIMENSIONS[key].covers(other, met)


LIMITS = st.none() | st.integers(1, 3)
PERIODS = st.builds(Period, st.none() | st.integers(0, 3), st.none() | st.integers(4, 6))
SCOPES = st.builds(
    Scope,
    territories=extents("territories"),
    media=extents("media"),
    channels=extents("channels"),
    modifications=st.just(NOTHING) | extents("modifications"),
    period=PERIODS,
    max_uses=LIMITS,
    sublicense_depth=LIMITS,
    attribution=st.booleans(),
)


@given(SCOPES, SCOPES)
def test_an_intersection_is_narrower_than_both_and_overlap_means_there_is_one(one: Scope, other: Scope) -> None:
    met = intersect(one, other)
    witness = overlaps(one, other)
    assert (met is None) == (witness is None)
    if met is not None and witness is not None:
        assert narrower(met, one)
        assert narrower(met, other)
        assert met.period.holds(witness.instant)


@given(SCOPES, SCOPES, SCOPES)
def test_narrower_is_an_order(one: Scope, other: Scope, third: Scope) -> None:
    assert narrower(one, one)
    if narrower(one, other) and narrower(other, third):
        assert narrower(one, third)


@given(SCOPES, SCOPES)
def test_a_narrower_scope_covers_no_use_that_the_wider_does_not(one: Scope, other: Scope) -> None:
    if not narrower(one, other):
        return
    for territory, medium, channel in product(POINTS["territories"], POINTS["media"], ["tv.arte", "web", "other-1"]):
        use = Scope(territories=extent(territory), media=extent(medium), channels=extent(channel), period=Period(4, 5))
        assert covers(other, use) or not covers(one, use)


def test_groups_are_lists_of_assigned_codes_with_the_day_they_hold_from() -> None:
    assert all(members <= TERRITORIES for members in GROUPS.values())
    assert (len(GROUPS["EU@2013-07-01"]), len(GROUPS["EU@2020-02-01"]), len(GROUPS["EEA@2020-02-01"])) == (28, 27, 30)
    assert len(GROUPS["SCHENGEN@2025-01-01"]) == 29


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"territories": extent("XX")}, "territories"),
        ({"territories": extent("EU")}, "territories"),
        ({"territories": Extent(("FR", "DE"))}, "territories"),
        ({"territories": Extent(("*", "DE"))}, "territories"),
        ({"territories": extent("DE", without=("DE",))}, "territories"),
        ({"territories": NOTHING}, "territories"),
        ({"media": extent("opera")}, "media"),
        ({"media": extent("film", without=("*",))}, "media.except"),
        ({"languages": extent("german")}, "languages"),
        ({"languages": extent("DE")}, "languages"),
        ({"channels": extent("TV")}, "channels"),
        ({"industries": extent("alchemy")}, "industries"),
        ({"period": Period(5, 5)}, "period"),
        ({"period": Period(-1, None)}, "period.starts_at"),
        ({"duration_s": 0}, "duration_s"),
        ({"max_uses": -1}, "max_uses"),
        ({"sublicense_depth": 17}, "sublicense_depth"),
    ],
    ids=str,
)
def test_a_scope_outside_the_vocabulary_is_refused_by_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidTerms, match=field):
        check_scope(msgspec.structs.replace(Scope(), **changes))


def test_every_dimension_is_open_but_modification() -> None:
    assert {key for key in DIMENSIONS if extent_of(Scope(), key) != EVERYTHING} == {"modifications"}
