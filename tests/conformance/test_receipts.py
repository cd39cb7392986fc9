"""Roots and receipts that other clients made: a test chain of every fork, and two blocks of Ethereum mainnet."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from atlas.indexer.chain.verification.receipts import to_receipt, verify_block_receipts
from atlas.protocol.evm.errors import MalformedRlp
from atlas.protocol.evm.headers import FIELD_COUNTS, Header, decode_header
from atlas.protocol.evm.proofs import parse_log_proof, prove_log
from atlas.protocol.evm.receipts import decode_receipt, encode_receipt, logs_bloom
from atlas.protocol.evm.rlp import Encodable, Item, decode, decode_list, encode, encode_integer
from atlas.protocol.evm.roots import receipts_root, require_receipts
from atlas.protocol.evm.trie import list_proof, list_root, verify_list_proof
from tests.conformance.exchanges import answers, block_receipts, chain_blocks, mainnet_receipts, recorded_headers, unhex


@pytest.fixture(scope="module")
def headers(conformance_data: Path) -> dict[bytes, Header]:
    """Every header of the test chain, by hash."""
    found = [decode_header(block.header) for block in chain_blocks(conformance_data)]
    return {header.hash: header for header in found} | recorded_headers(conformance_data)


def test_the_headers_of_the_test_chain_decode_and_link(conformance_data: Path) -> None:
    chain = [decode_header(block.header) for block in chain_blocks(conformance_data)]
    assert [header.number for header in chain] == list(range(1, 55))
    for parent, header in pairwise(chain):
        assert header.parent_hash == parent.hash
        assert header.time_s > parent.time_s
    assert {len(decode_list(header.rlp)) for header in chain} == set(FIELD_COUNTS)


def test_transactions_and_withdrawals_of_the_test_chain_have_the_roots_of_their_headers(conformance_data: Path) -> None:
    types: set[int] = set()
    for block in chain_blocks(conformance_data):
        header = decode_header(block.header)
        assert list_root(block.transactions) == header.transactions_root
        types |= {one[0] if one[0] < 0xC0 else 0 for one in block.transactions}
        for index, transaction in enumerate(block.transactions):
            nodes = list_proof(block.transactions, index)
            assert verify_list_proof(header.transactions_root, index, nodes) == transaction
        if block.withdrawals is not None:
            assert list_root(block.withdrawals) == decode_list(header.rlp)[16]
    assert types == {0, 1, 2, 3, 4}


def test_recorded_block_receipts_verify_against_their_headers(
    conformance_data: Path, headers: dict[bytes, Header]
) -> None:
    verified = 0
    for parameters, result in answers(conformance_data, "eth_getBlockReceipts/*.io"):
        if result:
            header = headers[unhex(result[0]["blockHash"])]
            logs = verify_block_receipts(header, block_receipts(result))
            assert len(logs) == sum(len(one["logs"]) for one in result)
            verified += 1
        else:
            assert parameters[0] in ("0x0", "earliest")
    assert verified == 3


def test_recorded_receipts_of_every_type_have_the_bloom_of_their_logs(conformance_data: Path) -> None:
    """Their neighbours are not recorded, so their roots cannot be recomputed."""
    seen: set[tuple[int, int]] = set()
    for _, result in answers(conformance_data, "eth_getTransactionReceipt/*.io"):
        (answer,) = block_receipts([result]).answers
        receipt = to_receipt(answer)
        assert decode_receipt(encode_receipt(receipt)) == receipt
        assert logs_bloom(receipt.logs) == receipt.logs_bloom
        seen.add((receipt.receipt_type, len(receipt.outcome)))
    assert seen == {(0, 32), (1, 1), (2, 1), (3, 1), (4, 1)}


def test_raw_receipts_decode_encode_and_have_the_root_of_their_block(
    conformance_data: Path, headers: dict[bytes, Header]
) -> None:
    by_number = {header.number: header for header in headers.values()}
    for parameters, result in answers(conformance_data, "debug_getRawReceipts/*.io"):
        raw = [unhex(one) for one in result]
        receipts = [decode_receipt(one) for one in raw]
        assert [encode_receipt(receipt) for receipt in receipts] == raw
        if raw:
            require_receipts(by_number[int(parameters[0], 16)], receipts)


def test_the_receipts_roots_of_two_mainnet_blocks_match(conformance_data: Path) -> None:
    blocks = mainnet_receipts(conformance_data)
    assert [len(receipts) for receipts in blocks.values()] == [116, 182]
    for root, receipts in blocks.items():
        assert receipts_root(receipts) == root


def test_the_logs_blooms_of_two_mainnet_blocks_match(conformance_data: Path) -> None:
    lines = (conformance_data / "mainnet-17173049" / "blocks.ndjson").read_bytes().splitlines()
    blooms = {unhex(line["receipts_root"]): int(line["logs_bloom"], 16) for line in map(msgspec.json.decode, lines)}
    for root, receipts in mainnet_receipts(conformance_data).items():
        assert logs_bloom(log for receipt in receipts for log in receipt.logs) == blooms[root]


def test_every_mainnet_log_is_proven_against_its_receipts_root(conformance_data: Path) -> None:
    proven = 0
    for root, receipts in mainnet_receipts(conformance_data).items():
        encoded = [encode_receipt(receipt) for receipt in receipts]
        for index, receipt in enumerate(receipts):
            if receipt.logs:
                nodes = list_proof(encoded, index)
                assert decode_receipt(verify_list_proof(root, index, nodes)).logs == receipt.logs
                proven += len(receipt.logs)
    assert proven == 681


def test_logs_of_the_test_chain_are_proven_with_their_transactions(
    conformance_data: Path, headers: dict[bytes, Header]
) -> None:
    blocks = {decode_header(block.header).hash: block for block in chain_blocks(conformance_data)}
    ((_, results),) = answers(conformance_data, "eth_getBlockReceipts/get-block-receipts-latest.io")
    block, header = blocks[unhex(results[0]["blockHash"])], headers[unhex(results[0]["blockHash"])]
    receipts = [to_receipt(answer) for answer in block_receipts(results).answers]
    logs = [log for result in results for log in result["logs"]]
    assert len(logs) == 11
    for log in logs:
        proof = prove_log(
            "eip155:1",
            header,
            receipts,
            transaction_index=int(log["transactionIndex"], 16),
            log_index=int(log["logIndex"], 16),
            transactions=block.transactions,
        )
        shown = parse_log_proof(proof.encode()).check(header.hash)
        assert shown.transaction_hash == unhex(log["transactionHash"])
        assert (shown.address, shown.data) == (unhex(log["address"]), unhex(log["data"]))


def test_the_rlp_vectors_encode_and_decode(conformance_data: Path) -> None:
    vectors = json.loads(gzip.decompress((conformance_data / "ethereum-abi" / "rlp.json.gz").read_bytes()))
    assert len(vectors) == 61

    def value(decoded: object) -> Encodable:
        return [value(item) for item in decoded] if isinstance(decoded, list) else unhex(str(decoded))

    def plain(item: Item) -> Encodable:
        return item if isinstance(item, bytes) else [plain(one) for one in item]

    for vector in vectors:
        encoded = unhex(vector["encoded"])
        assert encode(value(vector["decoded"])) == encoded
        assert plain(decode(encoded)) == value(vector["decoded"])
        with pytest.raises(MalformedRlp):
            decode(encoded + encode_integer(0))
