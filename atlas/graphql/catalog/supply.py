"""The token: supply and burns by cause (W16), balances, stakes, slashes (W17), and anchored checkpoints."""

from enum import StrEnum

from atlas.graphql.entities import Entity, Listing, amount, final, parts, value
from atlas.graphql.kinds import ADDRESS, BIG_INTEGER, BYTES, INTEGER, TEXT, TIME, enumeration
from atlas.graphql.sources import Accounts, Books, Pivot, Versions
from atlas.projections.views import supply
from atlas.protocol.vocabulary import StakeRole, Violation


class BurnCause(StrEnum):
    """Why tokens were burned: the fee of one of ten scenarios, a slash, or the holder's own decision."""

    AI_GENERATION = "ai_generation"
    HD_EXPORT = "hd_export"
    ASSET_REGISTRATION = "asset_registration"
    IP_LICENSING = "ip_licensing"
    ASSET_TRADING = "asset_trading"
    CONTENT_DISTRIBUTION = "content_distribution"
    AD_INSERTION = "ad_insertion"
    STUDIO_CERTIFICATION = "studio_certification"
    ENTERPRISE_API = "enterprise_api"
    CROSS_CHAIN_PREMIUM = "cross_chain_premium"
    SLASH = "slash"
    DIRECT = "direct"


BURN_CAUSE = enumeration(
    BurnCause, "Why tokens were burned: the fee of one of ten scenarios, a slash, or the holder's own decision."
)
STAKE_ROLE = enumeration(StakeRole, "The roles that stake and can be slashed.")
VIOLATION = enumeration(Violation, "What a stake is slashed for.")
TOTALS = Accounts("supply", supply.TOTALS)

SUPPLY = Entity(
    "Supply",
    "A token's totals on one chain: the supply is what was minted and not burned.",
    Pivot(TOTALS, {"minted_wei": "minted", "burned_wei": "burned", "supply_wei": "supply", "staked_wei": "staked"}),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("token", ADDRESS, "The token contract."),
        *amount("minted", "All that was ever minted"),
        *amount("burned", "All that was ever burned"),
        *amount("supply", "What exists"),
        *amount("staked", "What is staked"),
        value("position", BIG_INTEGER, "The ledger position of the latest change."),
        value("block_number", BIG_INTEGER, "The block of the latest change."),
        final(),
        parts("burned_by_cause", "BurnTotal", {"chain": "chain", "token": "token"}, "What was burned, by cause."),
    ),
)
BURN_TOTAL = Entity(
    "BurnTotal",
    "All that was ever burned for one cause.",
    Books(TOTALS, "burned:", "cause"),
    listed=False,
    members=(
        value("cause", BURN_CAUSE, "Why."),
        *amount("amount", "How much", column="balance"),
    ),
)
BALANCE = Entity(
    "Balance",
    "What one account holds of a token.",
    Accounts("supply", supply.BALANCES),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("token", ADDRESS, "The token contract."),
        value("holder", ADDRESS, "Who holds."),
        *amount("balance", "What is held", column="balance"),
        value("position", BIG_INTEGER, "The ledger position of the latest change."),
        value("block_number", BIG_INTEGER, "The block of the latest change."),
        final(),
    ),
)
BURN = Entity(
    "Burn",
    "Tokens that left the supply for good.",
    Versions("supply", supply.BURNS),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("tx_hash", BYTES, "The transaction."),
        value("log_index", INTEGER, "The log's place in its block."),
        value("token", ADDRESS, "The token contract."),
        value("cause", BURN_CAUSE, "Why."),
        *amount("amount", "How much"),
        value("burned_by", ADDRESS, "Whose tokens."),
        value("burned_at", TIME, "When: the time of its block."),
        value("block_number", BIG_INTEGER, "The block."),
        final(),
    ),
)
STAKE = Entity(
    "Stake",
    "What one operator has staked in one role.",
    Accounts("supply", supply.STAKES),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that holds the stake."),
        value("operator", ADDRESS, "Who staked."),
        value("role", STAKE_ROLE, "In which role."),
        *amount("stake", "What is staked", column="balance"),
        value("position", BIG_INTEGER, "The ledger position of the latest change."),
        value("block_number", BIG_INTEGER, "The block of the latest change."),
        final(),
    ),
)
SLASH = Entity(
    "Slash",
    "A stake that was cut for a violation: burned, to the treasury and to the reporter.",
    Versions("supply", supply.SLASHES),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("tx_hash", BYTES, "The transaction."),
        value("log_index", INTEGER, "The log's place in its block."),
        value("operator", ADDRESS, "Who was slashed."),
        value("role", STAKE_ROLE, "In which role."),
        value("violation", VIOLATION, "What for."),
        *amount("amount", "How much in all"),
        *amount("burned", "The part that was burned"),
        *amount("to_treasury", "The part that went to the treasury"),
        *amount("to_reporter", "The part that went to the reporter"),
        value("reporter", ADDRESS, "Who reported it."),
        value("evidence_hash", BYTES, "Hash of the evidence."),
        value("slashed_at", TIME, "When: the time of its block."),
        value("block_number", BIG_INTEGER, "The block."),
        final(),
    ),
)
ANCHOR = Entity(
    "Anchor",
    "A ledger's signed root, recorded on a chain.",
    Versions("supply", supply.ANCHORS),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("log_id", BYTES, "The ledger that it anchors."),
        value("tree_size", BIG_INTEGER, "How many entries the root covers."),
        value("submitter", ADDRESS, "Who anchored it."),
        value("root_hash", BYTES, "The Merkle root."),
        value("note_hash", BYTES, "Hash of the signed checkpoint."),
        value("anchored_at", TIME, "When: the time of its block."),
        value("block_number", BIG_INTEGER, "The block."),
        value("tx_hash", BYTES, "The transaction."),
        final(),
    ),
)

SUPPLY_ENTITIES = (SUPPLY, BURN_TOTAL, BALANCE, BURN, STAKE, SLASH, ANCHOR)
SUPPLY_ROOTS = (
    Listing(name="supply", entity="Supply", description="The totals of each token on each chain."),
    Listing(name="balances", entity="Balance", description="Who holds what."),
    Listing(name="burns", entity="Burn", description="Tokens that left the supply for good."),
    Listing(name="stakes", entity="Stake", description="Who has staked what."),
    Listing(name="slashes", entity="Slash", description="Stakes that were cut."),
    Listing(name="anchors", entity="Anchor", description="Signed roots recorded on chains."),
)
