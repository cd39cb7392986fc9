"""Proofs of what was recorded, made by a node and refused where the record is not the chain's."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.verification.proving import prove_recorded_log, recorded_log
from atlas.indexer.errors import DisprovenLog, LyingEndpoint, NotALog
from atlas.ledger.errors import UnknownPosition
from atlas.protocol.evm.proofs import parse_log_proof
from atlas.protocol.facts import LOG_TOPIC, ChainLog, decode
from tests.indexer.chain.scripted import LyingNode
from tests.indexer.chain.workbench import Workbench, catch_up


@contextmanager
def calling(url: str) -> Generator[RpcClient]:
    client = RpcClient(url, sleep=lambda _: None)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def indexed(workbench: Workbench) -> Workbench:
    """A ledger with the logs of two blocks."""
    workbench.anvil.emit(workbench.emitter, topic=5, count=3)
    workbench.anvil.emit(workbench.emitter, topic=6)
    catch_up(workbench.indexer())
    return workbench


def test_every_recorded_log_is_proven(indexed: Workbench) -> None:
    proven = 0
    with calling(indexed.anvil.url) as client:
        for fact in indexed.facts():
            if fact.topic == LOG_TOPIC:
                log, header = recorded_log(indexed.ledger, fact.position)
                document = prove_recorded_log(log, header, client).encode()
                shown = parse_log_proof(document).check(log.block_hash)
                assert log == decode(fact.payload, ChainLog)
                assert (shown.address, shown.topics, shown.data) == (log.address, log.topics, log.data)
                assert shown.transaction_hash == log.tx_hash
                proven += 1
    assert proven == 4


def test_a_position_without_a_log_is_refused(indexed: Workbench) -> None:
    with pytest.raises(NotALog, match=r"chain\.contract"):
        recorded_log(indexed.ledger, 1)
    with pytest.raises(UnknownPosition):
        recorded_log(indexed.ledger, indexed.ledger.head() + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": b"\xff" * 32}, "recorded otherwise"),
        ({"topics": ()}, "recorded otherwise"),
        ({"address": b"\xab" * 20}, "recorded otherwise"),
        ({"block_time": 1}, "recorded otherwise"),
        ({"tx_hash": b"\xab" * 32}, "was recorded for transaction 0xabab"),
        ({"log_index": 3}, "none at place 3"),
        ({"tx_index": 1}, "none of transaction 1"),
    ],
)
def test_a_recorded_log_that_its_block_does_not_have_is_disproven(
    indexed: Workbench, change: dict[str, Any], message: str
) -> None:
    position = next(fact.position for fact in indexed.facts() if fact.topic == LOG_TOPIC)
    log, header = recorded_log(indexed.ledger, position)
    with calling(indexed.anvil.url) as client, pytest.raises(DisprovenLog, match=message):
        prove_recorded_log(msgspec.structs.replace(log, **change), header, client)


def test_a_node_that_keeps_transactions_back_leaves_their_hash_unproven(indexed: Workbench) -> None:
    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method.startswith("eth_getRawTransaction"):
            raise RuntimeError("Method not found")
        return result

    log, header = recorded_log(indexed.ledger, indexed.ledger.head())
    with LyingNode(indexed.anvil, tamper) as node, calling(node.url) as client:
        assert prove_recorded_log(log, header, client).check().transaction_hash is None


def test_a_node_that_has_no_raw_transaction_leaves_their_hash_unproven(indexed: Workbench) -> None:
    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return None if method.startswith("eth_getRawTransaction") else result

    log, header = recorded_log(indexed.ledger, indexed.ledger.head())
    with LyingNode(indexed.anvil, tamper) as node, calling(node.url) as client:
        assert prove_recorded_log(log, header, client).check().transaction_hash is None


def test_a_node_with_other_transactions_is_a_liar_and_the_log_is_not_disproven(indexed: Workbench) -> None:
    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return "0x02c0" if method.startswith("eth_getRawTransaction") else result

    log, header = recorded_log(indexed.ledger, indexed.ledger.head())
    with LyingNode(indexed.anvil, tamper) as node, calling(node.url) as client, pytest.raises(LyingEndpoint) as caught:
        prove_recorded_log(log, header, client)
    assert "raw transactions" in caught.value.message


def test_a_node_that_lies_cannot_prove(indexed: Workbench) -> None:
    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return [] if method == "eth_getBlockReceipts" else result

    log, header = recorded_log(indexed.ledger, indexed.ledger.head())
    with LyingNode(indexed.anvil, tamper) as node, calling(node.url) as client, pytest.raises(LyingEndpoint):
        prove_recorded_log(log, header, client)
