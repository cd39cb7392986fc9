"""Headers as RLP: every fork's fields, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.evm.errors import MalformedHeader
from atlas.protocol.evm.headers import FIELD_COUNTS, HEADER_FIELDS, Header, decode_header
from atlas.protocol.evm.rlp import Encodable, decode_list, encode
from tests.protocol.evm.chains import header_over

PRAGUE = header_over([])


def changed(name: str, value: Encodable) -> bytes:
    fields: list[Encodable] = [*decode_list(PRAGUE.rlp)]
    fields[list(HEADER_FIELDS).index(name)] = value
    return encode(fields)


@pytest.mark.parametrize("fork", FIELD_COUNTS.values())
def test_the_header_of_every_fork_decodes(fork: str) -> None:
    header = header_over([], transactions_root=b"\x0a" * 32, fork=fork)
    assert decode_header(header.rlp) == header
    assert header.transactions_root == b"\x0a" * 32
    assert (header.number, header.time_s) == (7, 7)


@pytest.mark.parametrize("count", [0, 14, 18, 19])
def test_a_header_between_two_forks_is_refused(count: int) -> None:
    with pytest.raises(MalformedHeader, match=f"not {count}"):
        decode_header(encode(decode_list(PRAGUE.rlp)[:count]))


def test_a_field_that_no_known_fork_has_is_refused_with_the_reason() -> None:
    with pytest.raises(MalformedHeader, match="not 22") as caught:
        decode_header(encode([*decode_list(PRAGUE.rlp), bytes(32)]))
    assert "newer" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parent_hash", bytes(31)),
        ("miner", bytes(32)),
        ("logs_bloom", bytes(255)),
        ("number", b"\x00\x01"),
        ("number", b"\x80" + bytes(7)),
        ("timestamp", b"\x01" * 9),
        ("difficulty", b"\x01" * 33),
        ("extra_data", []),
        ("requests_hash", b""),
    ],
)
def test_fields_out_of_form_are_refused_by_name(name: str, value: Encodable) -> None:
    with pytest.raises(MalformedHeader, match=name):
        decode_header(changed(name, value))


@given(st.integers(0, len(PRAGUE.rlp) - 1), st.integers(1, 255))
def test_a_flipped_byte_makes_another_block_or_none(place: int, flip: int) -> None:
    data = bytearray(PRAGUE.rlp)
    data[place] ^= flip
    with suppress(MalformedHeader):
        assert decode_header(bytes(data)).hash != PRAGUE.hash


@given(st.binary(max_size=700))
def test_any_bytes_are_a_header_or_refused(data: bytes) -> None:
    with pytest.raises(MalformedHeader):
        decode_header(data)


def test_a_header_without_its_rlp_commits_to_nothing() -> None:
    with pytest.raises(MalformedHeader, match="block 7"):
        _ = Header(7, bytes(32), bytes(32), 0, 0, b"").receipts_root
    with pytest.raises(MalformedHeader, match="receipts_root"):
        _ = Header(7, bytes(32), bytes(32), 0, 0, encode([])).receipts_root
