"""Columns of integers do what Python's integers do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas.projections.tables.amounts import Amounts, carried, joined, of_integers, of_words, widened

SIZES = st.sampled_from([1, 8, 26, 27, 53, 54, 63, 64, 65, 128, 255, 256, 260])
NUMBERS = SIZES.flatmap(lambda bits: st.integers(-(2**bits), 2**bits))
COLUMNS = st.lists(NUMBERS, max_size=6)


@given(COLUMNS, COLUMNS)
def test_numbers_of_any_size_come_back(numbers: list[int], others: list[int]) -> None:
    amounts = of_integers(numbers)
    assert amounts.to_ints() == numbers
    together = joined([amounts, of_integers(others)])
    assert together.to_ints() == numbers + others
    assert together.is_negative().tolist() == [number < 0 for number in numbers + others]


@given(COLUMNS)
def test_signs_and_sizes_are_those_of_the_numbers(numbers: list[int]) -> None:
    amounts = of_integers(numbers)
    assert (-amounts).to_ints() == [-number for number in numbers]
    assert amounts.is_negative().tolist() == [number < 0 for number in numbers]
    assert amounts.is_zero().tolist() == [number == 0 for number in numbers]
    assert Amounts(amounts.magnitudes()).to_ints() == [abs(number) for number in numbers]
    assert (amounts.magnitudes() >= 0).all()
    for digits in (1, 8, 16, 78):
        assert amounts.reaches(digits).tolist() == [abs(number) >= 10**digits for number in numbers]


@given(st.lists(st.integers(0, 2**256 - 1), max_size=6))
def test_words_are_read_unsigned(numbers: list[int]) -> None:
    words = b"".join(number.to_bytes(32, "big") for number in numbers)
    assert of_words(words, signed=False).to_ints() == numbers


@given(st.lists(st.integers(-(2**255), 2**255 - 1), max_size=6))
def test_words_are_read_in_twos_complement(numbers: list[int]) -> None:
    words = b"".join(number.to_bytes(32, "big", signed=True) for number in numbers)
    assert of_words(words, signed=True).to_ints() == numbers


def test_arrays_of_any_integer_type_are_taken() -> None:
    assert of_integers(np.array([1, 2**64 - 1], np.uint64)).to_ints() == [1, 2**64 - 1]
    assert of_integers(np.array([-(2**63)], np.int64)).to_ints() == [-(2**63)]


@given(COLUMNS)
def test_adding_nothing_takes_no_more_room(numbers: list[int]) -> None:
    limbs = of_integers(numbers).limbs
    assert carried(widened(limbs, len(limbs) + 3)).limbs.tolist() == limbs.tolist()
