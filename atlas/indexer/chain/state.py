"""What is stored about a chain, loaded and changed; every change is part of the transaction that records the facts."""

from collections.abc import Iterable, Sequence

import msgspec
import psycopg

from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.watching.rules import Child, Contract, Events, Factory, Rule
from atlas.indexer.errors import AlreadyRunning
from atlas.ledger.database import Database
from atlas.protocol.facts import BlockRef


class Watch(msgspec.Struct, frozen=True):
    """A rule that was in force once, and from where it still has to be read (None: it follows the tip)."""

    rule: Rule
    backfill_from: int | None


class ChainState(msgspec.Struct, frozen=True):
    """What is stored about one chain; ``window`` ascends and ends with the tip, empty before the first block."""

    window: tuple[WindowBlock, ...]
    orphans: tuple[BlockRef, ...]
    finalized: BlockRef | None
    watches: tuple[Watch, ...]
    children: tuple[Child, ...] = ()

    @property
    def tip(self) -> WindowBlock:
        """The last block read."""
        return self.window[-1]

    def children_of(self, rules: Iterable[Rule]) -> list[Child]:
        """What ``rules`` have named."""
        keys = {rule.key for rule in rules}
        return [child for child in self.children if child.rule in keys]


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
    children: tuple[Child, ...] = ()
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
        rules = connection.execute(
            "select abi, address, start_block, abi_sha256, topics, place, child_abi, child_abi_sha256, backfill_from"
            " from indexer.rules where chain = %s order by start_block, key",
            (chain,),
        ).fetchall()
        children = connection.execute(
            "select rule, address, number, hash, log_index from indexer.children where chain = %s"
            " order by number, log_index, address, rule",
            (chain,),
        ).fetchall()
    return ChainState(
        window=tuple(WindowBlock(*row) for row in headers),
        orphans=tuple(BlockRef(*row) for row in orphans),
        finalized=None if cursor is None or cursor[0] is None else BlockRef(*cursor),
        watches=tuple(Watch(_rule(*row[:-1]), row[-1]) for row in rules),
        children=tuple(Child(row[0], row[1], BlockRef(row[2], row[3]), row[4]) for row in children),
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
    """Store from where each rule is still to be read."""
    cursor.executemany(
        "insert into indexer.rules (chain, key, abi, address, start_block, abi_sha256, topics, place, child_abi,"
        " child_abi_sha256, backfill_from) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " on conflict (chain, key) do update set backfill_from = excluded.backfill_from",
        [(chain, watch.rule.key, *_columns(watch.rule), watch.backfill_from) for watch in watches],
    )


def advance(cursor: psycopg.Cursor, chain: str, expected_tip: WindowBlock, change: Advance) -> None:
    """Apply ``change`` to the stored chain, whose tip must still be ``expected_tip``. Raises AlreadyRunning."""
    _move_tip(cursor, chain, expected_tip, change.tip)
    _replace_headers(cursor, chain, change)
    _move_orphans(cursor, chain, change)
    if change.ancestor.number < expected_tip.number:
        _forget_above(cursor, chain, change.ancestor.number)
    cursor.executemany(
        "insert into indexer.children (chain, rule, address, number, hash, log_index) values (%s, %s, %s, %s, %s, %s)",
        [(chain, c.rule, c.address, c.block.number, c.block.hash, c.log_index) for c in change.children],
    )
    if change.finalized is not None:
        _set_finalized(cursor, chain, change.finalized)


def restart(
    cursor: psycopg.Cursor,
    chain: str,
    expected_tip: WindowBlock,
    base: WindowBlock,
    orphans: Sequence[BlockRef],
    finalized: BlockRef | None,
) -> None:
    """Forget all above ``base``, which becomes the whole window; ``orphans`` are all recorded blocks that may return.

    ``finalized`` is what stays final. Raises AlreadyRunning.
    """
    _move_tip(cursor, chain, expected_tip, base)
    cursor.execute("delete from indexer.headers where chain = %s", (chain,))
    _insert_headers(cursor, chain, [base])
    cursor.execute("delete from indexer.orphans where chain = %s", (chain,))
    _insert_refs(cursor, b"indexer.orphans", chain, orphans)
    _forget_above(cursor, chain, base.number)
    _set_finalized(cursor, chain, finalized)
    cursor.execute("delete from indexer.decisions where chain = %s", (chain,))


def _set_finalized(cursor: psycopg.Cursor, chain: str, block: BlockRef | None) -> None:
    cursor.execute(
        "update indexer.cursors set finalized_number = %s, finalized_hash = %s where chain = %s",
        (None, None, chain) if block is None else (block.number, block.hash, chain),
    )


def _move_tip(cursor: psycopg.Cursor, chain: str, expected: WindowBlock, tip: WindowBlock) -> None:
    cursor.execute(
        "update indexer.cursors set number = %s, hash = %s where chain = %s and hash = %s",
        (tip.number, tip.hash, chain, expected.hash),
    )
    _require_one_row(cursor, chain)


def _forget_above(cursor: psycopg.Cursor, chain: str, number: int) -> None:
    """What was read above ``number`` is read again: rules that lag there, and children that were named there."""
    cursor.execute(
        "update indexer.rules set backfill_from = least(backfill_from, %s)"
        " where chain = %s and backfill_from is not null",
        (number + 1, chain),
    )
    cursor.execute("delete from indexer.children where chain = %s and number > %s", (chain, number))


def _rule(
    abi: str,
    address: bytes | None,
    start_block: int,
    abi_sha256: bytes | None,
    topics: list[bytes],
    place: int | None,
    child_abi: str | None,
    child_abi_sha256: bytes | None,
) -> Rule:
    if address is None:
        return Events(abi, tuple(topics), start_block, abi_sha256)
    if place is None or child_abi is None:
        return Contract(abi, address, start_block, abi_sha256)
    return Factory(
        abi=abi,
        address=address,
        start_block=start_block,
        event=topics[0],
        place=place,
        child_abi=child_abi,
        abi_sha256=abi_sha256,
        child_abi_sha256=child_abi_sha256,
    )


def _columns(rule: Rule) -> tuple[object, ...]:
    """Of ``rule``: abi, address, start_block, abi_sha256, topics, place, child_abi, child_abi_sha256."""
    if isinstance(rule, Events):
        return (rule.abi, None, rule.start_block, rule.abi_sha256, list(rule.topics), None, None, None)
    contract = (rule.abi, rule.address, rule.start_block, rule.abi_sha256)
    if isinstance(rule, Contract):
        return (*contract, [], None, None, None)
    return (*contract, [rule.event], rule.place, rule.child_abi, rule.child_abi_sha256)


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
