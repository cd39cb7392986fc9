"""JSON-RPC 2.0 over HTTP, for one endpoint that is not trusted.

    -> [{"jsonrpc":"2.0","id":0,"method":"eth_getBlockByNumber","params":["0x1",false]}, ...]
    <- [{"jsonrpc":"2.0","id":0,"result":{...}}, ...]          in any order, each id once

Answers are bounded in size and time and decoded into typed structs. Transient failures are tried again
a few times; every error names the endpoint (its secrets masked), the method and the parameters.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.masking import masked_url
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    MalformedResponse,
    RangeTooLarge,
)

Result = TypeVar("Result")
Call = tuple[str, Sequence[Any]]  # method, parameters

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_BATCH = 100
ATTEMPTS = 4
FIRST_DELAY_S = 0.2
MAX_DELAY_S = 5.0

# EIP-1474: limit exceeded; and how providers word it under other codes.
_LIMIT_EXCEEDED = -32005
_LIMIT_WORDS = ("block range", "range is too", "range too", "too many results", "query returned more", "response size")
# A node that lags behind the one that named the head says "beyond current head".
_TRANSIENT_WORDS = ("rate limit", "too many requests", "timeout", "timed out", "try again", "beyond current head")
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None


_answers: Decoder[list[_Answer] | _Answer] = Decoder(list[_Answer] | _Answer)


class RpcClient:
    """Calls to one endpoint over kept connections; not for several threads at once.

    ``sleep`` waits between attempts, in seconds.
    """

    def __init__(self, url: str, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self.display_url = masked_url(url)
        self._url = url
        self._sleep = sleep
        self._client = httpx.Client(
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # A proxy for the outside world is not the way to a node on this machine.
            trust_env=urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"),
        )

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """The result of one call, by ``decoder``. Raises EndpointError."""
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """The results of ``calls`` in their order, by ``decoder``; one failure fails all. Raises EndpointError."""
        results: list[Result] = []
        for start in range(0, len(calls), MAX_BATCH):
            results.extend(self._retrying(calls[start : start + MAX_BATCH], decoder))
        return results

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _retrying(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        for attempt in range(ATTEMPTS):
            try:
                return self._once(calls, decoder)
            except (EndpointUnavailable, MalformedResponse) as error:
                if attempt == ATTEMPTS - 1:
                    raise
                self._sleep(_delay_s(attempt, error))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        where = f"{self.display_url} {_described(calls)}"
        requests = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": parameters}
            for index, (method, parameters) in enumerate(calls)
        ]
        # Not every endpoint takes batches of one.
        content = msgspec.json.encode(requests if len(requests) > 1 else requests[0])
        answers = _in_order(self._post(content, where), len(calls), where)
        return [_result(answer, decoder, where) for answer in answers]

    def _post(self, content: bytes, where: str) -> bytes:
        body = bytearray()
        try:
            with self._client.stream(
                "POST", self._url, content=content, headers={"content-type": "application/json"}
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise RangeTooLarge(
                            f"{where}: the answer is larger than {MAX_ANSWER_BYTES} bytes",
                            code=_LIMIT_EXCEEDED,
                            hint="Set a smaller max_range_blocks for this chain.",
                        )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EndpointUnavailable(
                f"{where}: {type(error).__name__}: {error}",
                hint="Is the node running, and is the URL right?",
            ) from error
        _check_status(response, body, where)
        return bytes(body)


def _check_status(response: httpx.Response, body: bytes | bytearray, where: str) -> None:
    """Raise EndpointUnavailable or EndpointRefused for an HTTP status that is an error."""
    status = response.status_code
    if status in _TRANSIENT_STATUS:
        hint = "The endpoint limits how often it is asked." if status == 429 else "The endpoint is in trouble."
        raise EndpointUnavailable(
            f"{where}: HTTP {status}", hint=hint, retry_after_s=_seconds(response.headers.get("retry-after"))
        )
    # Nodes send JSON-RPC errors under 400 too: those say more than the status.
    if status >= 400 and not body.lstrip().startswith((b"{", b"[")):
        hint = "Is the key in the URL valid?" if status in (401, 403) else "Is this the URL of a JSON-RPC endpoint?"
        raise EndpointRefused(f"{where}: HTTP {status}", code=status, hint=hint)


def _in_order(body: bytes, expected: int, where: str) -> list[_Answer]:
    """The answers to calls 0 .. ``expected`` - 1. Raises MalformedResponse, or what a lone error object says."""
    try:
        decoded = _answers.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedResponse(
            f"{where}: {error}; the answer begins with {body[:60]!r}", hint=_hint_for(body)
        ) from error
    answers = decoded if isinstance(decoded, list) else [decoded]
    for answer in answers:
        _raise_error(answer, where)
    by_id = {answer.id: answer for answer in answers}
    if len(answers) != expected or by_id.keys() != set(range(expected)):
        raise MalformedResponse(
            f"{where}: {expected} calls were answered by the ids {sorted(map(str, by_id))[:8]}",
            hint="The endpoint mixes up or drops answers; does it support batches?",
        )
    return [by_id[index] for index in range(expected)]


def _raise_error(answer: _Answer, where: str) -> None:
    error = answer.error
    if error is None:
        return
    words = error.message.lower()
    message = f"{where}: error {error.code}: {error.message[:300]}"
    if any(word in words for word in _TRANSIENT_WORDS):
        raise EndpointUnavailable(message, hint="The endpoint asks to be asked later.")
    if error.code == _LIMIT_EXCEEDED or any(word in words for word in _LIMIT_WORDS):
        raise RangeTooLarge(message, code=error.code, hint="Set a smaller max_range_blocks for this chain.")
    raise EndpointRefused(message, code=error.code, hint="The message is the endpoint's own.")


def _result(answer: _Answer, decoder: Decoder[Result], where: str) -> Result:
    if answer.result is msgspec.UNSET:
        raise MalformedResponse(f"{where}: neither a result nor an error", hint="Is this a JSON-RPC endpoint?")
    try:
        return decoder.decode(answer.result)
    except msgspec.MsgspecError as error:
        raise MalformedResponse(
            f"{where}: {error}", hint="The answer is JSON-RPC, but not what this method answers with."
        ) from error


def _hint_for(body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return "That is a web page: is this the URL of a JSON-RPC endpoint, or does a gateway answer for it?"
    return "The answer is not complete JSON: a proxy may have cut it."


def _described(calls: Sequence[Call]) -> str:
    """Method and parameters, the first and the last of a batch, in few words."""
    first = _one(calls[0])
    return first if len(calls) == 1 else f"{first} .. {_one(calls[-1])} ({len(calls)} calls)"


def _one(call: Call) -> str:
    method, parameters = call
    text = msgspec.json.encode(parameters).decode()
    return f"{method}{text if len(text) <= 200 else text[:200] + '...'}"


def _delay_s(attempt: int, error: EndpointError) -> float:
    """Exponential backoff with jitter; what the endpoint asked for counts, up to a bound."""
    asked_s = error.retry_after_s if isinstance(error, EndpointUnavailable) else None
    backoff_s = FIRST_DELAY_S * 2**attempt * random.uniform(0.75, 1.25)
    return min(MAX_DELAY_S, max(backoff_s, asked_s or 0.0))


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header (RFC 9110 section 10.2.3); its date form is ignored."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
