"""Quantities and data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.hexadecimal import (
    INT64_MAX,
    format_data,
    format_quantity,
    parse_count,
    parse_data,
    parse_quantity,
)
from atlas.indexer.errors import MalformedResponse


@given(st.integers(0, 2**256 - 1))
def test_quantities_come_back(value: int) -> None:
    assert parse_quantity(format_quantity(value), "value") == value


@given(st.binary(max_size=100))
def test_data_comes_back(value: bytes) -> None:
    assert parse_data(format_data(value), "data", length=len(value)) == value


@pytest.mark.parametrize(
    "text", ["", "0x", "1", "0xg", "0x 1", "-0x1", "0x-1", "0x1\n", "0x1_0", "0x" + "1" * 65, "１"]
)
def test_other_quantities_are_refused(text: str) -> None:
    with pytest.raises(MalformedResponse, match="gas should be a hexadecimal quantity"):
        parse_quantity(text, "gas")


@pytest.mark.parametrize("text", ["", "00", "0x0", "0x0g", "0x 00", "0x00 ", "0x00 00", "0X00", "00ff", "0x００"])
def test_other_data_is_refused(text: str) -> None:
    with pytest.raises(MalformedResponse, match="hash should be hexadecimal data"):
        parse_data(text, "hash")


def test_data_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="should have 32 bytes, not 2"):
        parse_data("0x0011", "hash", length=32)


def test_a_count_that_storage_has_no_room_for_is_refused() -> None:
    assert parse_count(hex(INT64_MAX), "number") == INT64_MAX
    with pytest.raises(MalformedResponse, match="below 2"):
        parse_count(hex(INT64_MAX + 1), "number")


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused_by_name(text: str) -> None:
    for parse in (parse_quantity, parse_data, parse_count):
        try:
            parse(text, "field")
        except MalformedResponse as error:
            assert "field" in error.message  # noqa: PT017 - refusing is allowed here, not expected
