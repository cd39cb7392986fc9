"""Receipts roots against PyPI's ``trie``, and what a verified block costs.

The block is like a busy one of Ethereum mainnet: 200 receipts of types 0 and 2 with 500 logs among them. ``trie``
is not a dependency: `pip install --target DIRECTORY trie` and name the directory in ATLAS_PY_TRIE.
"""

import importlib
import os
import random
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import rlp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from atlas.indexer.chain.verification.receipts import BlockReceipts, ReceiptAnswer, verify_block_receipts
from atlas.indexer.errors import Exchange
from atlas.protocol.evm.bloom import BLOOM_BYTES, bits
from atlas.protocol.evm.headers import HEADER_FIELDS, Header, decode_header
from atlas.protocol.evm.proofs import LogProof, parse_log_proof, prove_log
from atlas.protocol.evm.receipts import SUCCEEDED, Receipt, ReceiptLog, encode_receipt, logs_bloom
from atlas.protocol.evm.rlp import encode_bytes, encode_integer, encode_list
from atlas.protocol.evm.roots import receipts_root
from atlas.protocol.evm.trie import list_root
from benchmarks.measuring import Figure, against, alone, best, options, report

RECEIPTS, LOGS = 200, 500
RUNS = 5


def block_receipts(seed: int = 1) -> list[Receipt]:
    """The receipts of the block; their logs are ERC-20 transfers."""
    generator = random.Random(seed)
    contracts = [generator.randbytes(20) for _ in range(60)]
    transfer = generator.randbytes(32)
    logs: list[list[ReceiptLog]] = [[] for _ in range(RECEIPTS)]
    for _ in range(LOGS):
        parties = tuple(bytes(12) + generator.randbytes(20) for _ in range(2))
        log = ReceiptLog(generator.choice(contracts), (transfer, *parties), generator.randbytes(32))
        generator.choice(logs).append(log)
    return [
        Receipt(generator.choice((0, 2)), SUCCEEDED, 21_000 * (index + 1), logs_bloom(made), tuple(made))
        for index, made in enumerate(logs)
    ]


def header_over(receipts: Sequence[Receipt]) -> Header:
    """A header that commits to ``receipts``."""
    bloom = logs_bloom(log for receipt in receipts for log in receipt.logs)
    known = {"receipts_root": receipts_root(receipts), "logs_bloom": bloom.to_bytes(BLOOM_BYTES, "big")}
    return decode_header(
        encode_list(
            encode_integer(7) if length is None else encode_bytes(known.get(name, bytes(max(length, 0))))
            for name, length in HEADER_FIELDS.items()
        )
    )


def answer(header: Header, receipts: Sequence[Receipt]) -> bytes:
    """The block's receipts as an ``eth_getBlockReceipts`` result."""
    found: list[dict[str, Any]] = []
    log_index = 0
    for index, receipt in enumerate(receipts):
        place = {"blockHash": _hex(header.hash), "transactionHash": _hex(index.to_bytes(32, "big"))}
        logs: list[dict[str, Any]] = []
        for log in receipt.logs:
            said = {"address": _hex(log.address), "topics": [_hex(topic) for topic in log.topics]}
            logs.append({**said, "data": _hex(log.data), "logIndex": hex(log_index), **place})
            log_index += 1
        gas = {"cumulativeGasUsed": hex(receipt.cumulative_gas), "status": "0x1", "type": hex(receipt.receipt_type)}
        bloom = _hex(receipt.logs_bloom.to_bytes(BLOOM_BYTES, "big"))
        found.append({**place, **gas, "transactionIndex": hex(index), "logsBloom": bloom, "logs": logs})
    return msgspec.json.encode(found)


def figures(quick: bool) -> Iterator[Figure]:
    """Each figure as soon as it is measured, in time of this process's processor."""
    rounds = 20 if quick else 100
    receipts = block_receipts()
    encoded = [encode_receipt(receipt) for receipt in receipts]
    ours = best(RUNS, lambda: _rate(rounds, lambda: list_root(encoded)))
    peer = _py_trie_root()
    if peer is None:
        print("receipts_root_vs_py_trie is left out: no `trie` here (see the module)", file=sys.stderr)
        yield alone("receipts_roots_per_s", ours, "roots/s")
    else:
        if peer(encoded) != list_root(encoded):
            raise AssertionError("the two implementations disagree")
        theirs = best(RUNS, lambda: _rate(max(1, rounds // 20), lambda: peer(encoded)))
        yield against("receipts_root_vs_py_trie", ours, "roots/s", theirs)
    yield alone("receipts_encode_per_s", _encoding(receipts, rounds), "receipts/s")
    yield alone("receipts_verified_blocks_per_s", _verifying(receipts, rounds), "blocks/s")
    yield alone("log_proofs_checked_per_s", _checking(receipts, rounds), "proofs/s")


def _encoding(receipts: Sequence[Receipt], rounds: int) -> float:
    return best(RUNS, lambda: len(receipts) * _rate(rounds, lambda: list(map(encode_receipt, receipts))))


def _verifying(receipts: Sequence[Receipt], rounds: int) -> float:
    """From the bytes of the answer to proven logs, no bloom bit remembered from the round before."""
    header = header_over(receipts)
    body = answer(header, receipts)
    decoder = msgspec.json.Decoder(tuple[ReceiptAnswer, ...])

    def verify() -> None:
        bits.cache_clear()
        logs = verify_block_receipts(header, BlockReceipts(decoder.decode(body), Exchange(b"", body)))
        if len(logs) != LOGS:
            raise AssertionError(f"{len(logs)} logs were proven, not {LOGS}")

    return best(RUNS, lambda: _rate(max(1, rounds // 4), verify))


def _checking(receipts: Sequence[Receipt], rounds: int) -> float:
    place = next(index for index, receipt in enumerate(receipts) if receipt.logs)
    proof: LogProof = prove_log("eip155:1", header_over(receipts), receipts, transaction_index=place, log_index=0)
    document = proof.encode()
    return best(RUNS, lambda: _rate(rounds, lambda: parse_log_proof(document).check()))


def _py_trie_root() -> Callable[[Sequence[bytes]], bytes] | None:
    """The root by PyPI's ``trie``, over a dictionary as its database; None where it is not installed."""
    directory = os.environ.get("ATLAS_PY_TRIE")
    if directory:
        sys.path.append(directory)
    try:
        hexary: Any = importlib.import_module("trie").HexaryTrie
    except ImportError:
        return None

    def root(values: Sequence[bytes]) -> bytes:
        made = hexary({})
        for index, value in enumerate(values):
            made[rlp.encode(index)] = value
        found: bytes = made.root_hash
        return found

    return root


def _rate(rounds: int, work: Callable[[], object]) -> float:
    """How often ``work`` is done in a second of this process's processor."""
    start = _processor_s()
    for _ in range(rounds):
        work()
    return rounds / (_processor_s() - start)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    chosen = options(__doc__)
    report("receipts", figures(chosen.quick), as_json=chosen.json)
