"""What if: the same books with something added or changed, and the difference for every payee."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec

from atlas.protocol.ids import format_aaid
from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.errors import InvalidRevenue
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.lineage import Bounds, Link
from atlas.rights.royalties.revenue import Books, Receipt, RuleFrom, Share, Work


class AddWork(msgspec.Struct, frozen=True):
    """A work that is not there yet."""

    work: Work


class AddDerivative(msgspec.Struct, frozen=True):
    """A derivation that is not there yet."""

    link: Link


class AddGrant(msgspec.Struct, frozen=True):
    """A licence of ``asset`` is granted for a price, which is revenue of the kind licensing (W3, W4)."""

    position: int
    at: int  # seconds since 1970
    asset: bytes
    price_wei: int


class ChangeShares(msgspec.Struct, frozen=True):
    """A work would have had other shares from its first receipt on."""

    asset: bytes
    shares: tuple[Share, ...]


class ChangeRoyalty(msgspec.Struct, frozen=True):
    """A link would have owed another share from its beginning on."""

    child: bytes
    parent: bytes
    share: Fraction


class ChangeRule(msgspec.Struct, frozen=True):
    """Another royalty rule is in force from a position on, until the next one."""

    rule: RuleFrom


Change = AddWork | AddDerivative | AddGrant | ChangeShares | ChangeRoyalty | ChangeRule


class Difference(msgspec.Struct, frozen=True):
    """What a payee would have accrued, beside what it has."""

    payee: bytes
    before_wei: int
    after_wei: int

    @property
    def difference_wei(self) -> int:
        """What the change brings the payee; negative where it costs."""
        return self.after_wei - self.before_wei


def changed(books: Books, changes: Iterable[Change]) -> Books:
    """The books as they would be. Raises InvalidRevenue for a change to something that is not there."""
    for change in changes:
        books = _apply(books, change)
    return books


def compare(
    before: Books,
    after: Books,
    *,
    upto: int | None = None,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> tuple[Difference, ...]:
    """Every payee of either, in order of address, with what it accrues in both up to a position.

    Raises InvalidRevenue when the two are in different currencies, and what an accrual raises.
    """
    if before.currency != after.currency:
        raise InvalidRevenue(f"{before.currency} is not {after.currency}", hint="Compare books of one currency.")
    old, new = (_by_payee(books, upto, bounds) for books in (before, after))
    return tuple(Difference(payee, old.get(payee, 0), new.get(payee, 0)) for payee in sorted({*old, *new}))


def _by_payee(books: Books, upto: int | None, bounds: Bounds) -> dict[bytes, int]:
    sums = {share.payee: 0 for work in books.works for share in work.shares}
    for account, amount_wei in Accrual(books, bounds).totals(upto=upto).items():
        sums[account.payee] += amount_wei
    return sums


def _apply(books: Books, change: Change) -> Books:
    match change:
        case AddWork(work):
            return msgspec.structs.replace(books, works=(*books.works, work))
        case AddDerivative(link):
            return msgspec.structs.replace(books, links=(*books.links, link))
        case AddGrant(position, at, asset, price_wei):
            receipt = Receipt(position, at, asset, RevenueKind.LICENSING, price_wei, books.currency)
            return msgspec.structs.replace(books, receipts=(*books.receipts, receipt))
        case ChangeShares(asset, shares):
            return msgspec.structs.replace(books, works=_with_shares(books.works, asset, shares))
        case ChangeRoyalty():
            return msgspec.structs.replace(books, links=_with_royalty(books.links, change))
        case ChangeRule(rule):
            others = (each for each in books.rules if each.position != rule.position)
            return msgspec.structs.replace(books, rules=(*others, rule))


def _with_shares(works: Sequence[Work], asset: bytes, shares: tuple[Share, ...]) -> tuple[Work, ...]:
    if all(work.asset != asset for work in works):
        raise InvalidRevenue(f"{format_aaid(asset)} has no shares to change", hint="Add the work first.")
    return tuple(msgspec.structs.replace(work, shares=shares) if work.asset == asset else work for work in works)


def _with_royalty(links: Sequence[Link], change: ChangeRoyalty) -> tuple[Link, ...]:
    ends = change.child, change.parent
    if all((link.child, link.parent) != ends for link in links):
        raise InvalidRevenue(
            f"{format_aaid(change.child)} does not derive from {format_aaid(change.parent)}",
            hint="Add the derivative first.",
        )
    return tuple(
        msgspec.structs.replace(link, share=change.share) if (link.child, link.parent) == ends else link
        for link in links
    )
