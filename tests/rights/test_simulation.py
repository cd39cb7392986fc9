from fractions import Fraction

import msgspec
import pytest
from hypothesis import given

from atlas.rights.errors import CyclicLineage, InvalidRevenue, SharesOverWhole, UnknownRule
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.revenue import Books, RuleFrom
from atlas.rights.royalties.rules import VISIT_ONCE
from atlas.rights.royalties.simulation import (
    AddDerivative,
    AddGrant,
    AddWork,
    Change,
    ChangeRoyalty,
    ChangeRule,
    ChangeShares,
    changed,
    compare,
)
from tests.rights.books import BOOK, FILM, HERO, VILLAIN, WORLD, asset, books, payee, receipt, some_books, work

BEFORE = books(receipt(5, FILM, 3_000))


def differences(*changes: Change) -> dict[int, int]:
    """By payee's number; those who gain or lose nothing are left out."""
    compared = compare(BEFORE, changed(BEFORE, changes))
    return {each.payee[0]: each.difference_wei for each in compared if each.difference_wei}


def test_another_rule_moves_what_the_book_is_paid_twice_back_to_the_film() -> None:
    assert differences(ChangeRule(RuleFrom(0, VISIT_ONCE))) == {1: 100, 5: -100}


def test_a_rule_from_a_later_position_on_changes_nothing_before_it() -> None:
    assert differences(ChangeRule(RuleFrom(6, VISIT_ONCE))) == {}


def test_a_grant_is_revenue_for_the_work_and_its_lineage() -> None:
    assert differences(AddGrant(9, 0, WORLD, 3_000)) == {4: 1_900, 5: 100, 9: 1_000}


def test_a_derivative_takes_from_the_work_and_gives_to_the_source() -> None:
    source = work(asset(6), (6, "1"))
    assert differences(AddWork(source), AddDerivative(Link(2, FILM, asset(6), Fraction(1, 10)))) == {
        1: -200,
        6: 300,
        9: -100,
    }


def test_a_royalty_can_be_another() -> None:
    assert differences(ChangeRoyalty(FILM, HERO, Fraction(20, 100))) == {1: -200, 2: 200}


def test_shares_can_be_others() -> None:
    shares = work(FILM, (1, "1/2"), (9, "1/2")).shares
    assert differences(ChangeShares(FILM, shares)) == {1: -300, 9: 300}


@given(some_books())
def test_nothing_changed_is_no_difference(drawn: Books) -> None:
    assert all(each.difference_wei == 0 for each in compare(drawn, changed(drawn, ())))


@given(some_books())
def test_a_rule_changes_who_gets_and_not_how_much_there_is(drawn: Books) -> None:
    compared = compare(drawn, changed(drawn, [ChangeRule(RuleFrom(0, VISIT_ONCE))]))
    assert sum(each.difference_wei for each in compared) == 0
    assert sum(each.before_wei for each in compared) == sum(Accrual(drawn).totals().values())


def test_a_payee_who_appears_or_leaves_is_there() -> None:
    compared = compare(BEFORE, changed(BEFORE, [ChangeShares(FILM, work(FILM, (70, "1")).shares)]))
    assert {each.payee: (each.before_wei, each.after_wei) for each in compared if each.payee[0] in {1, 70}} == {
        payee(1): (1_200, 0),
        payee(70): (0, 1_800),
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (ChangeShares(asset(77), ()), InvalidRevenue),
        (ChangeRoyalty(FILM, BOOK, Fraction(1, 2)), InvalidRevenue),
        (ChangeRoyalty(FILM, VILLAIN, Fraction(99, 100)), SharesOverWhole),
        (AddDerivative(Link(2, BOOK, FILM, Fraction(0))), CyclicLineage),
        (AddDerivative(Link(2, FILM, asset(77), Fraction(0))), InvalidRevenue),
        (ChangeRule(RuleFrom(0, "stack-all-paths/2")), UnknownRule),
        (AddGrant(5, 0, HERO, 1), InvalidRevenue),
    ],
)
def test_what_cannot_be_is_refused(change: Change, error: type[Exception]) -> None:
    with pytest.raises(error):
        differences(change)


def test_books_of_two_currencies_are_not_compared() -> None:
    with pytest.raises(InvalidRevenue, match="USD"):
        compare(BEFORE, msgspec.structs.replace(books(), currency="USD"))
