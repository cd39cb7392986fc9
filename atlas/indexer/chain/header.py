"""Block headers: from JSON-RPC to the RLP that was hashed, and the proof that it is.

A header is the RLP list of its fields in this order; those from ``baseFeePerGas`` on came with later
forks and are there without gaps up to the last one of the block's fork:

    parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number
    gasLimit gasUsed timestamp extraData mixHash nonce             Yellow Paper, section 4.3
    baseFeePerGas (EIP-1559)   withdrawalsRoot (EIP-4895)   blobGasUsed excessBlobGas (EIP-4844)
    parentBeaconBlockRoot (EIP-4788)   requestsHash (EIP-7685)

The hash proves that these fields belong together. It does not prove that the block is canonical.
"""

import msgspec
import rlp

from atlas.indexer.chain.bloom import BLOOM_BYTES
from atlas.indexer.chain.hexadecimal import parse_count, parse_data, parse_quantity
from atlas.indexer.errors import LyingEndpoint
from atlas.protocol.keccak import keccak256

HASH_BYTES = 32


class HeaderAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The header fields of an ``eth_getBlockBy...`` answer, as text."""

    hash: str
    parent_hash: str
    sha3_uncles: str = msgspec.field(name="sha3Uncles")
    miner: str
    state_root: str
    transactions_root: str
    receipts_root: str
    logs_bloom: str
    difficulty: str
    number: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: str
    nonce: str
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None


class Header(msgspec.Struct, frozen=True):
    """A header whose hash was verified: keccak256(``rlp``) is ``hash``."""

    number: int
    hash: bytes
    parent_hash: bytes
    time_s: int  # seconds since 1970
    logs_bloom: int  # 2048 bits, read big-endian
    rlp: bytes


_ANY_LENGTH = -1

# The length in bytes of a field that is data, None for a quantity. Insertion order is RLP order.
_FIELDS: dict[str, int | None] = {
    "parent_hash": 32,
    "sha3_uncles": 32,
    "miner": 20,
    "state_root": 32,
    "transactions_root": 32,
    "receipts_root": 32,
    "logs_bloom": BLOOM_BYTES,
    "difficulty": None,
    "number": None,
    "gas_limit": None,
    "gas_used": None,
    "timestamp": None,
    "extra_data": _ANY_LENGTH,
    "mix_hash": 32,
    "nonce": 8,
    "base_fee_per_gas": None,
    "withdrawals_root": 32,
    "blob_gas_used": None,
    "excess_blob_gas": None,
    "parent_beacon_block_root": 32,
    "requests_hash": 32,
}


def verified_header(answer: HeaderAnswer) -> Header:
    """The header in ``answer``. Raises MalformedResponse for fields out of form, LyingEndpoint for another hash."""
    encoded: bytes = rlp.encode(_items(answer))
    claimed = parse_data(answer.hash, "hash", length=HASH_BYTES)
    actual = keccak256(encoded)
    number = parse_count(answer.number, "number")
    if actual != claimed:
        raise LyingEndpoint(
            f"the header of block {number} hashes to 0x{actual.hex()}, but the endpoint says {answer.hash}",
            hint="Ask another endpoint; a chain whose headers are not Ethereum's, or a fork that added "
            "a header field, is not supported.",
        )
    return Header(
        number=number,
        hash=claimed,
        parent_hash=parse_data(answer.parent_hash, "parentHash", length=HASH_BYTES),
        time_s=parse_count(answer.timestamp, "timestamp"),
        logs_bloom=int.from_bytes(parse_data(answer.logs_bloom, "logsBloom", length=BLOOM_BYTES), "big"),
        rlp=encoded,
    )


def _items(answer: HeaderAnswer) -> list[bytes]:
    items: list[bytes] = []
    for field, length in _FIELDS.items():
        text: str | None = getattr(answer, field)
        # A gap between optional fields is not refused here: the hash cannot match then.
        if text is not None:
            items.append(_item(text, field, length))
    return items


def _item(text: str, field: str, length: int | None) -> bytes:
    if length is None:
        value = parse_quantity(text, field)
        return value.to_bytes((value.bit_length() + 7) // 8, "big")
    return parse_data(text, field, length=None if length == _ANY_LENGTH else length)
