from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import SharesOverWhole, UnknownRule
from atlas.rights.royalties.lineage import Lineage, Link
from atlas.rights.royalties.rules import ALL_PATHS, PER_HOP, VISIT_ONCE, stack
from tests.rights.books import BOOK, DIAMOND, FILM, HERO, ROYALTY_RULES, UINT256_MAX, VILLAIN, WORLD, asset, lineages


def paths(lineage: Lineage, start: bytes, end: bytes) -> list[list[Link]]:
    """Every path up, by walking: exponential, and plainly right."""
    if start == end:
        return [[]]
    return [[link, *rest] for link in lineage.parents(start) for rest in paths(lineage, link.parent, end)]


def test_the_rules_keep_their_names() -> None:
    assert ROYALTY_RULES == ("stack-all-paths/1", "stack-visit-once/1", "per-hop-product/1")


@pytest.mark.parametrize(
    ("rule", "total", "shares"),
    [
        (ALL_PATHS, "40/100", ["10/100", "10/100", "10/100", "10/100"]),
        (VISIT_ONCE, "35/100", ["10/100", "10/100", "10/100", "5/100"]),
        (PER_HOP, "2105/10000", ["10/100", "10/100", "1/100", "5/10000"]),
    ],
)
def test_the_rules_on_one_diamond(rule: str, total: str, shares: list[str]) -> None:
    owed = stack(rule, Lineage(DIAMOND), FILM)
    assert owed.total == Fraction(total)
    assert [owed.of(ancestor) for ancestor in (HERO, VILLAIN, WORLD, BOOK)] == [Fraction(share) for share in shares]


@given(lineages())
def test_each_rule_is_what_walking_every_path_gives(links: list[Link]) -> None:
    lineage, film = Lineage(links), asset(1)
    walks = {link: paths(lineage, film, link.child) for link in links}
    expected = {ALL_PATHS: Fraction(0), VISIT_ONCE: Fraction(0), PER_HOP: Fraction(0)}
    for link, walked in walks.items():
        expected[ALL_PATHS] += len(walked) * link.share
        expected[VISIT_ONCE] += link.share if walked else 0
        for path in walked:
            product = link.share
            for step in path:
                product *= step.share
            expected[PER_HOP] += product
    assert {rule: stack(rule, lineage, film).total for rule in ROYALTY_RULES} == expected


@given(lineages())
def test_counting_paths_and_visiting_once_differ_exactly_above_diamonds(links: list[Link]) -> None:
    lineage, film = Lineage(links), asset(1)
    above_a_diamond = any(link.share and len(paths(lineage, film, link.child)) > 1 for link in links)
    differ = stack(ALL_PATHS, lineage, film).total != stack(VISIT_ONCE, lineage, film).total
    assert differ == above_a_diamond


@given(lineages(), st.sampled_from(ROYALTY_RULES), st.data())
def test_a_stack_does_not_depend_on_the_order_of_links(links: list[Link], rule: str, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(links))
    assert stack(rule, Lineage(shuffled), asset(1)) == stack(rule, Lineage(links), asset(1))


@given(lineages(), st.sampled_from(ROYALTY_RULES), st.integers(0, UINT256_MAX))
def test_an_amount_is_divided_without_loss(links: list[Link], rule: str, amount_wei: int) -> None:
    owed = stack(rule, Lineage(links), asset(1))
    parts = owed.division().parts(amount_wei)
    assert sum(parts) == amount_wei
    assert len(parts) == 1 + len(owed.links)


@pytest.mark.parametrize("rule", ROYALTY_RULES)
def test_depth_does_not_cost_exactness(rule: str) -> None:
    links = [Link(1, n.to_bytes(32), (n + 1).to_bytes(32), Fraction(1, 2_000)) for n in range(1_024)]
    owed = stack(rule, Lineage(links), bytes(32))
    expected = sum(Fraction(1, 2_000) ** (n + 1) for n in range(1_024)) if rule == PER_HOP else Fraction(1_024, 2_000)
    assert owed.total == expected
    assert sum(owed.division().parts(UINT256_MAX)) == UINT256_MAX


@pytest.mark.parametrize("rule", ROYALTY_RULES)
def test_royalties_over_the_whole_are_refused(rule: str) -> None:
    links = [Link(1, FILM, HERO, Fraction(2, 3)), Link(1, FILM, VILLAIN, Fraction(1, 3))]
    assert stack(rule, Lineage(links), FILM).total == 1
    with pytest.raises(SharesOverWhole, match=r"owes 67/66"):
        stack(rule, Lineage([*links, Link(1, FILM, WORLD, Fraction(1, 66))]), FILM)


def test_a_rule_may_fit_where_another_does_not() -> None:
    links = [Link(1, FILM, HERO, Fraction(3, 5)), Link(1, HERO, WORLD, Fraction(3, 5))]
    assert stack(PER_HOP, Lineage(links), FILM).total == Fraction(24, 25)
    with pytest.raises(SharesOverWhole):
        stack(ALL_PATHS, Lineage(links), FILM)


@pytest.mark.parametrize("rule", ["stack-all-paths/2", "stack-all-paths", ""])
def test_another_version_of_a_rule_is_unknown(rule: str) -> None:
    with pytest.raises(UnknownRule):
        stack(rule, Lineage(DIAMOND), FILM)


def test_as_of_a_position_only_links_up_to_it_count() -> None:
    lineage = Lineage([*DIAMOND[:-1], Link(5, WORLD, BOOK, Fraction(5, 100))])
    assert stack(ALL_PATHS, lineage, FILM, upto=4).total == Fraction(30, 100)
    assert stack(ALL_PATHS, lineage, FILM, upto=5).total == Fraction(40, 100)
