from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import CyclicLineage, InvalidLineage, InvalidShares, LineageTooLarge
from atlas.rights.royalties.lineage import Bounds, Lineage, Link
from tests.rights.books import BOOK, DIAMOND, FILM, HERO, VILLAIN, WORLD, asset, lineages


def chain(length: int) -> list[Link]:
    return [Link(1, number.to_bytes(32), (number + 1).to_bytes(32), Fraction(0)) for number in range(length)]


def test_ancestors_are_all_that_a_work_derives_from() -> None:
    lineage = Lineage(DIAMOND)
    assert lineage.ancestors(FILM) == {HERO, VILLAIN, WORLD, BOOK}
    assert lineage.ancestors(WORLD) == {BOOK}
    assert lineage.ancestors(asset(77)) == frozenset()


def test_descendants_come_with_a_shortest_path_nearest_first() -> None:
    lineage = Lineage([*DIAMOND, Link(2, FILM, BOOK, Fraction(1, 100))])
    assert list(lineage.descendants(BOOK).items()) == [
        (FILM, (BOOK, FILM)),
        (WORLD, (BOOK, WORLD)),
        (HERO, (BOOK, WORLD, HERO)),
        (VILLAIN, (BOOK, WORLD, VILLAIN)),
    ]


def test_a_past_position_does_not_see_later_links() -> None:
    lineage = Lineage([*DIAMOND, Link(5, BOOK, asset(6), Fraction(1, 100))])
    assert asset(6) not in lineage.ancestors(FILM, upto=4)
    assert asset(6) in lineage.ancestors(FILM, upto=5)
    assert FILM not in lineage.descendants(asset(6), upto=4)


def test_a_cycle_is_refused_and_named() -> None:
    links = [*DIAMOND, Link(2, BOOK, HERO, Fraction(1, 100))]
    with pytest.raises(CyclicLineage) as caught:
        Lineage(links)
    *cycle, again = caught.value.cycle
    assert (set(cycle), again) == ({HERO, WORLD, BOOK}, cycle[0])
    edges = {(link.child, link.parent) for link in links}
    assert all(step in edges for step in zip(caught.value.cycle, caught.value.cycle[1:], strict=False))
    assert f"aaid:{HERO.hex()}" in caught.value.message


def test_a_work_does_not_derive_from_itself() -> None:
    with pytest.raises(CyclicLineage) as caught:
        Lineage([Link(1, FILM, FILM, Fraction(0))])
    assert caught.value.cycle == (FILM, FILM)


@given(lineages(), st.data())
def test_any_link_back_is_a_cycle(links: list[Link], data: st.DataObject) -> None:
    lineage = Lineage(links)
    for link in links:
        ancestors = sorted({link.parent, *lineage.ancestors(link.parent)})
        chosen = data.draw(st.sampled_from(ancestors))
        with pytest.raises(CyclicLineage):
            Lineage([*links, Link(1, chosen, link.child, Fraction(0))])


@given(lineages(), st.data())
def test_the_graph_does_not_depend_on_the_order_of_links(links: list[Link], data: st.DataObject) -> None:
    one, other = Lineage(links), Lineage(data.draw(st.permutations(links)))
    for number in range(1, 9):
        assert one.ascending(asset(number)) == other.ascending(asset(number))
        assert list(one.descendants(asset(number)).items()) == list(other.descendants(asset(number)).items())


@given(lineages())
def test_a_work_comes_before_its_parents_and_is_an_ancestor_of_its_descendants(links: list[Link]) -> None:
    lineage = Lineage(links)
    for number in range(1, 9):
        order = lineage.ascending(asset(number))
        for link in links:
            if link.child in order:
                assert order.index(link.child) < order.index(link.parent)
        assert all(asset(number) in lineage.ancestors(each) for each in lineage.descendants(asset(number)))


def test_the_bounds_hold_to_the_last() -> None:
    bounds = Bounds(max_parents=2, max_ancestors=4, max_depth=3)
    assert len(Lineage(DIAMOND, bounds).ancestors(FILM)) == 4
    for field in ("max_parents", "max_depth"):
        tighter = msgspec.structs.replace(bounds, **{field: getattr(bounds, field) - 1})
        with pytest.raises(LineageTooLarge):
            Lineage(DIAMOND, tighter)
    with pytest.raises(LineageTooLarge):
        Lineage(DIAMOND, msgspec.structs.replace(bounds, max_ancestors=3)).ancestors(FILM)


def test_a_lineage_of_a_thousand_generations_needs_no_stack() -> None:
    assert len(Lineage(chain(1_024)).ancestors(bytes(32))) == 1_024
    with pytest.raises(LineageTooLarge):
        Lineage(chain(1_025))


@pytest.mark.parametrize("share", ["-1/100", "101/100"])
def test_a_share_beyond_the_whole_is_refused(share: str) -> None:
    with pytest.raises(InvalidShares):
        Lineage([Link(1, FILM, HERO, Fraction(share))])


@pytest.mark.parametrize(
    "links",
    [
        [Link(1, FILM, HERO, Fraction(0)), Link(2, FILM, HERO, Fraction(0))],
        [Link(1, b"short", HERO, Fraction(0))],
        [Link(1, FILM, HERO, Fraction(0), guarantee_wei=-1)],
        [Link(1, FILM, HERO, Fraction(0), ceiling_wei=9, guarantee_wei=10)],
    ],
)
def test_a_malformed_link_is_refused(links: list[Link]) -> None:
    with pytest.raises(InvalidLineage):
        Lineage(links)
