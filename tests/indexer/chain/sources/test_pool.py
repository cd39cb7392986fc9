"""Several endpoints as one, over HTTP servers that fail in every way."""

import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from msgspec.json import Decoder
from prometheus_client import CollectorRegistry

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.rpc import calls as rpc
from atlas.indexer.chain.sources.connecting import connect_pool
from atlas.indexer.chain.sources.metrics import EndpointMetrics
from atlas.indexer.chain.sources.pace import Limits
from atlas.indexer.chain.sources.pool import EndpointPool
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    FinalityUnknown,
    HistoryPruned,
    InconsistentAnswers,
    InvalidChainConfig,
    LyingEndpoint,
    MalformedResponse,
    RangeTooLarge,
    WrongChain,
)
from tests.indexer.chain.raw import RawServer
from tests.indexer.chain.scripted import Reply
from tests.indexer.chain.sources.node import ADDRESS, CHAIN, ChainNode, Fault, always, chain, log, only, refused

BAD_GATEWAY: Reply = (502, {}, b"<html>bad gateway</html>")
ANY = LogFilter()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@contextmanager
def pool(*nodes: ChainNode, time: Time | None = None, **options: Any) -> Generator[EndpointPool]:
    """A pool over running ``nodes``."""
    passing = time or Time()
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
        endpoints = connect_pool(
            CHAIN, [node.url for node in nodes], clock=passing.clock, sleep=passing.sleep, **options
        )
        stack.callback(endpoints.close)
        yield endpoints


def nodes(count: int, length: int = 10) -> list[ChainNode]:
    """Nodes with the same chain."""
    return [ChainNode(chain(length)) for _ in range(count)]


def heights(headers: Sequence[Any]) -> list[int]:
    return [header.number for header in headers]


def test_the_primary_alone_is_asked_while_it_answers() -> None:
    primary, fallback = nodes(2)
    with pool(primary, fallback) as endpoints:
        assert endpoints.chain_number() == 31337
        assert endpoints.head().number == 9
        assert heights(endpoints.headers(range(1, 4))) == [1, 2, 3]
        assert endpoints.log_columns(1, 3, ANY).num_rows == 6
        assert not fallback.requests
        assert endpoints.name == f"{primary.url} / {fallback.url}"


@pytest.mark.parametrize(
    "trouble",
    [
        BAD_GATEWAY,
        (200, {}, b"<!DOCTYPE html><title>maintenance</title>"),
        (200, {}, b'{"jsonrpc":"2.0","id":0,"resu'),
        (429, {"retry-after": "1"}, b""),
        (401, {}, b"who are you"),
        refused(-32601, "method not found"),
        refused(-32000, "out of compute units"),
        {"result": {"unexpected": "shape"}},
    ],
)
def test_trouble_of_the_primary_is_answered_by_the_fallback_at_once(trouble: Any) -> None:
    primary, fallback = nodes(2)
    time = Time()
    with pool(primary, fallback, time=time) as endpoints:
        assert endpoints.head().number == 9
        primary.fault = always(trouble)
        assert heights(endpoints.headers([5])) == [5]
        assert not time.slept


def test_the_primary_is_used_again_after_its_rest_once_it_says_which_chain_it_serves() -> None:
    primary, fallback = nodes(2)
    time = Time()
    with pool(primary, fallback, time=time) as endpoints:
        endpoints.head()
        primary.fault = always(BAD_GATEWAY)
        endpoints.head()
        primary.fault = None
        primary.asked.clear()
        endpoints.head()
        assert not primary.asked, "it rests"
        time.now_s += 60
        endpoints.head()
        assert [method for method, _ in primary.asked] == ["eth_chainId", "eth_getBlockByNumber"]


def test_a_primary_that_keeps_failing_rests_longer_each_time() -> None:
    primary, fallback = nodes(2)
    primary.fault = always(BAD_GATEWAY)
    time = Time()
    rests: list[float] = []
    with pool(primary, fallback, time=time) as endpoints:
        for _ in range(12):
            endpoints.head()
            rests.append(endpoints.members[0].rest_s())
            time.now_s += rests[-1]
    assert all(2 * 0.6 < after / before < 2 / 0.6 for before, after in pairwise(rests[:7]))
    assert 20 < rests[-1] < 40


def test_the_wait_that_an_endpoint_asks_for_is_its_rest() -> None:
    primary, fallback = nodes(2)
    primary.fault = always((429, {"retry-after": "17"}, b""))
    with pool(primary, fallback) as endpoints:
        endpoints.head()
        assert endpoints.members[0].rest_s() == 17


def test_one_endpoint_alone_is_asked_again_after_a_pause() -> None:
    (node,) = nodes(1)
    failures = [BAD_GATEWAY] * 3
    node.fault = lambda _method, _parameters: failures.pop() if failures else None
    time = Time()
    with pool(node, time=time) as endpoints:
        assert endpoints.head().number == 9
    assert len(time.slept) == 3
    assert time.slept == sorted(time.slept)


def test_when_all_fail_the_error_says_what_each_of_them_said() -> None:
    primary, fallback = nodes(2)
    primary.fault = always(BAD_GATEWAY)
    fallback.fault = always((503, {}, b""))
    with pool(primary, fallback) as endpoints, pytest.raises(EndpointUnavailable) as caught:
        endpoints.logs_in_range(1, 2, LogFilter((ADDRESS,)))
    assert f"{primary.url} eth_chainId[]: HTTP 502" in caught.value.message
    assert f"{fallback.url} eth_chainId[]: HTTP 503" in caught.value.message
    assert str(caught.value) == caught.value.message


def test_an_endpoint_of_another_chain_is_not_used() -> None:
    primary, fallback = nodes(2)
    primary.number = 1
    with pool(primary, fallback) as endpoints:
        assert endpoints.chain_number() == 31337
        assert endpoints.head().number == 9
        assert {method for method, _ in primary.asked} == {"eth_chainId"}
        assert endpoints.members[0].health.wrong_chain == "eip155:1"


def test_endpoints_that_all_serve_other_chains_are_a_wrong_chain() -> None:
    primary, fallback = nodes(2)
    primary.number, fallback.number = 1, 0
    with pool(primary, fallback) as endpoints, pytest.raises(WrongChain, match="eip155:1, not eip155:31337") as caught:
        endpoints.head()
    assert "eip155:0" in caught.value.message


def test_while_another_endpoint_rests_one_of_another_chain_is_no_wrong_chain() -> None:
    """It would end the indexer, which is to go on when the other one answers again."""
    primary, fallback = nodes(2)
    primary.fault = always((429, {"retry-after": "300"}, b""))
    fallback.number = 1
    time = Time()
    with pool(primary, fallback, time=time) as endpoints:
        for _ in range(2):
            with pytest.raises(EndpointUnavailable):
                endpoints.head()
        primary.fault = None
        time.sleep(300)
        assert endpoints.head().number == 9


def test_an_endpoint_that_lags_is_not_asked_for_what_it_cannot_know() -> None:
    primary, fallback = nodes(2)
    with pool(primary, fallback) as endpoints:
        assert endpoints.head().number == 9
        fallback.headers = chain(5)
        primary.fault = always(BAD_GATEWAY)
        with pytest.raises(EndpointError, match=f"{fallback.url} is at block 4 and cannot know block 9"):
            endpoints.logs_in_range(1, 9, LogFilter((ADDRESS,)))
        assert not fallback.count("eth_getLogs")
        assert len(endpoints.logs_in_range(1, 4, LogFilter((ADDRESS,)))) == 8


def test_a_head_that_goes_back_is_only_believed_when_no_endpoint_has_a_higher_one() -> None:
    primary, fallback = nodes(2)
    with pool(primary, fallback) as endpoints:
        assert endpoints.head().number == 9
        primary.headers = chain(8)
        assert endpoints.head().number == 9
        fallback.headers = chain(7)
        assert endpoints.head().number == 7
        assert endpoints.head().number == 7


def test_a_wrong_hash_puts_the_liar_to_a_long_rest() -> None:
    primary, fallback = nodes(2)
    primary.headers[5] = {**primary.headers[5], "timestamp": "0x1"}
    with pool(primary, fallback) as endpoints:
        assert heights(endpoints.headers([5])) == [5]
        assert endpoints.members[0].rest_s() > 40


def test_a_single_liar_is_an_error_with_its_name() -> None:
    (node,) = nodes(1)
    node.headers[5] = {**node.headers[5], "timestamp": "0x1"}
    with pool(node) as endpoints, pytest.raises(LyingEndpoint, match=f"^{node.url} .*header of block 5 hashes to"):
        endpoints.headers([5])


def test_history_that_one_endpoint_has_dropped_is_asked_of_the_other_from_then_on() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getLogs", refused(4444, "pruned history unavailable"))
    with pool(primary, fallback) as endpoints:
        for _ in range(3):
            assert endpoints.log_columns(1, 3, ANY).num_rows == 6
        assert primary.count("eth_getLogs") == 1
        assert endpoints.head().number == 9
        assert endpoints.members[0].health.failures == 0


def test_history_that_nobody_keeps_is_a_typed_error_with_a_hint() -> None:
    primary, fallback = nodes(2)
    primary.fault = fallback.fault = only("eth_getLogs", refused(-32000, "missing trie node 00ff (path )"))
    with pool(primary, fallback) as endpoints, pytest.raises(HistoryPruned) as caught:
        endpoints.log_columns(1, 3, ANY)
    assert "archive" in caught.value.hint


def test_a_range_that_is_refused_shortens_the_range_of_that_endpoint() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getLogs", refused(-32000, "block range is too wide, max range: 3"))
    with pool(primary, fallback, limits=Limits(range_blocks=8)) as endpoints:
        with pytest.raises(RangeTooLarge) as caught:
            endpoints.log_columns(1, 8, ANY)
        assert caught.value.max_blocks == 3
        assert endpoints.range_blocks == 3
        assert endpoints.members[1].pace.range_blocks == 8


def test_a_single_block_that_one_endpoint_refuses_is_asked_of_the_other() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getLogs", refused(-32005, "query returned more than 10000 results"))
    with pool(primary, fallback) as endpoints:
        assert endpoints.log_columns(4, 4, ANY).num_rows == 2


def test_a_range_that_takes_too_long_everywhere_is_too_large() -> None:
    primary, fallback = nodes(2)
    primary.fault = fallback.fault = only("eth_getLogs", refused(-32000, "query timeout exceeded"))
    with pool(primary, fallback, limits=Limits(range_blocks=8)) as endpoints:
        with pytest.raises(RangeTooLarge):
            endpoints.log_columns(1, 8, ANY)
        assert endpoints.range_blocks == 4


def test_an_endpoint_that_is_asked_too_often_is_asked_less_at_once() -> None:
    (node,) = nodes(1)
    answers: list[Reply] = [(429, {}, b"")]
    node.fault = lambda method, _parameters: answers.pop() if answers and method == "eth_getLogs" else None
    with pool(node, limits=Limits(concurrency=8)) as endpoints:
        endpoints.head()
        assert endpoints.concurrency == 8
        endpoints.log_columns(1, 2, ANY)
        assert endpoints.concurrency == 5, "halved, and one more after the success"


def test_an_unknown_finality_is_no_trouble() -> None:
    primary, fallback = nodes(2)
    primary.fault = lambda _method, parameters: (
        refused(-32602, "invalid block tag") if "finalized" in parameters else None
    )
    with pool(primary, fallback) as endpoints:
        with pytest.raises(FinalityUnknown):
            endpoints.finalized()
        assert endpoints.members[0].health.failures == 0


def test_a_quorum_counts_what_two_agree_on() -> None:
    with pool(*nodes(2), quorum=2) as endpoints:
        assert endpoints.head().number == 9
        assert heights(endpoints.headers([3, 4])) == [3, 4]
        assert endpoints.log_columns(1, 3, ANY).num_rows == 6
        assert len(endpoints.logs_in_range(1, 3, LogFilter((ADDRESS,)))) == 6
        hashes = [header.hash for header in endpoints.headers([3, 4])]
        assert [len(logs) for logs in endpoints.logs_of_blocks(hashes, LogFilter((ADDRESS,)))] == [2, 2]
        assert [each.num_rows for each in endpoints.log_columns_of_blocks(hashes, ANY)] == [2, 2]


def test_with_a_quorum_a_block_is_final_when_two_say_so() -> None:
    primary, fallback = nodes(2)

    def final(height: int) -> Fault:
        return lambda _, parameters: {"result": primary.headers[height]} if "finalized" in parameters else None

    primary.fault, fallback.fault = final(8), final(4)
    with pool(primary, fallback, quorum=2) as endpoints:
        assert endpoints.finalized() == endpoints.headers([4])[0]
        fallback.fault = lambda _, parameters: {"result": None} if "finalized" in parameters else None
        assert endpoints.finalized() is None


def test_a_quorum_refuses_headers_of_two_forks_and_names_both() -> None:
    primary, fallback = nodes(2)
    fallback.headers = chain(10, fork_at=5)
    with pool(primary, fallback, quorum=2) as endpoints:
        assert heights(endpoints.headers([4])) == [4]
        with pytest.raises(InconsistentAnswers) as caught:
            endpoints.headers([4, 5])
    for node in (primary, fallback):
        assert f"{node.url} says block 5 is {node.headers[5]['hash']}" in caught.value.message


def test_a_quorum_finds_the_log_that_one_endpoint_keeps_back() -> None:
    primary, fallback = nodes(2)
    fallback.fault = only("eth_getLogs", {"result": [log(fallback.headers[3])]})
    with pool(primary, fallback, quorum=2) as endpoints:
        for ask in (
            lambda: endpoints.log_columns(3, 3, ANY),
            lambda: endpoints.logs_in_range(3, 3, LogFilter((ADDRESS,))),
            lambda: endpoints.logs_of_blocks([bytes.fromhex(primary.headers[3]["hash"][2:])], LogFilter((ADDRESS,))),
        ):
            with pytest.raises(LyingEndpoint) as caught:
                ask()
            assert f"{primary.url} says log 1 of block 3" in caught.value.message
            assert f"{fallback.url} says nothing after its 1 rows" in caught.value.message


def test_two_that_agree_are_a_quorum_against_a_primary_on_another_fork() -> None:
    primary, second, third = nodes(3)
    primary.headers = chain(10, fork_at=5)
    with pool(primary, second, third, quorum=2) as endpoints:
        assert [header.hash.hex() for header in endpoints.headers([5])] == [second.headers[5]["hash"][2:]]
        assert endpoints.members[0].health.failures == 0  # a fork is no fault


def test_who_is_outvoted_about_a_block_that_both_have_is_not_asked_again_for_long() -> None:
    primary, second, third = nodes(3)
    primary.fault = only("eth_getLogs", {"result": [log(primary.headers[3])]})
    with pool(primary, second, third, quorum=2) as endpoints:
        assert endpoints.log_columns(3, 3, ANY).num_rows == 2
        asked = len(primary.asked)
        assert endpoints.log_columns(3, 3, ANY).num_rows == 2
        assert len(primary.asked) == asked


def test_three_that_say_three_things_are_no_quorum() -> None:
    served = nodes(3)
    for fork, node in enumerate(served):
        node.headers = chain(10, fork_at=fork + 4)
    with pool(*served, quorum=2) as endpoints, pytest.raises(InconsistentAnswers, match="disagree"):
        endpoints.headers([7])


def test_a_dispute_that_nobody_else_can_settle_is_told() -> None:
    primary, second, third = nodes(3)
    primary.headers = chain(10, fork_at=5)
    third.fault = always(BAD_GATEWAY)
    with pool(primary, second, third, quorum=2) as endpoints, pytest.raises(InconsistentAnswers, match="disagree"):
        endpoints.headers([5])


def test_the_head_of_a_quorum_is_what_two_have() -> None:
    primary, fallback = nodes(2)
    fallback.headers = chain(7)
    with pool(primary, fallback, quorum=2) as endpoints:
        assert endpoints.head().number == 6
        fallback.fault = always(BAD_GATEWAY)
        with pytest.raises(EndpointUnavailable, match="only 1 of 2"):
            endpoints.head()


@pytest.mark.parametrize(("count", "quorum"), [(0, 1), (1, 2), (2, 3), (2, 0)])
def test_a_quorum_needs_enough_endpoints(count: int, quorum: int) -> None:
    with pytest.raises(InvalidChainConfig, match="quorum"):
        connect_pool(CHAIN, ["http://127.0.0.1:1"] * count, quorum=quorum)


def test_prometheus_is_told_of_each_endpoint() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getLogs", BAD_GATEWAY)
    registry = CollectorRegistry()

    def told(name: str, node: ChainNode, **labels: str) -> float | None:
        return registry.get_sample_value(f"atlas_ledger_rpc_{name}", {"chain": CHAIN, "endpoint": node.url, **labels})

    with pool(primary, fallback, metrics=EndpointMetrics(registry), limits=Limits(range_blocks=9)) as endpoints:
        endpoints.head()
        assert told("in_use", primary) == 1
        endpoints.log_columns(1, 2, ANY)
        assert told("requests_total", primary, method="eth_getLogs") == 1
        assert told("errors_total", primary, kind="EndpointUnavailable") == 1
        assert told("seconds_count", primary) == 3
        assert [told("in_use", node) for node in (primary, fallback)] == [0, 1]
        assert [told("usable", node) for node in (primary, fallback)] == [0, 1]
        assert [told("head", node) for node in (primary, fallback)] == [9, 9]
        assert told("range_blocks", primary) == 9
        assert told("concurrency", fallback) is not None


def test_while_one_thread_finds_out_whether_the_primary_is_back_others_ask_the_fallback() -> None:
    primary, fallback = nodes(2)
    asked, answer = threading.Event(), threading.Event()

    def hesitate(_method: str, _parameters: list[Any]) -> None:
        asked.set()
        answer.wait(5)

    time = Time()
    with pool(primary, fallback, time=time) as endpoints:
        primary.fault = always(BAD_GATEWAY)
        endpoints.head()
        primary.fault = hesitate
        time.now_s += 60
        trying = threading.Thread(target=endpoints.head)
        trying.start()
        assert asked.wait(5)
        before = fallback.count("eth_getBlockByNumber")
        assert endpoints.head().number == 9
        is_waiting = not answer.is_set()
        answer.set()
        trying.join(5)
    assert is_waiting
    assert fallback.count("eth_getBlockByNumber") == before + 1


def test_two_keys_of_one_provider_are_two_endpoints() -> None:
    primary, fallback = nodes(2)
    fallback.url = primary.url
    primary.number = 5
    registry = CollectorRegistry()
    with (
        pool(primary, fallback, metrics=EndpointMetrics(registry)) as endpoints,
        pytest.raises(WrongChain, match=r"\(1\) serves .*\(2\) serves"),
    ):
        endpoints.head()
    for number in (1, 2):
        labels = {"chain": CHAIN, "endpoint": f"{primary.url} ({number})"}
        assert registry.get_sample_value("atlas_ledger_rpc_requests_total", {**labels, "method": "eth_chainId"}) == 1
        assert registry.get_sample_value("atlas_ledger_rpc_usable", labels) == 0


def test_malformed_logs_of_the_primary_are_replaced_by_the_fallback() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getLogs", {"result": [log(primary.headers[1], data="0xabc")]})
    with pool(primary, fallback) as endpoints:
        assert endpoints.log_columns(1, 1, ANY).num_rows == 2


def test_a_refusal_of_all_is_raised_without_waiting() -> None:
    primary, fallback = nodes(2)
    primary.fault = fallback.fault = only("eth_getLogs", refused(-32601, "the method does not exist"))
    time = Time()
    with pool(primary, fallback, time=time) as endpoints, pytest.raises(EndpointRefused, match="does not exist"):
        endpoints.log_columns(1, 1, ANY)
    assert not time.slept


def test_an_answer_that_stays_malformed_is_an_error() -> None:
    (node,) = nodes(1)
    node.fault = only("eth_getLogs", {"result": [log(node.headers[1], removed="no")]})
    with pool(node) as endpoints, pytest.raises(MalformedResponse, match=f"^{node.url} eth_getLogs of blocks 1 to 1"):
        endpoints.log_columns(1, 1, ANY)


def test_any_other_call_is_made_to_whoever_answers() -> None:
    primary, fallback = nodes(2)
    primary.fault = fallback.fault = only("eth_getBlockReceipts", {"result": []})
    with pool(primary, fallback) as endpoints:
        assert endpoints.call("eth_getBlockReceipts", ["0x1"], Decoder(list[Any])) == []
        primary.fault = always(BAD_GATEWAY)
        assert endpoints.batch([("eth_getBlockReceipts", [each]) for each in "ab"], Decoder(list[Any])) == [[], []]


def test_a_method_that_the_primary_does_not_have_is_no_fault_of_it() -> None:
    primary, fallback = nodes(2)
    primary.fault = only("eth_getBlockReceipts", refused(-32601, "the method does not exist"))
    fallback.fault = only("eth_getBlockReceipts", {"result": []})
    with pool(primary, fallback) as endpoints:
        assert endpoints.call("eth_getBlockReceipts", ["0x1"], Decoder(list[Any])) == []
        assert not endpoints.members[0].rests()


def test_a_primary_that_says_nothing_does_not_hold_up_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "PROBE_DEADLINE_S", 0.3)
    (fallback,) = nodes(1)
    with RawServer(lambda connection, _: connection.recv(1)) as silent, fallback:
        endpoints = connect_pool(CHAIN, [silent.url, fallback.url])
        started = monotonic()
        assert endpoints.head().number == 9
        assert monotonic() - started < 3
        endpoints.close()
