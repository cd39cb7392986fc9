"""Who has accrued what: every receipt, at once, by the royalties of its work's lineage and the shares of each work.

    accrue-at-position/1
    1  what the receipt's work owes is its stack (rules.py) as of the receipt's position, by the rule of that
       position; the amount is divided over it by lr/1: the work's own part, and one part a link
    2  a link brings nothing beyond its ceiling, counted from its first royalty on; what is over stays with the work
    3  of the rest, a link's minimum guarantee is recouped first: it was due to the parent at the link's position, so
       that much of its royalties stays with the work
    4  each work's part is divided by its shares under the work's own rounding rule, in their listed order

What a receipt gives out is the receipt, to the wei. A guarantee is owed by the licensee and is no part of a receipt.
A part is held while a dispute over its source or over its beneficiary is pending.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.errors import InvalidRevenue
from atlas.rights.royalties.lineage import Bounds, Lineage, Link
from atlas.rights.royalties.revenue import Books, Hold, Receipt, Work, in_order
from atlas.rights.royalties.rounding import Division, division
from atlas.rights.royalties.rules import Stack, stack

RULE: Final = "accrue-at-position/1"


class Reason(StrEnum):
    """Why a work got a part."""

    SHARE = "share"  # of its own receipt
    ROYALTY = "royalty"  # of a receipt of a work that derives from it
    GUARANTEE = "guarantee"  # due when a work came to derive from it


class Flow(NamedTuple):
    """What one work got, before its shares divide it. A million of these are made at a time."""

    position: int
    at: int | None  # seconds since 1970; None for a guarantee, which has no receipt
    kind: RevenueKind
    reason: Reason
    rule: str  # of royalties, at this position
    source: bytes  # the work that received
    asset: bytes  # the work that this part is for
    via: bytes | None  # the child on whose link it came
    gross_wei: int
    over_ceiling_wei: int
    recouped_wei: int

    @property
    def amount_wei(self) -> int:
        """What the work's shares divide."""
        return self.gross_wei - self.over_ceiling_wei - self.recouped_wei


class Account(msgspec.Struct, frozen=True, order=True):
    """One payee's account: what it got as which payee of which work, from which source and why."""

    payee: bytes
    asset: bytes
    source: bytes
    kind: RevenueKind
    reason: Reason
    rule: str


class Accrual:
    """The fold of one set of books: checked once, read in the order of positions."""

    def __init__(self, books: Books, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        """Raises what ``in_order`` and ``Lineage`` raise, and InvalidShares for a work's shares."""
        self.books = in_order(books)
        self.lineage = Lineage(self.books.links, bounds)
        self.works: Mapping[bytes, Work] = {work.asset: work for work in self.books.works}
        self.divisions: Mapping[bytes, Division] = {
            work.asset: division(work.rounding, [share.share for share in work.shares]) for work in self.books.works
        }
        self._rules = self.books.rules
        self._holds: dict[bytes, list[Hold]] = {}
        for hold in self.books.holds:
            self._holds.setdefault(hold.asset, []).append(hold)

    def rule_at(self, position: int) -> str:
        """The royalty rule in force at a position."""
        return self._rules[bisect_right(self._rules, position, key=lambda rule: rule.position) - 1].rule

    def flows(self, *, upto: int | None = None) -> Iterator[Flow]:
        """What each work got, in order of position, up to position ``upto`` where it is given.

        Raises LineageTooLarge and SharesOverWhole for a receipt whose royalties cannot be computed.
        """
        folding = _Folding(self)
        links = sorted(self.books.links, key=lambda link: (link.position, link.parent, link.child))
        next_link = 0
        for receipt in takewhile(lambda each: upto is None or each.position <= upto, self.books.receipts):
            while next_link < len(links) and links[next_link].position <= receipt.position:
                yield from folding.linked(links[next_link])
                next_link += 1
            yield from folding.received(receipt)
        for link in links[next_link:]:
            if upto is None or link.position <= upto:
                yield from folding.linked(link)

    def is_held(self, flow: Flow, *, at: int) -> bool:
        """Whether a part is held back at position ``at``: it came while a dispute was pending that still is."""
        return any(
            _covers(hold, flow.position) and not _is_closed(hold, at)
            for asset in (flow.source, flow.asset)
            for hold in self._holds.get(asset, ())
        )

    def totals(self, *, upto: int | None = None) -> dict[Account, int]:
        """Every account's sum in wei, exactly as if each receipt's parts were added up; zero accounts are left out.

        The work is one step a receipt and not one a payee: ``Division.totals`` says why that is exact.
        """
        quotients: dict[tuple[bytes, bytes, RevenueKind, Reason, str], int] = defaultdict(int)
        residues: dict[tuple[bytes, bytes, RevenueKind, Reason, str], Counter[int]] = defaultdict(Counter)
        for flow in self.flows(upto=upto):
            key = flow.asset, flow.source, flow.kind, flow.reason, flow.rule
            quotient, residue = divmod(flow.amount_wei, self.divisions[flow.asset].whole)
            quotients[key] += quotient
            residues[key][residue] += 1
        totals: dict[Account, int] = defaultdict(int)
        for key, quotient in quotients.items():
            parts = self.divisions[key[0]].totals(quotient, residues[key])
            for share, part in zip(self.works[key[0]].shares, parts, strict=True):
                if part:
                    totals[Account(share.payee, *key)] += part
        return dict(totals)


class _Folding:
    """What changes while receipts are read: each link's royalties so far, and the stacks in force."""

    def __init__(self, accrual: Accrual) -> None:
        self._accrual = accrual
        self._gross: dict[tuple[bytes, bytes], int] = defaultdict(int)
        self._recouped: dict[tuple[bytes, bytes], int] = defaultdict(int)
        self._stacks: dict[tuple[bytes, str], tuple[Stack, Division]] = {}

    def linked(self, link: Link) -> Iterator[Flow]:
        """From here on the child, and all that derives from it, owes more; the guarantee is due."""
        accrual = self._accrual
        if self._stacks:
            changed = {link.child, *accrual.lineage.descendants(link.child)}
            self._stacks = {key: value for key, value in self._stacks.items() if key[0] not in changed}
        if link.guarantee_wei:
            kind, rule = RevenueKind.LICENSING, accrual.rule_at(link.position)
            place = link.position, None, kind, Reason.GUARANTEE, rule, link.child, link.parent, link.child
            yield Flow(*place, link.guarantee_wei, 0, 0)

    def received(self, receipt: Receipt) -> Iterator[Flow]:
        """The parts of one receipt: the royalties by link, then what stays with the work."""
        rule = self._accrual.rule_at(receipt.position)
        owed, divided = self._stack(receipt, rule)
        own_wei, *royalties = divided.parts(receipt.amount_wei) if owed.links else (receipt.amount_wei,)
        for link, gross_wei in zip(owed.links, royalties, strict=True):
            over_wei, recouped_wei = self._limited(link, gross_wei)
            own_wei += over_wei + recouped_wei
            if gross_wei:
                place = receipt.position, receipt.at, receipt.kind, Reason.ROYALTY, rule
                yield Flow(*place, receipt.asset, link.parent, link.child, gross_wei, over_wei, recouped_wei)
        if own_wei:
            place = receipt.position, receipt.at, receipt.kind, Reason.SHARE, rule, receipt.asset, receipt.asset
            yield Flow(*place, None, own_wei, 0, 0)

    def _stack(self, receipt: Receipt, rule: str) -> tuple[Stack, Division]:
        key = receipt.asset, rule
        if key not in self._stacks:
            owed = stack(rule, self._accrual.lineage, receipt.asset, upto=receipt.position)
            self._check_created(owed, receipt)
            self._stacks[key] = owed, owed.division()
        return self._stacks[key]

    def _check_created(self, owed: Stack, receipt: Receipt) -> None:
        late = [link for link in owed.links if self._accrual.works[link.parent].position > receipt.position]
        if late:
            raise InvalidRevenue(
                f"the receipt at position {receipt.position} owes royalties to a work whose shares were set at"
                f" {self._accrual.works[late[0].parent].position}",
                hint="A work derives from works that were there before it.",
            )

    def _limited(self, link: Link, gross_wei: int) -> tuple[int, int]:
        """How much of a royalty is over the link's ceiling, and how much of the rest recoups its guarantee."""
        key = link.child, link.parent
        room_wei = gross_wei if link.ceiling_wei is None else link.ceiling_wei - self._gross[key]
        due_wei = min(gross_wei, room_wei)
        recouped_wei = min(due_wei, link.guarantee_wei - self._recouped[key])
        self._gross[key] += due_wei
        self._recouped[key] += recouped_wei
        return gross_wei - due_wei, recouped_wei


def _covers(hold: Hold, position: int) -> bool:
    return hold.opened <= position and (hold.closed is None or position < hold.closed)


def _is_closed(hold: Hold, at: int) -> bool:
    return hold.closed is not None and hold.closed <= at
