"""RLP against the library, and its refusals."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from rlp.exceptions import RLPException

from atlas.protocol.evm.errors import MalformedRlp
from atlas.protocol.evm.rlp import (
    MAX_DEPTH,
    Encodable,
    decode,
    decode_list,
    encode,
    encode_bytes,
    encode_integer,
    encode_list,
    to_bytes,
    to_integer,
)

items = st.recursive(
    st.one_of(st.binary(max_size=70), st.binary(min_size=250, max_size=300)),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@given(items)
def test_values_are_encoded_as_the_library_does_and_come_back(item: Encodable) -> None:
    encoded = encode(item)
    assert encoded == rlp.encode(item)
    assert decode(encoded) == item


@given(st.integers(0, 2**256 - 1))
def test_integers_are_encoded_as_the_library_does_and_come_back(value: int) -> None:
    assert encode_integer(value) == rlp.encode(value)
    assert to_integer(decode(encode_integer(value)), "value") == value


@given(st.one_of(st.binary(max_size=80), items.map(encode).flatmap(lambda data: st.just(data[:-1]))))
def test_any_bytes_are_taken_or_refused_as_the_library_does(data: bytes) -> None:
    try:
        expected: Any = rlp.decode(data)
    except RLPException:
        with pytest.raises(MalformedRlp):
            decode(data)
    else:
        decoded = decode(data)
        assert decoded == expected
        assert encode(decoded) == data


@given(items, st.data())
def test_a_flipped_byte_never_decodes_to_the_same_value(item: Encodable, data: st.DataObject) -> None:
    encoded = bytearray(encode(item))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with suppress(MalformedRlp):
        assert decode(bytes(encoded)) != item


@pytest.mark.parametrize(
    "encoded",
    ["", "8100", "817f", "b800", "b837" + "00" * 55, "b90001", "83abcd", "c483abcd", "f800", "c2c1", "8080", "ff" * 9],
)
def test_other_spellings_are_refused(encoded: str) -> None:
    with pytest.raises(MalformedRlp):
        decode(bytes.fromhex(encoded))


def test_nesting_is_bounded() -> None:
    data = b""
    for _ in range(MAX_DEPTH):
        data = encode_list((data,)) if data else encode_list(())
    decode(data)
    with pytest.raises(MalformedRlp, match="deeper"):
        decode(encode_list((data,)))


@pytest.mark.parametrize(
    "read",
    [
        lambda: decode_list(encode_bytes(b"dog")),
        lambda: to_integer([], "number"),
        lambda: to_integer(b"\x00\x01", "number"),
        lambda: to_integer(b"\x01" * 33, "number"),
        lambda: to_bytes([], "hash"),
        lambda: to_bytes(b"\x01", "hash", length=32),
    ],
)
def test_values_of_another_kind_are_refused(read: Callable[[], object]) -> None:
    with pytest.raises(MalformedRlp):
        read()
