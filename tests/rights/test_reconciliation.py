from fractions import Fraction

import msgspec
from hypothesis import given

from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.reconciliation import Cause, Distribution, Reconciled, pool_distributions, reconcile
from atlas.rights.royalties.revenue import Books, Hold
from tests.rights.books import BOOK, FILM, HERO, books, payee, payment, receipt, some_books, work

PAIR = work(FILM, (1, "1/3"), (2, "2/3"), rounding="floor-first-listed/1"), work(HERO, (3, "1"))


def reconciled(made: Books, *distributed: Distribution) -> dict[int, Reconciled]:
    found = reconcile(Accrual(made), distributed or pool_distributions(made, upto=99), upto=99)
    return {each.payee[0]: each for each in found}


def causes(found: Reconciled) -> list[tuple[Cause, int | None, int]]:
    return [(each.cause, each.position, each.amount_wei) for each in found.causes]


def test_what_the_chain_credited_and_paid_reconciles() -> None:
    made = books(receipt(5, FILM, 100), links=(), works=PAIR, payments=(payment(6, FILM, 1, 34),))
    found = reconciled(made)
    assert (found[1].entitled_wei, found[1].paid_wei, found[1].causes) == (34, 34, ())
    assert causes(found[2]) == [(Cause.UNCLAIMED, None, 66)]


def test_another_rounding_rule_is_a_cause() -> None:
    by_largest = msgspec.structs.replace(PAIR[0], rounding="lr/1")
    found = reconciled(books(receipt(5, FILM, 100), links=(), works=(by_largest, PAIR[1])))
    assert causes(found[1]) == [(Cause.ROUNDING, 5, -1), (Cause.UNCLAIMED, None, 34)]
    assert causes(found[2]) == [(Cause.ROUNDING, 5, 1), (Cause.UNCLAIMED, None, 66)]


def test_a_royalty_that_the_pool_does_not_know_is_a_cause_on_both_sides() -> None:
    links = (Link(1, FILM, HERO, Fraction(1, 10)),)
    made = books(receipt(5, FILM, 300), links=links, works=PAIR, payments=(payment(6, FILM, 1, 100),))
    found = reconciled(made)
    assert causes(found[1]) == [(Cause.ROYALTY, 5, -10)]
    assert causes(found[3]) == [(Cause.ROYALTY, 5, 30)]
    assert (found[1].difference_wei, found[3].difference_wei) == (-10, 30)


def test_a_guarantee_is_a_cause() -> None:
    links = (Link(1, FILM, HERO, Fraction(1, 10), guarantee_wei=50),)
    assert causes(reconciled(books(links=links, works=PAIR))[3]) == [(Cause.GUARANTEE, 1, 50)]


def test_other_shares_and_a_missing_receipt_are_causes() -> None:
    made = books(receipt(5, FILM, 300), receipt(6, FILM, 30), links=(), works=PAIR)
    found = reconciled(made, Distribution(5, payee(1), 120), Distribution(5, payee(2), 180))
    assert causes(found[1]) == [
        (Cause.SHARES, 5, -20),
        (Cause.RECEIPT_NOT_DISTRIBUTED, 6, 10),
        (Cause.UNCLAIMED, None, 120),
    ]
    assert found[1].difference_wei == 110


def test_a_single_wei_that_no_rule_gives_is_not_called_rounding() -> None:
    found = reconciled(books(receipt(5, FILM, 300), links=(), works=PAIR), Distribution(5, payee(1), 101))
    assert (Cause.SHARES, 5, -1) in causes(found[1])


def test_a_distribution_without_a_receipt_and_too_much_paid_are_causes() -> None:
    made = books(links=(), works=PAIR, payments=(payment(8, FILM, 1, 9),))
    assert causes(reconciled(made, Distribution(7, payee(1), 5))[1]) == [
        (Cause.RECEIPT_NOT_IN_BOOKS, 7, -5),
        (Cause.OVERPAID, None, -4),
    ]


def test_what_is_held_is_told() -> None:
    made = books(receipt(5, FILM, 300), links=(), works=PAIR, holds=(Hold(5, None, FILM),))
    assert (reconciled(made)[1].held_wei, reconciled(made)[1].difference_wei) == (100, 100)


@given(some_books())
def test_causes_explain_every_difference_to_the_wei(drawn: Books) -> None:
    found = reconcile(Accrual(drawn), pool_distributions(drawn, upto=99), upto=99)
    assert all(each.difference_wei == sum(cause.amount_wei for cause in each.causes) for each in found)
    assert sum(each.entitled_wei for each in found) == sum(Accrual(drawn).totals(upto=99).values())
    assert sum(each.distributed_wei for each in found) == sum(each.amount_wei for each in drawn.receipts)


def test_a_source_outside_the_chain_is_asked_only_up_to_the_position() -> None:
    made = books(receipt(5, BOOK, 300), receipt(50, BOOK, 300))
    found = reconcile(Accrual(made), pool_distributions(made, upto=99), upto=49)
    assert sum(each.entitled_wei for each in found) == sum(each.distributed_wei for each in found) == 300
