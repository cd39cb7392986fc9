import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.abi import parse_type, python_values
from atlas.protocol.abi.types import WordType
from atlas.protocol.abi.words import LANES, WordReader, Words, word_reader
from tests.protocol.abi.oracle import read
from tests.protocol.layouts import STATIC

EDGES = st.sampled_from([n % 2**256 for bits in range(0, 257, 8) for n in (2**bits - 1, 2**bits, -(2**bits))])
WORDS = st.lists(EDGES | st.integers(0, 2**256 - 1), min_size=1, max_size=5)


def reader_of(kind: str) -> WordReader:
    parsed = parse_type(kind)
    assert isinstance(parsed, WordType)
    return word_reader(parsed)


def lanes(numbers: list[int]) -> Words:
    return np.frombuffer(b"".join(number.to_bytes(32, "big") for number in numbers), np.uint64).reshape(-1, LANES)


@given(STATIC, WORDS)
def test_a_word_fits_exactly_the_types_that_eth_abi_reads_it_as(kind: str, numbers: list[int]) -> None:
    reader, words = reader_of(kind), lanes(numbers)
    misfits = reader.misfits(words)
    values = python_values(reader.kind, reader.array(words))
    for row, number in enumerate(numbers):
        expected = read([kind], number.to_bytes(32, "big"))
        assert (misfits is not None and bool(misfits[row])) == (expected is None)
        if expected is not None:
            assert values[row] == expected[0]


@given(STATIC, WORDS)
def test_words_may_lie_apart(kind: str, numbers: list[int]) -> None:
    """As a column of a table of words does."""
    reader = reader_of(kind)
    apart = lanes([number for each in numbers for number in (0, each, 0)]).reshape(-1, 3, LANES)[:, 1]
    assert reader.array(apart).equals(reader.array(lanes(numbers)))


@pytest.mark.parametrize("kind", ["uint8", "uint64", "uint256", "int8", "int72", "address", "bool", "bytes5"])
def test_no_words_are_no_values(kind: str) -> None:
    assert len(reader_of(kind).array(lanes([]))) == 0
    assert reader_of(kind).misfits(lanes([])) is None
