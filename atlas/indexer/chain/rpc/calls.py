"""JSON-RPC 2.0 over HTTP, for one endpoint that is not trusted.

    -> [{"jsonrpc":"2.0","id":0,"method":"eth_getBlockByNumber","params":["0x1",false]}, ...]
    <- [{"jsonrpc":"2.0","id":0,"result":{...}}, ...]          in any order, each id once

Answers are bounded in size and time and decoded into typed structs. Transient failures are tried again
a few times; every error names the endpoint (its secrets masked), the method and the parameters.
Batches that an endpoint refuses are halved, and stay so, down to single calls.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import httpcore
import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.rpc.masking import masked_url, without_secrets
from atlas.indexer.chain.rpc.refusals import LIMIT_EXCEEDED, RANGE_HINT, RpcError, refusal
from atlas.indexer.chain.rpc.transport import (
    DEADLINE_S,
    MAX_ANSWER_BYTES,
    AnswerTooLarge,
    HttpTransport,
    Reply,
    UnknownEncoding,
)
from atlas.indexer.errors import (
    BatchRefused,
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    MalformedResponse,
    RangeTooLarge,
)

Result = TypeVar("Result")
Call = tuple[str, Sequence[Any]]  # method, parameters
Observer = Callable[[str, float, EndpointError | None], None]  # method, seconds, what went wrong

MAX_BATCH = 100
# By this question an endpoint is tried again: one that says nothing must not hold up those who wait for the others.
PROBE = "eth_chainId"
PROBE_DEADLINE_S = 5.0
ATTEMPTS = 4
FIRST_DELAY_S = 0.2
MAX_DELAY_S = 5.0

_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT_STATUS = frozenset({408, 504})
# What endpoints answer that take no batches, or none this large, where they say it in HTTP.
_BATCH_STATUS = frozenset({400, 405, 413, 415, 422, 501})


class _Answer(msgspec.Struct, frozen=True):
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: RpcError | None = None


_answers: Decoder[list[_Answer] | _Answer] = Decoder(list[_Answer] | _Answer)


class Caller(Protocol):
    """Whatever makes JSON-RPC calls: an endpoint, several of them, or a client. All methods raise EndpointError."""

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """The result of one call, by ``decoder``."""
        ...

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """The results of ``calls`` in their order, by ``decoder``; one failure fails all."""
        ...


class Calls(Caller, Protocol):
    """Who answers JSON-RPC calls for one endpoint: a client of it, or a recording. All methods raise EndpointError."""

    @property
    def display_url(self) -> str:
        """Who answers, fit for logs."""
        ...

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """The results of ``calls`` in their order, as JSON."""
        ...

    def close(self) -> None:
        """Give up what is held open."""
        ...


class RpcClient:
    """Calls to one endpoint over kept connections; for several threads at once.

    ``name`` says which it is, else its URL, the secrets masked; ``sleep`` waits between attempts, in seconds;
    ``observe`` is told of each exchange. Raises InvalidChainConfig for a URL that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        attempts: int = ATTEMPTS,
        deadline_s: float = DEADLINE_S,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_batch: int = MAX_BATCH,
        observe: Observer | None = None,
    ) -> None:
        self.display_url = name or masked_url(url)
        self._url = url
        self._sleep = sleep
        self._attempts = attempts
        self._max_batch = max_batch
        self._deadline_s = deadline_s
        self._observe = observe
        self._transport = HttpTransport(url, max_answer_bytes=max_answer_bytes)

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """The result of one call, by ``decoder``. Raises EndpointError."""
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """The results of ``calls`` in their order, by ``decoder``; one failure fails all. Raises EndpointError."""
        return self._in_batches(calls, lambda asked: self._decoded(asked, decoder))

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """The results of ``calls`` in their order, as JSON. Raises EndpointError."""
        return self._in_batches(calls, self._once)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _in_batches(self, calls: Sequence[Call], ask: Callable[[Sequence[Call]], list[Result]]) -> list[Result]:
        results: list[Result] = []
        while len(results) < len(calls):
            size = self._max_batch
            results.extend(self._split(calls[len(results) : len(results) + size], ask))
        return results

    def _split(self, calls: Sequence[Call], ask: Callable[[Sequence[Call]], list[Result]]) -> list[Result]:
        """Ask for all at once; in halves where that is refused."""
        try:
            return self._retrying(calls, ask)
        except (BatchRefused, RangeTooLarge) as error:
            if len(calls) == 1:
                raise
            half = len(calls) // 2
            if isinstance(error, BatchRefused):
                self._max_batch = min(self._max_batch, half)
        return self._split(calls[:half], ask) + self._split(calls[half:], ask)

    def _retrying(self, calls: Sequence[Call], ask: Callable[[Sequence[Call]], list[Result]]) -> list[Result]:
        for attempt in range(self._attempts):
            try:
                return ask(calls)
            except (EndpointUnavailable, MalformedResponse) as error:
                if attempt == self._attempts - 1:
                    raise
                self._sleep(delay_s(attempt, error))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _decoded(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        return [decoded(raw, decoder, self._where(calls)) for raw in self._once(calls)]

    def _once(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        started = time.perf_counter()
        failure: EndpointError | None = None
        try:
            return self._exchange(calls)
        except EndpointError as error:
            failure = error
            # Endpoints and the gateways before them quote the path or the key that they refuse.
            error.message = without_secrets(error.message, self._url)
            error.args = (error.message,)
            raise
        finally:
            if self._observe is not None:
                self._observe(calls[0][0], time.perf_counter() - started, failure)

    def _exchange(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        requests = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": parameters}
            for index, (method, parameters) in enumerate(calls)
        ]
        where = self._where(calls)
        # Not every endpoint takes batches of one.
        content = msgspec.json.encode(requests if len(requests) > 1 else requests[0])
        deadline_s = min(self._deadline_s, PROBE_DEADLINE_S) if calls[0][0] == PROBE else self._deadline_s
        reply = self._post(content, deadline_s, where)
        _check_status(reply, len(calls), where)
        return results_in_order(reply.body, len(calls), where)

    def _post(self, content: bytes, deadline_s: float, where: str) -> Reply:
        try:
            return self._transport.post(content, deadline_s=deadline_s)
        except AnswerTooLarge as error:
            raise RangeTooLarge(f"{where}: {error}", code=LIMIT_EXCEEDED, hint=RANGE_HINT) from error
        except UnknownEncoding as error:
            raise MalformedResponse(f"{where}: {error}", hint="A proxy may have damaged the answer.") from error
        except httpcore.ConnectTimeout as error:
            raise EndpointUnavailable(f"{where}: no connection in time", hint="Is the node running?") from error
        except httpcore.TimeoutException as error:
            raise EndpointUnavailable(
                f"{where}: no whole answer in time", hint="The endpoint is slow, or asked for much.", is_timeout=True
            ) from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            raise EndpointUnavailable(
                f"{where}: {type(error).__name__}: {error}", hint="Is the node running, and is the URL right?"
            ) from error

    def _where(self, calls: Sequence[Call]) -> str:
        return f"{self.display_url} {described(calls)}"


def decoded(raw: msgspec.Raw, decoder: Decoder[Result], where: str) -> Result:
    """``raw`` by ``decoder``. Raises MalformedResponse that says ``where``."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(
            f"{where}: {error}", hint="The answer is JSON-RPC, but not what this method answers with."
        ) from error


def described(calls: Sequence[Call]) -> str:
    """Method and parameters, the first and the last of a batch, in few words."""
    first = _one(calls[0])
    return first if len(calls) == 1 else f"{first} .. {_one(calls[-1])} ({len(calls)} calls)"


def delay_s(attempt: int, error: EndpointError) -> float:
    """Exponential backoff with jitter; what the endpoint asked for counts, up to a bound."""
    asked_s = error.retry_after_s if isinstance(error, EndpointUnavailable) else None
    backoff_s = FIRST_DELAY_S * 2**attempt * random.uniform(0.75, 1.25)
    return min(MAX_DELAY_S, max(backoff_s, asked_s or 0.0))


def _check_status(reply: Reply, calls: int, where: str) -> None:
    """Raise for an HTTP status that is an error."""
    status = reply.status
    if status in _TRANSIENT_STATUS:
        hint = "The endpoint limits how often it is asked." if status == 429 else "The endpoint is in trouble."
        raise EndpointUnavailable(
            f"{where}: HTTP {status}",
            hint=hint,
            retry_after_s=_seconds(reply.headers.get("retry-after")),
            is_timeout=status in _TIMEOUT_STATUS,
            is_overload=status == 429,
        )
    # Nodes send JSON-RPC errors under 400 too: those say more than the status. Other JSON does not.
    if status < 300 or (status >= 400 and _has_error_object(reply.body)):
        return
    if calls > 1 and status in _BATCH_STATUS:
        raise BatchRefused(f"{where}: HTTP {status}", code=status, hint="The calls are made in smaller batches.")
    if status == 413:
        raise RangeTooLarge(f"{where}: HTTP {status}", code=status, hint=RANGE_HINT)
    hint = "Is the key in the URL valid?" if status in (401, 403) else "Is this the URL of a JSON-RPC endpoint?"
    raise EndpointRefused(f"{where}: HTTP {status}", code=status, hint=hint)


def _has_error_object(body: bytes) -> bool:
    try:
        answer = _answers.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return any(each.error is not None for each in (answer if isinstance(answer, list) else [answer]))


def results_in_order(body: bytes, expected: int, where: str) -> list[msgspec.Raw]:
    """The results of calls 0 .. ``expected`` - 1. Raises MalformedResponse, or what an error object says."""
    try:
        answer = _answers.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(
            f"{where}: {error}; the answer begins with {body[:60]!r}", hint=_hint_for(body, error)
        ) from error
    answers = answer if isinstance(answer, list) else [answer]
    _raise_refusal(answers, expected, where)
    by_id = {answer.id: answer.result for answer in answers}
    if len(answers) != expected or by_id.keys() != set(range(expected)):
        raise MalformedResponse(
            f"{where}: {expected} calls were answered by the ids {sorted(map(str, by_id))[:8]}",
            hint="The endpoint mixes up or drops answers; does it support batches?",
        )
    return [_present(by_id[index], where) for index in range(expected)]


def _raise_refusal(answers: Sequence[_Answer], expected: int, where: str) -> None:
    for answer in answers:
        if answer.error is None:
            continue
        error = refusal(answer.error, where, calls=expected)
        # One refusal for many calls is of the batch, whatever it says.
        if type(error) is EndpointRefused and expected > 1 and len(answers) == 1:
            raise BatchRefused(error.message, code=error.code, hint="The calls are made in smaller batches.")
        raise error


def _present(result: msgspec.Raw | msgspec.UnsetType, where: str) -> msgspec.Raw:
    if result is msgspec.UNSET:
        raise MalformedResponse(f"{where}: neither a result nor an error", hint="Is this a JSON-RPC endpoint?")
    assert isinstance(result, msgspec.Raw)
    return result


def _hint_for(body: bytes, error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "That is JSON, but not JSON-RPC: is this the URL of a JSON-RPC endpoint?"
    if body.lstrip()[:1] == b"<":
        return "That is a web page: is this the URL of a JSON-RPC endpoint, or does a gateway answer for it?"
    return "The answer is not complete JSON: a proxy may have cut it."


def _one(call: Call) -> str:
    method, parameters = call
    text = msgspec.json.encode(parameters).decode()
    return f"{method}{text if len(text) <= 200 else text[:200] + '...'}"


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header (RFC 9110 section 10.2.3); its date form is ignored."""
    stripped = "" if header is None else header.strip(" \t")
    return float(stripped) if stripped.isascii() and stripped.isdigit() else None
