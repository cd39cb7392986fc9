"""Block headers as hashed: the fields of every fork, and what a header commits to.

A header is the RLP list of its fields in this order; those from ``base_fee_per_gas`` on came with later
forks and are there without gaps up to the last one of the block's fork:

    parent_hash sha3_uncles miner state_root transactions_root receipts_root logs_bloom difficulty number
    gas_limit gas_used timestamp extra_data mix_hash nonce             Yellow Paper, section 4.3: 15 fields
    base_fee_per_gas (EIP-1559)                                        London: 16
    withdrawals_root (EIP-4895)                                        Shanghai: 17
    blob_gas_used excess_blob_gas (EIP-4844)
    parent_beacon_block_root (EIP-4788)                                Cancun: 20
    requests_hash (EIP-7685)                                           Prague: 21

The hash proves that these fields belong together. It does not prove that the block is canonical.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from atlas.protocol.evm.bloom import BLOOM_BYTES
from atlas.protocol.evm.errors import MalformedHeader, MalformedRlp
from atlas.protocol.evm.rlp import Item, decode_list, to_bytes, to_integer
from atlas.protocol.keccak import keccak256

HASH_BYTES = 32
ANY_LENGTH = -1

HEADER_FIELDS: Mapping[str, int | None] = MappingProxyType(
    {
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
        "extra_data": ANY_LENGTH,
        "mix_hash": 32,
        "nonce": 8,
        "base_fee_per_gas": None,
        "withdrawals_root": 32,
        "blob_gas_used": None,
        "excess_blob_gas": None,
        "parent_beacon_block_root": 32,
        "requests_hash": 32,
    }
)
"""The length in bytes of a field that is data, None for an integer; in RLP order."""

FIELD_COUNTS: Mapping[int, str] = MappingProxyType(
    {15: "Frontier", 16: "London", 17: "Shanghai", 20: "Cancun", 21: "Prague"}
)
"""How many fields a header has since each fork that added some."""

_PLACES = {name: place for place, name in enumerate(HEADER_FIELDS)}
_COUNT_BYTES = 8  # heights and times are stored in 64 bits, the highest of which is a sign
_COUNTS = frozenset({"number", "timestamp", "gas_limit", "gas_used", "blob_gas_used", "excess_blob_gas"})


class Header(msgspec.Struct, frozen=True):
    """A header whose hash was verified: keccak256(``rlp``) is ``hash``."""

    number: int
    hash: bytes
    parent_hash: bytes
    time_s: int  # seconds since 1970
    logs_bloom: int  # 2048 bits, read big-endian
    rlp: bytes

    @property
    def receipts_root(self) -> bytes:
        """The root over the block's receipts, 32 bytes. Raises MalformedHeader."""
        return self._root("receipts_root")

    @property
    def transactions_root(self) -> bytes:
        """The root over the block's transactions, 32 bytes. Raises MalformedHeader."""
        return self._root("transactions_root")

    def _root(self, name: str) -> bytes:
        try:
            fields = decode_list(self.rlp)[: _PLACES[name] + 1]
            return to_bytes(fields[-1] if len(fields) > _PLACES[name] else b"", name, length=HASH_BYTES)
        except MalformedRlp as error:
            raise MalformedHeader(f"block {self.number}: {error.message}") from error


def decode_header(data: bytes) -> Header:
    """The header in ``data``, with its hash. Raises MalformedHeader unless it is one of a fork in FIELD_COUNTS."""
    try:
        fields = decode_list(data)
        _require_known_fork(len(fields))
        for name, field in zip(HEADER_FIELDS, fields, strict=False):
            _require_form(name, field)
        bloom = to_bytes(fields[_PLACES["logs_bloom"]], "logs_bloom")
        return Header(
            number=to_integer(fields[_PLACES["number"]], "number"),
            hash=keccak256(data),
            parent_hash=to_bytes(fields[_PLACES["parent_hash"]], "parent_hash"),
            time_s=to_integer(fields[_PLACES["timestamp"]], "timestamp"),
            logs_bloom=int.from_bytes(bloom, "big"),
            rlp=data,
        )
    except MalformedRlp as error:
        raise MalformedHeader(f"not a block header: {error.message}") from error


def _require_known_fork(count: int) -> None:
    if count not in FIELD_COUNTS:
        known = ", ".join(f"{number} ({fork})" for number, fork in FIELD_COUNTS.items())
        newer = count > max(FIELD_COUNTS)
        raise MalformedHeader(
            f"a block header has {known} fields, not {count}",
            hint="A fork newer than this program added a field: upgrade it." if newer else "",
        )


def _require_form(name: str, field: Item) -> None:
    length = HEADER_FIELDS[name]
    if length is None:
        value = to_integer(field, name, max_bytes=_COUNT_BYTES if name in _COUNTS else HASH_BYTES)
        if name in _COUNTS and value >> (8 * _COUNT_BYTES - 1):
            raise MalformedRlp(f"{name} is not below 2**63")
    else:
        to_bytes(field, name, length=None if length == ANY_LENGTH else length)
