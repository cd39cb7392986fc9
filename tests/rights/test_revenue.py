import msgspec
import pytest

from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.errors import CurrencyMismatch, InvalidRevenue, UnknownRule
from atlas.rights.royalties.revenue import Books, Hold, Receipt, RuleFrom, in_order
from tests.rights.books import CURRENCY, FILM, UINT256_MAX, asset, books, payment, receipt, work

replace = msgspec.structs.replace


def test_books_have_one_order() -> None:
    mixed = books(receipt(9, FILM, 1), receipt(3, FILM, 1), payments=(payment(8, FILM, 1, 1), payment(4, FILM, 1, 1)))
    ordered = in_order(mixed)
    assert [each.position for each in ordered.receipts] == [3, 9]
    assert [each.position for each in ordered.payments] == [4, 8]
    turned = Books(
        mixed.currency,
        mixed.rules[::-1],
        mixed.works[::-1],
        mixed.links[::-1],
        mixed.receipts[::-1],
        mixed.payments[::-1],
    )
    assert in_order(turned) == ordered


@pytest.mark.parametrize(
    "wrong",
    [
        books(receipt(3, FILM, 1), receipt(3, FILM, 1)),
        books(works=(work(FILM, (1, "1")), work(FILM, (2, "1"))), links=()),
        books(receipt(3, asset(77), 1)),
        books(receipt(3, FILM, 0)),
        books(receipt(3, FILM, UINT256_MAX + 1)),
        books(receipt(0, FILM, 1)),
        books(payments=(payment(3, FILM, 1, -1),)),
        books(holds=(Hold(5, 5, FILM),)),
        books(holds=(Hold(5, None, asset(77)),)),
        books(links=(), works=(work(b"short", (1, "1")),)),
        replace(books(), rules=()),
        replace(books(), currency=""),
        replace(books(), currency="[red]\x1b"),
        replace(books(), rules=(RuleFrom(1, "stack-all-paths/1"),)),
    ],
)
def test_books_that_contradict_themselves_are_refused(wrong: Books) -> None:
    with pytest.raises(InvalidRevenue):
        in_order(wrong)


def test_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch, match="USD"):
        in_order(books(Receipt(3, 0, FILM, RevenueKind.VIEWING, 1, "USD")))
    assert in_order(books(Receipt(3, 0, FILM, RevenueKind.VIEWING, 1, CURRENCY)))


def test_an_unknown_rule_is_refused_before_any_receipt() -> None:
    with pytest.raises(UnknownRule):
        in_order(books(rule="stack-all-paths/9"))
