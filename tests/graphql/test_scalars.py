"""Scalars are read strictly and written in one form."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.graphql.errors import InvalidScalar
from atlas.graphql.scalars import (
    SCALARS,
    Aaid,
    Address,
    BigInt,
    Bytes,
    DateTime,
    parse_bytes,
    parse_integer,
    parse_time,
)


def parser(kind: object) -> Callable[[Any], Any]:
    parse = SCALARS[kind].parse_value
    assert parse is not None
    return parse


def writer(kind: object) -> Callable[[Any], Any]:
    write = SCALARS[kind].serialize
    assert write is not None
    return write


@given(st.binary(min_size=32, max_size=32))
def test_an_aaid_reads_back(value: bytes) -> None:
    assert parser(Aaid)(writer(Aaid)(value)) == value


@given(st.binary(min_size=20, max_size=20))
def test_an_address_is_written_in_lower_case_and_reads_back_in_any_case(value: bytes) -> None:
    text = writer(Address)(value)
    assert text == text.lower()
    assert parser(Address)(text) == value
    assert parser(Address)("0x" + text[2:].upper()) == value


@given(st.binary(max_size=64))
def test_bytes_read_back(value: bytes) -> None:
    assert parse_bytes(writer(Bytes)(value)) == value


@given(st.integers(-(2**256), 2**256))
def test_integers_read_back_from_strings_and_from_numbers(value: int) -> None:
    assert parse_integer(writer(BigInt)(value)) == value
    assert parse_integer(value) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_read_back_to_the_millisecond(value: datetime) -> None:
    value = value.replace(microsecond=value.microsecond // 1000 * 1000)
    assert parse_time(writer(DateTime)(value)) == value


def test_times_of_other_offsets_are_the_same_instant() -> None:
    assert parse_time("2026-01-01T01:30:00+01:30") == parse_time("2026-01-01t00:00:00z")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Aaid, ["", "aaid:", "aaid:" + "A" * 64, "aaid:" + "0" * 63, "0x" + "0" * 64, 7, None, b"", ["x"]]),
        (Address, ["", "0x", "0x" + "0" * 39, "0x" + "g" * 40, "0xABCDEFabcdef" + "0" * 28, 0, True, {}]),
        (Bytes, ["", "0x0", "00", "0x" + "0" * 4096, 1, None]),
        (BigInt, ["", "+1", "01", "1.0", "1e3", "0x1", " 1", "1" * 79, 10**78, -(10**78), 1.0, True, None, "٣"]),
        (
            DateTime,
            [
                "",
                "2026-01-01",
                "2026-01-01T00:00:00",
                "2026-02-30T00:00:00Z",
                "2026-01-01T24:00:01Z",
                "2026-01-01T00:00:00+25:00",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-01:00",
                "2026-01-01T00:00:00.1234567Z",
                1700000000,
                None,
            ],
        ),
    ],
)
def test_other_values_are_refused(kind: object, values: list[object]) -> None:
    for value in values:
        with pytest.raises(InvalidScalar) as refused:
            parser(kind)(value)
        assert refused.value.code == f"INVALID_{SCALARS[kind].name.upper()}"
