"""Receipts of a real node against its own headers, and what a node in front of it that lies is told."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.verification.receipts import (
    BlockReceipts,
    ReceiptAnswer,
    ReceiptLogAnswer,
    fetch_receipts,
    fetch_receipts_of,
    fetch_transactions,
    verify_block_receipts,
)
from atlas.indexer.errors import EndpointRefused, Exchange, InconsistentAnswers, LyingEndpoint, MalformedResponse
from atlas.protocol.evm.errors import UnknownReceiptType
from atlas.protocol.evm.families import FAMILIES, OP_STACK, POLYGON_POS, Family, state_sync_transaction
from atlas.protocol.evm.receipts import SUCCEEDED, Receipt, ReceiptLog, logs_bloom
from atlas.protocol.evm.trie import list_root
from tests.anvil import ACCOUNT, CHAIN, Anvil
from tests.indexer.chain.scripted import LyingNode, ScriptedServer, Tamper
from tests.protocol.evm.chains import header_over

Receipts = list[dict[str, Any]]

ACCOUNT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # every anvil's first account


def header_of(anvil: Anvil, number: int) -> Header:
    source = connect(anvil.url)
    try:
        return source.headers([number])[0]
    finally:
        source.close()


@contextmanager
def calling(url: str) -> Generator[RpcClient]:
    client = RpcClient(url, sleep=lambda _: None)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def emitting(anvil: Anvil) -> tuple[Anvil, bytes, Header]:
    """A block with three transactions of types 0, 1 and 2, that log 1, 2 and 3 times."""
    emitter = anvil.deploy()
    anvil.rpc("evm_setAutomine", False)
    for kind, count in (("0x0", 1), ("0x1", 2), ("0x2", 3)):
        data = (7).to_bytes(32, "big") + count.to_bytes(32, "big")
        price = {"gasPrice": hex(10**10)} if kind != "0x2" else {"maxFeePerGas": hex(10**10)}
        access = {} if kind == "0x0" else {"accessList": []}
        to = {"from": ACCOUNT, "to": "0x" + emitter.hex(), "data": "0x" + data.hex(), "gas": hex(1_000_000)}
        anvil.rpc("eth_sendTransaction", {**to, "type": kind, **price, **access})
    anvil.mine()
    return anvil, emitter, header_of(anvil, anvil.head())


def lying(change: Callable[[Receipts], Any]) -> Tamper:
    def tamper(method: str, _: list[Any], result: Any) -> Any:
        return change(result) if method == "eth_getBlockReceipts" else result

    return tamper


def places(*kept: int) -> Callable[[Receipts], Receipts]:
    """Give these receipts, in this order."""
    return lambda receipts: [receipts[place] for place in kept]


def in_log(name: str, value: Any) -> Callable[[Receipts], Receipts]:
    """Change a field of the last log."""

    def change(receipts: Receipts) -> Receipts:
        *others, last = receipts
        logs = [*last["logs"][:-1], {**last["logs"][-1], name: value}]
        return [*others, {**last, "logs": logs}]

    return change


def in_last(**changes: Any) -> Callable[[Receipts], Receipts]:
    return lambda receipts: [*receipts[:-1], {**receipts[-1], **changes}]


def test_the_receipts_of_a_real_node_prove_all_logs_of_the_block(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, emitter, header = emitting
    with calling(anvil.url) as client:
        receipts = fetch_receipts(client, header)
    logs = verify_block_receipts(header, receipts)
    assert [answer.type for answer in receipts.answers] == ["0x0", "0x1", "0x2"]
    assert [(log.tx_index, log.log_index) for log in logs] == [(0, 0), (1, 1), (1, 2), (2, 3), (2, 4), (2, 5)]
    assert {log.address for log in logs} == {emitter}
    source = connect(anvil.url)
    assert list(logs) == source.logs_of_blocks([header.hash], LogFilter((emitter,)))[0]
    source.close()


def test_the_receipt_of_a_set_code_transaction_is_proven(anvil: Anvil) -> None:
    emitter = anvil.deploy()
    account = Account.from_key(ACCOUNT_KEY)
    number = int(CHAIN.partition(":")[2])
    authorization = account.sign_authorization({"chainId": number, "address": emitter, "nonce": 2})
    fees = {"gas": 1_000_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 0}
    call = {"to": emitter, "value": 0, "data": (7).to_bytes(32, "big") + (2).to_bytes(32, "big"), "accessList": []}
    signed = account.sign_transaction(
        {"type": 4, "chainId": number, "nonce": 1, "authorizationList": [authorization], **fees, **call}
    )
    anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
    anvil.mine()
    header = header_of(anvil, 2)
    with calling(anvil.url) as client:
        receipts = fetch_receipts(client, header)
    assert [answer.type for answer in receipts.answers] == ["0x4"]
    assert len(verify_block_receipts(header, receipts)) == 2


def test_several_blocks_are_asked_for_in_one_request(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting
    headers = [header_of(anvil, 1), header]
    with LyingNode(anvil, lying(lambda receipts: receipts)) as node, calling(node.url) as client:
        found = fetch_receipts_of(client, headers)
        assert len(node.requests) == 1
    proven = [verify_block_receipts(one, receipts) for one, receipts in zip(headers, found, strict=True)]
    assert list(map(len, proven)) == [0, 6]
    assert header.hash.hex().encode() not in found[0].exchange.request


def test_an_empty_block_is_proven_to_have_no_logs(anvil: Anvil) -> None:
    anvil.mine()
    header = header_of(anvil, anvil.head())
    with calling(anvil.url) as client:
        assert verify_block_receipts(header, fetch_receipts(client, header)) == ()


def test_without_block_receipts_they_are_asked_for_one_by_one(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting

    def refuse(_: Receipts) -> Any:
        raise RuntimeError("the method eth_getBlockReceipts does not exist/is not available")

    with LyingNode(anvil, lying(refuse)) as node, calling(node.url) as client, calling(anvil.url) as honest:
        receipts = fetch_receipts(client, header)
        assert receipts.answers == fetch_receipts(honest, header).answers
    assert len(verify_block_receipts(header, receipts)) == 6
    assert receipts.exchange.request.count(b"eth_getTransactionReceipt") == 3
    assert receipts.exchange.response.count(b'"cumulativeGasUsed"') == 3


def as_of_the_first_transaction(receipts: Receipts) -> Receipts:
    """The last receipt and its logs under the hash of the first transaction: no root knows the difference."""
    *others, last = receipts
    transaction = {"transactionHash": receipts[0]["transactionHash"]}
    return [*others, {**last, **transaction, "logs": [{**log, **transaction} for log in last["logs"]]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (as_of_the_first_transaction, "two receipts of block 2 are of the same transaction"),
        (places(0, 1), "the 2 receipts .* commits to"),
        (places(0, 1, 2, 2), "the 4 receipts .* commits to"),
        (places(2, 1, 0), "commits to"),
        (places(), "the 0 receipts"),
        (in_last(logs=[]), "logs bloom of receipt 2"),
        (in_last(status="0x0"), "commits to"),
        (in_last(cumulativeGasUsed="0x1"), "commits to"),
        (in_last(logsBloom="0x" + "00" * 256), "logs bloom of receipt 2"),
        (in_last(type="0x1"), "commits to"),
        (in_last(blockHash="0x" + "ab" * 32), "blockHash of receipt 2"),
        (in_last(transactionIndex="0x7"), "says to be number 0x7"),
        (in_last(transactionHash="0x" + "ab" * 32), "transactionHash of log 3"),
        (in_log("data", "0x" + "ff" * 32), "commits to"),
        (in_log("address", "0x" + "ab" * 20), "logs bloom of receipt 2"),
        (in_log("topics", []), "commits to"),
        (in_log("logIndex", "0x9"), "log 5 of block 2 is numbered 0x9"),
        (in_log("blockHash", "0x" + "ab" * 32), "blockHash of log 5"),
    ],
)
def test_receipts_that_are_not_the_block_s_are_a_lie_with_its_evidence(
    emitting: tuple[Anvil, bytes, Header], change: Callable[[Receipts], Any], message: str
) -> None:
    anvil, _, header = emitting
    with LyingNode(anvil, lying(change)) as node, calling(node.url) as client:
        receipts = fetch_receipts(client, header)
    with pytest.raises(LyingEndpoint, match=message) as caught:
        verify_block_receipts(header, receipts)
    assert caught.value.header_rlp == header.rlp
    assert caught.value.exchange == receipts.exchange
    assert header.hash.hex().encode() in receipts.exchange.request


@pytest.mark.parametrize(
    "change",
    [
        in_last(logsBloom="0x00"),
        in_last(type="0x80"),
        in_last(status="0x2"),
        in_last(status=None),
        in_last(cumulativeGasUsed="many"),
        in_log("topics", ["0x" + "00" * 32] * 5),
        in_log("address", "0x00"),
    ],
)
def test_receipts_out_of_form_are_refused(emitting: tuple[Anvil, bytes, Header], change: Callable[..., Any]) -> None:
    anvil, _, header = emitting
    with LyingNode(anvil, lying(change)) as node, calling(node.url) as client, pytest.raises(MalformedResponse):
        verify_block_receipts(header, fetch_receipts(client, header))


@pytest.mark.parametrize("answer", [{}, [1], "0x", [{"type": "0x0"}]])
def test_what_is_no_list_of_receipts_is_malformed(emitting: tuple[Anvil, bytes, Header], answer: Any) -> None:
    anvil, _, header = emitting
    node = LyingNode(anvil, lying(lambda _: answer))
    with node, calling(node.url) as client, pytest.raises(MalformedResponse, match="receipts of block 2"):
        fetch_receipts(client, header)


def test_receipts_that_are_not_utf_8_are_malformed() -> None:
    body = b'{"jsonrpc":"2.0","id":0,"result":[{"blockHash":"\xff"}]}'
    node = ScriptedServer(lambda _: (200, {}, body))
    with node, calling(node.url) as client, pytest.raises(MalformedResponse):
        fetch_receipts(client, header_over([]))


def test_a_type_that_the_family_does_not_have_is_named(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting
    with LyingNode(anvil, lying(in_last(type="0x7e"))) as node, calling(node.url) as client:
        receipts = fetch_receipts(client, header)
    with pytest.raises(UnknownReceiptType, match="type 0x7e") as caught:
        verify_block_receipts(header, receipts)
    assert caught.value.receipt_type == 0x7E


def test_a_block_that_is_gone_is_no_lie(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting
    anvil.rollback(1)
    with calling(anvil.url) as client, pytest.raises(InconsistentAnswers):
        fetch_receipts(client, header)


def test_another_refusal_is_not_taken_for_an_unknown_method(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting

    def refuse(_: Receipts) -> Any:
        raise RuntimeError("header could not be read from disk")

    with LyingNode(anvil, lying(refuse)) as node, calling(node.url) as client, pytest.raises(EndpointRefused):
        fetch_receipts(client, header)


def test_a_deposit_of_the_op_stack_has_its_nonce_in_the_root_once_it_has_a_version() -> None:
    """By the specification; no real block of that family is at hand."""
    log = ReceiptLog(b"\x0a" * 20, (), b"deposit")
    bloom = logs_bloom([log])
    plain = Receipt(0x7E, SUCCEEDED, 46_913, bloom, (log,))
    said = {"depositNonce": "0x3d3bbf"}
    for receipt, told in (
        (plain, {}),
        (plain, said),
        (msgspec.structs.replace(plain, trailing=(0x3D3BBF, 1)), {**said, "depositReceiptVersion": "0x1"}),
    ):
        header = header_over([receipt], OP_STACK)
        place = {"blockHash": "0x" + header.hash.hex(), "transactionHash": "0x" + "ab" * 32}
        answer = {
            **place,
            "transactionIndex": "0x0",
            "cumulativeGasUsed": hex(46_913),
            "logsBloom": "0x" + bloom.to_bytes(256, "big").hex(),
            "logs": [
                {**place, "address": "0x" + "0a" * 20, "topics": [], "data": "0x" + b"deposit".hex(), "logIndex": "0x0"}
            ],
            "type": "0x7e",
            "status": "0x1",
            **told,
        }
        given = BlockReceipts((msgspec.convert(answer, ReceiptAnswer),), Exchange(b"", b""))
        assert len(verify_block_receipts(header, given, OP_STACK)) == 1
        with pytest.raises(UnknownReceiptType):
            verify_block_receipts(header, given)


TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(["0x", "0x0", "0x1", "0x2", "0x7e", "0x" + "00" * 256, "0x" + "ab" * 32])
)
LOG_ANSWERS = st.builds(ReceiptLogAnswer, TEXTS, st.lists(TEXTS, max_size=6).map(tuple), TEXTS, TEXTS, TEXTS, TEXTS)
RECEIPT_ANSWERS = st.builds(
    ReceiptAnswer,
    block_hash=TEXTS,
    transaction_hash=TEXTS,
    transaction_index=TEXTS,
    cumulative_gas_used=TEXTS,
    logs_bloom=st.one_of(TEXTS, st.just("0x" + "00" * 256)),
    logs=st.lists(LOG_ANSWERS, max_size=2).map(tuple),
    type=TEXTS,
    status=st.none() | TEXTS,
    root=st.none() | TEXTS,
    deposit_nonce=st.none() | TEXTS,
    deposit_receipt_version=st.none() | TEXTS,
)


@given(st.lists(RECEIPT_ANSWERS, min_size=1, max_size=3).map(tuple), st.sampled_from([*FAMILIES.values()]))
def test_no_answer_is_taken_or_crashes_that_is_not_the_block_s(
    given_answers: tuple[ReceiptAnswer, ...], family: Family
) -> None:
    said = BlockReceipts(given_answers, Exchange(b"", b""))
    with pytest.raises((MalformedResponse, LyingEndpoint, UnknownReceiptType)):
        verify_block_receipts(header_over([]), said, family)


def test_state_sync_that_no_header_commits_to_is_left_out(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting
    derived = "0x" + state_sync_transaction(header.number, header.hash).hex()

    def with_state_sync(receipts: Receipts) -> Receipts:
        return [*receipts, {**receipts[0], "transactionHash": derived, "transactionIndex": "0x3"}]

    with LyingNode(anvil, lying(with_state_sync)) as node, calling(node.url) as client:
        receipts = fetch_receipts(client, header)
    assert len(verify_block_receipts(header, receipts, POLYGON_POS)) == 6
    with pytest.raises(LyingEndpoint):
        verify_block_receipts(header, receipts)


def test_raw_transactions_have_the_root_of_the_header(emitting: tuple[Anvil, bytes, Header]) -> None:
    anvil, _, header = emitting
    with calling(anvil.url) as client:
        transactions = fetch_transactions(client, header, 3)
    assert transactions is not None
    assert list_root(transactions) == header.transactions_root
