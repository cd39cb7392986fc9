"""One schedule: a seed decides the chain, the endpoints' faults, the crashes and when the indexer gets on.

At the end the endpoints are calm and the indexer catches up. What it recorded must amount to what the final chain says,
by a reading of that chain written for itself, and to what a fresh indexer records of it.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import psycopg

from atlas.indexer.chain import standing
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import Progress, Status
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.chain.watching.rules import Rule
from atlas.indexer.errors import EndpointError, ReorgBeyondWindow
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from tests.indexer.simulation.endpoints import draw_setting
from tests.indexer.simulation.judging import Canonical, canonical, difference, expected_of
from tests.indexer.simulation.node import Crash, Faults, SimulatedNode, World
from tests.indexer.simulation.tree import ALL_RULES, OUTSIDE, RULES, grow, make_block

MAX_STEPS = 3_000
FRESH = 10**9  # added to a chain's number: the same chain, indexed once and in peace

Result = TypeVar("Result")


class Inline(Executor):
    """Fetches ahead at once, in this thread, so that the dice fall in one order."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except EndpointError as error:
            future.set_exception(error)
        return future


class CrashingLedger(Ledger):
    """A log whose process may die right before or right after a transaction ends."""

    def __init__(self, database: Database, rng: random.Random) -> None:
        super().__init__(database)
        self._rng = rng
        self.probability = 0.0

    def append(self, facts: Sequence[Fact], *, companion: Callable[[psycopg.Cursor], None] | None = None) -> list[int]:
        def last(cursor: psycopg.Cursor) -> None:
            if companion is not None:
                companion(cursor)
            self._die()

        positions = super().append(facts, companion=last)
        self._die()
        return positions

    def _die(self) -> None:
        if self.probability > 0 and self._rng.random() < self.probability:
            raise Crash


class Schedule:
    """What happens under one seed, into ``database``, whose log may hold other seeds' chains."""

    def __init__(self, seed: int, database: Database, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile
        self._rng = random.Random(seed)
        self._number = seed + 1
        self._database = database
        rng = self._rng
        genesis = make_block(None, [], rng.getrandbits(60))  # as on every chain, nothing is logged in it
        self.world = World(self._number, genesis)
        self.world.adopt(0, grow(genesis, rng.randint(3, 60), rng))
        self._faults = self._dice()
        self._setting = draw_setting(seed, self.world, rng, self._faults)
        self._all_rules = RULES if self._setting.is_plain else ALL_RULES
        self._ledger = CrashingLedger(database, rng)
        self._ledger.probability = rng.choice((0, 0, 0.02, 0.1))
        self._window = rng.choice((4, 9, 16, 40))
        self._rules: tuple[Rule, ...] = self._sample()
        self._settings: dict[str, Any] = {
            "window_blocks": self._window,
            "max_range_blocks": rng.choice((3, 10, 25, 100)),
            "prefetch_ranges": rng.choice((0, 1, 2)),
            "confirmations": rng.randint(3, 12),
            "deep_reorg": rng.choice(("wait", "follow")),
            "verify": rng.choice(("bloom", "bloom", "off")) if self._is_honest() else "bloom",
        }
        if self._setting.verify is not None:
            self._settings["verify"] = self._setting.verify
        self.log: list[str] = []
        self._head = self._ledger.head()

    @property
    def expected(self) -> Canonical:
        """What counts of the chain as it is now, by the rules of now."""
        return expected_of(self.world.chain, self._rules)

    def run(self) -> None:
        """Play it, and judge what was recorded."""
        indexer = self._begin()
        for _ in range(self._rng.randint(5, 40)):
            self._happen()
            indexer = self._step(indexer)
            self._meanwhile()
            if self._rng.random() < 0.08:
                indexer = self._change_rules(indexer)
        self._calm_down()
        indexer = self._reopen(indexer, self._all_rules if self._rng.random() < 0.3 else self._rules)
        self._catch_up(indexer)
        indexer.close()
        self._judge()

    def _dice(self) -> Faults:
        rng = self._rng
        return Faults(
            timeout=rng.choice((0, 0, 0.05, 0.2)),
            lie=rng.choice((0, 0, 0.02, 0.1)),
            empty=rng.choice((0, 0, 0.1, 0.5)),
            crash=rng.choice((0, 0, 0.01)),
            lag=rng.choice((0, 0, 2, 12)),
            stale=rng.choice((0, 0, 0.1)),
            max_range=rng.choice((10_000, 20, 7)),
            tag=rng.random() < 0.7,
        )

    def _is_honest(self) -> bool:
        """Who does not verify trusts: its endpoint is one node, and keeps nothing back."""
        return self._faults.empty == 0 and self._faults.stale == 0 and self._faults.lag == 0

    def _config(self, number: int, rules: Sequence[Rule], **settings: Any) -> ChainConfig:
        values: dict[str, Any] = {"rpc_url": "http://simulated", "abis": (OUTSIDE,), **self._settings, **settings}
        return ChainConfig(chain=f"eip155:{number}", contracts=tuple(rules), **values)

    def _begin(self) -> ChainIndexer:
        config = self._config(self._number, self._rules)
        source, others = self._setting.connect(config.chain)
        return ChainIndexer(config, source, self._ledger, self._database, others=others, executor=Inline())

    def _reopen(self, indexer: ChainIndexer, rules: Sequence[Rule]) -> ChainIndexer:
        """As after the end of a process."""
        indexer.close()
        self._rules = tuple(rules)
        return self._begin()

    def _change_rules(self, indexer: ChainIndexer) -> ChainIndexer:
        return self._reopen(indexer, self._sample())

    def _sample(self) -> tuple[Rule, ...]:
        return tuple(self._rng.sample(self._all_rules, self._rng.randint(1, len(self._all_rules))))

    def _happen(self) -> None:
        """The chain grows, forks, falls back, or nothing happens; finality follows."""
        rng, world = self._rng, self.world
        tip = len(world.chain) - 1
        roll = rng.random()
        if roll < 0.5:
            world.adopt(tip, grow(world.chain[-1], rng.choice((1, 1, 2, 5, 5, 20)), rng))
        elif roll < 0.75:
            self._setting.remember()
            depth = rng.randint(1, max(1, min(tip - self._floor(), self._window + 3)))
            ancestor = max(self._floor(), tip - depth)
            world.adopt(ancestor, grow(world.chain[ancestor], rng.choice((1, depth, depth, depth + 2)), rng))
        elif roll < 0.8:
            self._return()
        if rng.random() < 0.3 and self._faults.tag:
            world.final = max(world.final, len(world.chain) - 1 - rng.randint(3, 20))

    def _return(self) -> None:
        """A chain of before comes back, whole."""
        node = self._setting.nodes[0]
        back = node.before
        floor = self._floor()
        if len(back) > floor and back[floor] == self.world.chain[floor]:
            now = list(self.world.chain)
            self.world.adopt(0, [*back[1:], *grow(back[-1], self._rng.randint(0, 3), self._rng)])
            node.before = now

    def _floor(self) -> int:
        """No honest chain forks below what is final."""
        if self._faults.tag:
            return max(0, self.world.final)
        confirmed: int = self._settings["confirmations"]
        highest = max((block.header.number for block in self.world.blocks.values()), default=0)
        return max(0, highest - confirmed)

    def _step(self, indexer: ChainIndexer) -> ChainIndexer:
        for _ in range(self._rng.randint(0, 6)):
            try:
                indexer.step()
            except Crash:
                self.log.append("crash")
                return self._reopen(indexer, self._rules)
            except EndpointError as error:
                self.log.append(str(error))
            except ReorgBeyondWindow as error:
                self.log.append(str(error))
                self._decide(error)
        return indexer

    def _decide(self, error: ReorgBeyondWindow) -> None:
        """The operator has a look, now and then."""
        if self._rng.random() < 0.3 or self._ledger.probability == 0:
            self._operate(error)

    def _operate(self, error: ReorgBeyondWindow) -> None:
        chain = f"eip155:{self._number}"
        status = Status(error.state, error.message, error.hint)
        standing.StandingWriter(self._database)(Progress(chain, status, None, None, None, None, 0.0, 0.0))
        standing.decide(self._database, chain, follow=True, contradicting_finality=True)

    def _calm_down(self) -> None:
        self._setting.calm()
        self._ledger.probability = 0
        self.world.adopt(len(self.world.chain) - 1, grow(self.world.chain[-1], 1, self._rng))
        self.world.final = max(0, min(self.world.final, len(self.world.chain) - 1))

    def _catch_up(self, indexer: ChainIndexer) -> None:
        """To the head; where the chain stays below what is stored, as long as it takes to be higher."""
        for _ in range(MAX_STEPS):
            try:
                result = indexer.step()
            except ReorgBeyondWindow as error:
                self._operate(error)
                continue
            tip, head = self.world.chain[-1].header, result.head
            if result.caught_up and result.tip == head == tip.number:
                return
            if result.caught_up and result.tip > head:
                self.world.adopt(head, grow(self.world.chain[-1], 1, self._rng))
        raise AssertionError(f"not caught up after {MAX_STEPS} steps")

    def _judge(self) -> None:
        expected = self.expected
        found = canonical(self._ledger, f"eip155:{self._number}", self._head, self._rules, self.world.chain)
        assert found == expected, difference(found, expected)
        calm = SimulatedNode(World(self._number + FRESH, self.world.chain[0]), self._rng, Faults())
        calm.world.adopt(0, self.world.chain[1:])
        fresh = self._config(self._number + FRESH, self._rules, window_blocks=16, max_range_blocks=10, verify="bloom")
        before = self._ledger.head()
        indexer = ChainIndexer(fresh, calm, self._ledger, self._database, executor=Inline())
        while not indexer.step().caught_up:
            pass
        indexer.close()
        again = canonical(self._ledger, fresh.chain, before, self._rules, self.world.chain)
        assert again == expected, difference(again, expected)


def play(seed: int, database: Database, meanwhile: Callable[[], object] = lambda: None) -> Schedule:
    """Play the schedule of ``seed``; ``meanwhile`` is called between its steps."""
    schedule = Schedule(seed, database, meanwhile)
    schedule.run()
    return schedule
