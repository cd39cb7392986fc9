"""Views that are folded while the chain forks are those that are folded of the log as it is in the end."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from atlas.indexer.chain.schema import MIGRATIONS as INDEXER_MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.projections.migrations import MIGRATIONS
from atlas.projections.projector import Projector
from atlas.projections.views import VIEWS
from tests.indexer.simulation.endpoints import SEVERAL_FROM
from tests.indexer.simulation.schedule import play
from tests.indexer.simulation.tree import CREATED, NAMED, OTHER, STRANGERS
from tests.projections.rows import current

FOLDED = {name: VIEWS[name] for name in ("chains", "events")}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, [*schema.MIGRATIONS, *INDEXER_MIGRATIONS, *MIGRATIONS])
        yield database


def is_event(topics: tuple[bytes, ...], data: bytes) -> bool:
    """Whether the ABI has this event, in canonical form."""
    if topics == (OTHER,):
        return data == b""
    return (len(topics) == 2 and topics[0] == CREATED) or (topics == (NAMED,) and data[:1] == b"\0")


@pytest.mark.parametrize("seed", range(SEVERAL_FROM + 30, SEVERAL_FROM + 36))
def test_views_folded_live_have_every_event_of_the_final_chain_once(database: Database, seed: int) -> None:
    projector = Projector(database, Ledger(database), FOLDED, page_facts=7)
    projector.prepare()
    turns = cycle([("events",), (), ("chains", "events"), ("chains",) * 3])
    schedule = play(seed, database, lambda: [projector.step(name) for name in next(turns)])
    projector.catch_up()
    for name in FOLDED:
        projector.compare(name)
    found = [
        (row["tx_hash"], row["log_index"])
        for row in current(database, "events", "events")
        if row["chain"] == f"eip155:{seed + 1}"
    ]
    assert len(found) == len(set(found))
    blocks = {block.header.hash: block for block in schedule.world.chain}
    expected = {
        (blocks[block_hash].logs[log_index].tx_hash, log_index)
        for block_hash, log_index, address, topics, data in schedule.expected[0]
        if address not in STRANGERS and is_event(topics, data)
    }
    assert expected.issubset(found)
    assert {row["tx_hash"] for row in current(database, "events", "events")} <= {
        log.tx_hash for block in schedule.world.chain for log in block.logs
    }
