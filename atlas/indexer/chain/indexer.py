"""The loop: ask, decide, and in one transaction record the facts and move the stored chain.

A step loads what is stored, so that a process killed at any moment goes on where its last transaction ended:

    far from the head   ranges of blocks up to the window       logs by range, the next one fetched meanwhile
    in the window       every header, linked by parent hash     logs by block hash
    afterwards          rules added later, then finality

Order. Within a chain facts are recorded block by block, upwards: a block's header, the children that its logs name, its
logs; what rules that were added later ask for comes behind, upwards again; ``chain.reorged`` comes before the blocks
that it makes room for. Two indexers of one chain with the same rules record the same facts. Between chains the order is
that of arrival: each chain's facts keep their order, however they are mixed.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import msgspec

from atlas.indexer.chain import standing
from atlas.indexer.chain.commit import ChainStore
from atlas.indexer.chain.exclusive import ChainLock
from atlas.indexer.chain.finality import newly_final
from atlas.indexer.chain.forkchoice import BeyondWindow, Extend, Reorg, WindowBlock
from atlas.indexer.chain.gathering import Reading
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.history import HistoryReader
from atlas.indexer.chain.progress import Progress, RateMeter, Status, StepResult
from atlas.indexer.chain.ranges import first_anchor
from atlas.indexer.chain.reading import decide, headers_beside, read_blocks
from atlas.indexer.chain.rejoining import Rejoining
from atlas.indexer.chain.rulebook import followers, lagging, require_unchanged, resolved, watch_changes
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.sources.watching import HeadWatch
from atlas.indexer.chain.state import ChainState
from atlas.indexer.chain.verification.checks import require_same
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.chain.watching.rules import Child, Events, Rule, Targets, started
from atlas.indexer.chain.watching.starts import creation_block
from atlas.indexer.errors import (
    EndpointError,
    NoContractCode,
    ReorgBeyondWindow,
    WrongChain,
)
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.ids import checksum_address, parse_chain

# How many blocks of the window one step reads.
WINDOW_STEP_BLOCKS = 100
MAX_BACKOFF_S = 30.0
# Who watches heads is not woken by a stop signal.
STOP_LATENCY_S = 0.5


class ChainIndexer:
    """Records one chain's wanted logs into ``ledger``, whose tables and schema ``indexer`` are in ``database``.

    ``others`` are further endpoints of the chain, asked what they have when ``source`` contradicts what is stored.
    ``executor`` fetches ahead, None: a thread of its own. Use it from one thread; ``status`` may be read from any.
    ``close`` gives up the chain's lock.
    """

    def __init__(
        self,
        config: ChainConfig,
        source: Source,
        ledger: Ledger,
        database: Database,
        *,
        others: Sequence[Source] = (),
        executor: Executor | None = None,
        watch: HeadWatch | None = None,
    ) -> None:
        self._config = config
        self._source = source
        self._database = database
        self._watch_heads = watch
        self._store = ChainStore(config.chain, ledger, database, is_proven=config.verify == "receipts")
        self._rejoining = Rejoining(config, source, others, self._store)
        self._lock = ChainLock(database, config.chain)
        self._history = HistoryReader(config, source, executor)
        self._rules: tuple[Rule, ...] = config.contracts
        self._is_identified = False
        self._is_watching = False
        self._status = Status("ok")

    @property
    def status(self) -> Status:
        """Whether the endpoint gives usable answers, as of the last step of ``run``."""
        return self._status

    def close(self) -> None:
        """Let another process index this chain. Calling it twice does no harm."""
        self._history.close()
        self._lock.release()

    def check(self) -> None:
        """Return when indexing can begin.

        Raises EndpointError (nothing usable answers), WrongChain, NoContractCode, ContractChanged,
        DatabaseUnreachable.
        """
        self._identify()
        for rule in self._config.contracts:
            if not isinstance(rule, Events) and self._source.code_size(rule.address) == 0:
                raise NoContractCode(
                    f"{rule.abi} {checksum_address(rule.address)} has no code on {self._config.chain} "
                    f"at {self._source.name}",
                    hint="Is the address right, is the contract deployed, and is the node synchronised?",
                )
        stored = self._store.load()
        require_unchanged(stored, self._known_rules(stored))

    def step(self) -> StepResult:
        """Read one portion of blocks, or find that there is none. Raises what ``run`` handles, AlreadyRunning too."""
        if self._lock.acquire():
            self._store.forget()  # another indexer may have been here, with other contracts
            self._is_watching = False
        self._identify()
        head = self._source.head()
        facts = self._watch(head)
        tip_before = self._store.load().tip.number
        facts += self._follow(head)
        blocks, backfilled = self._backfill()
        facts += backfilled + self._finalize(head)
        stored = self._store.load()
        behind = lagging(self._rules, stored)
        tip = stored.tip.number
        return StepResult(
            blocks=max(0, tip - tip_before) + blocks,
            facts=facts,
            tip=tip,
            head=head.number,
            finalized=None if stored.finalized is None else stored.finalized.number,
            blocks_left=max(0, head.number - tip) + (0 if behind is None else tip + 1 - behind.first),
        )

    def run(self, stop: threading.Event, on_progress: Callable[[Progress], None]) -> None:
        """Follow the chain until ``stop`` is set; ``on_progress`` is called after each step, failed ones too.

        An endpoint that fails or lies is asked again for ever, a reorganisation beyond the window is waited out unless
        it is decided otherwise; ``status`` says so, and so does the table ``standing``. Raises WrongChain,
        ContractChanged, AlreadyRunning, LedgerError.
        """
        rates = RateMeter(time.monotonic)
        write = standing.StandingWriter(self._database)
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
                progress = self._progress(result, rates)
                write(progress)
                on_progress(progress)
                self._pause(stop, result, failures)
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

    def _known_rules(self, stored: ChainState) -> tuple[Rule, ...]:
        return tuple(resolved(rule, self._config, stored) for rule in self._config.contracts)

    def _watch(self, head: Header) -> int:
        """Store what is watched, once; on an empty store also the block to begin after."""
        if self._is_watching:
            return 0
        self._history.forget()
        stored = self._store.load()
        recorded = {watch.rule.key for watch in stored.watches}
        self._rules = tuple(
            self._started(rule, head) if rule.key not in recorded else rule for rule in self._known_rules(stored)
        )
        require_unchanged(stored, self._rules)
        if stored.window:
            facts = self._store.watch(watch_changes(stored, self._rules), self._config.abis)
        else:
            number = first_anchor(self._rules, head=head.number, window_blocks=self._config.window_blocks)
            facts = self._store.begin(self._source.headers([number])[0], self._rules, self._config.abis)
        self._is_watching = True
        return facts

    def _started(self, rule: Rule, head: Header) -> Rule:
        """``rule`` with its start block, found by the code of its contract where that is asked for."""
        if isinstance(rule, Events) or rule.key not in self._config.find_start:
            return rule
        return msgspec.structs.replace(rule, start_block=creation_block(self._source, rule.address, head.number))

    def _follow(self, head: Header) -> int:
        """Bring the stored chain nearer to ``head``, or take back what is no longer on it."""
        stored = self._store.load()
        is_far = stored.tip.number < head.number - self._config.window_blocks
        decision = decide(self._source, stored.window, head, 1 if is_far else WINDOW_STEP_BLOCKS)
        if isinstance(decision, (BeyondWindow, Reorg)):
            self._history.forget()
        if isinstance(decision, BeyondWindow):
            return self._rejoining.below_window(stored, head)
        if isinstance(decision, Reorg):
            if stored.finalized is not None and decision.ancestor.number < stored.finalized.number:
                return self._rejoining.below_finalized(stored, head, decision.ancestor)
            return self._adopt(stored, decision.ancestor, decision.adopted)
        if isinstance(decision, Extend):
            return self._jump(stored, head) if is_far else self._adopt(stored, stored.tip, decision.adopted)
        return 0

    def _adopt(self, stored: ChainState, ancestor: WindowBlock, adopted: Sequence[Header]) -> int:
        rules = followers(self._rules, stored)
        children = [child for child in stored.children_of(rules) if child.block.number <= ancestor.number]
        reading = self._read(adopted, rules, children)
        keep_from = adopted[-1].number - self._config.window_blocks
        return self._store.adopt(stored, ancestor=ancestor, adopted=adopted, reading=reading, keep_from=keep_from)

    def _read(self, headers: Sequence[Header], rules: Sequence[Rule], children: Sequence[Child]) -> Reading:
        """Logs by block hash; ``children`` are those named before."""
        watched = tuple(dict.fromkeys(child.address for child in children))
        by_rules: dict[tuple[Rule, ...], Targets] = {}

        def targets_of(number: int) -> Targets:
            in_force = started(rules, number)
            return by_rules.setdefault(in_force, Targets(in_force, watched))

        known = frozenset((child.rule, child.address) for child in children)
        return read_blocks(self._source, headers, targets_of, known)

    def _jump(self, stored: ChainState, head: Header) -> int:
        """Read a range of history; only its last header is kept."""
        tip = stored.tip
        rules = followers(self._rules, stored)
        read = self._history.read(
            rules,
            stored.children_of(rules),
            first=tip.number + 1,
            limit=head.number - self._config.window_blocks,
            anchor=tip,
        )
        last = read.last
        # Orphans can have come back in the range, with or without logs of a contract that is followed.
        returned = sorted({block.number for block in stored.orphans if tip.number < block.number < last.number})
        passed = read.headers or (headers_beside(self._source, returned, last) if returned else ())
        return self._store.adopt(
            stored, ancestor=tip, adopted=[last], reading=read.reading, keep_from=last.number, passed=passed
        )

    def _backfill(self) -> tuple[int, int]:
        """Read a portion of history for rules that were added later, if there are any: blocks and facts."""
        stored = self._store.load()
        behind = lagging(self._rules, stored)
        if behind is None:
            return 0, 0
        oldest, tip = stored.window[0], stored.tip
        children = stored.children_of(behind.rules)
        if behind.first < oldest.number:
            limit = min(oldest.number - 1, behind.last)
            read = self._history.read(behind.rules, children, first=behind.first, limit=limit, anchor=oldest)
            reading, last = read.reading, read.last.number
        else:
            blocks = stored.window[behind.first - oldest.number : behind.last + 1 - oldest.number][:WINDOW_STEP_BLOCKS]
            # A reorganisation may have moved the first block to before a rule's start.
            reading = self._read(self._stored_headers(blocks), behind.rules, children)
            last = blocks[-1].number
        next_block = None if last == tip.number else last + 1
        return last + 1 - behind.first, self._store.backfill(stored, behind.rules, next_block, reading)

    def _stored_headers(self, blocks: Sequence[WindowBlock]) -> list[Header]:
        headers = self._source.headers([block.number for block in blocks])
        for header, block in zip(headers, blocks, strict=True):
            require_same(self._source.name, header, block)
        return headers

    def _finalize(self, head: Header) -> int:
        stored = self._store.load()
        header = newly_final(self._source, self._config, stored, head)
        return 0 if header is None else self._store.finalize(stored, header)

    def _fail(self, error: EndpointError | ReorgBeyondWindow) -> None:
        state = error.state if isinstance(error, ReorgBeyondWindow) else "retrying"
        self._status = Status(state, error.message, error.hint)
        self._is_identified = False
        self._history.forget()

    def _pause(self, stop: threading.Event, result: StepResult | None, failures: int) -> None:
        """Until there is a reason to look again: a while has passed, there is a new head, or it is to stop."""
        pause_s = self._pause_s(result, failures)
        if self._watch_heads is None or failures:
            stop.wait(pause_s)
            return
        until = time.monotonic() + pause_s
        while not stop.is_set() and (now := time.monotonic()) < until:
            short_s = min(until - now, STOP_LATENCY_S)
            self._watch_heads.wait(short_s)
            if time.monotonic() < now + short_s:
                return

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
            blocks_left=None if result is None else result.blocks_left,
            blocks_per_s=blocks_per_s,
            facts_per_s=facts_per_s,
        )
