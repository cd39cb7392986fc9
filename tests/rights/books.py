"""Small works, lineages and books, written out and drawn."""

from fractions import Fraction

from hypothesis import strategies as st

from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.revenue import Books, Hold, Payment, Receipt, RuleFrom, Share, Work
from atlas.rights.royalties.rounding import RULES as ROUNDING_RULES
from atlas.rights.royalties.rules import ALL_PATHS, PER_HOP, VISIT_ONCE

ROYALTY_RULES = (ALL_PATHS, VISIT_ONCE, PER_HOP)
CURRENCY = "eip155:1/slip44:60"
UINT256_MAX = 2**256 - 1


def asset(number: int) -> bytes:
    return bytes([number]) * 32


def payee(number: int) -> bytes:
    return bytes([number]) * 20


# The film derives from two characters, both from one world, and the world from a book.
FILM, HERO, VILLAIN, WORLD, BOOK = map(asset, range(1, 6))
DIAMOND = (
    Link(1, FILM, HERO, Fraction(10, 100)),
    Link(1, FILM, VILLAIN, Fraction(10, 100)),
    Link(1, HERO, WORLD, Fraction(5, 100)),
    Link(1, VILLAIN, WORLD, Fraction(5, 100)),
    Link(1, WORLD, BOOK, Fraction(5, 100)),
)


def work(name: bytes, *shares: tuple[int, str], rounding: str = "lr/1") -> Work:
    listed = tuple(Share(payee(number), Beneficiary.CREATOR, Fraction(share)) for number, share in shares)
    return Work(1, name, rounding, listed)


def receipt(position: int, name: bytes, amount_wei: int, kind: RevenueKind = RevenueKind.VIEWING) -> Receipt:
    return Receipt(position, 1_700_000_000 + position, name, kind, amount_wei, CURRENCY)


def payment(position: int, name: bytes, to: int, amount_wei: int) -> Payment:
    return Payment(position, 1_700_000_000 + position, name, payee(to), amount_wei, CURRENCY)


def books(
    *receipts: Receipt,
    links: tuple[Link, ...] = DIAMOND,
    rule: str = ALL_PATHS,
    works: tuple[Work, ...] = (),
    payments: tuple[Payment, ...] = (),
    holds: tuple[Hold, ...] = (),
) -> Books:
    """Payee n owns two thirds of work n, and payee 9 a third of each, where no other works are given."""
    owned = works or tuple(work(asset(number), (number, "2/3"), (9, "1/3")) for number in range(1, 6))
    return Books(CURRENCY, (RuleFrom(0, rule),), owned, links, receipts, payments, holds)


def fractions_of_one(most: int) -> st.SearchStrategy[list[Fraction]]:
    """Positive shares that make a whole."""
    weights = st.lists(st.integers(1, 10**6), min_size=1, max_size=most)
    return weights.map(lambda each: [Fraction(weight, sum(each)) for weight in each])


@st.composite
def lineages(draw: st.DrawFn, *, works: int = 8) -> list[Link]:
    """Links from lower to higher numbers, so that there is no cycle, of shares so small that they fit every rule."""
    pairs = [(child, parent) for child in range(1, works) for parent in range(child + 1, works + 1)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=16))
    return [
        Link(
            draw(st.integers(1, 40)),
            asset(child),
            asset(parent),
            Fraction(draw(st.integers(0, 7)), draw(st.integers(7_000, 9_000))),
            draw(st.one_of(st.none(), st.integers(10**4, 10**30))),
            draw(st.integers(0, 10**4)),
        )
        for child, parent in chosen
    ]


@st.composite
def some_books(draw: st.DrawFn) -> Books:
    """Books with everything in them."""
    works = tuple(
        Work(
            1,
            asset(number),
            draw(st.sampled_from(ROUNDING_RULES)),
            tuple(
                Share(payee(draw(st.integers(1, 9))), Beneficiary.CREATOR, share) for share in draw(fractions_of_one(4))
            ),
        )
        for number in range(1, 9)
    )
    positions = draw(st.lists(st.integers(1, 60), unique=True, max_size=12))
    receipts = tuple(
        receipt(
            position,
            asset(draw(st.integers(1, 8))),
            draw(st.one_of(st.integers(1, 100), st.integers(1, UINT256_MAX))),
            draw(st.sampled_from(list(RevenueKind))),
        )
        for position in positions
    )
    payments = tuple(
        payment(position, asset(draw(st.integers(1, 8))), draw(st.integers(1, 9)), draw(st.integers(1, 10**6)))
        for position in draw(st.lists(st.integers(61, 90), unique=True, max_size=4))
    )
    holds = tuple(
        Hold(opened, draw(st.one_of(st.none(), st.integers(opened + 1, 100))), asset(opened % 8 + 1))
        for opened in draw(st.lists(st.integers(1, 50), unique=True, max_size=2))
    )
    rules = (
        RuleFrom(0, draw(st.sampled_from(ROYALTY_RULES))),
        RuleFrom(draw(st.integers(1, 60)), draw(st.sampled_from(ROYALTY_RULES))),
    )
    return Books(CURRENCY, rules, works, tuple(draw(lineages())), receipts, payments, holds)
