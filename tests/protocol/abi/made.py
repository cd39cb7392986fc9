"""Events of any type, their values, and batches of their logs, made up by hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from atlas.protocol.abi import AbiType, Decoded, python_values
from atlas.protocol.abi.event import EventType, parse_event
from atlas.protocol.abi.types import ContentType, ListType, TupleType, WordType
from atlas.protocol.logs import LOG_SCHEMA, TOPIC_COLUMNS, ArrowBatch
from tests.protocol.abi.oracle import CODEC
from tests.protocol.layouts import ELEMENTARY, STATIC, values

Log = tuple[tuple[bytes, ...], bytes]
"""Topics and data."""


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda item: f"{item}[]"),
        st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda members: f"({','.join(members)})"),
    )


TYPES: st.SearchStrategy[str] = st.recursive(ELEMENTARY, _wider, max_leaves=5)
EXTREME_WORDS = st.sampled_from([0, 1, 31, 32, 33, 64, 96, 128, 2**31, 2**63, 2**64 - 32, 2**255, 2**256 - 1])


def values_of(kind: AbiType) -> st.SearchStrategy[Any]:
    """Values of a type, as eth-abi takes and gives them."""
    match kind:
        case WordType() | ContentType():
            return values(kind.canonical)
        case ListType():
            sizes = (0, 3) if kind.length is None else (kind.length, kind.length)
            return st.lists(values_of(kind.item), min_size=sizes[0], max_size=sizes[1]).map(tuple)
        case TupleType():
            return st.tuples(*map(values_of, kind.members))


@dataclass(frozen=True)
class Made:
    """An event, the values of some logs of it, and those logs."""

    entry: dict[str, Any]
    event: EventType
    values: list[tuple[Any, ...]]
    logs: list[Log]

    @property
    def plain_types(self) -> list[str]:
        return [parameter.type for parameter in self.event.plain]


def entry_of(types: Sequence[tuple[str, bool]], name: str = "Happened", **more: Any) -> dict[str, Any]:
    """The ABI entry of an event with these types, indexed or not."""
    inputs = [{"name": f"value{i}", "type": kind, "indexed": indexed} for i, (kind, indexed) in enumerate(types)]
    return {"type": "event", "name": name, "inputs": inputs, **more}


def log_of(event: EventType, parameters: Sequence[Any]) -> Log:
    """The log that emits ``parameters``; for what is hashed into a topic, the value is the hash."""
    pairs = list(zip(event.parameters, parameters, strict=True))
    topics = [CODEC.encode([item.kind_in_log.canonical], [value]) for item, value in pairs if item.indexed]
    if not event.anonymous:
        topics.insert(0, event.topic)
    return tuple(topics), CODEC.encode(
        [item.type for item in event.plain], [value for item, value in pairs if not item.indexed]
    )


@st.composite
def made_events(draw: st.DrawFn, max_logs: int = 5) -> Made:
    """An event with up to three indexed parameters among up to five, and logs of it."""
    types = draw(st.lists(st.tuples(TYPES | STATIC, st.booleans()), max_size=5))
    entry = entry_of([(kind, indexed and i < 3) for i, (kind, indexed) in enumerate(types)])
    event = parse_event(entry)
    row = st.tuples(*(values_of(parameter.kind_in_log) for parameter in event.parameters))
    rows = draw(st.lists(row, max_size=max_logs))
    return Made(entry, event, rows, [log_of(event, parameters) for parameters in rows])


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with some bytes or words changed, cut somewhere, or with more after it."""
    content = bytearray(data)
    for _ in range(draw(st.integers(0, 2))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.sampled_from([0, 1, 0x20, 0x40, 0x80, 0xFF]))
    for _ in range(draw(st.integers(0, 2))):
        if len(content) >= 32:
            start = 32 * draw(st.integers(0, len(content) // 32 - 1))
            content[start : start + 32] = draw(EXTREME_WORDS).to_bytes(32, "big")
    cut = draw(st.none() | st.integers(0, len(content)))
    return bytes(content[:cut]) + draw(st.just(b"") | st.binary(max_size=40))


def batch(logs: Sequence[Log]) -> ArrowBatch:
    """The logs as a batch, their places made up."""
    topics = list(zip_longest(*(log[0] for log in logs)))
    topics += [(None,) * len(logs)] * (4 - len(topics))
    columns = {
        field.name: [bytes(field.type.byte_width) if pa.types.is_fixed_size_binary(field.type) else 0] * len(logs)
        for field in LOG_SCHEMA
    }
    columns.update(zip(TOPIC_COLUMNS, map(list, topics), strict=True))
    columns["data"] = [data for _, data in logs]
    arrays = [pa.array(columns[field.name], field.type) for field in LOG_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=LOG_SCHEMA)


def rows_of(decoded: Decoded, count: int) -> list[Any]:
    """By log: its event's name and values, or the reason; each log must be there exactly once."""
    found: dict[int, Any] = {}
    for each in decoded.events:
        assert len(each.columns)
        each.columns.validate(full=True)
        pairs = zip(each.event.parameters, each.columns.columns[1:], strict=True)
        columns = [python_values(parameter.kind_in_log, column) for parameter, column in pairs]
        rows = each.columns.column("row").to_pylist()
        read = zip(*columns, strict=True) if columns else [()] * len(rows)
        for row, parameters in zip(rows, read, strict=True):
            assert row not in found
            found[row] = (each.event.name, parameters)
    for refused in decoded.undecodable.to_pylist():
        assert refused["row"] not in found
        assert refused["detail"]
        found[refused["row"]] = refused["reason"]
    assert sorted(found) == list(range(count))
    return [found[row] for row in range(count)]
