"""The indexer and a view of two tables, ``python -m benchmarks.backfill.indexed RPC_URL DATABASE_URL HEAD``.

Everything that production does: headers verified and linked, facts and leaves in the log, rows versioned by
position. It ends when the view has folded all that the chain says up to block ``HEAD``.
"""

import sys
import threading

from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import Progress
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.schema import MIGRATIONS as INDEXER_MIGRATIONS
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.sources.watching import HeadWatch
from atlas.indexer.chain.watching.config import ChainConfig, Contract
from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.projections.fold import Fold
from atlas.projections.migrations import MIGRATIONS as PROJECTION_MIGRATIONS
from atlas.projections.projector import Projector
from atlas.projections.reading.decoded import EventBatch, Inserted, Posted, Written
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
from atlas.projections.views.values import moment, moments
from atlas.protocol.events import Transfer
from atlas.protocol.ids import parse_address
from benchmarks.backfill.mining import CONTRACT

CHAIN = "eip155:31337"
MIGRATIONS = (*LEDGER_MIGRATIONS, *INDEXER_MIGRATIONS, *PROJECTION_MIGRATIONS)
TRANSFERS = EntityTable(
    "transfers",
    key=(bigint("position"),),
    values=(
        text("chain"),
        bigint("block_number"),
        integer("log_index"),
        time("block_time"),
        binary("tx_hash"),
        binary("sender"),
        binary("recipient"),
        uint256("amount"),
    ),
)
BALANCES = AccountTable("balances", key=(text("chain"), binary("account")), non_negative=False)


def transferred(event: Transfer, fold: Fold) -> None:
    """A row, and two postings."""
    origin = event.origin
    fold.put(
        TRANSFERS,
        origin.position,
        chain=origin.chain,
        block_number=origin.block_number,
        log_index=origin.log_index,
        block_time=moment(origin.block_time),
        tx_hash=origin.tx_hash,
        sender=event.sender,
        recipient=event.recipient,
        amount=event.value,
    )
    fold.post(BALANCES, origin.chain, event.sender, delta=-event.value, block_number=origin.block_number)
    fold.post(BALANCES, origin.chain, event.recipient, delta=event.value, block_number=origin.block_number)


def all_transferred(batch: EventBatch) -> list[Written]:
    """The same of many, by column."""
    senders, recipients, amounts = batch.columns
    row = {
        "chain": batch.chain,
        "block_number": batch.block_numbers,
        "log_index": batch.log_indexes,
        "block_time": moments(batch.block_times),
        "tx_hash": batch.tx_hashes,
        "sender": senders,
        "recipient": recipients,
        "amount": amounts,
    }
    return [
        Inserted(TRANSFERS, row),
        Posted(BALANCES, (batch.chain, senders), -amounts),
        Posted(BALANCES, (batch.chain, recipients), amounts),
    ]


VIEW = View(
    name="benchmark",
    version=1,
    tables=(TRANSFERS, BALANCES),
    handlers={Transfer: transferred},
    bulk={Transfer: all_transferred},
)


class Following:
    """An indexer and a projector over ``database``, a thread each, from ``start`` until ``stop``."""

    def __init__(self, database: Database, source: Source, watch: HeadWatch | None = None) -> None:
        migrate(database, MIGRATIONS)
        ledger = Ledger(database)
        contract = Contract("AtlasToken", parse_address(CONTRACT), 1)
        config = ChainConfig(chain=CHAIN, rpc_url="http://anvil", contracts=(contract,))
        self._projector = Projector(database, ledger, {VIEW.name: VIEW})
        indexer = ChainIndexer(config, source, ledger, database, watch=watch)
        self._stop, self._moved, self._tip = threading.Event(), threading.Condition(), 0
        self._threads = [
            threading.Thread(target=indexer.run, args=(self._stop, self._on_progress)),
            threading.Thread(target=self._projector.run, args=(self._stop,)),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wait(self, head: int) -> None:
        """Until block ``head`` is recorded."""
        with self._moved:
            self._moved.wait_for(lambda: self._tip >= head)

    def stop(self) -> None:
        """End, with all folded that is recorded."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._projector.catch_up()

    def _on_progress(self, progress: Progress) -> None:
        with self._moved:
            self._tip = max(self._tip, progress.tip or 0)
            self._moved.notify_all()


def sync(rpc_url: str, database_url: str, head: int) -> None:
    """Index up to ``head`` and fold beside it."""
    with Database(database_url) as database:
        following = Following(database, connect(rpc_url))
        following.start()
        following.wait(head)
        following.stop()


if __name__ == "__main__":
    sync(sys.argv[1], sys.argv[2], int(sys.argv[3]))
