"""Endpoints over a simulated chain: each lags, lies, fails and answers in parts as its dice say."""

import random
from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import FinalityTag, Log
from atlas.indexer.errors import (
    EndpointUnavailable,
    FinalityUnknown,
    InconsistentAnswers,
    LyingEndpoint,
    RangeTooLarge,
)
from tests.indexer.simulation.tree import Block


class Crash(BaseException):
    """The process dies here."""


class World:
    """The chain as consensus has it now; every block that there ever was."""

    def __init__(self, number: int, genesis: Block) -> None:
        self.number = number
        self.blocks: dict[bytes, Block] = {genesis.header.hash: genesis}
        self.chain: list[Block] = [genesis]
        self.final = 0
        self.kept_back: set[bytes] = set()  # blocks whose logs were kept back once

    def adopt(self, ancestor: int, blocks: Sequence[Block]) -> None:
        """``blocks`` follow the block at height ``ancestor``."""
        self.chain = [*self.chain[: ancestor + 1], *blocks]
        self.blocks.update({block.header.hash: block for block in blocks})


class Faults(msgspec.Struct, frozen=True):
    """How likely each fault is, for one answer; ``lag`` is how many blocks behind a node may be."""

    timeout: float = 0.0
    lie: float = 0.0
    empty: float = 0.0
    crash: float = 0.0
    lag: int = 0
    stale: float = 0.0  # a node of the balancer that still has the chain of before
    missing: float = 0.0  # a log left out, or receipts changed: a bloom does not show it
    foreign: float = 0.0  # an answer of another chain
    max_range: int = 10_000
    tag: bool = True


class SimulatedNode:
    """A Source; several views of one world behind one URL, as a balancer has them."""

    def __init__(self, world: World, rng: random.Random, faults: Faults, name: str = "simulated") -> None:
        self.world = world
        self.faults = faults
        self._rng = rng
        self._name = name
        self.before: list[Block] = list(world.chain)

    @property
    def name(self) -> str:
        return self._name

    def remember(self) -> None:
        """A stale node stays at the chain of now."""
        self.before = list(self.world.chain)

    def calm(self) -> None:
        """No faults from here on."""
        self.faults = Faults(max_range=self.faults.max_range, tag=self.faults.tag)

    def chain_number(self) -> int:
        self.may_fail()
        return self.world.number

    def code_size(self, address: bytes, number: int | None = None) -> int:
        self.may_fail()
        return 1

    def head(self) -> Header:
        self.may_fail()
        chain = self.view()
        return self._maybe_lying(chain[-1].header)

    def finalized(self, tag: FinalityTag = "finalized") -> Header | None:
        self.may_fail()
        if not self.faults.tag:
            raise FinalityUnknown("no such tag", code=-32602)
        return self.final_in(self.view()).header

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        self.may_fail()
        chain = self.view()
        if any(number >= len(chain) for number in numbers):
            raise InconsistentAnswers("no such block")
        return [self._maybe_lying(chain[number].header) for number in numbers]

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> list[Log]:
        self.may_fail()
        if last - first + 1 > self.faults.max_range:
            raise RangeTooLarge("too large", code=-32005)
        chain = self.view()
        logs = [log for block in chain[first : last + 1] for log in self.logs(block, wanted, by_hash=False)]
        return self.spoiled(logs)

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[list[Log]]:
        self.may_fail()
        answers: list[list[Log]] = []
        for block_hash in hashes:
            block = self.world.blocks.get(block_hash)
            if block is None:
                raise InconsistentAnswers("no such block")
            answers.append(self.spoiled(self.logs(block, wanted, by_hash=True)))
        return answers

    def view(self) -> list[Block]:
        """The chain as whoever answers now has it."""
        chain = self.world.chain
        if self.happens(self.faults.stale):
            chain = self.before
        lag = self._rng.randint(0, self.faults.lag) if self.faults.lag else 0
        return chain[: max(1, len(chain) - lag)]

    def final_in(self, chain: Sequence[Block]) -> Block:
        """What a node with ``chain`` calls final: honest nodes never contradict each other in it."""
        number = min(self.world.final, len(chain) - 1)
        while chain[number] != self.world.chain[number]:
            number -= 1
        return chain[number]

    def logs(self, block: Block, wanted: LogFilter, *, by_hash: bool) -> list[Log]:
        """A block's logs; all of them may be kept back, once: the second empty answer is beyond a bloom's proof."""
        logs = [log for log in block.logs if matches(wanted, log)]
        block_hash = block.header.hash
        may_be_second = by_hash and (self.faults.stale > 0 or self.faults.lag > 0)
        if not logs or may_be_second or block_hash in self.world.kept_back or not self.happens(self.faults.empty):
            return logs
        self.world.kept_back.add(block_hash)
        return []

    def spoiled(self, logs: list[Log]) -> list[Log]:
        """The logs, or what a liar makes of them."""
        if logs and self.happens(self.faults.missing):
            victim = self._rng.randrange(len(logs))
            return [*logs[:victim], *logs[victim + 1 :]]
        if not logs or not self.happens(self.faults.lie):
            return logs
        victim = self._rng.randrange(len(logs))
        change = self._rng.choice(("twice", "hash", "topic", "order", "number"))
        if change == "twice":
            return [*logs[: victim + 1], *logs[victim:]]
        if change == "order":
            return [*logs[1:], logs[0]] if len(logs) > 1 else logs
        spoiled = {
            "hash": {"block_hash": self._rng.randbytes(32)},
            "topic": {"topics": (self._rng.randbytes(32),)},
            "number": {"block_number": logs[victim].block_number + 1_000},
        }[change]
        return [*logs[:victim], msgspec.structs.replace(logs[victim], **spoiled), *logs[victim + 1 :]]

    def _maybe_lying(self, header: Header) -> Header:
        """An adapter finds a header with a wrong hash."""
        if self.happens(self.faults.lie / 8):
            raise LyingEndpoint(f"the header of block {header.number} hashes to something else")
        return header

    def may_fail(self) -> None:
        """Time out, or let the process die."""
        if self.happens(self.faults.crash):
            raise Crash
        if self.happens(self.faults.timeout):
            raise EndpointUnavailable("timed out")

    def happens(self, probability: float) -> bool:
        """By this node's dice."""
        return probability > 0 and self._rng.random() < probability


def matches(wanted: LogFilter, log: Log) -> bool:
    """By a reading of the filter of its own."""
    if wanted.addresses is not None and log.address not in wanted.addresses:
        return False
    return wanted.topics is None or (log.topics[:1] != () and log.topics[0] in wanted.topics)
