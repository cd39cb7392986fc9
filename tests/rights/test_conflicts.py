import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.conflicts import ConflictBook, all_conflicts, effective_scope
from atlas.rights.decisions.state import Grant
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import EVERYTHING, Extent, extent
from atlas.rights.terms.intervals import Intervals
from atlas.rights.terms.scopes import DIMENSIONS, Period, Scope, extent_of

ASSET = b"\xaa" * 32
ALICE, BOB, CAROL = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20


def grant(position: int, licensee: bytes, scope: Scope | None, **changes: object) -> Grant:
    kind = LicenseKind.COMMERCIAL
    terms = None if scope is None else Terms(2, kind, scope)
    made = Grant(position, position, ASSET, licensee, kind, terms, 10, 20)
    return msgspec.structs.replace(made, **changes)


EXCLUSIVE = grant(1, ALICE, Scope(territories=extent("EU@2020-02-01"), media=extent("film"), exclusive=True))


def test_an_exclusive_grant_meets_a_later_one_at_a_named_point() -> None:
    proposed = grant(2, BOB, Scope(territories=extent("FR", "US")), starts_at=15, expires_at=None)
    [conflict] = ConflictBook([EXCLUSIVE]).conflicts(proposed)
    point = dict(conflict.witness.names)
    assert (point["territories"], point["media"], conflict.witness.instant) == ("FR", "film", 15)
    assert conflict.other == EXCLUSIVE
    assert conflict.is_certain


@pytest.mark.parametrize(
    "proposed",
    [
        grant(2, BOB, Scope(territories=extent("US"))),
        grant(2, BOB, Scope(media=extent("game"))),
        grant(2, BOB, Scope(), starts_at=20, expires_at=None),
        grant(2, BOB, Scope(period=Period(None, 10))),
        grant(2, BOB, Scope(), asset=b"\xbb" * 32),
        grant(2, BOB, Scope(), kind=LicenseKind.DERIVATIVE),
        grant(2, ALICE, Scope()),
        grant(2, BOB, Scope(), under=1),
        grant(2, BOB, Scope(), revoked_at=10),
    ],
    ids=["place", "medium", "later", "earlier", "asset", "kind", "same account", "under it", "never in force"],
)
def test_without_a_common_point_there_is_no_conflict(proposed: Grant) -> None:
    assert ConflictBook([EXCLUSIVE]).conflicts(proposed) == ()


def test_two_grants_that_keep_nobody_out_do_not_conflict() -> None:
    assert ConflictBook([grant(1, ALICE, Scope())]).conflicts(grant(2, BOB, Scope())) == ()


def test_an_exclusive_grant_meets_those_that_are_there() -> None:
    book = ConflictBook([grant(1, ALICE, Scope()), grant(2, CAROL, Scope(media=extent("game")))])
    proposed = grant(3, BOB, Scope(exclusive=True))
    assert [each.other.position for each in book.conflicts(proposed, most=9)] == [1, 2]
    assert len(book.conflicts(proposed)) == 1


def test_a_grant_ended_early_is_put_in_again_with_its_end() -> None:
    book = ConflictBook([EXCLUSIVE])
    book.add(msgspec.structs.replace(EXCLUSIVE, revoked_at=12))
    assert book.conflicts(grant(2, BOB, Scope(), starts_at=12)) == ()
    assert book.conflicts(grant(2, BOB, Scope(), starts_at=11)) != ()


def test_what_a_grant_reached_before_it_ended_is_forgotten() -> None:
    book = ConflictBook([EXCLUSIVE])
    proposed = grant(2, BOB, Scope(), starts_at=12)
    assert book.conflicts(proposed) != ()
    book.add(msgspec.structs.replace(EXCLUSIVE, revoked_at=12))
    assert book.conflicts(proposed) == ()


def test_of_all_grants_each_is_held_against_those_before_it() -> None:
    later = grant(2, BOB, Scope(media=extent("film")))
    last = grant(3, CAROL, Scope(media=extent("game"), exclusive=True))
    found = [*all_conflicts([last, later, EXCLUSIVE, grant(4, BOB, Scope())], most=9)]
    assert [(each.grant.position, each.other.position) for each in found] == [(2, 1), (4, 1), (4, 3)]
    assert [*all_conflicts([EXCLUSIVE, later], at=20)] == []


def test_a_past_overlap_is_none_from_now_on() -> None:
    assert ConflictBook([EXCLUSIVE]).conflicts(grant(2, BOB, Scope()), at=20) == ()


def test_terms_that_are_not_known_may_reach_anything() -> None:
    [conflict] = ConflictBook([grant(1, ALICE, None, exclusive=True)]).conflicts(grant(2, BOB, Scope()))
    assert not conflict.is_certain


TIMES = st.integers(0, 8)
SCOPES = st.builds(
    Scope,
    territories=st.sampled_from(
        [EVERYTHING, extent("DE"), extent("DACH@2026-01-01", without=("AT",)), extent("EU@2020-02-01", "US")]
    ),
    media=st.sampled_from([EVERYTHING, extent("film"), extent("trailer"), extent("film", without=("trailer",))]),
    channels=st.sampled_from([EVERYTHING, extent("tv"), extent("tv.arte", "web"), extent("*", without=("tv",))]),
    industries=st.sampled_from([EVERYTHING, extent("beauty"), extent("cosmetics"), extent("*", without=("beauty",))]),
    works=st.sampled_from([EVERYTHING, extent("saga"), extent("saga.part-1", "tale"), extent("saga.part-1.cut")]),
    exclusive=st.booleans(),
)


@st.composite
def grants(draw: st.DrawFn, positions: st.SearchStrategy[int], kind: LicenseKind) -> Grant:
    return grant(
        draw(positions),
        draw(st.sampled_from([ALICE, BOB, CAROL])),
        draw(SCOPES),
        kind=kind,
        starts_at=draw(TIMES),
        expires_at=draw(st.none() | TIMES),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Grant], Grant]:
    """Some grants of one kind, and a proposed one."""
    kind = draw(st.sampled_from([LicenseKind.COMMERCIAL, LicenseKind.CHARACTER, LicenseKind.DERIVATIVE]))
    known = st.lists(grants(st.integers(1, 50), kind), max_size=12, unique_by=lambda each: each.position)
    return draw(known), draw(grants(st.just(99), kind))


UNIVERSE = {
    "territories": ["DE", "AT", "CH", "FR", "US", "JP"],
    "media": ["film", "feature_film", "trailer", "game"],
    "channels": ["tv", "tv.arte", "web", "other-1"],
    "industries": ["beauty", "cosmetics", "fragrance", "travel"],
    "works": ["saga", "saga.part-1", "saga.part-1.cut", "tale", "other-1"],
}


def holds(one: Scope, key: str, name: str) -> bool:
    return DIMENSIONS[key].covers(extent_of(one, key), Extent((name,)))


def has_point(one: Scope, key: str, name: str) -> bool:
    """Whether the name itself lies in the scope, whatever is excepted below it."""
    return DIMENSIONS[key].witness(extent_of(one, key), Extent((name,))) == name


def meet_by_force(one: Grant, other: Grant) -> bool:
    """Whether a point of the small universe lies in both."""
    if one.licensee == other.licensee or one.terms is None or other.terms is None:
        return False
    scopes = one.terms.scope, other.terms.scope
    if not any(scope.exclusive for scope in scopes):
        return False
    instants = [
        now
        for now in range(20)
        if all(each.starts_at <= now and (each.expires_at is None or now < each.expires_at) for each in (one, other))
    ]
    return bool(instants) and all(
        any(all(holds(scope, key, name) for scope in scopes) for name in names) for key, names in UNIVERSE.items()
    )


@given(books(), st.booleans())
def test_conflicts_are_those_that_brute_force_finds_and_witnesses_lie_in_both(
    made: tuple[list[Grant], Grant], one_by_one: bool
) -> None:
    known, proposed = made
    book = ConflictBook(() if one_by_one else known)
    for each in known if one_by_one else ():
        book.add(each)
    found = book.conflicts(proposed, most=99)
    expected = {each.position for each in known if meet_by_force(each, proposed)}
    assert {conflict.other.position for conflict in found} == expected
    for conflict in found:
        for side in (conflict.grant, conflict.other):
            scope = effective_scope(side)
            assert scope is not None
            assert scope.period.holds(conflict.witness.instant)
            assert all(has_point(scope, key, name) for key, name in conflict.witness.names)


ENTRIES = st.lists(st.tuples(TIMES, TIMES, st.integers()), max_size=40)


@given(ENTRIES, ENTRIES, TIMES, TIMES)
def test_intervals_meet_as_they_do_one_by_one(
    first: list[tuple[int, int, int]], more: list[tuple[int, int, int]], start: int, end: int
) -> None:
    intervals = Intervals(first)
    for entry in more:
        intervals.add(entry)
    expected = sorted(label for begin, until, label in (*first, *more) if begin < end and until > start)
    assert sorted(intervals.meeting(start, end)) == expected
