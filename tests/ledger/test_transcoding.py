from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.errors import InvalidFact
from atlas.ledger.recording.transcoding import MsgpackTranscoder

TRANSCODER = MsgpackTranscoder()

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**300), 2**300),
    st.text(),
    st.binary(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])).map(
        # Beside an offset of its own, a moment has no second reading.
        lambda moment: moment.replace(fold=0)
    ),
    st.floats(allow_nan=False),
)
states = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4),
    ),
    max_leaves=10,
)


def same(one: object, other: object) -> bool:
    """Equal also in type: 1 == 1.0 == True otherwise, and (1,) is not [1] either."""
    return repr(one) == repr(other)


@given(states)
def test_a_state_reads_back_as_it_was(state: object) -> None:
    assert same(TRANSCODER.decode(TRANSCODER.encode(state)), state)


def test_wei_beyond_64_bits_are_exact() -> None:
    for amount_wei in (2**64 - 1, 2**64, 2**256 - 1, -(2**63) - 1, -(2**255)):
        assert TRANSCODER.decode(TRANSCODER.encode({"amount_wei": amount_wei})) == {"amount_wei": amount_wei}


def test_the_bytes_are_the_documented_ones() -> None:
    stream = UUID("00112233-4455-6677-8899-aabbccddeeff")
    assert TRANSCODER.encode(stream) == b"\xd8\x01" + stream.bytes
    assert TRANSCODER.encode(Decimal("1.50")) == b"\xd6\x02" + b"1.50"
    assert TRANSCODER.encode((1,)) == b"\xd5\x04" + b"\x91\x01"
    assert TRANSCODER.encode(2**64) == b"\xc7\x09\x05" + b"\x01" + bytes(8)
    assert TRANSCODER.encode(datetime(2026, 1, 2, tzinfo=UTC)) == b"\xc7\x19\x03" + b"2026-01-02T00:00:00+00:00"


class Kind(IntEnum):
    ONE = 1


class Pair(NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize("state", [object(), Kind.ONE, Pair(1, 2), {1, 2}, datetime(2026, 1, 2), "\ud800"])  # noqa: DTZ001
def test_what_would_read_back_as_less_is_refused(state: object) -> None:
    with pytest.raises(InvalidFact):
        TRANSCODER.encode({"state": [state]})


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_a_state_or_refused(data: bytes) -> None:
    try:
        TRANSCODER.decode(data)
    except InvalidFact:
        return


@pytest.mark.parametrize(
    "extension", [msgpack.ExtType(9, b""), msgpack.ExtType(1, b"x"), msgpack.ExtType(2, b"x"), msgpack.ExtType(3, b"x")]
)
def test_an_extension_that_is_none_is_refused(extension: object) -> None:
    with pytest.raises(InvalidFact):
        TRANSCODER.decode(bytes(msgpack.packb([extension]) or b""))
