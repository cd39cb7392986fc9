"""The third-party chains as values: blocks of every fork, receipts of two mainnet blocks, recorded answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from atlas.indexer.chain.header import HeaderAnswer, verified_header
from atlas.indexer.chain.verification.receipts import BlockReceipts, ReceiptAnswer
from atlas.indexer.errors import Exchange
from atlas.protocol.evm.headers import Header
from atlas.protocol.evm.receipts import FAILED, SUCCEEDED, Receipt, ReceiptLog, logs_bloom
from atlas.protocol.evm.rlp import Item, decode_list, encode

Line = dict[str, Any]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class Block(msgspec.Struct, frozen=True):
    """A block of ``chain.rlp``: its header as RLP, its transactions as EIP-2718 encodes them, its withdrawals."""

    header: bytes
    transactions: tuple[bytes, ...]
    withdrawals: tuple[bytes, ...] | None


def chain_blocks(directory: Path) -> list[Block]:
    """The blocks of ``chain.rlp``, one RLP list after the other."""
    data = (directory / "execution-apis/tests/chain.rlp").read_bytes()
    blocks: list[Block] = []
    while data:
        size = _item_bytes(data)
        blocks.append(_block(decode_list(data[:size])))
        data = data[size:]
    return blocks


def _item_bytes(data: bytes) -> int:
    length_bytes = data[0] - 0xF7
    return 1 + length_bytes + int.from_bytes(data[1 : 1 + length_bytes], "big")


def _block(fields: list[Item]) -> Block:
    header, transactions, *rest = fields
    assert isinstance(transactions, list)
    withdrawals = rest[1] if len(rest) > 1 else None
    return Block(
        header=encode(header),
        transactions=tuple(one if isinstance(one, bytes) else encode(one) for one in transactions),
        withdrawals=tuple(map(encode, withdrawals)) if isinstance(withdrawals, list) else None,
    )


def answers(directory: Path, pattern: str) -> Iterator[tuple[list[Any], Any]]:
    """Parameters and result of each recorded exchange that has a result."""
    for file in sorted((directory / "execution-apis/tests").glob(pattern)):
        request: Line = {}
        for line in file.read_text().splitlines():
            if line.startswith(">> "):
                request = json.loads(line[3:])
            elif line.startswith("<< ") and json.loads(line[3:]).get("result") is not None:
                yield request["params"], json.loads(line[3:])["result"]


def recorded_headers(directory: Path) -> dict[bytes, Header]:
    """The headers that were answered as JSON, verified, and those of ``chain.rlp``; by hash."""
    found = [
        verified_header(msgspec.convert(result, HeaderAnswer))
        for _, result in answers(directory, "eth_getBlockBy*/*.io")
    ]
    return {header.hash: header for header in found}


def block_receipts(results: list[Line]) -> BlockReceipts:
    """An ``eth_getBlockReceipts`` result as it comes from an endpoint."""
    return BlockReceipts(msgspec.convert(tuple(results), tuple[ReceiptAnswer, ...]), Exchange(b"[]", b"[]"))


def mainnet_receipts(directory: Path) -> dict[bytes, list[Receipt]]:
    """The receipts of the two mainnet blocks by expected receipts root, put together from their parts."""
    folder = directory / "mainnet-17173049"
    blocks, transactions, logs = (
        [msgspec.json.decode(line) for line in (folder / f"{name}.ndjson").read_bytes().splitlines()]
        for name in ("blocks", "transactions", "logs")
    )
    by_transaction: dict[str, list[ReceiptLog]] = {}
    for line in sorted(logs, key=lambda line: (line["block_number"], line["log_index"])):
        by_transaction.setdefault(line["transaction_hash"], []).append(
            ReceiptLog(unhex(line["address"]), tuple(map(unhex, line["topics"])), unhex(line["data"]))
        )
    return {
        unhex(block["receipts_root"]): [
            _receipt(line, tuple(by_transaction.get(line["hash"], [])))
            for line in sorted(transactions, key=lambda line: line["transaction_index"])
            if line["block_number"] == block["number"]
        ]
        for block in blocks
    }


def _receipt(line: Line, logs: tuple[ReceiptLog, ...]) -> Receipt:
    return Receipt(
        receipt_type=line["transaction_type"],
        outcome=SUCCEEDED if line["receipt_status"] else FAILED,
        cumulative_gas=line["receipt_cumulative_gas_used"],
        logs_bloom=logs_bloom(logs),
        logs=logs,
    )
