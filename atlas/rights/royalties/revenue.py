"""What royalties are computed from: works with their shares, receipts, payments, holds, and the rule of each day.

Everything has a ledger position, and is counted in the order of positions, whatever the order in which it is given:
at one position a rule comes before a work, a work before a link, and a link before a receipt or a payment.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

import msgspec

from atlas.protocol.ids import AAID_BYTES, ADDRESS_BYTES, UINT256_MAX, format_aaid
from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.errors import CurrencyMismatch, InvalidRevenue
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.rules import require_rule
from atlas.rights.terms.prices import CURRENCY

T = TypeVar("T")


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One payee's part of what a work gets."""

    payee: bytes  # address
    role: Beneficiary
    share: Fraction


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A work and who shares in its revenue: fixed when it is created (W4), in the listed order."""

    position: int
    asset: bytes  # AAID
    rounding: str
    shares: tuple[Share, ...]


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Revenue that a work received."""

    position: int
    at: int  # seconds since 1970
    asset: bytes
    kind: RevenueKind
    amount_wei: int
    currency: str


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a payee was paid out of a work's revenue."""

    position: int
    at: int
    asset: bytes
    payee: bytes
    amount_wei: int
    currency: str


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dispute over a work: what accrues from it or to it meanwhile is held back until it is closed (P8)."""

    opened: int  # position
    closed: int | None  # position; None while pending
    asset: bytes


class RuleFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The royalty rule in force from a position on."""

    position: int
    rule: str


class Books(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that an accrual depends on."""

    currency: str
    rules: tuple[RuleFrom, ...]
    works: tuple[Work, ...]
    links: tuple[Link, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    payments: tuple[Payment, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def last_position(self) -> int:
        """The position of the latest entry; 0 where there is none."""
        dated = (*self.works, *self.links, *self.receipts, *self.payments)
        closed = (hold.closed or hold.opened for hold in self.holds)
        return max((*(entry.position for entry in dated), *closed), default=0)


def in_order(books: Books) -> Books:
    """The same books in their one order. Raises InvalidRevenue, CurrencyMismatch, UnknownRule."""
    ordered = Books(
        books.currency,
        _sorted(books.rules, lambda rule: (rule.position,)),
        _sorted(books.works, lambda work: (work.asset,)),
        _sorted(books.links, lambda link: (link.child, link.parent)),
        _sorted(books.receipts, lambda receipt: (receipt.position,)),
        _sorted(books.payments, lambda payment: (payment.position,)),
        _sorted(books.holds, lambda hold: (hold.asset, hold.opened)),
    )
    if CURRENCY.fullmatch(books.currency) is None:
        raise InvalidRevenue(
            f"{books.currency[:100]!r} names no currency", hint="Name it as CAIP-19 does: eip155:1/slip44:60."
        )
    _check_rules(ordered.rules)
    _check_works(ordered)
    _check_amounts(ordered)
    for hold in ordered.holds:
        if hold.closed is not None and hold.closed <= hold.opened:
            raise InvalidRevenue(
                f"a hold on {format_aaid(hold.asset)} is opened at {hold.opened} and closed at {hold.closed}",
                hint="A dispute is closed after it was opened.",
            )
    return ordered


def _sorted(items: Iterable[T], key: Callable[[T], tuple[int | bytes, ...]]) -> tuple[T, ...]:
    """In the order of keys, each of which is there once."""
    ordered = sorted(items, key=key)
    for first, second in pairwise(ordered):
        if key(first) == key(second):
            raise InvalidRevenue(
                f"two {type(first).__name__.lower()} entries have one key: {_readable(key(first))}",
                hint="A receipt or a payment is one fact and has its own position; a work or a link is stated once.",
            )
    return tuple(ordered)


def _readable(key: tuple[int | bytes, ...]) -> str:
    return ", ".join(f"0x{part.hex()}" if isinstance(part, bytes) else f"position {part}" for part in key)


def _check_rules(rules: Sequence[RuleFrom]) -> None:
    if not rules or rules[0].position != 0:
        raise InvalidRevenue("no royalty rule is in force from position 0 on", hint="Name the rule of the first day.")
    for rule in rules:
        require_rule(rule.rule)


def _check_works(books: Books) -> None:
    known = {work.asset for work in books.works}
    payees = {share.payee for work in books.works for share in work.shares}
    named = [receipt.asset for receipt in books.receipts] + [hold.asset for hold in books.holds]
    named += [asset for link in books.links for asset in (link.child, link.parent)]
    named += [payment.asset for payment in books.payments]
    unknown = next((asset for asset in named if asset not in known), None)
    if unknown is not None:
        raise InvalidRevenue(f"{format_aaid(unknown)} has no shares", hint="State the work and who shares in it.")
    if any(len(asset) != AAID_BYTES for asset in known) or any(len(payee) != ADDRESS_BYTES for payee in payees):
        raise InvalidRevenue(
            f"an AAID has {AAID_BYTES} bytes and an address {ADDRESS_BYTES}", hint="Pass the raw bytes, not text."
        )


def _check_amounts(books: Books) -> None:
    created = {work.asset: work.position for work in books.works}
    for entry in (*books.receipts, *books.payments):
        if entry.currency != books.currency:
            raise CurrencyMismatch(
                f"position {entry.position} is in {entry.currency}, and the books are in {books.currency}",
                hint="Keep one set of books a currency.",
            )
        if not 0 < entry.amount_wei <= UINT256_MAX:
            raise InvalidRevenue(
                f"the amount at position {entry.position} is {entry.amount_wei}",
                hint="An amount is a positive uint256.",
            )
        if entry.position < created[entry.asset]:
            raise InvalidRevenue(
                f"{format_aaid(entry.asset)} has an entry at position {entry.position}, before its shares were set",
                hint="Shares are fixed when the work is created.",
            )
