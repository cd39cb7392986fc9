"""The indexer's own memory, schema ``indexer``: it changes in the transaction that records the facts.

    cursors    chain -> tip (number, hash) and the finalized block that was recorded last
    headers    chain, number -> the window of canonical blocks below the tip, without gaps
    orphans    chain, hash -> recorded blocks that left the canonical chain and may come back
    contracts  chain, address -> what is watched; ``backfill_from`` is the first block not read yet,
               null when the contract follows the chain's tip
    unproven   chain, hash -> blocks without watched logs whose bloom leaves room for some; the endpoint
               was asked twice. Most are chance; another endpoint, or the receipts, would tell

None of it is part of the log: all of it can be rebuilt from the log and the chain.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from atlas.indexer.chain.config import Contract
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.errors import AlreadyRunning
from atlas.ledger.database import Database
from atlas.ledger.migrations import Migration
from atlas.protocol.facts import BlockRef

_TABLES = """
create schema indexer;

create table indexer.cursors (
    chain            text   primary key,
    number           bigint not null,
    hash             bytea  not null,
    finalized_number bigint,
    finalized_hash   bytea
);

create table indexer.headers (
    chain       text    not null,
    number      bigint  not null,
    hash        bytea   not null,
    parent_hash bytea   not null,
    time_s      bigint  not null,
    recorded    boolean not null,
    primary key (chain, number)
);

create table indexer.orphans (
    chain  text   not null,
    hash   bytea  not null,
    number bigint not null,
    primary key (chain, hash)
);

create table indexer.contracts (
    chain         text   not null,
    address       bytea  not null,
    abi           text   not null,
    start_block   bigint not null,
    backfill_from bigint,
    primary key (chain, address)
);

create table indexer.unproven (
    chain  text   not null,
    hash   bytea  not null,
    number bigint not null,
    primary key (chain, hash)
);
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("indexer", 1, _TABLES),)


class Watch(msgspec.Struct, frozen=True):
    """A contract that was watched once, and from where it still has to be read (None: it follows the tip)."""

    contract: Contract
    backfill_from: int | None


class ChainState(msgspec.Struct, frozen=True):
    """What is stored about one chain; ``window`` ascends and ends with the tip, empty before the first block."""

    window: tuple[WindowBlock, ...]
    orphans: tuple[BlockRef, ...]
    finalized: BlockRef | None
    watches: tuple[Watch, ...]


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the stored chain: everything above ``ancestor`` gives way to ``adopted``, which may be empty.

    ``keep_from`` is the lowest height that the window keeps; ``recorded`` names kept blocks that the log now has.
    """

    ancestor: WindowBlock
    adopted: tuple[WindowBlock, ...] = ()
    keep_from: int = 0
    orphaned: tuple[BlockRef, ...] = ()
    restored: tuple[BlockRef, ...] = ()
    recorded: tuple[bytes, ...] = ()
    unproven: tuple[BlockRef, ...] = ()
    finalized: BlockRef | None = None

    @property
    def tip(self) -> WindowBlock:
        """The tip afterwards."""
        return self.adopted[-1] if self.adopted else self.ancestor


def load(database: Database, chain: str) -> ChainState:
    """What is stored about ``chain``. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        headers = connection.execute(
            "select number, hash, parent_hash, time_s, recorded from indexer.headers where chain = %s order by number",
            (chain,),
        ).fetchall()
        orphans = connection.execute(
            "select number, hash from indexer.orphans where chain = %s order by number, hash", (chain,)
        ).fetchall()
        cursor = connection.execute(
            "select finalized_number, finalized_hash from indexer.cursors where chain = %s", (chain,)
        ).fetchone()
        contracts = connection.execute(
            "select abi, address, start_block, backfill_from from indexer.contracts where chain = %s"
            " order by start_block, address",
            (chain,),
        ).fetchall()
    return ChainState(
        window=tuple(WindowBlock(*row) for row in headers),
        orphans=tuple(BlockRef(*row) for row in orphans),
        finalized=None if cursor is None or cursor[0] is None else BlockRef(*cursor),
        watches=tuple(Watch(Contract(*row[:3]), row[3]) for row in contracts),
    )


def begin(cursor: psycopg.Cursor, chain: str, anchor: WindowBlock) -> None:
    """Store the block that the chain is read from. Raises AlreadyRunning when there is one."""
    cursor.execute(
        "insert into indexer.cursors (chain, number, hash) values (%s, %s, %s) on conflict do nothing",
        (chain, anchor.number, anchor.hash),
    )
    _require_one_row(cursor, chain)
    _insert_headers(cursor, chain, [anchor])


def watch(cursor: psycopg.Cursor, chain: str, watches: Sequence[Watch]) -> None:
    """Store from where each contract is still to be read."""
    cursor.executemany(
        "insert into indexer.contracts (chain, address, abi, start_block, backfill_from) values (%s, %s, %s, %s, %s)"
        " on conflict (chain, address) do update set backfill_from = excluded.backfill_from",
        [
            (chain, watch.contract.address, watch.contract.abi, watch.contract.start_block, watch.backfill_from)
            for watch in watches
        ],
    )


def advance(cursor: psycopg.Cursor, chain: str, expected_tip: WindowBlock, change: Advance) -> None:
    """Apply ``change`` to the stored chain, whose tip must still be ``expected_tip``. Raises AlreadyRunning."""
    cursor.execute(
        "update indexer.cursors set number = %s, hash = %s where chain = %s and hash = %s",
        (change.tip.number, change.tip.hash, chain, expected_tip.hash),
    )
    _require_one_row(cursor, chain)
    _replace_headers(cursor, chain, change)
    _move_orphans(cursor, chain, change)
    if change.ancestor.number < expected_tip.number:
        cursor.execute(
            "update indexer.contracts set backfill_from = least(backfill_from, %s)"
            " where chain = %s and backfill_from is not null",
            (change.ancestor.number + 1, chain),
        )
    if change.finalized is not None:
        cursor.execute(
            "update indexer.cursors set finalized_number = %s, finalized_hash = %s where chain = %s",
            (change.finalized.number, change.finalized.hash, chain),
        )


def _replace_headers(cursor: psycopg.Cursor, chain: str, change: Advance) -> None:
    cursor.execute(
        "delete from indexer.headers where chain = %s and (number > %s or number < %s)",
        (chain, change.ancestor.number, change.keep_from),
    )
    _insert_headers(cursor, chain, [block for block in change.adopted if block.number >= change.keep_from])
    if change.recorded:
        cursor.execute(
            "update indexer.headers set recorded = true where chain = %s and hash = any(%s)",
            (chain, list(change.recorded)),
        )


def _move_orphans(cursor: psycopg.Cursor, chain: str, change: Advance) -> None:
    cursor.execute(
        "delete from indexer.orphans where chain = %s and (hash = any(%s) or number < %s)",
        (chain, [block.hash for block in change.restored], change.keep_from),
    )
    _insert_refs(cursor, b"indexer.orphans", chain, change.orphaned)
    _insert_refs(cursor, b"indexer.unproven", chain, change.unproven)


def _insert_headers(cursor: psycopg.Cursor, chain: str, blocks: Sequence[WindowBlock]) -> None:
    cursor.executemany(
        "insert into indexer.headers (chain, number, hash, parent_hash, time_s, recorded)"
        " values (%s, %s, %s, %s, %s, %s)",
        [(chain, block.number, block.hash, block.parent_hash, block.time_s, block.recorded) for block in blocks],
    )


def _insert_refs(cursor: psycopg.Cursor, table: bytes, chain: str, blocks: Sequence[BlockRef]) -> None:
    cursor.executemany(
        b"insert into " + table + b" (chain, hash, number) values (%s, %s, %s) on conflict do nothing",
        [(chain, block.hash, block.number) for block in blocks],
    )


def _require_one_row(cursor: psycopg.Cursor, chain: str) -> None:
    if cursor.rowcount != 1:
        raise AlreadyRunning(
            f"the stored tip of {chain} was moved by another process",
            hint="Stop the other indexer of this chain, or this one.",
        )
