"""Events of every watched contract as their ABIs name them, ours and those from outside."""

from atlas.graphql.entities import Entity, Listing, final, value
from atlas.graphql.kinds import ADDRESS, BIG_INTEGER, BYTES, INTEGER, JSON_OBJECT, TEXT, TIME
from atlas.graphql.sources import Undecodable, Versions
from atlas.projections.views import events

EVENT = Entity(
    "Event",
    "An event of a watched contract, decoded by its ABI.",
    Versions("events", events.EVENTS),
    members=(
        value("position", BIG_INTEGER, "The ledger position of its log."),
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("contract", ADDRESS, "The contract that emitted it."),
        value("abi", TEXT, "The name of the ABI that reads it."),
        value("event", TEXT, "The event's name."),
        value("signature", TEXT, "Its signature, whose keccak256 is the first topic."),
        value(
            "arguments",
            JSON_OBJECT,
            "Its arguments by name, or by place where they have none. Integers of more than 48 bits are decimal "
            "strings; addresses and bytes are 0x and lower-case hexadecimal digits; of an indexed value that is no "
            'single word there is only the hash: `{"keccak256": "0x..."}`.',
        ),
        value("block_number", BIG_INTEGER, "The block it was emitted in."),
        value("block_time", TIME, "That block's time."),
        value("tx_hash", BYTES, "The transaction that emitted it."),
        value("log_index", INTEGER, "The place of its log in the block."),
        final(),
    ),
)
UNDECODABLE_LOG = Entity(
    "UndecodableLog",
    "A log that its ABI does not read, or a fact on how logs are read that is not in order.",
    Undecodable("events"),
    members=(
        value("position", BIG_INTEGER, "Its ledger position: `ledgerEntry` has its bytes."),
        value("reason", TEXT, "Why it is not read, one of a fixed set."),
        value("detail", TEXT, "The same in words."),
    ),
)

EVENT_ENTITIES = (EVENT, UNDECODABLE_LOG)
EVENT_ROOTS = (
    Listing(name="events", entity="Event", description="Events of all watched contracts, in the order of the ledger."),
    Listing(name="undecodable_logs", entity="UndecodableLog", description="Logs that could not be read."),
)
