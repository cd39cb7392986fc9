"""The events of the protocol's contracts, typed.

One frozen struct an event; after ``origin`` the fields are the event's parameters, in ABI order and
in snake case. ``EVENTS`` lists them by contract; a test holds each against the shipped ABI.
Types: address, bytes32 and bytes are ``bytes``; integers are ``int`` (token amounts in wei).
"""

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """Where an event comes from: its place in the ledger and on its chain."""

    position: int
    chain: str  # CAIP-2
    block_number: int
    block_hash: bytes
    block_time: int  # seconds since 1970
    tx_hash: bytes
    log_index: int
    contract: bytes


class Event(msgspec.Struct, frozen=True):
    """What a contract said, and where."""

    origin: Origin


class Transfer(Event, frozen=True):
    """ERC-20 Transfer; a mint comes from, a burn goes to, the zero address."""

    sender: bytes
    recipient: bytes
    value: int


class PaymentSettled(Event, frozen=True):
    """FeeSettlement: a gross ``amount`` was paid; fee = ``burned`` + ``to_treasury``, the rest went to legs (W16)."""

    payment_id: int
    reference: bytes
    payer: bytes
    scenario: int
    amount: int
    protocol_fee: int
    burned: int
    to_treasury: int


class LegPaid(Event, frozen=True):
    """FeeSettlement: one beneficiary's part of a payment."""

    payment_id: int
    role: int
    payee: bytes
    amount: int


class ScenarioParametersChanged(Event, frozen=True):
    """FeeSettlement: the rates of a scenario from this block on."""

    scenario: int
    fee_bps: int
    burn_bps: int


class AssetRegistered(Event, frozen=True):
    """AssetRegistry: version 1 of a new asset (W1)."""

    aaid: bytes
    token_id: int
    creator: bytes
    asset_type: int
    content_hash: bytes
    metadata_hash: bytes
    metadata_uri: str


class AssetVersionAdded(Event, frozen=True):
    """AssetRegistry: a later version of an asset."""

    aaid: bytes
    version: int
    content_hash: bytes
    metadata_hash: bytes
    metadata_uri: str


class AssetSourced(Event, frozen=True):
    """AssetRegistry: a version of an asset comes out of a generation record (W1, W2)."""

    aaid: bytes
    version: int
    record_id: bytes


class DerivativeLinked(Event, frozen=True):
    """AssetRegistry: ``child`` derives from ``parent``, under ``license_id`` or 0 for the parent's own owner."""

    child: bytes
    parent: bytes
    license_id: int


class AssetTransfer(Event, frozen=True):
    """ERC-721 Transfer of an asset token."""

    sender: bytes
    recipient: bytes
    token_id: int


class OfferPublished(Event, frozen=True):
    """LicenseRegistry: anyone may take this licence at ``price`` (W3)."""

    offer_id: int
    aaid: bytes
    licensor: bytes
    kind: int
    terms_hash: bytes
    terms_uri: str
    price: int
    duration: int  # seconds, 0 = perpetual
    exclusive: bool


class OfferWithdrawn(Event, frozen=True):
    """LicenseRegistry: the offer can no longer be taken; grants stay."""

    offer_id: int


class LicenseGranted(Event, frozen=True):
    """LicenseRegistry: a licence is in force from ``starts_at`` until before ``expires_at`` (0 = perpetual)."""

    license_id: int
    offer_id: int
    aaid: bytes
    licensor: bytes
    licensee: bytes
    kind: int
    terms_hash: bytes
    terms_uri: str
    starts_at: int
    expires_at: int
    exclusive: bool


class LicenseRevoked(Event, frozen=True):
    """LicenseRegistry: the licence ends with this block."""

    license_id: int
    by: bytes
    reason_hash: bytes


class PoolCreated(Event, frozen=True):
    """RevenuePool: the shares of a work, fixed for good (W4)."""

    pool_id: int
    aaid: bytes
    creator: bytes


class ShareSet(Event, frozen=True):
    """RevenuePool: one payee's share, emitted in the listed order right after PoolCreated."""

    pool_id: int
    index: int
    payee: bytes
    role: int
    share_bps: int


class RevenueReceived(Event, frozen=True):
    """RevenuePool: a receipt, split at once by rule ``floor-first-listed/1``."""

    pool_id: int
    receipt_id: int
    payer: bytes
    kind: int
    amount: int
    reference: bytes


class RevenueClaimed(Event, frozen=True):
    """RevenuePool: a payee took what had accrued."""

    pool_id: int
    payee: bytes
    amount: int


class Staked(Event, frozen=True):
    """StakeManager: ``total`` is the operator's stake in the role afterwards."""

    operator: bytes
    role: int
    amount: int
    total: int


class UnstakeRequested(Event, frozen=True):
    """StakeManager: the amount can be withdrawn from ``available_at`` on and can still be slashed until then."""

    operator: bytes
    role: int
    amount: int
    available_at: int


class Unstaked(Event, frozen=True):
    """StakeManager: withdrawn; ``total`` is what stays."""

    operator: bytes
    role: int
    amount: int
    total: int


class Slashed(Event, frozen=True):
    """StakeManager: ``amount`` = ``burned`` + ``to_treasury`` + ``to_reporter`` (W17: 70/20/10)."""

    operator: bytes
    role: int
    violation: int
    amount: int
    burned: int
    to_treasury: int
    to_reporter: int
    reporter: bytes
    evidence_hash: bytes


class CheckpointAnchored(Event, frozen=True):
    """CheckpointAnchor: a ledger's signed root, as of ``tree_size`` entries."""

    log_id: bytes
    submitter: bytes
    tree_size: int
    root_hash: bytes
    note_hash: bytes


EVENTS: dict[str, tuple[type[Event], ...]] = {
    "AtlasToken": (Transfer,),
    "FeeSettlement": (PaymentSettled, LegPaid, ScenarioParametersChanged),
    "AssetRegistry": (AssetRegistered, AssetVersionAdded, AssetSourced, DerivativeLinked, AssetTransfer),
    "LicenseRegistry": (OfferPublished, OfferWithdrawn, LicenseGranted, LicenseRevoked),
    "RevenuePool": (PoolCreated, ShareSet, RevenueReceived, RevenueClaimed),
    "StakeManager": (Staked, UnstakeRequested, Unstaked, Slashed),
    "CheckpointAnchor": (CheckpointAnchored,),
}
