"""What payees are entitled to against what the chain credited and paid, to the wei, with the cause of each difference.

    entitled - paid = sum of the causes
    receipt_not_distributed    the books have a receipt that the chain distributed to nobody
    receipt_not_in_books       the chain distributed what the books have no receipt for
    royalty                    the lineage owes part of a receipt to other works; a pool divides all of it
    guarantee                  a minimum guarantee is due, and no receipt of the chain pays it
    rounding                   the same shares under two rounding rules
    shares                     the chain divided by other shares
    unclaimed                  credited by the chain, and not taken yet
    overpaid                   taken without being credited

What is held is entitled too; ``held_wei`` says how much of the difference is kept back on purpose.
"""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from atlas.rights.royalties.accruals import Accrual, Reason
from atlas.rights.royalties.revenue import Books, Work
from atlas.rights.royalties.rounding import FIRST_LISTED, RULES, division


class Cause(StrEnum):
    """Why a payee's entitlement and its payments differ."""

    RECEIPT_NOT_DISTRIBUTED = "receipt_not_distributed"
    RECEIPT_NOT_IN_BOOKS = "receipt_not_in_books"
    ROYALTY = "royalty"
    GUARANTEE = "guarantee"
    ROUNDING = "rounding"
    SHARES = "shares"
    UNCLAIMED = "unclaimed"
    OVERPAID = "overpaid"


class Distribution(msgspec.Struct, frozen=True):
    """What the chain credited one payee of one receipt."""

    position: int  # of the receipt
    payee: bytes
    amount_wei: int


class Explained(msgspec.Struct, frozen=True, order=True):
    """A part of a difference; ``position`` is the receipt's, None for what concerns no one receipt."""

    cause: Cause
    position: int | None
    amount_wei: int


class Reconciled(msgspec.Struct, frozen=True):
    """One payee: ``difference_wei`` = entitled - paid = the sum of ``causes``."""

    payee: bytes
    entitled_wei: int
    held_wei: int
    distributed_wei: int
    paid_wei: int
    causes: tuple[Explained, ...]

    @property
    def difference_wei(self) -> int:
        """What the payee is still to get; negative when it got too much."""
        return self.entitled_wei - self.paid_wei


def pool_distributions(books: Books, *, upto: int) -> tuple[Distribution, ...]:
    """What the RevenuePool contract credits: each receipt whole, by ``floor-first-listed/1`` over the work's shares."""
    works = {work.asset: work for work in books.works}
    divisions = {work.asset: division(FIRST_LISTED, [share.share for share in work.shares]) for work in books.works}
    return tuple(
        Distribution(receipt.position, share.payee, part)
        for receipt in books.receipts
        if receipt.position <= upto
        for share, part in zip(
            works[receipt.asset].shares, divisions[receipt.asset].parts(receipt.amount_wei), strict=True
        )
    )


def reconcile(accrual: Accrual, distributions: Iterable[Distribution], *, upto: int) -> tuple[Reconciled, ...]:
    """Every payee as of a position, in order of address. Raises what ``Accrual.flows`` raises."""
    sides = _Sides(accrual, upto)
    for distribution in distributions:
        if distribution.position <= upto:
            sides.credited[distribution.payee][distribution.position] += distribution.amount_wei
            sides.distributed.add(distribution.position)
    for payment in accrual.books.payments:
        if payment.position <= upto:
            sides.paid[payment.payee] += payment.amount_wei
    payees = sorted({*sides.own, *sides.royalty, *sides.guarantee, *sides.credited, *sides.paid})
    return tuple(sides.reconciled(payee) for payee in payees)


def _by_position() -> dict[int, int]:
    return defaultdict(int)


class _Sides:
    """What both sides say, by payee and receipt."""

    def __init__(self, accrual: Accrual, upto: int) -> None:
        self.own: dict[bytes, dict[int, int]] = defaultdict(_by_position)
        self.royalty: dict[bytes, dict[int, int]] = defaultdict(_by_position)
        self.guarantee: dict[bytes, dict[int, int]] = defaultdict(_by_position)
        self.credited: dict[bytes, dict[int, int]] = defaultdict(_by_position)
        self.distributed: set[int] = set()
        # What a payee would have of a receipt without royalties: by the work's own rounding, and by each rule there is.
        self.whole: dict[bytes, dict[int, int]] = defaultdict(_by_position)
        self._by_rule: dict[str, dict[bytes, dict[int, int]]] = {rule: defaultdict(_by_position) for rule in RULES}
        self.paid: dict[bytes, int] = defaultdict(int)
        self.held: dict[bytes, int] = defaultdict(int)
        self._receipts = {each.position: each for each in accrual.books.receipts if each.position <= upto}
        self._read_flows(accrual, upto)
        self._divide_whole(accrual)

    def reconciled(self, payee: bytes) -> Reconciled:
        """One payee's two sides, and why they differ."""
        entitled = sum(sum(side[payee].values()) for side in (self.own, self.royalty, self.guarantee))
        credited, paid = sum(self.credited[payee].values()), self.paid[payee]
        causes = [cause for position in self._positions(payee) for cause in self._causes(payee, position)]
        causes.append(Explained(Cause.UNCLAIMED if credited > paid else Cause.OVERPAID, None, credited - paid))
        told = tuple(sorted((each for each in causes if each.amount_wei), key=_place))
        return Reconciled(payee, entitled, self.held[payee], credited, paid, told)

    def _positions(self, payee: bytes) -> set[int]:
        sides = self.own, self.royalty, self.guarantee, self.credited
        return {position for side in sides for position in side[payee]}

    def _causes(self, payee: bytes, position: int) -> list[Explained]:
        own, royalty, guarantee = (side[payee][position] for side in (self.own, self.royalty, self.guarantee))
        whole, credited = self.whole[payee][position], self.credited[payee][position]
        due = Explained(Cause.GUARANTEE, position, guarantee)
        if position not in self._receipts:
            return [due, Explained(Cause.RECEIPT_NOT_IN_BOOKS, position, -credited)]
        if position not in self.distributed:
            return [due, Explained(Cause.RECEIPT_NOT_DISTRIBUTED, position, own + royalty)]
        is_rounding = any(by[payee][position] == credited for by in self._by_rule.values())
        moved = Explained(Cause.ROUNDING if is_rounding else Cause.SHARES, position, whole - credited)
        return [due, Explained(Cause.ROYALTY, position, own + royalty - whole), moved]

    def _read_flows(self, accrual: Accrual, upto: int) -> None:
        books = {Reason.SHARE: self.own, Reason.ROYALTY: self.royalty, Reason.GUARANTEE: self.guarantee}
        for flow in accrual.flows(upto=upto):
            parts = accrual.divisions[flow.asset].parts(flow.amount_wei)
            held = accrual.is_held(flow, at=upto)
            for share, part in zip(accrual.works[flow.asset].shares, parts, strict=True):
                books[flow.reason][share.payee][flow.position] += part
                self.held[share.payee] += part if held else 0

    def _divide_whole(self, accrual: Accrual) -> None:
        divisions = {
            (rule, work.asset): division(rule, [share.share for share in work.shares])
            for work in accrual.books.works
            for rule in RULES
        }
        for receipt in self._receipts.values():
            for rule in RULES:
                parts = divisions[rule, receipt.asset].parts(receipt.amount_wei)
                self._add(rule, accrual.works[receipt.asset], receipt.position, parts)

    def _add(self, rule: str, work: Work, position: int, parts: Iterable[int]) -> None:
        for share, part in zip(work.shares, parts, strict=True):
            self._by_rule[rule][share.payee][position] += part
            if rule == work.rounding:
                self.whole[share.payee][position] += part


def _place(explained: Explained) -> tuple[bool, int, Cause]:
    return explained.position is None, explained.position or 0, explained.cause
