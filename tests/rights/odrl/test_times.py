from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.odrl.times import read_instant, read_length, write_instant, write_length


@given(st.integers(0, 2**63 - 1))
def test_seconds_read_back_in_any_year(seconds: int) -> None:
    assert read_instant(write_instant(seconds)) == seconds
    assert read_length(write_length(seconds)) == seconds


@given(st.datetimes())
def test_instants_are_those_of_the_standard_library(instant: datetime) -> None:
    whole = instant.replace(microsecond=0, tzinfo=UTC)
    assert write_instant(int(whole.timestamp())) == whole.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    fraction = Fraction(int(whole.timestamp())) + Fraction(instant.microsecond, 10**6)
    assert read_instant(instant.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")) == fraction


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-02-12T11:20:10.999Z", Fraction(1_707_736_810_999, 1000)),
        ("2024-02-12T12:20:10+01:00", 1_707_736_810),
        ("2024-02-12T24:00:00Z", 1_707_782_400),
        ("2024-02-12Z", 1_707_696_000),
        ("-0001-01-01T00:00:00Z", -62_198_755_200),
        ("2024-02-12T11:20:10", None),
        ("2023-02-29T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-02-12T25:00:00Z", None),
        ("2024-02-12T11:60:00Z", None),
        ("2024-02-12T11:20:60Z", None),
        ("2024-02-12T11:20:10+15:00", None),
        ("tomorrow", None),
    ],
)
def test_an_instant_without_a_zone_or_off_the_calendar_is_none(text: str, seconds: Fraction | None) -> None:
    assert read_instant(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("P1DT12H", 129_600), ("PT1M0.5S", Fraction(121, 2)), ("P", None), ("PT", None), ("P1DT", None), ("P1M", None)],
)
def test_a_length_without_a_fixed_size_is_none(text: str, seconds: Fraction | None) -> None:
    assert read_length(text) == seconds
