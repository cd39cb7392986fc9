"""An endpoint that lies in front of a real node: what is recorded stays true."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.errors import EndpointRefused, InconsistentAnswers, LyingEndpoint
from atlas.protocol.facts import FINALIZED_TOPIC
from tests.indexer.chain.scripted import LyingNode, ScriptedServer, Tamper, replies
from tests.indexer.chain.workbench import Workbench, catch_up

# History is read by range, the window by block hash: every lie is told in both.
MODES = pytest.mark.parametrize("window_blocks", [2, 100], ids=["history", "window"])


def index_through(workbench: Workbench, tamper: Tamper, **settings: Any) -> None:
    """Index the chain through an endpoint that changes results by ``tamper``."""
    with LyingNode(workbench.anvil, tamper) as node:
        indexer = workbench.indexer(rpc_url=node.url, **settings)
        try:
            catch_up(indexer)
        finally:
            indexer.close()


def in_logs(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Tamper:
    """Change the last log of every answer."""

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and result:
            return [*result[:-1], change(result[-1])]
        return result

    return tamper


def in_headers(change: Callable[[dict[str, Any]], dict[str, Any]], number: int) -> Tamper:
    """Change the header of one block."""

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method.startswith("eth_getBlock") and result and int(result["number"], 16) == number:
            return change(result)
        return result

    return tamper


@MODES
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blockHash": "0x" + "ab" * 32}, "names the block 0xabab"),
        ({"address": "0x" + "ab" * 20}, "which was not asked for"),
        ({"topics": ["0x" + "ab" * 32]}, "not in the logs bloom"),
        ({"blockNumber": "0x1"}, "comes after|asked for logs of blocks"),
        ({"blockNumber": "0xfffff"}, "asked for logs of blocks"),
        ({"removed": True}, "marked as removed"),
    ],
)
def test_a_log_that_does_not_fit_its_header_is_a_lie(
    workbench: Workbench, window_blocks: int, change: dict[str, Any], message: str
) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(8))
    with pytest.raises(LyingEndpoint, match=message) as caught:
        index_through(workbench, in_logs(lambda log: {**log, **change}), window_blocks=window_blocks)
    assert caught.value.exit_code == 4
    assert not [fact for fact in workbench.facts() if fact.topic != "chain.contract"]


@MODES
def test_a_log_given_twice_is_a_lie(workbench: Workbench, window_blocks: int) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(8))

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return [*result, result[-1]] if method == "eth_getLogs" and result else result

    with pytest.raises(LyingEndpoint, match="comes after"):
        index_through(workbench, tamper, window_blocks=window_blocks)


@MODES
def test_a_header_with_another_field_than_was_hashed_is_a_lie(workbench: Workbench, window_blocks: int) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(8))
    tamper = in_headers(lambda header: {**header, "timestamp": "0x1"}, number=5)
    with pytest.raises(LyingEndpoint, match="header of block 5 hashes to"):
        index_through(workbench, tamper, window_blocks=window_blocks)


@MODES
def test_the_header_of_another_height_is_a_lie(workbench: Workbench, window_blocks: int) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(8))
    other = workbench.anvil.rpc("eth_getBlockByNumber", "0x3", False)
    with pytest.raises(LyingEndpoint, match="asked for block 5 and gave block 3"):
        index_through(workbench, in_headers(lambda _: other, number=5), window_blocks=window_blocks)


@MODES
def test_logs_kept_back_at_first_are_asked_for_again(workbench: Workbench, window_blocks: int) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(8))
    asked: set[str] = set()

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and str(parameters) not in asked:
            asked.add(str(parameters))
            # Asked for a range, it always says that there is nothing; by hash, only the first time.
            return [] if "fromBlock" in parameters[0] or window_blocks == 100 else result
        return result

    index_through(workbench, tamper, window_blocks=window_blocks)
    workbench.require_true_to_chain()


@MODES
def test_an_empty_answer_against_the_bloom_is_remembered_as_unproven(workbench: Workbench, window_blocks: int) -> None:
    block = workbench.anvil.emit(workbench.emitter)
    workbench.anvil.mine(5)

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return [] if method == "eth_getLogs" else result

    index_through(workbench, tamper, window_blocks=window_blocks)
    with workbench.database.connection() as connection:
        rows = connection.execute("select number, hash from indexer.unproven").fetchall()
    assert rows == [(block, workbench.anvil.block_hash(block))]


def test_blocks_of_two_chains_in_one_answer_are_not_linked(workbench: Workbench) -> None:
    """As of a balancer over nodes that disagree: not accused of lying, but nothing is taken."""
    anvil = workbench.anvil
    anvil.emit_all(workbench.emitter, range(8))
    old = {number: anvil.rpc("eth_getBlockByNumber", hex(number), False) for number in (5, 6)}
    anvil.reorg(5)

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and result:
            return old.get(int(result["number"], 16), result)
        return result

    with pytest.raises(InconsistentAnswers, match="has the parent"):
        index_through(workbench, tamper)


def test_a_block_that_vanishes_before_its_logs_are_asked_for_is_no_proof_of_no_logs(workbench: Workbench) -> None:
    anvil = workbench.anvil
    anvil.emit_all(workbench.emitter, range(3))
    vanished: list[bool] = []

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and parameters[0] == "0x4" and not vanished:
            vanished.append(True)
            anvil.reorg(2)
        return result

    with pytest.raises(InconsistentAnswers):
        index_through(workbench, tamper)
    catch_up(workbench.indexer())
    workbench.require_true_to_chain()


def test_an_empty_answer_of_a_node_without_the_block_is_no_proof_of_no_logs(workbench: Workbench) -> None:
    workbench.anvil.emit(workbench.emitter)
    asked: list[str] = []

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        is_gone = "eth_getLogs" in asked and method == "eth_getBlockByNumber" and parameters[0] == "0x2"
        asked.append(method)
        return None if is_gone else [] if method == "eth_getLogs" else result

    with pytest.raises(InconsistentAnswers, match="has no block 2"):
        index_through(workbench, tamper)


def test_a_final_block_below_the_window_is_one_of_the_stored_chain(workbench: Workbench) -> None:
    anvil = workbench.anvil
    anvil.emit_all(workbench.emitter, range(20))
    of_before = anvil.rpc("eth_getBlockByNumber", "0x6", False)
    anvil.reorg(18)

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        return of_before if method == "eth_getBlockByNumber" and parameters[0] == "finalized" else result

    with pytest.raises(InconsistentAnswers, match="block 6 is"):
        index_through(workbench, tamper, window_blocks=2)
    assert not [fact for fact in workbench.facts() if fact.topic == FINALIZED_TOPIC]
    index_through(workbench, lambda _method, _parameters, result: result, window_blocks=2)


def test_a_range_that_is_refused_is_halved(workbench: Workbench) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(20))
    widest: list[int] = []

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and "fromBlock" in parameters[0]:
            width = int(parameters[0]["toBlock"], 16) - int(parameters[0]["fromBlock"], 16) + 1
            if width > 3:
                raise RuntimeError("query exceeds max block range 3")
            widest.append(width)
        return result

    with LyingNode(workbench.anvil, tamper) as node:
        catch_up(workbench.indexer(rpc_url=node.url, window_blocks=2))
    workbench.require_true_to_chain()
    assert max(widest) <= 3


def refusing_finality(reason: str) -> Tamper:
    """Refuse what is asked for by the tag ``finalized``."""

    def tamper(_: str, parameters: list[Any], result: Any) -> Any:
        if "finalized" in parameters:
            raise RuntimeError(reason)
        return result

    return tamper


@pytest.mark.parametrize("reason", ["invalid block tag", "'finalized' tag not supported on pre-merge network"])
def test_depth_stands_in_for_finality_where_the_tag_is_unknown(workbench: Workbench, reason: str) -> None:
    workbench.anvil.mine(20)
    with LyingNode(workbench.anvil, refusing_finality(reason)) as node:
        result = catch_up(workbench.indexer(rpc_url=node.url, confirmations=7))
    assert result.finalized == result.head - 7


@pytest.mark.parametrize("reason", ["daily request count exceeded", "missing trie node"])
def test_a_refusal_for_another_reason_makes_nothing_final(workbench: Workbench, reason: str) -> None:
    workbench.anvil.mine(20)
    with LyingNode(workbench.anvil, refusing_finality(reason)) as node, pytest.raises(EndpointRefused, match=reason):
        catch_up(workbench.indexer(rpc_url=node.url, confirmations=7))
    assert FINALIZED_TOPIC not in {fact.topic for fact in workbench.facts()}


def test_no_final_block_yet_is_not_replaced_by_depth(workbench: Workbench) -> None:
    workbench.anvil.mine(20)

    def tamper(_: str, parameters: list[Any], result: Any) -> Any:
        return None if "finalized" in parameters else result

    with LyingNode(workbench.anvil, tamper) as node:
        assert catch_up(workbench.indexer(rpc_url=node.url, confirmations=7)).finalized is None


@pytest.mark.parametrize(
    ("code", "words"), [(-39001, "Unknown block"), (-32000, "finalized block not found")], ids=["besu", "geth"]
)
def test_a_tag_that_names_no_block_yet_is_no_unknown_tag(code: int, words: str) -> None:
    refusal = {"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": words}}
    with ScriptedServer(replies(refusal)) as server, closing(connect(server.url)) as endpoint:
        assert endpoint.finalized() is None
