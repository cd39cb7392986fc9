"""The 1,024 ABI cases of ethers.js, encoded by Solidity: each decodes to its values, which encode to its bytes."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from atlas.protocol.abi import AbiType, compile_abi, parse_type, python_values
from atlas.protocol.abi.event import parse_event
from atlas.protocol.abi.scalar import compile_event
from atlas.protocol.abi.types import ContentType, ListType, TupleType, WordType
from atlas.protocol.logs import TOPIC_COLUMNS
from tests.protocol.abi.made import entry_of
from tests.protocol.abi.oracle import CODEC

Case = dict[str, Any]


@pytest.fixture(scope="module")
def cases(conformance_data: Path) -> list[Case]:
    path = conformance_data / "ethereum-abi" / "abi.json.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return msgspec.json.decode(gzip.decompress(path.read_bytes()))


def entry(case: Case) -> dict[str, Any]:
    """An event whose data is the case, which a function of Solidity returned."""
    return entry_of([(case["type"], False)])


def expected(kind: AbiType, value: Any) -> Any:
    """The case's JSON value as Python has it: hexadecimal and decimal text read."""
    match kind:
        case WordType():
            return value if kind.family == "bool" else _word(kind, value)
        case ContentType():
            return value if kind.canonical == "string" else bytes.fromhex(value.removeprefix("0x"))
        case ListType():
            return tuple(expected(kind.item, item) for item in value)
        case TupleType():
            return tuple(expected(member, item) for member, item in zip(kind.members, value, strict=True))


def _word(kind: WordType, value: str) -> int | bytes:
    return int(value) if kind.family in ("uint", "int") else bytes.fromhex(value.removeprefix("0x"))


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@cache
def no_topics() -> Any:
    return pa.array([None], pa.binary(32))


def decode(described: dict[str, Any], data: bytes) -> list[Any]:
    """The values of one log's columns."""
    topics = [pa.array([parse_event(described).topic], pa.binary(32)), *[no_topics()] * 3]
    logs = pa.RecordBatch.from_arrays([*topics, pa.array([data], pa.binary())], names=[*TOPIC_COLUMNS, "data"])
    (found,) = compile_abi("Case", [described]).decode(logs).events
    pairs = zip(found.event.parameters, found.columns.columns[1:], strict=True)
    return [python_values(parameter.kind, column)[0] for parameter, column in pairs]


def test_every_case_decodes_to_its_values_and_encodes_to_its_bytes(cases: list[Case]) -> None:
    assert len(cases) == 1024
    for case in cases:
        described, data = entry(case), unhex(case["encoded"])
        values = decode(described, data)
        assert values == [expected(parse_type(case["type"]), case["value"])], case["name"]
        assert CODEC.encode([item["type"] for item in described["inputs"]], values) == data, case["name"]


def test_one_log_at_a_time_reads_the_same(cases: list[Case]) -> None:
    for case in cases:
        values = compile_event(entry(case)).data_reader(unhex(case["encoded"]))
        assert values == (expected(parse_type(case["type"]), case["value"]),), case["name"]


def test_the_cases_of_one_type_decode_together(cases: list[Case]) -> None:
    """All values of a type in one batch: a log's values do not depend on its neighbours."""
    by_type: dict[str, list[Case]] = {}
    for case in cases:
        by_type.setdefault(case["type"], []).append(case)
    for kind, alike in by_type.items():
        described = entry(alike[0])
        count = len(alike)
        topics = pa.array([parse_event(described).topic] * count, pa.binary(32))
        data = pa.array([unhex(case["encoded"]) for case in alike], pa.binary())
        logs = pa.RecordBatch.from_arrays(
            [topics, *[pa.nulls(count, pa.binary(32))] * 3, data], names=[*TOPIC_COLUMNS, "data"]
        )
        (found,) = compile_abi("Case", [described]).decode(logs).events
        columns = [
            python_values(item.kind, column)
            for item, column in zip(found.event.parameters, found.columns.columns[1:], strict=True)
        ]
        assert columns == [[expected(parse_type(kind), case["value"]) for case in alike]]
