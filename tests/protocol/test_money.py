from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.errors import MalformedAmount
from atlas.protocol.money import WEI_MAX, WEI_PER_ATLAS, format_atlas, parse_wei, to_wei

AMOUNTS = st.integers(0, WEI_MAX)


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0", 0),
        ("1", WEI_PER_ATLAS),
        ("12.5", 125 * 10**17),
        ("0.000000000000000001", 1),
        ("1000000000", 10**27),
        ("1.500", 15 * 10**17),
    ],
)
def test_an_amount_of_atlas_is_read_exactly(text: str, wei: int) -> None:
    assert to_wei(text) == wei


@given(AMOUNTS)
def test_an_amount_written_reads_back(wei: int) -> None:
    assert to_wei(format_atlas(wei)) == wei


@given(AMOUNTS)
def test_writing_agrees_with_decimal_arithmetic(wei: int) -> None:
    assert Decimal(format_atlas(wei)).as_integer_ratio() == Decimal(f"{wei}e-18").as_integer_ratio()


@given(AMOUNTS)
def test_an_amount_has_one_spelling_without_trailing_zeros(wei: int) -> None:
    text = format_atlas(wei)
    assert "." not in text or not text.endswith(("0", "."))


def test_a_negative_delta_keeps_its_sign() -> None:
    assert format_atlas(-1) == "-0.000000000000000001"
    assert format_atlas(-15 * 10**17) == "-1.5"


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.", ".5", "01", "1e3", "1_000", "1,5", "1 ", "1\n", "١", "0.0000000000000000001", "nan"]
)
def test_an_inexact_or_unusual_amount_is_refused(text: str) -> None:
    with pytest.raises(MalformedAmount):
        to_wei(text)


@pytest.mark.parametrize("text", ["", "-1", "00", "01", "1.0", "0x1", "1\n", "9" * 79])
def test_wei_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedAmount):
        parse_wei(text)


@given(AMOUNTS)
def test_wei_reads_back(wei: int) -> None:
    assert parse_wei(str(wei)) == wei


def test_more_than_a_uint256_holds_is_refused() -> None:
    with pytest.raises(MalformedAmount):
        parse_wei(str(WEI_MAX + 1))
    with pytest.raises(MalformedAmount):
        to_wei("9" * 60)


@given(st.text() | st.from_regex(r"[0-9]*\.?[0-9]*", fullmatch=True))
def test_no_text_raises_anything_else(text: str) -> None:
    for parse in (to_wei, parse_wei):
        with suppress(MalformedAmount):
            parse(text)
