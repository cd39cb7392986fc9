"""Block headers from JSON-RPC to the RLP that was hashed (``atlas.protocol.evm.headers``), and the proof that it is."""

import msgspec

from atlas.indexer.chain.hexadecimal import parse_count, parse_data, parse_quantity
from atlas.indexer.errors import LyingEndpoint
from atlas.protocol.evm.bloom import BLOOM_BYTES
from atlas.protocol.evm.headers import ANY_LENGTH, HASH_BYTES, HEADER_FIELDS, Header
from atlas.protocol.evm.rlp import encode_bytes, encode_integer, encode_list
from atlas.protocol.keccak import keccak256

__all__ = ["Header", "HeaderAnswer", "verified_header"]


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


def verified_header(answer: HeaderAnswer) -> Header:
    """The header in ``answer``. Raises MalformedResponse for fields out of form, LyingEndpoint for another hash."""
    encoded = encode_list(_items(answer))
    claimed = parse_data(answer.hash, "hash", length=HASH_BYTES)
    actual = keccak256(encoded)
    number = parse_count(answer.number, "number")
    if actual != claimed:
        raise LyingEndpoint(
            f"the header of block {number} hashes to 0x{actual.hex()}, but the endpoint says {answer.hash}",
            hint="Ask another endpoint; a chain whose headers are not Ethereum's, or a fork that added "
            "a header field, is not supported.",
            header_rlp=encoded,
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
    for field, length in HEADER_FIELDS.items():
        text: str | None = getattr(answer, field)
        # A gap between optional fields is not refused here: the hash cannot match then.
        if text is not None:
            items.append(_item(text, field, length))
    return items


def _item(text: str, field: str, length: int | None) -> bytes:
    if length is None:
        return encode_integer(parse_quantity(text, field))
    return encode_bytes(parse_data(text, field, length=None if length == ANY_LENGTH else length))
