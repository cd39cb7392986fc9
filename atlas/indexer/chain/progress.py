"""How far the indexer is, how fast, and whether its endpoint answers."""

from collections import deque
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

RATE_INTERVAL_S = 10.0

State: TypeAlias = Literal["ok", "retrying", "lagging", "forked"]


class StepResult(msgspec.Struct, frozen=True):
    """What one step did: blocks read (those of rules that were added later too), facts offered; heights afterwards."""

    blocks: int
    facts: int
    tip: int  # the last block read
    head: int  # the endpoint's newest block
    finalized: int | None
    blocks_left: int

    @property
    def caught_up(self) -> bool:
        """There was nothing left to read."""
        return self.blocks_left == 0


class Status(msgspec.Struct, frozen=True):
    """One of the states of ``standing``; indexing goes on by itself when the endpoint's answers fit what is stored."""

    state: State
    reason: str = ""
    hint: str = ""


class Progress(msgspec.Struct, frozen=True):
    """What an operator wants to see; rates are over the last seconds, None fields are not known yet."""

    chain: str
    status: Status
    tip: int | None
    head: int | None
    finalized: int | None
    blocks_left: int | None
    blocks_per_s: float
    facts_per_s: float

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None when it cannot be told."""
        if not self.blocks_left:
            return None if self.blocks_left is None else 0.0
        return self.blocks_left / self.blocks_per_s if self.blocks_per_s > 0 else None


class RateMeter:
    """Counts a second over the last RATE_INTERVAL_S; ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int, int]] = deque([(clock(), 0, 0)])

    def add(self, blocks: int, facts: int) -> None:
        """Count work done just now."""
        now = self._clock()
        self._samples.append((now, blocks, facts))
        while len(self._samples) > 2 and self._samples[1][0] < now - RATE_INTERVAL_S:
            self._samples.popleft()

    def per_second(self) -> tuple[float, float]:
        """Blocks and facts a second; the oldest sample only marks the beginning."""
        begin = self._samples[0][0]
        elapsed_s = max(self._clock() - begin, 1e-3)
        counted = list(self._samples)[1:]
        return sum(s[1] for s in counted) / elapsed_s, sum(s[2] for s in counted) / elapsed_s
