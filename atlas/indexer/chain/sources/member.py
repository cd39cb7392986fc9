"""One endpoint of a pool: asked, judged by its answers, and given rest when it fails. For several threads at once."""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.rpc.refusals import METHOD_NOT_FOUND
from atlas.indexer.chain.sources.health import Health
from atlas.indexer.chain.sources.metrics import EndpointMetrics
from atlas.indexer.chain.sources.pace import Limits, Pace
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    FinalityUnknown,
    HistoryPruned,
    InconsistentAnswers,
    RangeTooLarge,
    WrongChain,
)
from atlas.protocol.ids import parse_chain

T = TypeVar("T")

_NO_FAULT = (RangeTooLarge, FinalityUnknown, HistoryPruned, InconsistentAnswers)


class Member:
    """``source``, and what is known of it. ``clock`` gives monotonic seconds."""

    def __init__(
        self, chain: str, source: Endpoint, limits: Limits, metrics: EndpointMetrics | None, clock: Callable[[], float]
    ) -> None:
        self.source = source
        self.name = source.name
        self._chain = chain
        self._clock = clock
        self._lock = threading.Lock()
        self._identifying = threading.Lock()
        self._health = Health()
        self._pace = Pace.start(limits)
        self._is_in_use = False
        if metrics is not None:
            metrics.watch(
                chain,
                self.name,
                range_blocks=lambda: self._pace.range_blocks,
                concurrency=lambda: self._pace.concurrency,
                is_usable=lambda: not self.rests(),
                is_in_use=lambda: self._is_in_use,
                head=lambda: max(0, self._health.head),
            )

    @property
    def health(self) -> Health:
        """What its answers say about it."""
        return self._health

    @property
    def pace(self) -> Pace:
        """How much it is asked for at once."""
        return self._pace

    def rests(self) -> bool:
        """Whether it is not to be asked now; it is not either while another thread finds out what it serves."""
        health = self._health
        return health.rests(self._clock()) or (health.failures > 0 and self._identifying.locked())

    def rest_s(self) -> float:
        """How long it rests from now on."""
        return max(0.0, self._health.rest_until_s - self._clock())

    def use(self, is_in_use: bool) -> None:
        """It gave the latest answer that counted, or no longer."""
        if is_in_use != self._is_in_use:
            self._is_in_use = is_in_use

    def ask(self, question: Callable[[Endpoint], T], blocks: int | None = None) -> T:
        """The answer to ``question``, which spans ``blocks``. Raises EndpointError, WrongChain."""
        try:
            self._identify()
            answer = question(self.source)
        except EndpointError as error:
            self._failed(error, blocks)
            raise
        with self._lock:
            self._health = self._health.succeeded()
            self._pace = self._pace.succeeded(blocks)
        return answer

    def require_head(self, number: int) -> None:
        """It has block ``number``, as far as it says. Raises InconsistentAnswers, EndpointError, WrongChain."""
        if self._health.head >= number or self.refreshed_head() >= number:
            return
        raise InconsistentAnswers(
            f"{self.name} is at block {self._health.head} and cannot know block {number}",
            hint="It lags behind the others; it is asked again when it has caught up.",
        )

    def refreshed_head(self) -> int:
        """The height that it says it has now."""
        return self.saw_head(self.ask(lambda source: source.head()).number)

    def saw_head(self, number: int) -> int:
        """Remember ``number`` as the height that it has; returns it."""
        with self._lock:
            self._health = self._health.at(number)
        return number

    def outvoted(self, error: EndpointError | None) -> None:
        """Two others agree; ``error`` when it says otherwise."""
        if error is not None:
            self._failed(error, None)

    def lost_history(self, before: int) -> None:
        """Remember that it no longer keeps block ``before``."""
        with self._lock:
            self._health = self._health.lost(before)

    def _identify(self) -> None:
        """It serves the chain; asked first of all, and again after each failure, before it is used again."""
        if self._health.is_identified:
            return
        with self._identifying:
            if self._health.is_identified:
                return
            number = self.source.chain_number()
            with self._lock:
                if number == parse_chain(self._chain):
                    self._health = self._health.identified()
                    return
                self._health = self._health.on_wrong_chain(f"eip155:{number}", self._clock())
        raise WrongChain(
            f"{self.name} serves the chain eip155:{number}, not {self._chain}",
            hint="Correct the chain's name or its endpoint.",
        )

    def _failed(self, error: EndpointError, blocks: int | None) -> None:
        with self._lock:
            self._pace = _slowed(self._pace, error, blocks)
            if not _is_of_question(error):
                self._health = self._health.failed(error, self._clock(), random.random())


def _is_of_question(error: EndpointError) -> bool:
    """Whether it says something about the question, not about the endpoint."""
    return isinstance(error, _NO_FAULT) or (isinstance(error, EndpointRefused) and error.code == METHOD_NOT_FOUND)


def _slowed(pace: Pace, error: EndpointError, blocks: int | None) -> Pace:
    if isinstance(error, RangeTooLarge):
        return pace if blocks is None else pace.too_large(blocks, error.max_blocks)
    if isinstance(error, EndpointUnavailable):
        if error.is_timeout:
            return pace.timed_out(blocks)
        if error.is_overload:
            return pace.overloaded()
    return pace
