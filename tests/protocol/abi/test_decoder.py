from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.abi import compile_abi
from atlas.protocol.abi.event import parse_event
from atlas.protocol.logs import LOG_SCHEMA
from tests.protocol.abi.made import Log, batch, entry_of, log_of, made_events, rows_of

ADDRESS = b"\x0a" * 20
WORD = b"\x07" * 32


def decode(entries: list[dict[str, Any]], *logs: Log) -> list[Any]:
    return rows_of(compile_abi("Made", entries).decode(batch(logs)), len(logs))


def emitted(entry: dict[str, Any], *parameters: Any) -> Log:
    return log_of(parse_event(entry), parameters)


def test_each_event_has_a_batch_with_the_rows_and_a_column_a_parameter() -> None:
    sent = entry_of([("address", True), ("uint64", False)], name="Sent")
    said = entry_of([("string", False)], name="Said")
    logs = [emitted(said, "one"), emitted(sent, ADDRESS, 5), ((WORD,), b""), emitted(said, "two")]
    decoded = compile_abi("Made", [sent, said]).decode(batch(logs))
    found = {each.event.signature: each.columns.to_pydict() for each in decoded.events}
    assert found == {
        "Said(string)": {"row": [0, 3], "value0": ["one", "two"]},
        "Sent(address,uint64)": {"row": [1], "value0": [ADDRESS], "value1": [5]},
    }
    assert decoded.undecodable.column("row").to_pylist() == [2]
    assert decoded.undecodable.column("reason").to_pylist() == ["unknown_event"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("uint8", pa.uint64()),
        ("uint64", pa.uint64()),
        ("int64", pa.int64()),
        ("uint72", pa.binary(32)),
        ("int256", pa.binary(32)),
        ("fixed128x18", pa.binary(32)),
        ("address", pa.binary(20)),
        ("function", pa.binary(24)),
        ("bool", pa.bool_()),
        ("bytes4", pa.binary(4)),
        ("string", pa.string()),
        ("bytes", pa.binary()),
        ("uint8[]", pa.list_(pa.uint64())),
        ("string[2]", pa.list_(pa.string(), 2)),
        ("(bool,string)", pa.struct([("value0", pa.bool_()), ("value1", pa.string())])),
    ],
)
def test_every_type_has_its_arrow_type(kind: str, expected: Any) -> None:
    values = {"string[2]": ("a", "b"), "(bool,string)": (True, "a"), "uint8[]": (1, 2), "string": "a", "bool": True}
    widths = {"address": 20, "function": 24, "bytes4": 4, "bytes": 3}
    entry = entry_of([("uint128" if "fixed" in kind else kind, False)])
    value = values.get(kind, b"\x01" * widths[kind] if kind in widths else 1)
    topics, data = emitted(entry, value)
    entry["inputs"][0]["type"] = kind
    decoded = compile_abi("Made", [entry]).decode(batch([((parse_event(entry).topic, *topics[1:]), data)]))
    assert decoded.events[0].columns.schema.field(1).type == expected


def test_the_largest_and_the_smallest_integers_are_exact() -> None:
    entry = entry_of([("uint256", False), ("int256", False), ("int72", True), ("int8", False)])
    extremes = [(2**256 - 1, -(2**255), -(2**71), -128), (0, 2**255 - 1, 2**71 - 1, 127)]
    assert decode([entry], *(emitted(entry, *each) for each in extremes)) == [("Happened", each) for each in extremes]


def test_an_indexed_dynamic_parameter_is_its_hash() -> None:
    entry = entry_of([("string", True), ("uint8[2]", True), ("(bool,string)", True)])
    hashes = (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    assert decode([entry], emitted(entry, *hashes)) == [("Happened", hashes)]


def test_the_same_topic_is_told_apart_by_the_number_of_indexed_parameters() -> None:
    fungible = entry_of([("address", True), ("address", True), ("uint256", False)], name="Transfer")
    unique = entry_of([("address", True), ("address", True), ("uint256", True)], name="Transfer")
    none = entry_of([("address", False), ("address", False), ("uint256", False)], name="Transfer")
    values = (ADDRESS, bytes(20), 7)
    logs = [emitted(entry, *values) for entry in (fungible, unique, none)]
    decoded = compile_abi("Made", [fungible, unique]).decode(batch(logs))
    assert [len(each.event.indexed) for each in decoded.events] == [2, 3]
    assert rows_of(decoded, 3) == [("Transfer", values), ("Transfer", values), "shape"]


def test_overloads_are_different_events() -> None:
    one, other = entry_of([("bool", False)]), entry_of([("uint8", False)])
    assert decode([one, other], emitted(other, 5), emitted(one, True)) == [("Happened", (5,)), ("Happened", (True,))]


def test_with_another_parameter_indexed_the_one_that_reads_it_is_the_event() -> None:
    first = entry_of([("address", True), ("uint256", False)])
    second = entry_of([("address", False), ("uint256", True)])
    high = 2**255
    logs = [emitted(first, ADDRESS, high), emitted(second, ADDRESS, high), emitted(first, ADDRESS, 7)]
    beyond = (*logs[0][0][:1], b"\xff" * 32), b"\xff" * 32
    values = ("Happened", (ADDRESS, high))
    assert decode([first, second], *logs, beyond) == [values, values, "ambiguous", "bad_value"]


def test_an_anonymous_event_is_known_by_its_shape() -> None:
    anonymous = entry_of([("bytes32", True), ("uint8", False)], name="Noted", anonymous=True)
    named = entry_of([("bool", False)])
    other = entry_of([("uint16", False)])
    logs = [emitted(anonymous, WORD, 5), emitted(named, True), emitted(other, 500), ((), b"")]
    assert decode([anonymous, named], *logs) == [
        ("Noted", (WORD, 5)),
        ("Happened", (True,)),
        "unknown_event",
        "anonymous",
    ]


def test_anonymous_events_of_one_shape_are_ambiguous_when_both_read_it() -> None:
    small = entry_of([("uint8", False)], name="Small", anonymous=True)
    large = entry_of([("uint16", False)], name="Large", anonymous=True)
    logs = [emitted(large, 500), emitted(large, 5), emitted(entry_of([("uint32", False)], anonymous=True), 2**20)]
    assert decode([small, large], *logs) == [("Large", (500,)), "ambiguous", "anonymous"]


def test_a_topic_after_a_missing_one_is_a_shape_of_no_event() -> None:
    entry = entry_of([("bool", True), ("bool", True)])
    columns = batch([emitted(entry, True, True)]).to_pydict() | {"topic1": [None]}
    gapped = pa.RecordBatch.from_pydict(columns, schema=LOG_SCHEMA)
    assert rows_of(compile_abi("Made", [entry]).decode(gapped), 1) == ["shape"]
    # Two topics, but not the first two.
    one_indexed = entry_of([("bool", True), ("bool", False)])
    columns["topic0"] = [parse_event(one_indexed).topic]
    gapped = pa.RecordBatch.from_pydict(columns, schema=LOG_SCHEMA)
    assert rows_of(compile_abi("Made", [one_indexed]).decode(gapped), 1) == ["shape"]


def test_columns_of_parameters_are_told_apart_by_name() -> None:
    entry = entry_of([("bool", False)] * 5)
    for item, name in zip(entry["inputs"], ["row", "a", "", "a", "a_2"], strict=True):
        item["name"] = name
    decoded = compile_abi("Made", [entry]).decode(batch([emitted(entry, *[True] * 5)]))
    assert decoded.events[0].columns.schema.names == ["row", "row_2", "a", "value2", "a_2", "a_2_2"]


def test_missing_data_is_no_data() -> None:
    entry = entry_of([("bool", False)])
    columns = batch([emitted(entry, True)]).to_pydict() | {"data": [None]}
    schema = LOG_SCHEMA.set(LOG_SCHEMA.get_field_index("data"), pa.field("data", pa.binary()))
    decoded = compile_abi("Made", [entry]).decode(pa.RecordBatch.from_pydict(columns, schema=schema))
    assert rows_of(decoded, 1) == ["short_data"]


def test_a_batch_without_the_columns_of_logs_is_an_error_of_the_program() -> None:
    decoder = compile_abi("Made", [entry_of([("bool", False)])])
    with pytest.raises(TypeError, match="topic0"):
        decoder.decode(pa.RecordBatch.from_pydict({"data": [b""]}))
    with pytest.raises(TypeError, match="data"):
        decoder.decode(batch([((WORD,), b"")]).set_column(10, "data", pa.array(["text"])))


@given(st.lists(made_events(max_logs=3), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_logs_of_many_events_in_any_order_all_decode(made: list[Any], random: Any) -> None:
    for number, each in enumerate(made):
        each.entry["name"] = f"Event{number}"
    rows = [
        (emitted(each.entry, *parameters), (each.entry["name"], parameters))
        for each in made
        for parameters in each.values
    ]
    random.shuffle(rows)
    assert decode([each.entry for each in made], *(log for log, _ in rows)) == [expected for _, expected in rows]
