"""What providers say, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.rpc.refusals import RpcError, refusal, suggested_blocks
from atlas.indexer.errors import (
    BatchRefused,
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    HistoryPruned,
    RangeTooLarge,
)


@pytest.mark.parametrize(
    ("code", "message", "blocks"),
    [
        (-32005, "query returned more than 10000 results. Try with this block range [0x10, 0x1F].", 16),
        (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no "
         "limit on the response size, or you can request any block range with a cap of 10K logs in the response. "
         "Based on your parameters and the response size limit, this block range should work: [0x0, 0xd043b8]",
         0xD043B9),
        (-32600, "You can make eth_getLogs requests with up to a 500 block range.", 500),
        (-32005, "query returned more than 10000 results", None),
        (-32602, "range 1000000 exceeds limit of 10000", 10_000),
        (-32602, "range 25887126 - 25897126 exceeds limit of 10000", 10_000),
        (-32614, "eth_getLogs is limited to a 10,000 range", 10_000),
        (-32600, "block range is too wide", None),
        (-32600, "block range is too wide (maximum 1024)", 1_024),
        (-32000, "query exceeds max results 20000, retry with the range 1-5", None),
        (-32000, "maximum [from, to] blocks distance: 1000", 1_000),
        (-32047, "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800", 800),
        (-32000, "exceed maximum block range: 50000", 50_000),
        (-32602, "query exceeds max block range 1000", 1_000),
        (-32000, "please limit the query to at most 1,000 blocks", 1_000),
        (-32000, "requested too many blocks from 1 to 9000, maximum is set to 2048", 2_048),
        (-32000, "Maximum allowed number of requested blocks is 3500", 3_500),
        (-32000, "exceeds the range allowed for your plan (5000 > 500)", 500),
        (-32000, "eth_getLogs is limited to 1024 block range", 1_024),
        (-32000, "logs matched by query exceeds limit of 10000", None),
        (-32000, "backend response too large", None),
        (-32000, "response size should not greater than 10000000 bytes", None),
        (-32000, "eth_getLogs range is too large, max is 10k blocks", 10_000),
        (-32000, "Block range limit exceeded. See more details at the docs", None),
        (-32005, "limit exceeded", None),
    ],
)  # fmt: skip
def test_a_range_that_is_too_large_is_known_by_each_providers_words(
    code: int, message: str, blocks: int | None
) -> None:
    error = refusal(RpcError(code, message), "http://node eth_getLogs")
    assert type(error) is RangeTooLarge
    assert error.max_blocks == blocks
    assert error.message == f"http://node eth_getLogs: error {code}: {message[:300]}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (4444, "pruned history unavailable"),
        (-32000, "missing trie node b03d68ac51042467d7637d4ef9e1c52370abc410f263166965cb1e280b1f6d17 (path )"),
        (-32000, "required historical state unavailable (reexec=128)"),
        (-32000, "This request is not supported because your node is running with state pruning."),
        (-32000, "state at block #1 is pruned"),
        (-32000, "seek with txNum=1962853355 but data before txNum=2662500000 is not available"),
        (-32000, "project does not have access to archive state; upgrade to an archive node"),
    ],
)
def test_history_that_is_gone_is_known_and_the_hint_says_what_helps(code: int, message: str) -> None:
    error = refusal(RpcError(code, message), "here")
    assert type(error) is HistoryPruned
    assert "archive" in error.hint


@pytest.mark.parametrize(
    ("code", "message", "is_overload", "is_timeout"),
    [
        (-32005, "daily request count exceeded, request rate limited", True, False),
        (-32005, "project ID request rate exceeded", True, False),
        (429, "Your app has exceeded its compute units per second capacity", True, False),
        (-32007, "50/second request limit reached", True, False),
        (-32000, "query timeout exceeded. Consider reducing your block range.", False, True),
        (-32000, "context deadline exceeded", False, True),
        (-32602, "block range extends beyond current head block", False, False),
        (-32011, "no backend is currently healthy to serve traffic", False, False),
        (-32000, "header not found", False, False),
    ],
)
def test_what_passes_is_unavailable(code: int, message: str, is_overload: bool, is_timeout: bool) -> None:
    error = refusal(RpcError(code, message), "here")
    assert isinstance(error, EndpointUnavailable)
    assert (error.is_overload, error.is_timeout) == (is_overload, is_timeout)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32600, "batch too large"),
        (-32010, "The batch request was too large"),
        (-32005, "Batched requests are not supported"),
    ],
)
def test_a_refused_batch_is_one_only_when_there_was_a_batch(code: int, message: str) -> None:
    assert isinstance(refusal(RpcError(code, message), "here", calls=2), BatchRefused)
    assert not isinstance(refusal(RpcError(code, message), "here", calls=1), BatchRefused)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32601, "the method eth_getLogs does not exist"),
        (-32602, "invalid block range params"),
        (-32000, "daily request count exceeded"),
        (-32603, "Internal error"),
    ],
)
def test_anything_else_is_a_refusal(code: int, message: str) -> None:
    assert type(refusal(RpcError(code, message), "here")) is EndpointRefused


def test_a_suggestion_that_makes_no_sense_is_none() -> None:
    assert suggested_blocks("try with this block range [0x20, 0x10]") is None


@given(st.integers(), st.text())
def test_any_words_make_some_endpoint_error(code: int, message: str) -> None:
    assert isinstance(refusal(RpcError(code, message), "here", calls=2), EndpointError)
    blocks = suggested_blocks(message.lower())
    assert blocks is None or blocks >= 1
