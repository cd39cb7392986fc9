"""The log itself: its entries, and the checkpoint that proves them."""

from psycopg import sql

from atlas.graphql.entities import Entity, Lookup, Single, value
from atlas.graphql.kinds import BIG_INTEGER, BYTES, TEXT, TIME
from atlas.graphql.sources import Statement, Supplied

LEDGER_ENTRY = Entity(
    "LedgerEntry",
    "One fact of the log, as it was observed.",
    Supplied(
        sql.SQL(
            "select position, stream::text as stream, version, topic, payload, leaf_hash from ledger.events "
            "union all "
            "select %(archived_position)s::bigint, %(archived_stream)s::text, %(archived_version)s::bigint, "
            "%(archived_topic)s::text, %(archived_payload)s::bytea, %(archived_leaf_hash)s::bytea "
            "where %(archived_position)s::bigint is not null"
        ),
        key=("position",),
        supplied=tuple(
            f"archived_{name}" for name in ("position", "stream", "version", "topic", "payload", "leaf_hash")
        ),
    ),
    listed=False,
    members=(
        value("position", BIG_INTEGER, "Its position in the log, counted from 1; its Merkle leaf is one before."),
        value("stream", TEXT, "The stream it belongs to, a UUID over the stream's name."),
        value("version", BIG_INTEGER, "Its version in the stream."),
        value("topic", TEXT, "What kind of fact it is."),
        value("payload", BYTES, "The fact's bytes; null when they were redacted.", nullable=True),
        value("leaf_hash", BYTES, "Its RFC 6962 leaf hash."),
    ),
)
CHECKPOINT = Entity(
    "Checkpoint",
    "A signed statement of what the log is: its size and its Merkle root.",
    Statement(
        sql.SQL(
            "select origin, tree_size, root_hash, convert_from(note, 'UTF8') as note, signed_at "
            "from ledger.checkpoints order by tree_size desc, signed_at desc limit 1"
        ),
        key=("origin", "tree_size"),
    ),
    listed=False,
    members=(
        value("origin", TEXT, "The log's name."),
        value("tree_size", BIG_INTEGER, "How many entries it covers."),
        value("root_hash", BYTES, "The RFC 6962 root over them."),
        value("note", TEXT, "The C2SP signed note: verify this, not the fields beside it."),
        value("signed_at", TIME, "When it was signed."),
    ),
)

LEDGER_ENTITIES = (LEDGER_ENTRY, CHECKPOINT)
LEDGER_ROOTS = (
    Single(name="checkpoint", entity="Checkpoint", nullable=True, description="The latest signed checkpoint."),
    Lookup(
        name="ledger_entry",
        entity="LedgerEntry",
        arguments={"position": "position"},
        description="One fact of the log by its position.",
    ),
)
