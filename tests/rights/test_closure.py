import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import InvalidRevenue
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.closure import Finding, close
from atlas.rights.royalties.revenue import Books
from tests.rights.books import BOOK, FILM, HERO, VILLAIN, WORLD, asset, books, payment, receipt, some_books

MADE = books(
    receipt(5, FILM, 1_000), receipt(12, FILM, 1_000), receipt(13, BOOK, 500), payments=(payment(14, WORLD, 4, 30),)
)


def test_a_finding_reaches_all_that_derives_with_the_way_there() -> None:
    closure = close(Accrual(MADE), Finding(20, WORLD, since=10))
    assert [(each.asset, each.path) for each in closure.marked] == [
        (WORLD, (WORLD,)),
        (HERO, (WORLD, HERO)),
        (VILLAIN, (WORLD, VILLAIN)),
        (FILM, (WORLD, HERO, FILM)),
    ]


def test_revenue_at_risk_is_what_came_in_since_and_what_is_not_paid_yet() -> None:
    closure = close(Accrual(MADE), Finding(20, WORLD, since=10))
    at_risk = {each.asset: (each.received_wei, each.accrued_wei, each.unpaid_wei) for each in closure.marked}
    assert at_risk == {WORLD: (0, 100, 170), HERO: (0, 100, 200), VILLAIN: (0, 100, 200), FILM: (1_000, 600, 1_200)}
    assert closure.at_risk_wei == 1_000


def test_what_came_after_the_ruling_does_not_count() -> None:
    closure = close(Accrual(MADE), Finding(11, WORLD, since=0))
    assert closure.at_risk_wei == 1_000
    later = msgspec.structs.replace(MADE, links=tuple(msgspec.structs.replace(link, position=4) for link in MADE.links))
    assert [each.asset for each in close(Accrual(later), Finding(3, WORLD, since=0)).marked] == [WORLD]


def test_since_and_the_ruling_count_themselves() -> None:
    assert close(Accrual(MADE), Finding(12, FILM, since=12)).at_risk_wei == 1_000
    assert close(Accrual(MADE), Finding(12, FILM, since=13)).at_risk_wei == 0
    assert close(Accrual(MADE), Finding(12, FILM, since=12)).marked[0].accrued_wei == 600


@given(some_books(), st.integers(1, 8))
def test_exactly_the_descendants_are_marked(drawn: Books, number: int) -> None:
    accrual = Accrual(drawn)
    marked = {each.asset for each in close(accrual, Finding(100, asset(number), since=0)).marked}
    for other in map(asset, range(1, 9)):
        assert (other in marked) == (other == asset(number) or asset(number) in accrual.lineage.ancestors(other))


def test_an_unknown_work_is_refused() -> None:
    with pytest.raises(InvalidRevenue):
        close(Accrual(MADE), Finding(20, asset(77), since=0))
