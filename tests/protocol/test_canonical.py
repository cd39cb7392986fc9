from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol import canonical
from atlas.protocol.errors import MalformedFact

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=20)


@given(VALUES)
def test_a_value_reads_back(value: Any) -> None:
    assert canonical.decode(canonical.encode(value)) == value


@given(st.dictionaries(st.text(), SCALARS, min_size=2))
def test_the_order_of_insertion_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical.encode(dict(reversed(value.items()))) == canonical.encode(value)


def test_keys_are_ordered_by_their_bytes() -> None:
    encoded = canonical.encode({"é": 1, "b": 2, "aa": 3, "Z": 4})
    assert encoded == b"\x84\xa1Z\x04\xa2aa\x03\xa1b\x02\xa2\xc3\xa9\x01"


@pytest.mark.parametrize(
    "value",
    [1.5, {1: 2}, {b"a": 1}, msgpack.Timestamp(1), msgpack.ExtType(5, b""), 2**64, -(2**63) - 1, "\ud800", {1, 2}],
)
def test_what_the_format_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(MalformedFact):
        canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x01\x01",
        b"\xa2a",
        b"\xa1\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xcb" + bytes(8),
        b"\xd4\x05\x00",
        b"\xd6\xff" + bytes(4),
        b"\xc7\x00\xff",
        b"\x81\x01\x01",
        b"\x81\xc4\x01a\x01",
        b"\x81\x90\x01",
    ],
)
def test_bytes_of_another_format_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedFact):
        canonical.decode(data)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa0"])
@pytest.mark.parametrize("depth", [canonical.MAX_DEPTH + 1, 900, 1_100, 100_000])
def test_deep_nesting_is_refused_without_exhausting_the_stack(opening: bytes, depth: int) -> None:
    with pytest.raises(MalformedFact):
        canonical.decode(opening * depth + b"\xc0")


def test_the_deepest_nesting_allowed_is_read() -> None:
    data = b"\x91" * canonical.MAX_DEPTH + b"\xc0"
    assert canonical.encode(canonical.decode(data)) == data


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except MalformedFact:
        return
    assert canonical.decode(canonical.encode(value)) == value
