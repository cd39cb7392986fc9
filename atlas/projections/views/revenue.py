"""View ``revenue``: pools with their shares and receipts, what has accrued to whom (W4), and settled payments (W16)."""

from collections.abc import Iterator
from itertools import count

from atlas.projections.fold import Fold, Row
from atlas.projections.tables.declarations import (
    AccountTable,
    EntityTable,
    bigint,
    binary,
    integer,
    text,
    time,
    uint256,
)
from atlas.projections.view import View
from atlas.projections.views.values import moment
from atlas.protocol.events import LegPaid, PaymentSettled, PoolCreated, RevenueClaimed, RevenueReceived, ShareSet
from atlas.protocol.vocabulary import Beneficiary, BurnScenario, RevenueKind, from_ordinal
from atlas.rights.royalties.splits import split

POOLS = EntityTable(
    "pools",
    key=(text("chain"), binary("contract"), uint256("pool_id")),
    values=(binary("aaid"), binary("creator"), bigint("block_number")),
    indexes=(("aaid",),),
)
SHARES = EntityTable(
    "shares",
    key=(text("chain"), binary("contract"), uint256("pool_id"), integer("ordinal")),
    values=(binary("payee"), text("role"), integer("share_bps"), bigint("block_number")),
    indexes=(("payee",),),
)
RECEIPTS = EntityTable(
    "receipts",
    key=(text("chain"), binary("contract"), uint256("pool_id"), uint256("receipt_id")),
    values=(
        binary("payer"),
        text("kind"),
        uint256("amount_wei"),
        binary("reference"),
        time("received_at"),
        bigint("block_number"),
        binary("tx_hash"),
    ),
    indexes=(("reference",), ("payer",)),
)
CLAIMS = EntityTable(
    "claims",
    key=(bigint("position"),),
    values=(
        text("chain"),
        binary("contract"),
        uint256("pool_id"),
        binary("payee"),
        uint256("amount_wei"),
        time("claimed_at"),
        bigint("block_number"),
        binary("tx_hash"),
    ),
    indexes=(("chain", "contract", "pool_id"), ("payee",)),
)
PAYMENTS = EntityTable(
    "payments",
    key=(text("chain"), binary("contract"), uint256("payment_id")),
    values=(
        binary("payer"),
        text("scenario"),
        uint256("amount_wei"),
        uint256("protocol_fee_wei"),
        uint256("burned_wei"),
        uint256("to_treasury_wei"),
        binary("reference"),
        time("settled_at"),
        bigint("block_number"),
        binary("tx_hash"),
    ),
    indexes=(("reference",), ("payer",)),
)
PAYMENT_LEGS = EntityTable(
    "payment_legs",
    key=(text("chain"), binary("contract"), uint256("payment_id"), integer("ordinal")),
    values=(text("role"), binary("payee"), uint256("amount_wei"), bigint("block_number")),
    indexes=(("payee",),),
)
ACCRUALS = AccountTable(
    "accruals",
    key=(text("chain"), binary("contract"), uint256("pool_id"), binary("payee"), text("book")),
    indexes=(("payee",),),
)


def pool_created(event: PoolCreated, fold: Fold) -> None:
    """A work has a pool; its shares follow."""
    origin = event.origin
    fold.create(
        POOLS,
        origin.chain,
        origin.contract,
        event.pool_id,
        aaid=event.aaid,
        creator=event.creator,
        block_number=origin.block_number,
    )


def share_set(event: ShareSet, fold: Fold) -> None:
    """One payee's share of a pool."""
    origin = event.origin
    fold.require(POOLS, origin.chain, origin.contract, event.pool_id)
    fold.create(
        SHARES,
        origin.chain,
        origin.contract,
        event.pool_id,
        event.index,
        payee=event.payee,
        role=from_ordinal(Beneficiary, event.role),
        share_bps=event.share_bps,
        block_number=origin.block_number,
    )


def revenue_received(event: RevenueReceived, fold: Fold) -> None:
    """A receipt, split at once: each payee has accrued a part, and is owed it."""
    origin = event.origin
    fold.create(
        RECEIPTS,
        origin.chain,
        origin.contract,
        event.pool_id,
        event.receipt_id,
        payer=event.payer,
        kind=from_ordinal(RevenueKind, event.kind),
        amount_wei=event.amount,
        reference=event.reference,
        received_at=moment(origin.block_time),
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
    )
    shares = list(_shares(event, fold))
    parts = split(event.amount, [share["share_bps"] for share in shares])
    for share, part in zip(shares, parts, strict=True):
        account = (origin.chain, origin.contract, event.pool_id, share["payee"])
        fold.post(ACCRUALS, *account, "accrued", delta=part, block_number=origin.block_number)
        fold.post(ACCRUALS, *account, "owed", delta=part, block_number=origin.block_number)


def revenue_claimed(event: RevenueClaimed, fold: Fold) -> None:
    """A payee was paid what had accrued."""
    origin = event.origin
    fold.put(
        CLAIMS,
        origin.position,
        chain=origin.chain,
        contract=origin.contract,
        pool_id=event.pool_id,
        payee=event.payee,
        amount_wei=event.amount,
        claimed_at=moment(origin.block_time),
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
    )
    account = (origin.chain, origin.contract, event.pool_id, event.payee)
    fold.post(ACCRUALS, *account, "paid", delta=event.amount, block_number=origin.block_number)
    fold.post(ACCRUALS, *account, "owed", delta=-event.amount, block_number=origin.block_number)


def payment_settled(event: PaymentSettled, fold: Fold) -> None:
    """A payment with its protocol fee; its legs follow."""
    origin = event.origin
    fold.create(
        PAYMENTS,
        origin.chain,
        origin.contract,
        event.payment_id,
        payer=event.payer,
        scenario=from_ordinal(BurnScenario, event.scenario),
        amount_wei=event.amount,
        protocol_fee_wei=event.protocol_fee,
        burned_wei=event.burned,
        to_treasury_wei=event.to_treasury,
        reference=event.reference,
        settled_at=moment(origin.block_time),
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
    )


def leg_paid(event: LegPaid, fold: Fold) -> None:
    """One beneficiary's part of a payment; legs are numbered as they come."""
    origin = event.origin
    fold.require(PAYMENTS, origin.chain, origin.contract, event.payment_id)
    legs = (fold.get(PAYMENT_LEGS, origin.chain, origin.contract, event.payment_id, ordinal) for ordinal in count())
    fold.create(
        PAYMENT_LEGS,
        origin.chain,
        origin.contract,
        event.payment_id,
        next(ordinal for ordinal, leg in enumerate(legs) if leg is None),
        role=from_ordinal(Beneficiary, event.role),
        payee=event.payee,
        amount_wei=event.amount,
        block_number=origin.block_number,
    )


def _shares(event: RevenueReceived, fold: Fold) -> Iterator[Row]:
    """The shares of the pool that received, in their listed order."""
    origin = event.origin
    for ordinal in count():
        share = fold.get(SHARES, origin.chain, origin.contract, event.pool_id, ordinal)
        if share is None:
            return
        yield share


REVENUE = View(
    name="revenue",
    version=3,
    tables=(POOLS, SHARES, RECEIPTS, CLAIMS, PAYMENTS, PAYMENT_LEGS, ACCRUALS),
    handlers={
        PoolCreated: pool_created,
        ShareSet: share_set,
        RevenueReceived: revenue_received,
        RevenueClaimed: revenue_claimed,
        PaymentSettled: payment_settled,
        LegPaid: leg_paid,
    },
)
