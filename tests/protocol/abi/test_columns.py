"""The columns against eth-abi: values, and what is refused."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.abi import compile_abi
from atlas.protocol.abi.event import parse_event
from tests.protocol.abi.made import TYPES, Log, Made, batch, damaged, entry_of, log_of, made_events, rows_of
from tests.protocol.abi.oracle import has_zero_character, read, read_canonical


def decode(entry: dict[str, Any], logs: list[Log], *, strict: bool = True) -> list[Any]:
    return rows_of(compile_abi("Made", [entry], strict=strict).decode(batch(logs)), len(logs))


def decode_data(types: list[str], *data: bytes, strict: bool = True) -> list[Any]:
    entry = entry_of([(kind, False) for kind in types])
    return decode(entry, [((parse_event(entry).topic,), each) for each in data], strict=strict)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def words(*numbers: int) -> bytes:
    return b"".join(map(word, numbers))


@given(made_events())
def test_logs_of_any_event_decode_as_eth_abi_encodes_them(made: Made) -> None:
    assert decode(made.entry, made.logs) == [("Happened", parameters) for parameters in made.values]


@given(made_events())
def test_a_lenient_reading_of_canonical_data_is_the_same(made: Made) -> None:
    assert decode(made.entry, made.logs, strict=False) == decode(made.entry, made.logs)


@given(made_events(), st.data())
def test_damaged_data_is_read_exactly_when_eth_abi_would_encode_it_so(made: Made, data: st.DataObject) -> None:
    logs = [(topics, data.draw(damaged(content))) for topics, content in made.logs]
    for (_, content), parameters, outcome in zip(logs, made.values, decode(made.entry, logs), strict=True):
        expected = read_canonical(made.plain_types, content)
        if expected is None or has_zero_character(expected):
            assert isinstance(outcome, str)
        else:
            assert outcome == ("Happened", merged(made, parameters, expected))


def merged(made: Made, parameters: tuple[Any, ...], plain: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of the topics, and those read from the data."""
    others = iter(plain)
    pairs = zip(made.event.parameters, parameters, strict=True)
    return tuple(value if parameter.indexed else next(others) for parameter, value in pairs)


@given(made_events(), st.data())
def test_a_lenient_reading_is_eth_abis(made: Made, data: st.DataObject) -> None:
    logs = [(topics, data.draw(damaged(content))) for topics, content in made.logs]
    outcomes = decode(made.entry, logs, strict=False)
    for (_, content), parameters, outcome in zip(logs, made.values, outcomes, strict=True):
        expected = read(made.plain_types, content, strict=False)
        if isinstance(outcome, str):
            # eth-abi counts a static tuple as one head, and does not mind an offset into the heads after that.
            assert expected is None or has_zero_character(expected) or outcome in ("excessive", "non_canonical")
        else:
            assert expected is not None
            assert outcome == ("Happened", merged(made, parameters, expected))


@given(st.lists(TYPES, max_size=3), st.lists(st.binary(max_size=300), max_size=5), st.booleans())
def test_no_data_stops_the_decoder(types: list[str], contents: list[bytes], strict: bool) -> None:
    decode_data(types, *contents, strict=strict)


@given(
    st.lists(TYPES, min_size=1, max_size=3),
    st.lists(st.lists(st.sampled_from([0, 1, 2, 3, 32, 64, 96, 128, 160, 2**40, 2**256 - 1]), max_size=12), max_size=5),
    st.booleans(),
)
def test_no_words_stop_the_decoder(types: list[str], contents: list[list[int]], strict: bool) -> None:
    decode_data(types, *(words(*content) for content in contents), strict=strict)


@given(made_events(max_logs=6), st.integers(0, 3), st.integers(0, 6))
def test_a_slice_of_a_batch_decodes_as_its_rows(made: Made, start: int, count: int) -> None:
    decoder = compile_abi("Made", [made.entry])
    part = batch(made.logs).slice(start, count)
    expected = [("Happened", parameters) for parameters in made.values[start : start + count]]
    assert rows_of(decoder.decode(part), len(part)) == expected


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("kind", ["bytes", "string", "uint8[]", "string[]", "(string,uint8)[]", "uint8[2][]"])
@pytest.mark.parametrize("length", [2, 33, 2**31, 2**32 + 1, 2**63, 2**64 - 1, 2**256 - 1])
def test_a_length_beyond_the_data_is_short_and_allocates_nothing(kind: str, length: int, strict: bool) -> None:
    tracemalloc.start()
    try:
        assert decode_data([kind], words(32, length, 0) if length > 2 else words(32, length), strict=strict) == [
            "short_data"
        ]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("strict", [True, False])
def test_lists_that_all_point_at_one_list_do_not_multiply(strict: bool) -> None:
    """Four levels of a thousand offsets each would be 10^12 numbers."""
    level = words(1000, *[32 * 1000] * 1000)
    bomb = words(32) + level * 4
    tracemalloc.start()
    try:
        outcome = decode_data(["uint8[][][][]"], bomb, strict=strict)
        assert outcome == (["non_canonical"] if strict else ["excessive"])
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_texts_that_share_a_tail_are_refused_when_they_make_much_of_it() -> None:
    shared = words(32, 2, 64, 64, 5) + b"hello".ljust(32, b"\x00")
    assert decode_data(["string[]"], shared) == ["non_canonical"]
    assert decode_data(["string[]"], shared, strict=False) == [("Happened", (("hello", "hello"),))]
    count = 100
    many = words(32, count, *[32 * count] * count, 3000) + b"x" * 3008
    assert decode_data(["string[]"], many, strict=False) == ["excessive"]


@pytest.mark.parametrize(
    "content",
    [
        words(32, 2, 64, 160, 0, 7, 7, 0),  # a gap between two elements
        words(32, 2, 64, 2**30, 2**29, 0),  # the next element is said to begin, and this one to end, far away
        words(32, 2, 96, 64, 0, 0),  # the other way round
        words(32, 1, 64, 0, 0),  # a gap before the first
        words(32, 2, 64, 65, 0, 0),  # an element inside a word
    ],
)
def test_elements_of_a_list_follow_each_other(content: bytes) -> None:
    assert decode_data(["string[]"], content)[0] in ("non_canonical", "short_data")
    assert read_canonical(["string[]"], content) is None


def test_a_text_read_many_times_is_refused_among_any_number_of_other_logs() -> None:
    entry, count = entry_of([("string[]", False)]), 1000
    event = parse_event(entry)
    bomb = words(32, count, *[32 * count] * count, 30_000) + b"x" * 30_016
    logs = [((event.topic,), bomb), *[((event.topic,), words(32, 0))] * count]
    tracemalloc.start()
    try:
        rows = rows_of(compile_abi("Made", [entry], strict=False).decode(batch(logs)), len(logs))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert rows == ["excessive", *[("Happened", ((),))] * count]


def test_wide_tuples_that_share_a_place_are_refused_before_they_are_read() -> None:
    count, width = 500, 1000
    shared = words(*[7] * width, 32 * (width + 1), 0)
    bomb = words(32, count, *[32 * count] * count) + shared
    tracemalloc.start()
    try:
        assert decode_data([f"(uint256[{width}],bytes)[]"], bomb, strict=False) == ["excessive"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_type_larger_than_any_log_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        assert decode_data(["uint256[67108864]"], bytes(64)) == ["short_data"]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_one_bad_log_takes_no_other_with_it() -> None:
    entry = entry_of([("uint8", True), ("string", False), ("bool", False)])
    event = parse_event(entry)
    good = [log_of(event, (n, "text", n % 2 == 0)) for n in range(4)]
    bad: list[Log] = [
        ((event.topic, word(256)), good[0][1]),
        (good[0][0], good[0][1][:-1]),
        (good[0][0], b""),
        (good[0][0], good[0][1].replace(b"text", b"te\xfft")),
        (good[0][0], good[0][1].replace(b"text", b"te\x00t")),
        (good[0][0], good[0][1] + bytes(32)),
        (good[0][0], words(64, 2, 4) + b"text".ljust(32, b"\x00")),
        (good[0][0], words(64, 1, 4) + b"text".ljust(32, b"\x01")),
    ]
    reasons = ["bad_value", "short_data", "short_data", "bad_value", "bad_value", "trailing_data", "bad_value"]
    expected = [("Happened", (n, "text", n % 2 == 0)) for n in range(4)]
    assert decode(entry, [*good[:2], *bad, *good[2:]]) == [*expected[:2], *reasons, "non_canonical", *expected[2:]]


@pytest.mark.parametrize(
    ("types", "data", "value"),
    [
        (["string"], words(64, 0, 0), ""),  # a gap before the tail
        (["bytes"], words(32, 1) + b"ab".ljust(32, b"\x00"), b"a"),  # padding that is not zero
        (["bytes"], words(32, 2) + b"ab", b"ab"),  # no padding
        (["bytes"], words(33) + b"\x00" + words(1) + b"a", b"a"),  # an odd offset
        (["uint8"], words(5, 6), 5),  # data after the last parameter
    ],
)
def test_a_lenient_reading_takes_other_layouts(types: list[str], data: bytes, value: object) -> None:
    assert isinstance(decode_data(types, data)[0], str)
    assert decode_data(types, data, strict=False) == [("Happened", (value,))]


@pytest.mark.parametrize(("kind", "number"), [("bool", 2), ("uint8", 256), ("address", 2**160), ("int8", 128)])
def test_a_lenient_reading_does_not_guess_values(kind: str, number: int) -> None:
    assert decode_data([kind], words(number), strict=False) == ["bad_value"]
