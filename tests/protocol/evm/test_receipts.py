"""Receipts in their consensus form, of every type and family."""

from contextlib import suppress
from typing import Any

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.evm.bloom import BLOOM_BYTES
from atlas.protocol.evm.errors import MalformedReceipt, ReceiptsDisagree, UnknownReceiptType
from atlas.protocol.evm.families import ARBITRUM, ETHEREUM, FAMILIES, OP_STACK, POLYGON_POS, Family
from atlas.protocol.evm.receipts import SUCCEEDED, Receipt, ReceiptLog, decode_receipt, encode_receipt, logs_bloom
from atlas.protocol.evm.roots import receipts_root, require_receipts
from tests.protocol.evm.chains import header_over, naive_root, receipts

LOG = ReceiptLog(b"\x0a" * 20, (b"\x0b" * 32,), b"data")
PLAIN = Receipt(2, SUCCEEDED, 21_000, logs_bloom([LOG]), (LOG,))


def _library(fields: Any) -> bytes:
    encoded: Any = rlp.encode(fields)
    return encoded


def by_library(receipt: Receipt) -> bytes:
    """The encoding by EIP-2718 and the ``rlp`` library."""
    logs: Any = [[log.address, list(log.topics), log.data] for log in receipt.logs]
    bloom = receipt.logs_bloom.to_bytes(BLOOM_BYTES, "big")
    fields: Any = [receipt.outcome, receipt.cumulative_gas, bloom, logs, *receipt.trailing]
    return (bytes([receipt.receipt_type]) if receipt.receipt_type else b"") + _library(fields)


@given(receipts())
def test_a_receipt_is_encoded_as_the_library_does_and_comes_back(receipt: Receipt) -> None:
    assert encode_receipt(receipt) == by_library(receipt)
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(st.lists(receipts(), max_size=20))
def test_the_root_over_receipts_is_the_naive_one(block: list[Receipt]) -> None:
    assert receipts_root(block) == naive_root([by_library(receipt) for receipt in block])
    require_receipts(header_over(block), block)


@given(st.lists(receipts(), min_size=1, max_size=8), st.data())
def test_a_block_with_a_changed_receipt_is_refused(block: list[Receipt], data: st.DataObject) -> None:
    header = header_over(block)
    place = data.draw(st.integers(0, len(block) - 1))
    other = data.draw(receipts().filter(lambda receipt: receipt != block[place]))
    for changed in ([*block[:place], other, *block[place + 1 :]], block[:place] + block[place + 1 :], [*block, other]):
        with pytest.raises(ReceiptsDisagree):
            require_receipts(header, changed)


@given(st.one_of(st.binary(max_size=200), receipts().map(encode_receipt)), st.data())
def test_any_bytes_are_a_receipt_or_refused(encoded: bytes, data: st.DataObject) -> None:
    changed = bytearray(encoded)
    if changed:
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(0, 255))
    for family in (ETHEREUM, OP_STACK, ARBITRUM, POLYGON_POS):
        with suppress(MalformedReceipt):
            assert encode_receipt(decode_receipt(bytes(changed), family), family) == changed


def test_a_header_whose_bloom_is_not_of_its_receipts_was_made_up() -> None:
    header = header_over([PLAIN])
    bloomless = type(header)(
        header.number, header.hash, header.parent_hash, header.time_s, logs_bloom=0, rlp=header.rlp
    )
    with pytest.raises(ReceiptsDisagree, match="though their root matches"):
        require_receipts(bloomless, [PLAIN])


def test_a_receipt_whose_bloom_is_not_of_its_logs_is_refused_under_a_root_of_its_own() -> None:
    bloomless = Receipt(2, SUCCEEDED, 21_000, 0, (LOG,))
    with pytest.raises(ReceiptsDisagree, match="logs bloom of receipt 1"):
        require_receipts(header_over([PLAIN, bloomless]), [PLAIN, bloomless])


@pytest.mark.parametrize(
    ("family", "receipt_type", "trailing"),
    [
        (OP_STACK, 0x7E, ()),  # before Canyon
        (OP_STACK, 0x7E, (4_012_991, 1)),
        (ARBITRUM, 0x64, ()),
        (ARBITRUM, 0x6A, ()),
        (POLYGON_POS, 0x7F, ()),
    ],
)
def test_a_family_s_own_receipts_have_their_form(family: Family, receipt_type: int, trailing: tuple[int, ...]) -> None:
    receipt = Receipt(receipt_type, SUCCEEDED, 46_913, logs_bloom([LOG]), (LOG,), trailing)
    encoded = encode_receipt(receipt, family)
    assert encoded == by_library(receipt)
    assert encoded[0] == receipt_type
    assert decode_receipt(encoded, family) == receipt
    with pytest.raises(UnknownReceiptType, match=f"0x{receipt_type:02x}"):
        encode_receipt(receipt)
    with pytest.raises(UnknownReceiptType):
        decode_receipt(encoded)


@pytest.mark.parametrize(
    ("family", "receipt_type", "trailing"), [(OP_STACK, 0x7E, (1,)), (OP_STACK, 2, (1, 1)), (ETHEREUM, 2, (1,))]
)
def test_fields_that_a_type_does_not_have_are_refused(
    family: Family, receipt_type: int, trailing: tuple[int, ...]
) -> None:
    receipt = Receipt(receipt_type, SUCCEEDED, 1, 0, (), trailing)
    with pytest.raises(MalformedReceipt, match="fields"):
        encode_receipt(receipt, family)
    with pytest.raises(MalformedReceipt, match="fields"):
        decode_receipt(by_library(receipt), family)


@pytest.mark.parametrize(
    "fields",
    [
        [b"\x02", 1, bytes(256), []],
        [b"\x01", 1, bytes(255), []],
        [b"\x01", b"\x00\x01", bytes(256), []],
        [b"\x01", 1, bytes(256), b"logs"],
        [b"\x01", 1, bytes(256), [[bytes(20), []]]],
        [b"\x01", 1, bytes(256), [[bytes(19), [], b""]]],
        [b"\x01", 1, bytes(256), [[bytes(20), [bytes(31)], b""]]],
        [b"\x01", 1, bytes(256), [[bytes(20), [bytes(32)] * 5, b""]]],
        [b"\x01", 1, bytes(256), [[bytes(20), [], []]]],
        [b"\x01", 1, bytes(256)],
        [],
    ],
)
def test_fields_out_of_form_are_refused(fields: list[object]) -> None:
    with pytest.raises(MalformedReceipt):
        decode_receipt(rlp.encode(fields))


def test_a_legacy_receipt_has_no_type_byte() -> None:
    with pytest.raises(MalformedReceipt, match="no type byte"):
        decode_receipt(b"\x00" + by_library(Receipt(0, SUCCEEDED, 1, 0, ())))
    with pytest.raises(MalformedReceipt):
        decode_receipt(b"")


def test_types_fit_into_eip_2718() -> None:
    assert all(receipt_type <= 0x7F for family in FAMILIES.values() for receipt_type in family.receipt_types)
