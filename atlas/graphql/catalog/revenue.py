"""Pools with their shares and receipts, what has accrued to whom (W4), and settled payments (W16)."""

from atlas.graphql.entities import Entity, Listing, Lookup, amount, final, many, one, parts, value
from atlas.graphql.kinds import AAID, ADDRESS, BIG_INTEGER, BYTES, INTEGER, TEXT, TIME, enumeration
from atlas.graphql.sources import Accounts, Pivot, Versions
from atlas.projections.views import revenue
from atlas.protocol.vocabulary import Beneficiary, BurnScenario, RevenueKind

BENEFICIARY = enumeration(Beneficiary, "Who a share or a part of a payment belongs to.")
REVENUE_KIND = enumeration(RevenueKind, "What a work earns from.")
SCENARIO = enumeration(BurnScenario, "What a payment is for: the scenario sets the protocol fee and its burn.")
_POOL = {"chain": "chain", "contract": "contract", "pool_id": "pool_id"}
_PAYMENT = {"chain": "chain", "contract": "contract", "payment_id": "payment_id"}

POOL = Entity(
    "Pool",
    "A work's revenue pool: what it receives is split at once by shares that nobody can change.",
    Versions("revenue", revenue.POOLS),
    members=(
        value("chain", TEXT, "The chain it is on, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that keeps it."),
        value("pool_id", BIG_INTEGER, "The pool's number in its contract."),
        value("aaid", AAID, "The asset it pays for."),
        value("creator", ADDRESS, "Who set it up."),
        value("block_number", BIG_INTEGER, "The block it was created in."),
        final(),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset it pays for."),
        parts("shares", "Share", _POOL, "The shares, in the order that pays."),
        many("accruals", "Accrual", _POOL, "What each payee is owed."),
        many("receipts", "Receipt", _POOL, "What the pool received."),
        many("claims", "Claim", _POOL, "What payees took."),
    ),
)
SHARE = Entity(
    "Share",
    "One payee's share of a pool.",
    Versions("revenue", revenue.SHARES),
    listed=False,
    members=(
        value("ordinal", INTEGER, "Its place in the pool's list, counted from 0."),
        value("payee", ADDRESS, "Who is paid."),
        value("role", BENEFICIARY, "What for."),
        value("share_bps", INTEGER, "The share in basis points: 10,000 is all of it."),
    ),
)
ACCRUAL = Entity(
    "Accrual",
    "What one payee has earned from one pool: accrued is paid and owed together.",
    Pivot(Accounts("revenue", revenue.ACCRUALS), {"accrued_wei": "accrued", "paid_wei": "paid", "owed_wei": "owed"}),
    members=(
        value("chain", TEXT, "The pool's chain, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that keeps it."),
        value("pool_id", BIG_INTEGER, "The pool's number in its contract."),
        value("payee", ADDRESS, "Who is paid."),
        *amount("accrued", "All that ever accrued"),
        *amount("paid", "What was claimed"),
        *amount("owed", "What can be claimed"),
        value("position", BIG_INTEGER, "The ledger position of the latest change."),
        value("block_number", BIG_INTEGER, "The block of the latest change."),
        final(),
        one("pool", "Pool", _POOL, "The pool."),
    ),
)
RECEIPT = Entity(
    "Receipt",
    "Revenue that a pool received.",
    Versions("revenue", revenue.RECEIPTS),
    members=(
        value("chain", TEXT, "The pool's chain, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that keeps it."),
        value("pool_id", BIG_INTEGER, "The pool's number in its contract."),
        value("receipt_id", BIG_INTEGER, "The receipt's number in its pool."),
        value("payer", ADDRESS, "Who paid."),
        value("kind", REVENUE_KIND, "What the work earned it from."),
        *amount("amount", "What was received"),
        value("reference", BYTES, "The payer's reference."),
        value("received_at", TIME, "When it was received: the time of its block."),
        value("block_number", BIG_INTEGER, "The block it was received in."),
        value("tx_hash", BYTES, "The transaction it was received by."),
        final(),
        one("pool", "Pool", _POOL, "The pool."),
    ),
)
CLAIM = Entity(
    "Claim",
    "A payee took what had accrued in a pool.",
    Versions("revenue", revenue.CLAIMS),
    members=(
        value("position", BIG_INTEGER, "The ledger position of the claim."),
        value("chain", TEXT, "The pool's chain, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that keeps it."),
        value("pool_id", BIG_INTEGER, "The pool's number in its contract."),
        value("payee", ADDRESS, "Who was paid."),
        *amount("amount", "What was paid"),
        value("claimed_at", TIME, "When: the time of its block."),
        value("block_number", BIG_INTEGER, "The block it was claimed in."),
        value("tx_hash", BYTES, "The transaction it was claimed by."),
        final(),
        one("pool", "Pool", _POOL, "The pool."),
    ),
)
PAYMENT = Entity(
    "Payment",
    "A settled payment: the amount is the protocol fee and the legs; the fee is burned and to the treasury.",
    Versions("revenue", revenue.PAYMENTS),
    members=(
        value("chain", TEXT, "The chain it was settled on, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that keeps it."),
        value("payment_id", BIG_INTEGER, "The payment's number in its contract."),
        value("payer", ADDRESS, "Who paid."),
        value("scenario", SCENARIO, "What it was for."),
        *amount("amount", "The gross amount"),
        *amount("protocol_fee", "The protocol's fee"),
        *amount("burned", "The part of the fee that was burned"),
        *amount("to_treasury", "The part of the fee that went to the treasury"),
        value("reference", BYTES, "The payer's reference."),
        value("settled_at", TIME, "When it was settled: the time of its block."),
        value("block_number", BIG_INTEGER, "The block it was settled in."),
        value("tx_hash", BYTES, "The transaction it was settled by."),
        final(),
        parts("legs", "PaymentLeg", _PAYMENT, "Who was paid, in order."),
    ),
)
PAYMENT_LEG = Entity(
    "PaymentLeg",
    "One beneficiary's part of a payment.",
    Versions("revenue", revenue.PAYMENT_LEGS),
    listed=False,
    members=(
        value("ordinal", INTEGER, "Its place in the payment, counted from 0."),
        value("role", BENEFICIARY, "What for."),
        value("payee", ADDRESS, "Who was paid."),
        *amount("amount", "What was paid"),
    ),
)

REVENUE_ENTITIES = (POOL, SHARE, ACCRUAL, RECEIPT, CLAIM, PAYMENT, PAYMENT_LEG)
REVENUE_ROOTS = (
    Lookup(
        name="pool",
        entity="Pool",
        arguments=_POOL,
        description="One revenue pool by its chain, contract and number.",
    ),
    Listing(name="pools", entity="Pool", description="Revenue pools."),
    Listing(name="accruals", entity="Accrual", description="What payees have accrued, were paid and are owed."),
    Listing(name="receipts", entity="Receipt", description="Revenue that pools received."),
    Listing(name="payments", entity="Payment", description="Settled payments."),
)
