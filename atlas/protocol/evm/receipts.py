"""Receipts in their consensus form, which is what a block's receipts root is over.

    legacy   rlp([outcome, cumulative gas, logs bloom, [[address, [topic ...], data] ...]])     Yellow Paper, 4.3.1
    typed    type byte, then the same list                                                       EIP-2718
    outcome  01 for success, empty for failure; the state root, 32 bytes, before Byzantium       EIP-658

A family (``families``) says which types there are and what may follow the four fields. Gas price, sender and
contract address that nodes report beside are no part of it: nothing in the block's hash proves them.
"""

from collections.abc import Iterable
from itertools import chain

import msgspec

from atlas.protocol.evm.bloom import BLOOM_BYTES, bloom_of
from atlas.protocol.evm.errors import MalformedReceipt, MalformedRlp, UnknownReceiptType
from atlas.protocol.evm.families import ETHEREUM, Family
from atlas.protocol.evm.rlp import (
    Item,
    decode_list,
    encode_bytes,
    encode_integer,
    encode_list,
    to_bytes,
    to_integer,
)

SUCCEEDED, FAILED = b"\x01", b""
ADDRESS_BYTES, TOPIC_BYTES, MAX_TOPICS = 20, 32, 4

_STATE_ROOT_BYTES = 32
_GAS_BYTES = 32
_FIELDS = 4
_LIST = 0xC0


class ReceiptLog(msgspec.Struct, frozen=True, gc=False):
    """A log as a receipt has it: 20-byte address, up to four 32-byte topics."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Receipt(msgspec.Struct, frozen=True):
    """A receipt's consensus fields; ``trailing`` are the integers that some families append."""

    receipt_type: int  # 0 is legacy
    outcome: bytes  # SUCCEEDED, FAILED, or a state root
    cumulative_gas: int
    logs_bloom: int  # 2048 bits, read big-endian
    logs: tuple[ReceiptLog, ...]
    trailing: tuple[int, ...] = ()


def logs_bloom(logs: Iterable[ReceiptLog]) -> int:
    """The bloom that ``logs`` make."""
    return bloom_of(chain.from_iterable((log.address, *log.topics) for log in logs))


def encode_receipt(receipt: Receipt, family: Family = ETHEREUM) -> bytes:
    """The bytes that the receipts root is over. Raises UnknownReceiptType, MalformedReceipt."""
    _require_known(receipt.receipt_type, len(receipt.trailing), family)
    body = encode_list(
        (
            encode_bytes(receipt.outcome),
            encode_integer(receipt.cumulative_gas),
            encode_bytes(receipt.logs_bloom.to_bytes(BLOOM_BYTES, "big")),
            encode_list(map(_encode_log, receipt.logs)),
            *map(encode_integer, receipt.trailing),
        )
    )
    return bytes((receipt.receipt_type,)) + body if receipt.receipt_type else body


def decode_receipt(data: bytes, family: Family = ETHEREUM) -> Receipt:
    """The receipt in ``data``. Raises UnknownReceiptType, MalformedReceipt."""
    typed = bool(data) and data[0] < _LIST
    receipt_type = data[0] if typed else 0
    if typed and receipt_type == 0:
        raise MalformedReceipt("a legacy receipt has no type byte")
    if typed:
        _require_known(receipt_type, None, family)
    try:
        fields = decode_list(data[1:] if typed else data)
        _require_known(receipt_type, len(fields) - _FIELDS, family)
        return Receipt(
            receipt_type=receipt_type,
            outcome=_outcome(fields[0]),
            cumulative_gas=to_integer(fields[1], "cumulative gas", max_bytes=_GAS_BYTES),
            logs_bloom=int.from_bytes(to_bytes(fields[2], "logs bloom", length=BLOOM_BYTES), "big"),
            logs=tuple(map(_decode_log, _list(fields[3], "logs"))),
            trailing=tuple(to_integer(field, "a trailing field") for field in fields[_FIELDS:]),
        )
    except MalformedRlp as error:
        raise MalformedReceipt(f"not a receipt: {error.message}") from error


def _require_known(receipt_type: int, trailing: int | None, family: Family) -> None:
    allowed = family.receipt_types.get(receipt_type)
    if allowed is None:
        raise UnknownReceiptType(receipt_type, family.name)
    if trailing is not None and trailing not in allowed:
        raise MalformedReceipt(
            f"a receipt of type 0x{receipt_type:02x} has {' or '.join(str(_FIELDS + count) for count in allowed)} "
            f"fields in the family {family.name}, not {_FIELDS + trailing}"
        )


def _outcome(field: Item) -> bytes:
    outcome = to_bytes(field, "outcome")
    if outcome not in (SUCCEEDED, FAILED) and len(outcome) != _STATE_ROOT_BYTES:
        raise MalformedRlp(f"the outcome of a receipt is 01, empty or a state root, not {outcome[:40].hex()}")
    return outcome


def _encode_log(log: ReceiptLog) -> bytes:
    topics = encode_list(map(encode_bytes, log.topics))
    return encode_list((encode_bytes(log.address), topics, encode_bytes(log.data)))


def _decode_log(item: Item) -> ReceiptLog:
    fields = _list(item, "a log")
    if len(fields) != 3:
        raise MalformedRlp(f"a log has 3 fields, not {len(fields)}")
    topics = _list(fields[1], "topics")
    if len(topics) > MAX_TOPICS:
        raise MalformedRlp(f"a log has at most {MAX_TOPICS} topics, not {len(topics)}")
    return ReceiptLog(
        address=to_bytes(fields[0], "address", length=ADDRESS_BYTES),
        topics=tuple(to_bytes(topic, "topic", length=TOPIC_BYTES) for topic in topics),
        data=to_bytes(fields[2], "data"),
    )


def _list(item: Item, name: str) -> list[Item]:
    if isinstance(item, bytes):
        raise MalformedRlp(f"{name}: a list is expected")
    return item
