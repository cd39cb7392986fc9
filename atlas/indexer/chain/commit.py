"""Facts and the stored chain, moved together: each method is one transaction, or nothing."""

from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg

from atlas.indexer.chain import standing, state
from atlas.indexer.chain.deep import TOPICS, Fork, RecordedChain, recorded_chain
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.gathering import Reading
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.recording import block_facts, finalized_fact, header_fact, reorged_facts, rule_facts
from atlas.indexer.chain.standing import ResolvedBy
from atlas.indexer.chain.state import Advance, ChainState, Watch
from atlas.indexer.chain.watching.rules import Factory, Rule
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.protocol.facts import BlockRef, ChainFinalized, decode, finality_stream, reorg_stream
from atlas.protocol.outside import OutsideAbi


class ChainStore:
    """What is stored about ``chain``, in the log and beside it. Every method raises DatabaseUnreachable.

    ``is_proven``: what a block has, its receipts have told, so that no block's logs are in doubt.
    """

    def __init__(self, chain: str, ledger: Ledger, database: Database, *, is_proven: bool = False) -> None:
        self._is_proven = is_proven
        self._chain = chain
        self._ledger = ledger
        self._database = database
        self._state: ChainState | None = None

    def load(self) -> ChainState:
        """The stored chain as it is now; read again only after it was written here, or forgotten."""
        if self._state is None:
            self._state = state.load(self._database, self._chain)
        return self._state

    def forget(self) -> None:
        """Another process may have written."""
        self._state = None

    def decision(self) -> ResolvedBy | None:
        """What the operator has decided about a fork below the window, None when nothing was."""
        return standing.decision(self._database, self._chain)

    def recorded_chain(self, lowest: int) -> RecordedChain:
        """The blocks of the chain, from the height ``lowest`` on, that the log has: all of it is read, in order."""
        return recorded_chain(self._ledger.facts(after=0, topics=TOPICS), self._chain, lowest)

    def begin(self, anchor: Header, rules: Sequence[Rule], abis: Sequence[OutsideAbi]) -> int:
        """Store the first block and what is watched; the number of facts offered."""

        def companion(cursor: psycopg.Cursor) -> None:
            state.begin(cursor, self._chain, _window_block(anchor, recorded=False))
            state.watch(cursor, self._chain, [Watch(rule, None) for rule in rules])

        return self._append(rule_facts(self._chain, rules, abis), companion)

    def watch(self, watches: Sequence[Watch], abis: Sequence[OutsideAbi]) -> int:
        """Record new rules and from where each is still to be read; the number of facts offered."""

        def companion(cursor: psycopg.Cursor) -> None:
            state.watch(cursor, self._chain, watches)

        return self._append(rule_facts(self._chain, [watch.rule for watch in watches], abis), companion)

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
            unproven=() if self._is_proven else reading.unproven,
            children=tuple(reading.children),
        )
        facts = self._block_facts(stored, reading)
        if orphaned or restored:
            version = self._next_version(reorg_stream(self._chain))
            facts = [*reorged_facts(self._chain, version, ancestor.ref, orphaned, restored), *facts]
        return self._advance(stored, facts, change)

    def restart(self, stored: ChainState, base: WindowBlock, fork: Fork) -> int:
        """Go back to ``base`` and read on from there: a fork below the window; the number of facts offered.

        Where that leaves a finalized block, the highest one that is not left is recorded as final again.
        """
        version = self._next_version(reorg_stream(self._chain))
        facts = reorged_facts(self._chain, version, base.ref, fork.orphaned, ())
        orphans = [block for block in (*fork.orphans, *fork.orphaned) if block.number > base.number]
        final = stored.finalized
        if final is not None and final.number > base.number:
            final = self._final_upto(base, fork)
            if final is not None:
                facts.append(finalized_fact(self._chain, self._next_version(finality_stream(self._chain)), final))

        def companion(cursor: psycopg.Cursor) -> None:
            state.restart(cursor, self._chain, stored.tip, base, orphans, final)

        return self._append(facts, companion)

    def _final_upto(self, base: WindowBlock, fork: Fork) -> BlockRef | None:
        """The highest block up to ``base`` that was recorded as final and is still there."""
        gone = {block.hash for block in (*fork.orphaned, *fork.orphans)}
        recorded = self._ledger.stream(finality_stream(self._chain))
        blocks = (decode(fact.payload, ChainFinalized).block for fact in recorded if fact.redaction is None)
        left = [block for block in blocks if block.number <= base.number and block.hash not in gone]
        return max(left, key=lambda block: block.number, default=None)

    def backfill(self, stored: ChainState, rules: Sequence[Rule], next_block: int | None, reading: Reading) -> int:
        """Record what ``rules`` ask for in blocks below the tip; the number of facts offered."""
        tip = stored.window[-1]
        change = Advance(
            ancestor=tip,
            recorded=tuple(block.header.hash for block in reading.blocks),
            unproven=() if self._is_proven else reading.unproven,
            children=tuple(reading.children),
        )

        def companion(cursor: psycopg.Cursor) -> None:
            state.advance(cursor, self._chain, tip, change)
            state.watch(cursor, self._chain, [Watch(rule, next_block) for rule in rules])

        return self._append(self._block_facts(stored, reading), companion)

    def finalize(self, stored: ChainState, header: Header) -> int:
        """Record that ``header`` and all before it are final; the number of facts offered."""
        block = BlockRef(header.number, header.hash)
        version = self._next_version(finality_stream(self._chain))
        facts = [header_fact(self._chain, header), finalized_fact(self._chain, version, block)]
        change = Advance(ancestor=stored.window[-1], recorded=(header.hash,), finalized=block)
        return self._advance(stored, facts, change)

    def _block_facts(self, stored: ChainState, reading: Reading) -> list[Fact]:
        factories = {watch.rule.key: watch.rule for watch in stored.watches if isinstance(watch.rule, Factory)}
        return block_facts(self._chain, reading.blocks, reading.logs, factories)

    def _advance(self, stored: ChainState, facts: Sequence[Fact], change: Advance) -> int:
        def companion(cursor: psycopg.Cursor) -> None:
            state.advance(cursor, self._chain, stored.window[-1], change)

        return self._append(facts, companion)

    def _append(self, facts: Sequence[Fact], companion: Callable[[psycopg.Cursor], None]) -> int:
        self.forget()
        self._ledger.append(facts, companion=companion)
        return len(facts)

    def _next_version(self, stream: UUID) -> int:
        last = self._ledger.last_version(stream)
        return 0 if last is None else last + 1


def _window_block(header: Header, *, recorded: bool) -> WindowBlock:
    return WindowBlock(header.number, header.hash, header.parent_hash, header.time_s, recorded)
