"""Proof documents: what is proven is found by anybody, and nothing else is."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.evm.errors import EvmError, InvalidProof, MalformedProof, NotProvable
from atlas.protocol.evm.families import ETHEREUM
from atlas.protocol.evm.proofs import (
    LogProof,
    parse_log_proof,
    prove_log,
    prove_receipt,
    transaction_hash,
    verify_receipt_proof,
)
from atlas.protocol.evm.receipts import SUCCEEDED, Receipt, ReceiptLog, logs_bloom
from atlas.protocol.evm.rlp import encode
from atlas.protocol.evm.trie import list_root
from atlas.protocol.keccak import keccak256
from tests.protocol.evm.chains import CHAIN, header_over, receipts


def receipt_of(count: int, gas: int) -> Receipt:
    logs = tuple(ReceiptLog(b"\x0a" * 20, (), bytes([gas, place])) for place in range(count))
    return Receipt(2, SUCCEEDED, gas, logs_bloom(logs), logs)


BLOCK = [receipt_of(2, 1), receipt_of(0, 2), receipt_of(3, 3)]
TRANSACTIONS = [b"\x02transaction" * 4 + bytes([index]) for index in range(3)]
HEADER = header_over(BLOCK, transactions_root=list_root(TRANSACTIONS))
PROOF = prove_log(CHAIN, HEADER, BLOCK, transaction_index=2, log_index=3, transactions=TRANSACTIONS)


def document(**changes: Any) -> bytes:
    changed = {**json.loads(PROOF.encode()), **changes}
    return json.dumps(changed, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_a_log_is_proven_by_a_document_alone() -> None:
    proven = parse_log_proof(PROOF.encode()).check(HEADER.hash)
    assert (proven.chain, proven.block_number, proven.block_hash) == (CHAIN, HEADER.number, HEADER.hash)
    assert (proven.transaction_index, proven.log_place, proven.log_index) == (2, 1, 3)
    assert (proven.address, proven.topics, proven.data) == (b"\x0a" * 20, (), bytes([3, 1]))
    assert proven.transaction_hash == keccak256(TRANSACTIONS[2])
    assert not proven.log_index_proven


def test_without_transactions_their_hash_is_not_proven() -> None:
    proof = prove_log(CHAIN, HEADER, BLOCK, transaction_index=0, log_index=1)
    proven = parse_log_proof(proof.encode()).check()
    assert proven.transaction_hash is None
    assert proven.log_index_proven


def test_the_index_of_a_log_of_the_first_transaction_is_its_place() -> None:
    proof = prove_log(CHAIN, HEADER, BLOCK, transaction_index=0, log_index=1)
    with pytest.raises(InvalidProof, match="cannot be log 1"):
        msgspec.structs.replace(proof, log_index=2).check()


@given(st.lists(receipts(), min_size=1, max_size=12), st.data())
def test_every_receipt_of_a_block_is_proven_and_no_other(block: list[Receipt], data: st.DataObject) -> None:
    header = header_over(block)
    index = data.draw(st.integers(0, len(block) - 1))
    nodes = prove_receipt(block, index, ETHEREUM)
    assert verify_receipt_proof(header, index, nodes, ETHEREUM) == block[index]
    # Equal receipts under one branch share its nodes: what proves the one proves the other, and rightly.
    others = st.integers(0, len(block) + 200).filter(lambda one: one >= len(block) or block[one] != block[index])
    other = data.draw(others)
    with pytest.raises(InvalidProof):
        verify_receipt_proof(header, other, nodes, ETHEREUM)


@given(st.integers(0, len(PROOF.encode()) - 1), st.integers(1, 255))
def test_a_flipped_byte_in_a_document_never_proves_the_same_of_the_block(place: int, flip: int) -> None:
    data = bytearray(PROOF.encode())
    data[place] ^= flip
    with suppress(EvmError):
        proven = parse_log_proof(bytes(data)).check(HEADER.hash)
        # No header names its chain or counts the logs of earlier transactions: those two are said, not proven.
        assert (proven.chain, proven.log_index) != (CHAIN, 3)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_refused_as_no_proof(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        parse_log_proof(data)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), st.just("0x" + "ab" * 32)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(PROOF.encode()))), json_values)
def test_a_document_with_another_value_is_refused_or_proves_the_same(name: str, value: object) -> None:
    with suppress(EvmError):
        proven = parse_log_proof(document(**{name: value})).check(HEADER.hash)
        assert (proven.address, proven.data) == (b"\x0a" * 20, bytes([3, 1])) or name == "log_place"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"transaction_index": 1}, InvalidProof, "does not have the hash"),
        ({"transaction_index": 7}, InvalidProof, "no item"),
        ({"transaction_index": -1}, InvalidProof, "index"),
        ({"log_place": 3}, InvalidProof, "none at place 3"),
        ({"log_place": -1}, InvalidProof, "none at place"),
        ({"log_index": 0}, InvalidProof, "cannot be log 1"),
        ({"receipt_proof": []}, InvalidProof, "missing"),
        ({"chain": "eip155:324"}, NotProvable, "do not commit"),
        ({"chain": "ethereum"}, MalformedProof, "chain"),
        ({"block_hash": "0x" + "ab" * 32}, MalformedProof, "block_hash"),
        ({"format": "atlas-ledger/log-proof/2"}, MalformedProof, "canonical"),
        ({"more": 1}, MalformedProof, "more"),
        ({"header": "0xzz"}, MalformedProof, "hexadecimal"),
        ({"header": "0x"}, MalformedProof, "canonical"),
    ],
)
def test_a_changed_document_is_refused_with_the_reason(
    changes: dict[str, Any], error: type[EvmError], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse_log_proof(document(**changes)).check()


def test_another_spelling_of_the_same_document_is_refused() -> None:
    loaded = json.loads(PROOF.encode())
    for text in (json.dumps(loaded), PROOF.encode().decode().upper(), PROOF.encode().decode().strip()):
        with pytest.raises(MalformedProof):
            parse_log_proof(text.encode())


def test_a_proof_of_another_block_is_refused() -> None:
    with pytest.raises(InvalidProof, match="not of 0xab"):
        PROOF.check(b"\xab" * 32)


def test_what_is_not_there_is_not_proven() -> None:
    for transaction_index, log_index in ((2, 5), (1, 2), (2, 1), (9, 0)):
        with pytest.raises(InvalidProof):
            prove_log(CHAIN, HEADER, BLOCK, transaction_index=transaction_index, log_index=log_index)
    with pytest.raises(InvalidProof, match="transactions of block"):
        prove_log(CHAIN, HEADER, BLOCK, transaction_index=2, log_index=3, transactions=TRANSACTIONS[:2])
    with pytest.raises(InvalidProof):
        prove_log(CHAIN, header_over(BLOCK[:1]), BLOCK, transaction_index=2, log_index=3)


def test_the_hash_of_a_blob_transaction_is_not_over_its_blobs() -> None:
    body = [b"\x01", b"", [b"access"]]
    alone = b"\x03" + encode(body)
    assert transaction_hash(alone) == keccak256(alone)
    assert transaction_hash(b"\x03" + encode([body, [b"blob"], [b"commitment"], [b"proof"]])) == keccak256(alone)
    for other in (b"\x02" + encode([body]), b"\x03", b"\x03\xff", b""):
        assert transaction_hash(other) == keccak256(other)


def test_a_proof_reads_back_as_it_was_made() -> None:
    assert parse_log_proof(PROOF.encode()) == PROOF
    assert isinstance(PROOF, LogProof)
