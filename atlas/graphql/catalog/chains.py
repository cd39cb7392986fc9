"""The chains that are followed, and how far this server's answers reach."""

from psycopg import sql

from atlas.graphql.entities import Entity, Listing, Single, parts, value
from atlas.graphql.kinds import BIG_INTEGER, BYTES, TEXT, TIME
from atlas.graphql.sources import Statement, Versions
from atlas.projections.views import chains

CHAIN = Entity(
    "Chain",
    "A chain that is followed: how far it is seen, and how far it is final.",
    Versions("chains", chains.CHAINS),
    members=(
        value("chain", TEXT, "The chain, as a CAIP-2 name."),
        value("head_number", BIG_INTEGER, "The highest canonical block whose header is recorded."),
        value("head_hash", BYTES, "That block's hash."),
        value("head_time", TIME, "That block's time, where its header is recorded.", nullable=True),
        value("finalized_number", BIG_INTEGER, "The highest block that is final.", nullable=True),
        value("finalized_hash", BYTES, "That block's hash.", nullable=True),
    ),
)
VIEW_POSITION = Entity(
    "ViewPosition",
    "How far one view has followed the ledger.",
    Statement(sql.SQL("select name, position from projections.views where strpos(name, ':') = 0"), key=("name",)),
    listed=False,
    members=(
        value("name", TEXT, "The view."),
        value("position", BIG_INTEGER, "The last ledger position it has folded."),
    ),
)
META = Entity(
    "Meta",
    "How far this server's answers reach.",
    Statement(sql.SQL("select position as ledger_position from ledger.head"), key=("ledger_position",)),
    listed=False,
    members=(
        value("ledger_position", BIG_INTEGER, "The last position of the ledger."),
        parts("chains", "Chain", {}, "The chains that are followed."),
        parts("views", "ViewPosition", {}, "How far each view has followed the ledger."),
    ),
)

CHAIN_ENTITIES = (CHAIN, VIEW_POSITION, META)
CHAIN_ROOTS = (
    Single(name="_meta", entity="Meta", description="How far this server's answers reach."),
    Listing(name="chains", entity="Chain", description="The chains that are followed."),
)
