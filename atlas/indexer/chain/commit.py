"""Facts and the stored chain, moved together: each method is one transaction, or nothing."""

from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg

from atlas.indexer.chain import state
from atlas.indexer.chain.config import Contract
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.reading import Reading
from atlas.indexer.chain.recording import block_facts, contract_fact, finalized_fact, header_fact, reorged_fact
from atlas.indexer.chain.state import Advance, ChainState, Watch
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.protocol.facts import BlockRef, finality_stream, reorg_stream


class ChainStore:
    """What is stored about ``chain``, in the log and beside it. Every method raises DatabaseUnreachable."""

    def __init__(self, chain: str, ledger: Ledger, database: Database) -> None:
        self._chain = chain
        self._ledger = ledger
        self._database = database

    def load(self) -> ChainState:
        """The stored chain as it is now."""
        return state.load(self._database, self._chain)

    def begin(self, anchor: Header, contracts: Sequence[Contract]) -> int:
        """Store the first block and what is watched; the number of facts offered."""

        def companion(cursor: psycopg.Cursor) -> None:
            state.begin(cursor, self._chain, _window_block(anchor, recorded=False))
            state.watch(cursor, self._chain, [Watch(contract, None) for contract in contracts])

        return self._append([contract_fact(self._chain, contract) for contract in contracts], companion)

    def watch(self, watches: Sequence[Watch]) -> int:
        """Record newly watched contracts and from where each is still to be read; the number of facts offered."""

        def companion(cursor: psycopg.Cursor) -> None:
            state.watch(cursor, self._chain, watches)

        return self._append([contract_fact(self._chain, watch.contract) for watch in watches], companion)

    def adopt(
        self,
        stored: ChainState,
        *,
        ancestor: WindowBlock,
        adopted: Sequence[Header],
        reading: Reading,
        keep_from: int,
        passed: Sequence[Header] = (),
    ) -> int:
        """Let ``adopted``, with the logs in ``reading``, follow ``ancestor`` in place of all stored above it.

        ``passed`` are canonical blocks between the two that were not kept. Blocks that the log knows and that leave
        or return are named by a ``chain.reorged`` fact before the new facts. Returns the number of facts offered.
        """
        canonical = {header.hash for header in (*adopted, *passed)}
        orphaned = tuple(block.ref for block in stored.window if block.number > ancestor.number and block.recorded)
        restored = tuple(block for block in stored.orphans if block.hash in canonical)
        known = {block.hash for block in restored} | {block.header.hash for block in reading.blocks}
        change = Advance(
            ancestor=ancestor,
            adopted=tuple(_window_block(header, recorded=header.hash in known) for header in adopted),
            keep_from=keep_from,
            orphaned=orphaned,
            restored=restored,
            unproven=reading.unproven,
        )
        facts = block_facts(self._chain, reading.blocks)
        if orphaned or restored:
            version = self._next_version(reorg_stream(self._chain))
            facts.insert(0, reorged_fact(self._chain, version, ancestor.ref, orphaned, restored))
        return self._advance(stored, facts, change)

    def backfill(self, stored: ChainState, contract: Contract, next_block: int | None, reading: Reading) -> int:
        """Record what ``contract`` logged in blocks below the tip; the number of facts offered."""
        tip = stored.window[-1]
        change = Advance(
            ancestor=tip,
            recorded=tuple(block.header.hash for block in reading.blocks),
            unproven=reading.unproven,
        )

        def companion(cursor: psycopg.Cursor) -> None:
            state.advance(cursor, self._chain, tip, change)
            state.watch(cursor, self._chain, [Watch(contract, next_block)])

        return self._append(block_facts(self._chain, reading.blocks), companion)

    def finalize(self, stored: ChainState, header: Header) -> int:
        """Record that ``header`` and all before it are final; the number of facts offered."""
        block = BlockRef(header.number, header.hash)
        version = self._next_version(finality_stream(self._chain))
        facts = [header_fact(self._chain, header), finalized_fact(self._chain, version, block)]
        change = Advance(ancestor=stored.window[-1], recorded=(header.hash,), finalized=block)
        return self._advance(stored, facts, change)

    def _advance(self, stored: ChainState, facts: Sequence[Fact], change: Advance) -> int:
        def companion(cursor: psycopg.Cursor) -> None:
            state.advance(cursor, self._chain, stored.window[-1], change)

        return self._append(facts, companion)

    def _append(self, facts: Sequence[Fact], companion: Callable[[psycopg.Cursor], None]) -> int:
        self._ledger.append(facts, companion=companion)
        return len(facts)

    def _next_version(self, stream: UUID) -> int:
        last = self._ledger.last_version(stream)
        return 0 if last is None else last + 1


def _window_block(header: Header, *, recorded: bool) -> WindowBlock:
    return WindowBlock(header.number, header.hash, header.parent_hash, header.time_s, recorded)
