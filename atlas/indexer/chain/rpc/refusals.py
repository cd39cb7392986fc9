"""What a JSON-RPC error object means: neither codes nor words are standardised, so both are read. Pure.

What providers say to a range that they do not like, as met in the wild (numbers vary with the plan):

    query returned more than 10000 results. Try with this block range [0x1, 0xff].        Infura, zkSync, Tenderly
    range 1000000 exceeds limit of 10000                                                  Infura
    Log response size exceeded. ... this block range should work: [0x1, 0xff]             Alchemy
    eth_getLogs is limited to a 10,000 range                                              QuickNode, Blast, 1RPC
    block range is too wide · query exceeds max results 20000                             Ankr
    maximum [from, to] blocks distance: 1000                                              Ankr
    Max range: 800                                                                        Cloudflare
    exceed maximum block range: 50000                                                     BSC nodes, PublicNode
    please limit the query to at most 1,000 blocks                                        Coinbase
    requested too many blocks from 1 to 9000, maximum is set to 2048                      Avalanche
    Maximum allowed number of requested blocks is 3500                                    thirdweb
    exceeds the range allowed for your plan (5000 > 500)                                  Blast
    logs matched by query exceeds limit of 10000 · backend response too large             Arbitrum, Optimism
    response size should not greater than 10000000 bytes                                  1RPC
"""

import re

import msgspec

from atlas.indexer.errors import (
    BatchRefused,
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    HistoryPruned,
    RangeTooLarge,
)

# EIP-1474: limit exceeded; a rate or a size, as the words say.
LIMIT_EXCEEDED = -32005
# execution-apis: "Pruned history unavailable".
PRUNED_HISTORY = 4444
# JSON-RPC 2.0, section 5.1.
METHOD_NOT_FOUND = -32601
# jsonrpsee: batches are disabled, or the batch is too large.
_BATCH_CODES = frozenset({-32005, -32010})

_PRUNED_WORDS = (
    "pruned",
    "pruning",
    "missing trie node",
    "historical state unavailable",
    "historical state is not available",
    "state is not available",
    "history unavailable",
    "archive node",
    "is not available, lowest",
    "data before txnum",
    "earliest available",
)
_BATCH_WORDS = ("batch",)
_TOO_OFTEN_WORDS = (
    "rate limit",
    "rate-limit",
    "ratelimit",
    "rate exceeded",
    "too many requests",
    "request limit",
    "requests per second",
    "compute units",
    "capacity",
    "throttle",
)
# Endpoints that are in trouble, and a node behind the one that named the head.
_LATER_WORDS = (
    "try again",
    "temporarily",
    "overloaded",
    "no backend is currently healthy",
    "beyond current head",
    "header not found",
    "syncing",
)
_TIMEOUT_WORDS = ("timeout", "timed out", "deadline exceeded", "took too long")
_LIMIT_WORDS = (
    "block range",
    "max range",
    "range is too",
    "range too",
    "range limit",
    "exceeds the range",
    "too many results",
    "too many blocks",
    "too many logs",
    "query returned more",
    "exceeds max results",
    "response size",
    "response too large",
    "response is too big",
    "too large",
    "exceeds limit of",
    "query exceeds",
    "limited to a",
    "limit the query",
    "blocks distance",
    "number of requested blocks",
    "query must be smaller",
)
_REVERSED_WORDS = ("invalid block range",)

_SUGGESTED = re.compile(r"\[\s*0x([0-9a-f]{1,16})\s*,\s*0x([0-9a-f]{1,16})\s*\]")
_NUMBER = r"([\d][\d,._]*)\s*(k\b)?"
_MOST_BLOCKS = tuple(
    re.compile(pattern.replace("#", _NUMBER))
    for pattern in (
        r"max range:? #",
        r"limited to (?:a )?# ?(?:block|range)",
        r"range \d+ (?:- \d+ )?exceeds limit of #",
        r"(?:exceeds? )?max(?:imum)? block range:? (?:of )?#",
        r"limit the query to at most # blocks",
        r"maximum is set to #",
        r"number of requested blocks is #",
        r"allowed for your plan \(\d+ > #\)",
        r"block range greater than # max",
        r"block range exceeds #",
        r"too large, max is # block",
        r"query must be smaller than size #",
        r"range is too wide \(maximum #\)",
        r"up to a # block range",
        r"blocks distance: #",
    )
)

RANGE_HINT = "A smaller range is asked for next; a smaller max_range_blocks for this chain saves the detour."


class RpcError(msgspec.Struct, frozen=True):
    """The error object of JSON-RPC 2.0, section 5.1; ``data`` is whatever the server adds."""

    code: int = 0
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


def refusal(error: RpcError, where: str, *, calls: int = 1) -> EndpointError:
    """What ``error``, in answer to ``calls`` calls at ``where``, is raised as."""
    said = error.message[:300]
    words = said.lower()
    message = f"{where}: error {error.code}: {said}"
    if calls > 1 and error.code in _BATCH_CODES | {-32600, -32000} and _has(words, _BATCH_WORDS):
        return BatchRefused(message, code=error.code, hint="The calls are made in smaller batches.")
    if error.code == PRUNED_HISTORY or _has(words, _PRUNED_WORDS):
        return HistoryPruned(
            message, code=error.code, hint="Give this chain an endpoint that keeps all history (an archive node)."
        )
    if _has(words, _TOO_OFTEN_WORDS):
        return EndpointUnavailable(message, hint="The endpoint limits how often it is asked.", is_overload=True)
    if _has(words, _LATER_WORDS):
        return EndpointUnavailable(message, hint="The endpoint asks to be asked later.")
    if _has(words, _TIMEOUT_WORDS):
        return EndpointUnavailable(message, hint="The endpoint could not answer in time.", is_timeout=True)
    if not _has(words, _REVERSED_WORDS) and (error.code == LIMIT_EXCEEDED or _has(words, _LIMIT_WORDS)):
        return RangeTooLarge(message, code=error.code, hint=RANGE_HINT, max_blocks=suggested_blocks(words))
    return EndpointRefused(message, code=error.code, hint="The message is the endpoint's own.")


def suggested_blocks(words: str) -> int | None:
    """How many blocks a refusal in lower case says that it would answer; None when it does not say."""
    match = _SUGGESTED.search(words)
    if match is not None:
        first, last = (int(digits, 16) for digits in match.groups())
        return last - first + 1 if first <= last else None
    # "up to a 2k block range and no limit": a limit that holds for large answers only is still an answer.
    for pattern in _MOST_BLOCKS:
        match = pattern.search(words)
        if match is not None:
            digits = re.sub(r"[,._]", "", match.group(1))
            return max(1, int(digits) * (1_000 if match.group(2) else 1))
    return None


def _has(words: str, known: tuple[str, ...]) -> bool:
    return any(word in words for word in known)
