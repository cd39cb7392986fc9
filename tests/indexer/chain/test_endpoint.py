"""What one endpoint is asked, and how its answers are read."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.json import Decoder

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.rpc import endpoint as module
from atlas.indexer.chain.rpc.endpoint import Endpoint, connect
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    HistoryPruned,
    LyingEndpoint,
    MalformedResponse,
    StateUnavailable,
)
from tests.anvil import Anvil
from tests.indexer.chain.sources.node import ADDRESS, TOPIC, ChainNode, Fault, always, chain, log, only, refused

HEADERS = chain(10)
HASHES = [bytes.fromhex(header["hash"][2:]) for header in HEADERS]


@contextmanager
def endpoint(fault: Fault | None = None) -> Generator[tuple[Endpoint, ChainNode]]:
    """An endpoint over a node that asks once."""
    with ChainNode(HEADERS, fault=fault) as node:
        connected = connect(node.url, attempts=1)
        try:
            yield connected, node
        finally:
            connected.close()


def filters_asked(node: ChainNode) -> list[dict[str, Any]]:
    return [parameters[0] for method, parameters in node.asked if method == "eth_getLogs"]


@pytest.mark.parametrize(
    ("log_filter", "asked"),
    [
        (LogFilter(), {}),
        (LogFilter(addresses=(ADDRESS,)), {"address": ["0x" + ADDRESS.hex()]}),
        (LogFilter(topics=(TOPIC,)), {"topics": [["0x" + TOPIC.hex()]]}),
        (
            LogFilter(addresses=(ADDRESS,), topics=(TOPIC, b"\x01" * 32)),
            {"address": ["0x" + ADDRESS.hex()], "topics": [["0x" + TOPIC.hex(), "0x" + "01" * 32]]},
        ),
    ],
)
def test_a_filter_is_asked_for_by_address_by_topic_and_by_both(log_filter: LogFilter, asked: dict[str, Any]) -> None:
    with endpoint() as (source, node):
        assert source.log_columns(1, 3, log_filter).num_rows == 6
        (columns,) = source.log_columns_of_blocks([HASHES[2]], log_filter)
        assert columns["block_number"].to_pylist() == [2, 2]
        assert filters_asked(node) == [
            {"fromBlock": "0x1", "toBlock": "0x3", **asked},
            {"blockHash": HEADERS[2]["hash"], **asked},
        ]


def test_a_filter_that_lets_nothing_pass_is_not_asked_for() -> None:
    with endpoint() as (source, node):
        assert source.log_columns(1, 3, LogFilter(addresses=())).num_rows == 0
        assert source.logs_in_range(1, 3, LogFilter(())) == []
        assert [each.num_rows for each in source.log_columns_of_blocks(HASHES[:2], LogFilter(topics=()))] == [0, 0]
        assert not node.asked


def test_many_addresses_are_asked_for_in_parts_whose_logs_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILTER_ADDRESSES", 2)
    addresses = tuple(bytes([number]) * 20 for number in range(5))

    def fault(method: str, parameters: list[Any]) -> dict[str, Any] | None:
        if method != "eth_getLogs":
            return None
        mine = [log(HEADERS[int(a[2:4], 16) % 3 + 1], int(a[2:4], 16), address=a) for a in parameters[0]["address"]]
        return {"result": sorted(mine, key=lambda each: each["blockNumber"])}

    with endpoint(fault) as (source, node):
        columns = source.log_columns(1, 3, LogFilter(addresses))
        logs = source.logs_in_range(1, 3, LogFilter(addresses))
        (of_block,) = source.logs_of_blocks([HASHES[1]], LogFilter(addresses))
        assert [len(asked["address"]) for asked in filters_asked(node)] == [2, 2, 1] * 3
    places = list(zip(columns["block_number"].to_pylist(), columns["log_index"].to_pylist(), strict=True))
    assert places == [(1, 0), (1, 3), (2, 1), (2, 4), (3, 2)]
    assert [(each.block_number, each.log_index) for each in logs] == places
    assert len(of_block) == 5


def test_columns_and_logs_of_a_real_node_are_the_same(anvil: Anvil) -> None:
    emitter = anvil.deploy()
    anvil.emit_all(emitter, range(5))
    source = connect(anvil.url)
    columns = source.log_columns(0, 20, LogFilter((emitter,)))
    logs = source.logs_in_range(0, 20, LogFilter((emitter,)))
    assert columns["data"].to_pylist() == [each.data for each in logs]
    assert columns["tx_hash"].to_pylist() == [each.tx_hash for each in logs]
    assert columns["topic0"].to_pylist() == [each.topics[0] for each in logs]
    assert len(logs) == 5
    numbers = sorted({each.block_number for each in logs})
    hashes = [header.hash for header in source.headers(numbers)]
    assert [len(each) for each in source.log_columns_of_blocks(hashes, LogFilter())] == [
        len(each) for each in source.logs_of_blocks(hashes, LogFilter((emitter,)))
    ]
    calls = [("eth_getBlockReceipts", ["0x" + each.hex()]) for each in hashes]
    receipts = source.batch(calls, Decoder(list[dict[str, Any]]))
    assert [receipt["blockHash"] for (receipt,) in receipts] == ["0x" + each.hex() for each in hashes]
    assert source.code_size(emitter) > 0
    assert source.code_size(emitter, 0) == 0
    source.close()


def test_code_that_is_too_old_for_the_node_is_unavailable() -> None:
    with endpoint(only("eth_getCode", refused(-32000, "missing trie node ab (path )"))) as (source, node):
        with pytest.raises(StateUnavailable, match=f"^{node.url} cannot say what .* was at block 5: .*eth_getCode"):
            source.code_size(ADDRESS, 5)
        assert node.asked == [("eth_getCode", ["0x" + ADDRESS.hex(), "0x5"])]


def test_a_log_by_hash_that_is_pruned_is_no_reorganisation() -> None:
    with endpoint(only("eth_getLogs", refused(4444, "pruned history unavailable"))) as (source, _):
        with pytest.raises(HistoryPruned):
            source.log_columns_of_blocks([HASHES[1]], LogFilter())
        with pytest.raises(HistoryPruned):
            source.logs_of_blocks([HASHES[1]], LogFilter((ADDRESS,)))


@pytest.mark.parametrize("answer", [refused(-32601, "the method does not exist"), (401, {}, b"")])
def test_a_refusal_that_is_not_about_the_block_is_no_reorganisation(answer: Any) -> None:
    with endpoint(always(answer)) as (source, _), pytest.raises(EndpointRefused):
        source.logs_of_blocks([HASHES[1]], LogFilter())


def test_removed_logs_are_a_lie_in_columns_too() -> None:
    with (
        endpoint(only("eth_getLogs", {"result": [log(HEADERS[1], removed=True)]})) as (source, node),
        pytest.raises(LyingEndpoint, match=f"^{node.url} eth_getLogs of blocks 1 to 1: .*marked as removed"),
    ):
        source.log_columns(1, 1, LogFilter())


def test_an_error_names_endpoint_method_and_range() -> None:
    with endpoint(only("eth_getLogs", {"result": [log(HEADERS[1], address="0x" + "zz" * 20)]})) as (source, node):
        for ask in (
            lambda: source.log_columns(1, 7, LogFilter()),
            lambda: source.logs_in_range(1, 7, LogFilter((ADDRESS,))),
        ):
            with pytest.raises(MalformedResponse, match=f"^{node.url} eth_getLogs of blocks 1 to 7: address"):
                ask()


ASKING: list[Callable[[Endpoint], object]] = [
    lambda source: source.chain_number(),
    lambda source: source.head(),
    lambda source: source.finalized(),
    lambda source: source.finalized("safe"),
    lambda source: source.header(HASHES[1]),
    lambda source: source.headers([1, 2]),
    lambda source: source.code_size(ADDRESS),
    lambda source: source.logs_in_range(1, 2, LogFilter((ADDRESS,))),
    lambda source: source.logs_of_blocks([HASHES[1]], LogFilter((ADDRESS,))),
    lambda source: source.log_columns(1, 2, LogFilter()),
    lambda source: source.log_columns_of_blocks([HASHES[1]], LogFilter()),
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def _with_junk(field: str, junk: Any) -> bytes:
    results: list[Any] = [{**HEADERS[1], field: junk}, [log(HEADERS[1], **{field: junk})]]
    return _answer("result", results[field in results[1][0]])


def _answer(key: str, value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 0, key: value}).encode()


BODIES = (
    st.binary(max_size=100)
    | st.builds(_answer, st.sampled_from(["result", "error"]), JUNK)
    | st.builds(_with_junk, st.sampled_from([*HEADERS[1], *log(HEADERS[1])]), JUNK)
    | st.integers(1, 100_000).map(b"[".__mul__)
)


class _Said:
    body = b""


@pytest.fixture(scope="module")
def junk_endpoint() -> Generator[Endpoint]:
    """An endpoint that says what the test wants."""
    with ChainNode(HEADERS, fault=lambda _method, _parameters: (200, {}, _Said.body)) as node:
        connected = connect(node.url, attempts=1)
        yield connected
        connected.close()


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ASKING), BODIES)
def test_whatever_an_endpoint_says_is_an_answer_or_an_endpoint_error(
    junk_endpoint: Endpoint, ask: Callable[[Endpoint], object], body: bytes
) -> None:
    _Said.body = body
    failures: list[EndpointError] = []
    try:
        ask(junk_endpoint)
    except EndpointError as error:
        failures.append(error)
    assert all(junk_endpoint.name in error.message for error in failures)


def test_another_block_than_the_one_asked_for_is_a_lie() -> None:
    with endpoint(always({"result": HEADERS[2]})) as (source, _):
        with pytest.raises(LyingEndpoint, match="was asked for block 3 and gave block 2"):
            source.headers([3])
        with pytest.raises(LyingEndpoint, match=f"was asked for block 0x{HASHES[3].hex()}"):
            source.header(HASHES[3])
