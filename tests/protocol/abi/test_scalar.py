from contextlib import suppress

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.abi import EventLayout, compile_event
from atlas.protocol.abi.scalar import DataRead
from atlas.protocol.errors import UndecodableLog
from atlas.protocol.keccak import keccak256
from tests.protocol.abi.oracle import has_zero_character, read_canonical
from tests.protocol.layouts import COMPOSITE, ELEMENTARY, STATIC, TypedValues, event_entry, typed_values


def layout_of(*types: str, indexed: int = 0) -> EventLayout:
    return compile_event(event_entry(*types, indexed=indexed))


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def refusal(types: list[str], data: bytes) -> str:
    with pytest.raises(UndecodableLog) as refused:
        layout_of(*types).data_reader(data)
    return refused.value.reason


def outcome(reader: DataRead, data: bytes) -> tuple[object, ...] | None:
    """The values read, or None when refused."""
    try:
        return reader(data)
    except UndecodableLog:
        return None


def test_an_event_is_known_by_the_hash_of_its_signature() -> None:
    layout = compile_event(event_entry("address", "address", "uint256", indexed=2, name="Transfer"))
    assert layout.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert layout.indexed_count == 2


def test_a_signature_writes_structs_as_tuples() -> None:
    members = [
        {"name": "a", "type": "uint8"},
        {"name": "b", "type": "tuple", "components": [{"name": "c", "type": "address"}]},
    ]
    entry = event_entry("bool")
    entry["inputs"].append({"name": "legs", "type": "tuple[2][]", "components": members, "indexed": False})
    layout = compile_event(entry)
    assert layout.parameters[1].type == "(uint8,(address))[2][]"
    assert layout.topic == keccak256(b"Happened(bool,(uint8,(address))[2][])")


@given(typed_values(STATIC))
def test_static_data_reads_as_encoded(case: TypedValues) -> None:
    types, values = case
    assert layout_of(*types).data_reader(encode(types, values)) == values


@given(typed_values(ELEMENTARY))
def test_text_and_bytes_read_as_encoded(case: TypedValues) -> None:
    types, values = case
    assert layout_of(*types).data_reader(encode(types, values)) == values


@given(typed_values(ELEMENTARY | COMPOSITE, max_size=4))
def test_arrays_and_tuples_read_as_encoded(case: TypedValues) -> None:
    types, values = case
    assert layout_of(*types).data_reader(encode(types, values)) == values


@given(typed_values(ELEMENTARY | COMPOSITE, max_size=4), st.data())
def test_damaged_data_is_read_exactly_when_eth_abi_would_encode_it_so(case: TypedValues, data: st.DataObject) -> None:
    types, values = case
    encoded = bytearray(encode(types, values))
    if encoded:
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] = data.draw(st.sampled_from([0, 1, 0x20, 0x40, 0x7F, 0x80, 0xFF]))
    cut = data.draw(st.integers(0, len(encoded))) if data.draw(st.booleans()) else len(encoded)
    damaged = bytes(encoded[:cut])
    expected = read_canonical(types, damaged)
    assert outcome(layout_of(*types).data_reader, damaged) == (None if has_zero_character(expected) else expected)


@given(st.lists(ELEMENTARY | COMPOSITE, max_size=4), st.binary(max_size=400))
def test_no_data_raises_anything_else(types: list[str], data: bytes) -> None:
    with suppress(UndecodableLog):
        values = layout_of(*types).data_reader(data)
        assert encode(types, values) == data


@given(typed_values(STATIC, max_size=3))
def test_indexed_parameters_are_read_from_topics_in_abi_order(case: TypedValues) -> None:
    types, values = case
    topics = [bytes(32), *(encode([kind], [value]) for kind, value in zip(types, values, strict=True))]
    assert layout_of(*types, indexed=3).read(topics, b"") == values


def test_indexed_and_other_parameters_may_alternate() -> None:
    entry = event_entry("uint8", "uint8", "uint8", "uint8")
    for place in (1, 3):
        entry["inputs"][place]["indexed"] = True
    assert compile_event(entry).read([bytes(32), word(1), word(3)], word(0) + word(2)) == (0, 1, 2, 3)


@pytest.mark.parametrize("kind", ["string", "bytes", "uint256[]", "address[2]"])
def test_an_indexed_dynamic_parameter_is_its_hash(kind: str) -> None:
    digest = keccak256(b"anything")
    assert layout_of(kind, indexed=1).read([bytes(32), digest], b"") == (digest,)


@given(typed_values(ELEMENTARY, max_size=4).filter(lambda case: bool(case[0])), st.data())
def test_data_cut_anywhere_is_short(case: TypedValues, data: st.DataObject) -> None:
    types, values = case
    encoded = encode(types, values)
    assert refusal(types, encoded[: data.draw(st.integers(0, len(encoded) - 1))]) == "short_data"


@given(typed_values(ELEMENTARY, max_size=4), st.binary(min_size=1, max_size=70))
def test_more_data_than_needed_is_trailing(case: TypedValues, more: bytes) -> None:
    types, values = case
    assert refusal(types, encode(types, values) + more) == "trailing_data"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("address", word(2**160)),
        ("address", b"\xff" * 32),
        ("bool", word(2)),
        ("bool", word(2**255)),
        ("uint8", word(256)),
        ("uint248", word(2**248)),
        ("int8", word(128)),
        ("int8", word(2**256 - 129)),
        ("int8", word(255)),
        ("bytes1", b"ab" + bytes(30)),
        ("bytes31", b"a" * 32),
        ("string", word(32) + word(1) + b"\xff" + bytes(31)),
        ("string", word(32) + word(3) + b"\xed\xa0\x80" + bytes(29)),
        ("string", word(32) + word(1) + bytes(32)),
    ],
)
def test_a_value_outside_its_type_is_named_bad(kind: str, data: bytes) -> None:
    assert refusal([kind], data) == "bad_value"


@pytest.mark.parametrize(
    ("types", "data"),
    [
        (["string"], word(64) + word(0) + word(0)),  # a gap before the tail
        (["string"], word(0)),  # a tail inside the head
        (["string"], word(2**255) + word(0)),
        (["bytes"], word(32) + word(1) + b"ab" + bytes(30)),  # padding that is not zero
        (["bytes", "bytes"], word(64) + word(64) + word(0)),  # two heads, one tail
        (["bytes", "bytes"], word(96) + word(64) + word(0) + word(0)),  # tails in another order
        (["uint8[]"], word(64) + word(0) + word(0)),
    ],
)
def test_another_layout_of_the_same_values_is_not_canonical(types: list[str], data: bytes) -> None:
    assert refusal(types, data) == "non_canonical"


@pytest.mark.parametrize("length", [1, 33, 2**63, 2**256 - 1])
def test_a_length_beyond_the_data_is_short_and_allocates_nothing(length: int) -> None:
    assert refusal(["bytes"], word(32) + word(length)) == "short_data"


def test_text_cut_inside_a_character_is_short_rather_than_bad() -> None:
    assert refusal(["string"], encode(["string"], ["é"])[:65]) == "short_data"
