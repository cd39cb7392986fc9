"""The loop: ask, decide, and in one transaction record the facts and move the stored chain.

A step loads what is stored, so that a process killed at any moment goes on where its last transaction ended:

    far from the head   ranges of blocks up to the window       logs by range
    in the window       every header, linked by parent hash     logs by block hash
    afterwards          contracts added later, then finality
"""

import random
import threading
import time
from collections.abc import Callable, Sequence

from atlas.indexer.chain.commit import ChainStore
from atlas.indexer.chain.config import ChainConfig, Contract
from atlas.indexer.chain.exclusive import ChainLock
from atlas.indexer.chain.forkchoice import BeyondWindow, Extend, Reorg, WindowBlock
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.progress import Progress, RateMeter, Status, StepResult
from atlas.indexer.chain.ranges import first_anchor, next_span, watched_at
from atlas.indexer.chain.reading import SpanReading, decide, read_blocks, read_span
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.state import ChainState, Watch
from atlas.indexer.errors import (
    ContractChanged,
    EndpointError,
    FinalityUnknown,
    InconsistentAnswers,
    NoContractCode,
    RangeTooLarge,
    ReorgBeyondWindow,
    WrongChain,
)
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.ids import checksum_address, parse_chain

# How many blocks of the window one step reads.
WINDOW_STEP_BLOCKS = 100
MAX_BACKOFF_S = 30.0


class ChainIndexer:
    """Records one chain's watched logs into ``ledger``, whose tables and schema ``indexer`` are in ``database``.

    Use it from one thread; ``status`` may be read from any. ``close`` gives up the chain's lock.
    """

    def __init__(self, config: ChainConfig, source: Source, ledger: Ledger, database: Database) -> None:
        self._config = config
        self._source = source
        self._store = ChainStore(config.chain, ledger, database)
        self._lock = ChainLock(database, config.chain)
        self._range_blocks = config.max_range_blocks
        self._is_identified = False
        self._is_watching = False
        self._status = Status("ok")

    @property
    def status(self) -> Status:
        """Whether the endpoint gives usable answers, as of the last step of ``run``."""
        return self._status

    def close(self) -> None:
        """Let another process index this chain. Calling it twice does no harm."""
        self._lock.release()

    def check(self) -> None:
        """Return when indexing can begin.

        Raises EndpointError (nothing usable answers), WrongChain, NoContractCode, ContractChanged,
        DatabaseUnreachable.
        """
        self._identify()
        for contract in self._config.contracts:
            if self._source.code_size(contract.address) == 0:
                raise NoContractCode(
                    f"{contract.abi} {checksum_address(contract.address)} has no code on {self._config.chain} "
                    f"at {self._source.name}",
                    hint="Is the address right, is the contract deployed, and is the node synchronised?",
                )
        self._require_unchanged(self._store.load())

    def step(self) -> StepResult:
        """Read one portion of blocks, or find that there is none. Raises what ``run`` handles, AlreadyRunning too."""
        if self._lock.acquire():
            self._is_watching = False  # another indexer may have been here, with other contracts
        self._identify()
        head = self._source.head()
        facts = self._watch(head)
        tip_before = self._store.load().window[-1].number
        facts += self._follow(head)
        facts += self._backfill()
        facts += self._finalize(head)
        stored = self._store.load()
        tip = stored.window[-1].number
        return StepResult(
            blocks=max(0, tip - tip_before),
            facts=facts,
            tip=tip,
            head=head.number,
            finalized=None if stored.finalized is None else stored.finalized.number,
            caught_up=tip >= head.number and not self._lagging(stored),
        )

    def run(self, stop: threading.Event, on_progress: Callable[[Progress], None]) -> None:
        """Follow the chain until ``stop`` is set; ``on_progress`` is called after each step, failed ones too.

        An endpoint that fails or lies is asked again for ever, a reorganisation beyond the window is waited out;
        ``status`` says so. Raises WrongChain, ContractChanged, AlreadyRunning, LedgerError.
        """
        rates = RateMeter(time.monotonic)
        result: StepResult | None = None
        failures = 0
        try:
            while not stop.is_set():
                try:
                    result = self.step()
                except (EndpointError, ReorgBeyondWindow) as error:
                    failures += 1
                    self._fail(error)
                else:
                    failures = 0
                    self._status = Status("ok")
                    rates.add(result.blocks, result.facts)
                on_progress(self._progress(result, rates))
                stop.wait(self._pause_s(result, failures))
        finally:
            self.close()

    def _identify(self) -> None:
        """The endpoint serves this chain; asked once, and again after each failure."""
        if self._is_identified:
            return
        number = self._source.chain_number()
        if number != parse_chain(self._config.chain):
            raise WrongChain(
                f"{self._source.name} serves the chain eip155:{number}, not {self._config.chain}",
                hint="Correct the chain's name or its endpoint.",
            )
        self._is_identified = True

    def _watch(self, head: Header) -> int:
        """Store what is watched, once; on an empty store also the block to begin after."""
        if self._is_watching:
            return 0
        stored = self._store.load()
        self._require_unchanged(stored)
        if stored.window:
            facts = self._store.watch(_watch_changes(stored, self._config.contracts))
        else:
            number = first_anchor(self._config.contracts, head=head.number, window_blocks=self._config.window_blocks)
            facts = self._store.begin(self._source.headers([number])[0], self._config.contracts)
        self._is_watching = True
        return facts

    def _follow(self, head: Header) -> int:
        """Bring the stored chain nearer to ``head``, or take back what is no longer on it."""
        stored = self._store.load()
        tip = stored.window[-1]
        is_far = tip.number < head.number - self._config.window_blocks
        decision = decide(self._source, stored.window, head, 1 if is_far else WINDOW_STEP_BLOCKS)
        if isinstance(decision, BeyondWindow):
            raise self._beyond_window(decision.oldest, head)
        if isinstance(decision, Reorg):
            self._require_not_final(stored, decision.ancestor)
            return self._adopt(stored, decision.ancestor, decision.adopted)
        if isinstance(decision, Extend):
            return self._jump(stored, head) if is_far else self._adopt(stored, tip, decision.adopted)
        return 0

    def _adopt(self, stored: ChainState, ancestor: WindowBlock, adopted: Sequence[Header]) -> int:
        followers = self._followers(stored)
        reading = read_blocks(self._source, adopted, [watched_at(followers, header.number) for header in adopted])
        keep_from = adopted[-1].number - self._config.window_blocks
        return self._store.adopt(stored, ancestor=ancestor, adopted=adopted, reading=reading, keep_from=keep_from)

    def _jump(self, stored: ChainState, head: Header) -> int:
        """Read a range of history; only its last header is kept."""
        tip = stored.window[-1]
        limit = head.number - self._config.window_blocks
        read = self._read_range(self._followers(stored), tip.number + 1, limit, tip.hash)
        last = read.last
        # Orphans can have come back in the range, with or without logs of a contract that is followed.
        returned = sorted({block.number for block in stored.orphans if tip.number < block.number < last.number})
        passed = self._source.headers(returned)
        return self._store.adopt(
            stored, ancestor=tip, adopted=[last], reading=read.reading, keep_from=last.number, passed=passed
        )

    def _read_range(
        self, contracts: Sequence[Contract], first: int, limit: int, parent_hash: bytes | None
    ) -> SpanReading:
        """Read from ``first`` to ``limit`` at most; ranges that the endpoint refuses are halved, and stay halved."""
        while True:
            span = next_span(contracts, first=first, limit=limit, max_blocks=self._range_blocks)
            try:
                return read_span(self._source, span, parent_hash, every_header=self._config.verify_every_header)
            except RangeTooLarge:
                if span.first == span.last:
                    raise
                self._range_blocks = (span.last - span.first + 1) // 2

    def _backfill(self) -> int:
        """Read a portion of history for one contract that was added later, if there is one."""
        stored = self._store.load()
        lagging = self._lagging(stored)
        if not lagging:
            return 0
        contract, first = lagging[0]
        oldest, tip = stored.window[0], stored.window[-1]
        if first < oldest.number:
            read = self._read_range([contract], first, oldest.number - 1, None)
            return self._store.backfill(stored, contract, read.last.number + 1, read.reading)
        blocks = stored.window[first - oldest.number :][:WINDOW_STEP_BLOCKS]
        headers = self._stored_headers(blocks)
        # A reorganisation may have moved ``first`` to before the contract's start.
        reading = read_blocks(self._source, headers, [watched_at([contract], header.number) for header in headers])
        last = blocks[-1].number
        return self._store.backfill(stored, contract, None if last == tip.number else last + 1, reading)

    def _stored_headers(self, blocks: Sequence[WindowBlock]) -> list[Header]:
        headers = self._source.headers([block.number for block in blocks])
        for header, block in zip(headers, blocks, strict=True):
            self._require_same(header, block)
        return headers

    def _finalize(self, head: Header) -> int:
        """Record a finalized block that is new, at or below the tip, and not the genesis."""
        stored = self._store.load()
        oldest, tip = stored.window[0], stored.window[-1]
        if tip.number < head.number - self._config.window_blocks:
            return 0
        header = self._finalized_header(head)
        recorded = 0 if stored.finalized is None else stored.finalized.number
        if header is None or not recorded < header.number <= tip.number:
            return 0
        if header.number >= oldest.number:
            self._require_same(header, stored.window[header.number - oldest.number])
        return self._store.finalize(stored, header)

    def _finalized_header(self, head: Header) -> Header | None:
        """What the node calls final, or what is deep enough where it knows no finality."""
        try:
            return self._source.finalized()
        except FinalityUnknown:
            number = head.number - self._config.confirmations
            return self._source.headers([number])[0] if number > 0 else None

    def _followers(self, stored: ChainState) -> list[Contract]:
        """The configured contracts that are read up to the tip."""
        lagging = {contract.address for contract, _ in self._lagging(stored)}
        return [contract for contract in self._config.contracts if contract.address not in lagging]

    def _lagging(self, stored: ChainState) -> list[tuple[Contract, int]]:
        """The configured contracts that are not, with the first block still to be read."""
        return [
            (watch.contract, watch.backfill_from)
            for watch in stored.watches
            if watch.backfill_from is not None and watch.contract in self._config.contracts
        ]

    def _require_unchanged(self, stored: ChainState) -> None:
        known = {watch.contract.address: watch.contract for watch in stored.watches}
        for contract in self._config.contracts:
            before = known.get(contract.address, contract)
            if before != contract:
                raise ContractChanged(
                    f"{checksum_address(contract.address)} is recorded as {before.abi} from block "
                    f"{before.start_block}, not as {contract.abi} from block {contract.start_block}",
                    hint="What is recorded stays: restore the setting, or index into a new database.",
                )

    def _require_same(self, header: Header, block: WindowBlock) -> None:
        if header.hash != block.hash:
            raise InconsistentAnswers(
                f"block {block.number} is 0x{header.hash.hex()} at {self._source.name}, but 0x{block.hash.hex()} "
                "a moment ago",
                hint="The chain moved between two answers, or several nodes answer behind this URL.",
            )

    def _require_not_final(self, stored: ChainState, ancestor: WindowBlock) -> None:
        final = stored.finalized
        if final is not None and ancestor.number < final.number:
            raise ReorgBeyondWindow(
                f"{self._source.name} left the stored chain after block {ancestor.number}, "
                f"but block {final.number} 0x{final.hash.hex()} is recorded as final",
                hint="Finality was broken, or the endpoint is on another fork: compare it with a second endpoint.",
            )

    def _beyond_window(self, oldest: WindowBlock, head: Header) -> ReorgBeyondWindow:
        return ReorgBeyondWindow(
            f"{self._source.name} (head {head.number} 0x{head.hash.hex()}) does not know block {oldest.number} "
            f"0x{oldest.hash.hex()}, the oldest that is stored",
            hint="Is the endpoint on another fork, far behind, or a development chain that was started afresh? "
            "Compare it with a second endpoint; a new chain needs a new database.",
        )

    def _fail(self, error: EndpointError | ReorgBeyondWindow) -> None:
        is_beyond = isinstance(error, ReorgBeyondWindow)
        self._status = Status("beyond_window" if is_beyond else "retrying", error.message, error.hint)
        self._is_identified = False

    def _pause_s(self, result: StepResult | None, failures: int) -> float:
        if failures:
            return min(MAX_BACKOFF_S, self._config.poll_interval_s * 2 ** min(failures - 1, 10)) * random.uniform(
                0.8, 1
            )
        return self._config.poll_interval_s if result is None or result.caught_up else 0.0

    def _progress(self, result: StepResult | None, rates: RateMeter) -> Progress:
        blocks_per_s, facts_per_s = rates.per_second()
        return Progress(
            chain=self._config.chain,
            status=self._status,
            tip=None if result is None else result.tip,
            head=None if result is None else result.head,
            finalized=None if result is None else result.finalized,
            blocks_left=None if result is None else max(0, result.head - result.tip),
            blocks_per_s=blocks_per_s,
            facts_per_s=facts_per_s,
        )


def _watch_changes(stored: ChainState, contracts: Sequence[Contract]) -> list[Watch]:
    """What to store so that new contracts are read from their start, and dropped ones from here on when they return."""
    next_block = stored.window[-1].number + 1
    known = {watch.contract.address for watch in stored.watches}
    changes = [
        Watch(contract, max(1, contract.start_block) if contract.start_block < next_block else None)
        for contract in contracts
        if contract.address not in known
    ]
    for watch in stored.watches:
        if watch.contract not in contracts and watch.backfill_from is None:
            changes.append(Watch(watch.contract, next_block))
        elif watch.contract in contracts and watch.backfill_from == next_block:
            changes.append(Watch(watch.contract, None))
    return changes
