"""What is stored beside the log."""

import pytest

from atlas.indexer.chain import state
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.state import Advance, Watch
from atlas.indexer.chain.watching.config import Contract
from atlas.indexer.errors import AlreadyRunning
from atlas.ledger.database import Database
from atlas.protocol.facts import BlockRef
from tests.anvil import CHAIN


def block(number: int, salt: int = 0, *, recorded: bool = False) -> WindowBlock:
    """A block whose hash is its number and ``salt``."""
    return WindowBlock(number, bytes([salt, number]) * 16, bytes([salt, number - 1]) * 16, 1_000 + number, recorded)


def advance(database: Database, expected_tip: WindowBlock, change: Advance) -> None:
    """Apply a change in a transaction of its own."""
    with database.connection() as connection, connection.cursor() as cursor:
        state.advance(cursor, CHAIN, expected_tip, change)


@pytest.fixture
def begun(database: Database) -> Database:
    """A database in which the chain begins after block 1 and has the blocks 2 to 5."""
    with database.connection() as connection, connection.cursor() as cursor:
        state.begin(cursor, CHAIN, block(1))
    advance(
        database, block(1), Advance(ancestor=block(1), adopted=tuple(block(n, recorded=n == 5) for n in (2, 3, 4, 5)))
    )
    return database


def heights(database: Database) -> list[int]:
    """The heights in the window."""
    return [stored.number for stored in state.load(database, CHAIN).window]


def test_what_is_stored_comes_back(begun: Database) -> None:
    watches = [Watch(Contract("A", b"\x01" * 20, 1), None), Watch(Contract("B", b"\x02" * 20, 2), 7)]
    with begun.connection() as connection, connection.cursor() as cursor:
        state.watch(cursor, CHAIN, watches)
    stored = state.load(begun, CHAIN)
    assert stored.window == (block(1), block(2), block(3), block(4), block(5, recorded=True))
    assert stored.watches == tuple(watches)
    assert (stored.orphans, stored.finalized) == ((), None)


def test_chains_do_not_see_each_other(begun: Database) -> None:
    assert state.load(begun, "eip155:1").window == ()


def test_the_window_forgets_what_is_below_it(begun: Database) -> None:
    advance(begun, block(5), Advance(ancestor=block(5), adopted=(block(6),), keep_from=4))
    assert heights(begun) == [4, 5, 6]


def test_adopted_blocks_replace_those_above_the_ancestor(begun: Database) -> None:
    change = Advance(
        ancestor=block(3), adopted=(block(4, salt=1),), orphaned=(BlockRef(5, block(5).hash),), finalized=block(2).ref
    )
    advance(begun, block(5), change)
    stored = state.load(begun, CHAIN)
    assert stored.window[-2:] == (block(3), block(4, salt=1))
    assert stored.orphans == (block(5).ref,)
    assert stored.finalized == block(2).ref


def test_a_tip_that_was_moved_by_another_process_is_not_moved_again(begun: Database) -> None:
    with pytest.raises(AlreadyRunning, match="moved by another process"):
        advance(begun, block(4), Advance(ancestor=block(4), adopted=(block(5, salt=1),)))
    assert heights(begun) == [1, 2, 3, 4, 5]


def test_a_chain_begins_once(begun: Database) -> None:
    with pytest.raises(AlreadyRunning), begun.connection() as connection, connection.cursor() as cursor:
        state.begin(cursor, CHAIN, block(9))


def test_a_reorg_moves_what_is_still_to_be_read_back_to_it(begun: Database) -> None:
    def backfills() -> list[int | None]:
        return [watch.backfill_from for watch in state.load(begun, CHAIN).watches]

    starts = {1: None, 2: 3, 3: 5}
    with begun.connection() as connection, connection.cursor() as cursor:
        watches = [Watch(Contract("C", bytes([n]) * 20, n), backfill_from) for n, backfill_from in starts.items()]
        state.watch(cursor, CHAIN, watches)
    advance(begun, block(5), Advance(ancestor=block(5), adopted=(block(6),)))
    assert backfills() == [None, 3, 5]
    advance(begun, block(6), Advance(ancestor=block(3), adopted=(block(4, salt=1),)))
    assert backfills() == [None, 3, 4]
