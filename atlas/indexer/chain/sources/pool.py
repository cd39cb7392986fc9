"""Several endpoints of one chain as one source.

The first endpoint that is fit is asked; one that fails rests, longer each time, and the next one is asked at
once. When its rest is over it has to say again which chain it serves before it is used again: so the primary
comes back. What an endpoint cannot know, being behind or having dropped its history, it is not asked for.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.rpc.calls import Call
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.rpc.refusals import LIMIT_EXCEEDED, PRUNED_HISTORY, RANGE_HINT
from atlas.indexer.chain.source import FinalityTag, Log
from atlas.indexer.chain.sources.member import Member
from atlas.indexer.chain.sources.metrics import EndpointMetrics
from atlas.indexer.chain.sources.pace import Limits
from atlas.indexer.chain.sources.quorum import (
    Answer,
    columns_answer,
    disagreement,
    headers_answer,
    logs_answer,
)
from atlas.indexer.errors import (
    EndpointError,
    EndpointUnavailable,
    FinalityUnknown,
    HistoryPruned,
    InvalidChainConfig,
    MalformedResponse,
    RangeTooLarge,
    WrongChain,
)
from atlas.protocol.ids import parse_chain
from atlas.protocol.logs import ArrowBatch

T = TypeVar("T")
Result = TypeVar("Result")

ROUNDS = 4
MAX_WAIT_S = 5.0
QUORUM = 2

# Asked again a moment later, these may be answered.
_PASSING = (EndpointUnavailable, MalformedResponse)


class Scope(msgspec.Struct, frozen=True):
    """The blocks that a question is about: only who can know them is asked. None where that is open."""

    first: int | None = None
    last: int | None = None
    blocks: int | None = None  # length of a range whose length can be chosen


_ANY = Scope()


class EndpointPool:
    """A Source over ``endpoints``, the primary first; for several threads at once.

    With ``quorum`` 2, logs and headers count when two endpoints agree, whichever they are. ``sleep`` waits between
    rounds, in seconds.
    """

    def __init__(
        self,
        chain: str,
        endpoints: Sequence[Endpoint],
        *,
        limits: Limits | None = None,
        quorum: int = 1,
        metrics: EndpointMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not 1 <= quorum <= min(QUORUM, len(endpoints)):
            raise InvalidChainConfig(
                f"{chain}: a quorum of {quorum} over {len(endpoints)} endpoints",
                hint="Give at least one endpoint; a quorum is 1, or 2 with at least two endpoints.",
            )
        self._number = parse_chain(chain)
        self._chain = chain
        self._quorum = quorum
        self._sleep = sleep
        self._members = [Member(chain, each, limits or Limits(), metrics, clock) for each in endpoints]
        self._head = -1

    @property
    def name(self) -> str:
        """The endpoints, the primary first."""
        return " / ".join(member.name for member in self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        """The endpoints and what is known of them, the primary first."""
        return tuple(self._members)

    @property
    def range_blocks(self) -> int:
        """How many blocks a request for logs had better span now."""
        return _candidates(self._members)[0].pace.range_blocks

    @property
    def concurrency(self) -> int:
        """How many requests had better be under way at most now."""
        return _candidates(self._members)[0].pace.concurrency

    def close(self) -> None:
        """Close all connections."""
        for member in self._members:
            member.source.close()

    def chain_number(self) -> int:
        """The number of the chain, once an endpoint said that it serves it. Raises WrongChain when all serve others."""
        self._ask(lambda source: self._number)
        return self._number

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """The result of any other call, by ``decoder``, of whoever answers."""
        return self._ask(lambda source: source.call(method, parameters, decoder))

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """The results of any other calls, in their order, by ``decoder``, all of one endpoint."""
        return self._ask(lambda source: source.batch(calls, decoder))

    def code_size(self, address: bytes, number: int | None = None) -> int:
        """As ``Source.code_size``."""
        return self._ask(lambda source: source.code_size(address, number), Scope(last=number))

    def head(self) -> Header:
        """The newest block. One that is lower than before counts only when no endpoint has a higher one."""
        member, header = self._asked(_head, _ANY)
        member.saw_head(header.number)
        if header.number < self._head or self._quorum == QUORUM:
            header = self._considered(header)
        self._head = header.number
        return header

    def finalized(self, tag: FinalityTag = "finalized") -> Header | None:
        """As ``Source.finalized``; with a quorum the lower one of two: alone nobody declares a block final."""

        def question(source: Endpoint) -> Header | None:
            return source.finalized(tag)

        member, header = self._asked(question, _ANY)
        if header is None or self._quorum < QUORUM:
            return header
        _, other = self._asked(question, _ANY, other_than=[member])
        return None if other is None else min(header, other, key=lambda each: each.number)

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """As ``Source.headers``; a quorum agrees on them."""
        scope = Scope(min(numbers), max(numbers)) if numbers else _ANY
        return self._agreed(lambda source: source.headers(numbers), scope, headers_answer)

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> Sequence[Log]:
        """As ``Source.logs_in_range``; a quorum agrees on them."""
        scope = Scope(first, last, last - first + 1)
        return self._agreed(lambda source: source.logs_in_range(first, last, wanted), scope, logs_answer)

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> Sequence[Sequence[Log]]:
        """As ``Source.logs_of_blocks``; a quorum agrees on them."""

        def flat(name: str, answer: Sequence[Sequence[Log]]) -> Answer:
            return logs_answer(name, [log for logs in answer for log in logs])

        return self._agreed(lambda source: source.logs_of_blocks(hashes, wanted), _ANY, flat, by_hash=True)

    def log_columns(self, first: int, last: int, wanted: LogFilter) -> ArrowBatch:
        """As ``Endpoint.log_columns``; a quorum agrees on them."""
        scope = Scope(first, last, last - first + 1)
        return self._agreed(lambda source: source.log_columns(first, last, wanted), scope, columns_answer)

    def log_columns_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[ArrowBatch]:
        """As ``Endpoint.log_columns_of_blocks``; a quorum agrees on them."""

        def flat(name: str, answer: list[ArrowBatch]) -> Answer:
            return Answer(name, tuple(row for columns in answer for row in columns_answer(name, columns).rows))

        return self._agreed(lambda source: source.log_columns_of_blocks(hashes, wanted), _ANY, flat, by_hash=True)

    def _considered(self, header: Header) -> Header:
        """The highest head of all; with a quorum the highest that two have."""
        heads = sorted(
            (each for each in (self._head_of(member) for member in self._members) if each is not None),
            key=lambda each: each.number,
            reverse=True,
        )
        if self._quorum == QUORUM:
            if len(heads) < QUORUM:
                raise EndpointUnavailable(
                    f"only {len(heads)} of {len(self._members)} endpoints of {self._chain} say what their head is",
                    hint="A quorum of two needs two endpoints that answer.",
                )
            return heads[QUORUM - 1]
        return heads[0] if heads and heads[0].number > header.number else header

    def _head_of(self, member: Member) -> Header | None:
        if member.rests():
            return None
        try:
            header = member.ask(_head)
        except (EndpointError, WrongChain):
            return None
        member.saw_head(header.number)
        return header

    def _agreed(
        self,
        question: Callable[[Endpoint], T],
        scope: Scope,
        answer: Callable[[str, T], Answer],
        *,
        by_hash: bool = False,
    ) -> T:
        """The answer to ``question`` of one endpoint, or of the first two that agree."""
        heard: list[tuple[Member, Answer]] = []
        disputes: list[EndpointError] = []
        while len(heard) < len(self._members):
            try:
                member, given = self._asked(question, scope, other_than=[each for each, _ in heard])
            except RangeTooLarge:
                raise
            except (EndpointError, WrongChain) as error:
                raise (disputes or [error])[0] from error
            if self._quorum < QUORUM:
                return given
            said = answer(member.name, given)
            found = [(other, disagreement(earlier, said, by_hash=by_hash)) for other, earlier in heard]
            if any(error is None for _, error in found):
                for other, error in found:
                    other.outvoted(error)
                return given
            heard.append((member, said))
            disputes += [error for _, error in found if error is not None]
        raise disputes[0]

    def _ask(self, question: Callable[[Endpoint], T], scope: Scope = _ANY) -> T:
        return self._asked(question, scope)[1]

    def _asked(
        self, question: Callable[[Endpoint], T], scope: Scope, other_than: Sequence[Member] = ()
    ) -> tuple[Member, T]:
        """Who answered, and the answer."""
        members = [member for member in self._members if member not in other_than]
        failures: dict[Member, EndpointError | WrongChain] = {}
        for attempt in range(ROUNDS):
            if attempt or all(member.rests() for member in members):
                self._sleep(_pause_s(members))
            for member in _candidates(members):
                try:
                    return member, self._ask_member(member, question, scope)
                except (EndpointError, WrongChain) as error:
                    if _is_of_question(error, scope):
                        raise
                    failures[member] = error
            if not any(isinstance(error, _PASSING) for error in failures.values()):
                break
            _require_in_time(list(failures.values()), scope)
        told = _told(list(failures.values()))
        if isinstance(told, WrongChain) and len(failures) < len(self._members):
            # Those that rest, or that have answered before, serve it: no reason to stop for good.
            raise EndpointUnavailable(told.message, hint=told.hint) from told
        raise told

    def _ask_member(self, member: Member, question: Callable[[Endpoint], T], scope: Scope) -> T:
        if scope.first is not None and scope.first < member.health.kept_from:
            raise HistoryPruned(
                f"{member.name} said before that it does not keep block {scope.first}",
                code=PRUNED_HISTORY,
                hint="Give this chain an endpoint that keeps all history (an archive node).",
            )
        # One endpoint alone is its own measure: what it said is its head is where its questions come from.
        if scope.last is not None and len(self._members) > 1:
            member.require_head(scope.last)
        try:
            answer = member.ask(question, scope.blocks)
        except HistoryPruned:
            if scope.first is not None:
                member.lost_history(scope.first)
            raise
        for each in self._members:
            each.use(each is member)
        return answer


def _head(source: Endpoint) -> Header:
    return source.head()


def _candidates(members: Sequence[Member]) -> list[Member]:
    """Those that are fit, in their order; where none is, the one whose rest ends first."""
    return [member for member in members if not member.rests()] or [min(members, key=Member.rest_s)]


def _pause_s(members: Sequence[Member]) -> float:
    """Until the next of those that rest has rested, within a bound."""
    return min(MAX_WAIT_S, min((member.rest_s() for member in members if member.rests()), default=0.0))


def _is_of_question(error: EndpointError | WrongChain, scope: Scope) -> bool:
    """Whether another question has to be asked: another endpoint need not be."""
    return isinstance(error, FinalityUnknown) or (isinstance(error, RangeTooLarge) and (scope.blocks or 1) > 1)


def _require_in_time(failures: Sequence[EndpointError | WrongChain], scope: Scope) -> None:
    """Raise RangeTooLarge when nobody answers for so many blocks in time."""
    if (scope.blocks or 1) > 1 and all(isinstance(e, EndpointUnavailable) and e.is_timeout for e in failures):
        told = _told(failures)
        raise RangeTooLarge(told.message, code=LIMIT_EXCEEDED, hint=RANGE_HINT) from told


def _told(failures: Sequence[EndpointError | WrongChain]) -> EndpointError | WrongChain:
    """What the first endpoint failed by, with what the others said; of another chain only when all are."""
    first, *others = sorted(failures, key=lambda error: isinstance(error, WrongChain))
    if others:
        first.message = "; ".join(error.message for error in (first, *others))
        first.args = (first.message,)
    return first
