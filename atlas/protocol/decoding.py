"""From logs to the typed events of ``atlas.protocol.events``, by the ABI of the contract that emitted them.

A log is told apart by its first topic and by how many topics follow: ERC-20 and ERC-721 share the
topic of Transfer. Each pair is compiled once an ABI; decoding is then two look-ups and the reading
of words or, of many logs at once, of columns. An event that the ABI knows but ``EVENTS`` does not
list (Approval, RoleGranted ...) is not interpreted, and decodes to None.

Every other log raises UndecodableLog with a reason: those of ``atlas.protocol.abi``, and

    anonymous      no topics, or a first topic that cannot be compared with any event's
    unknown_event  the ABI has no event with this first topic
    shape          it has, but with another number of indexed parameters
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any, TypeAlias

import pyarrow as pa

from atlas.protocol.abi import AbiDecoder, EventLayout, compile_event, python_values
from atlas.protocol.abi.decoder import compile_events
from atlas.protocol.artifacts import load
from atlas.protocol.errors import ProtocolError, UndecodableLog
from atlas.protocol.events import EVENTS, AssetTransfer, Event, Origin, Transfer
from atlas.protocol.facts import ChainLog
from atlas.protocol.logs import TOPIC_COLUMNS, ArrowBatch

Outcome: TypeAlias = Event | UndecodableLog | None
"""An event, none because no struct interprets it, or why there is none."""

# The token standards name a parameter by a Python keyword, and both call their event Transfer.
_EVENT_NAMES: dict[type[Event], str] = {AssetTransfer: "Transfer"}
_FIELD_NAMES: dict[type[Event], dict[str, str]] = {
    Transfer: {"from": "sender", "to": "recipient"},
    AssetTransfer: {"from": "sender", "to": "recipient"},
}
_TOPIC_BYTES = 32
_MAX_BYTES = 2**30  # an Arrow column of binary holds less than twice that
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Decoder:
    """The compiled events of one ABI, and the struct of each that is interpreted."""

    abi_name: str
    layouts: Mapping[tuple[bytes, int], tuple[EventLayout, type[Event] | None]]
    topics: frozenset[bytes]
    columns: AbiDecoder  # of the events with a struct

    def decode(self, log: ChainLog, position: int) -> Event | None:
        """The event in ``log``, recorded at ``position``; None for one without a struct. Raises UndecodableLog."""
        found = self.layouts.get((log.topics[0], len(log.topics) - 1)) if log.topics else None
        if found is None:
            raise self._unknown(log)
        layout, struct = found
        if struct is None:
            return None
        return struct(_origin(log, position), *layout.read(log.topics, log.data))

    def decode_all(self, logs: Sequence[ChainLog], positions: Sequence[int]) -> list[Outcome]:
        """As ``decode``, for each of ``logs`` at its position: many times as fast, and errors are returned."""
        batch = _columns(logs)
        if batch is None:
            return [self._outcome(log, position) for log, position in zip(logs, positions, strict=True)]
        outcomes: list[Outcome] = [None] * len(logs)
        decoded = self.columns.decode(batch)
        for found in decoded.events:
            _, struct = self.layouts[found.event.topic, len(found.event.indexed)]
            rows: list[int] = found.columns.column(0).to_pylist()
            origins = [_origin(logs[row], positions[row]) for row in rows]
            pairs = zip(found.event.parameters, found.columns.columns[1:], strict=True)
            values = [python_values(parameter.kind_in_log, column) for parameter, column in pairs]
            assert struct is not None
            for row, event in zip(rows, map(struct, origins, *values), strict=True):
                outcomes[row] = event
        for row in decoded.undecodable.column(0).to_pylist():
            outcomes[row] = self._outcome(logs[row], positions[row])
        return outcomes

    def _outcome(self, log: ChainLog, position: int) -> Outcome:
        try:
            return self.decode(log, position)
        except UndecodableLog as error:
            return error

    def _unknown(self, log: ChainLog) -> UndecodableLog:
        if not log.topics:
            return UndecodableLog("anonymous", "a log without topics names no event")
        topic = log.topics[0]
        if topic not in self.topics:
            return UndecodableLog("unknown_event", f"{self.abi_name} has no event with topic 0x{topic.hex()}")
        return UndecodableLog(
            "shape", f"{self.abi_name} has no event 0x{topic.hex()} with {len(log.topics) - 1} indexed parameters"
        )


def decode_event(abi_name: str, log: ChainLog, position: int) -> Event | None:
    """The event that ``log`` is by the shipped ABI ``abi_name``; None when no struct interprets it.

    Raises UndecodableLog, and MissingArtifact for an ABI that is not shipped.
    """
    return shipped_decoder(abi_name).decode(log, position)


def decode_events(abi_name: str, logs: Sequence[ChainLog], positions: Sequence[int]) -> list[Outcome]:
    """As ``decode_event``, for each of ``logs`` at its position, errors returned. Raises MissingArtifact."""
    return shipped_decoder(abi_name).decode_all(logs, positions)


def compile_decoder(abi_name: str, abi: Iterable[Mapping[str, Any]], structs: Iterable[type[Event]]) -> Decoder:
    """The decoder of an ABI. Raises ProtocolError where a struct is not exactly its event."""
    by_name = {_EVENT_NAMES.get(struct, struct.__name__): struct for struct in structs}
    layouts: dict[tuple[bytes, int], tuple[EventLayout, type[Event] | None]] = {}
    for entry in abi:
        if entry["type"] != "event" or entry.get("anonymous", False):
            continue
        layout = compile_event(entry)
        struct = by_name.get(layout.name)
        _require_same_fields(layout, struct)
        layouts[layout.topic, layout.indexed_count] = (layout, struct)
    missing = by_name.keys() - {layout.name for layout, _ in layouts.values()}
    if missing:
        raise ProtocolError(f"the ABI of {abi_name} has no event {', '.join(sorted(missing))}", hint=_REBUILD)
    interpreted = [layout.event for layout, struct in layouts.values() if struct is not None]
    return Decoder(
        abi_name, layouts, frozenset(topic for topic, _ in layouts), compile_events(abi_name, interpreted, strict=True)
    )


def field_names(layout: EventLayout, struct: type[Event]) -> tuple[str, ...]:
    """The fields that ``struct`` must have after ``origin``: the parameters in snake case."""
    renamed = _FIELD_NAMES.get(struct, {})
    return tuple(renamed.get(item.name, _CAPITAL.sub("_", item.name).lower()) for item in layout.parameters)


_REBUILD = "The contracts and atlas.protocol.events belong to different versions: build and install them together."


@cache
def shipped_decoder(abi_name: str) -> Decoder:
    """The decoder of the shipped ABI ``abi_name``. Raises MissingArtifact, ProtocolError."""
    return compile_decoder(abi_name, load(abi_name).abi, EVENTS.get(abi_name, ()))


def _require_same_fields(layout: EventLayout, struct: type[Event] | None) -> None:
    if struct is None:
        return
    expected, actual = field_names(layout, struct), struct.__struct_fields__[1:]
    if expected != actual:
        raise ProtocolError(f"{struct.__name__} has the fields {actual}, its event {expected}", hint=_REBUILD)


def _origin(log: ChainLog, position: int) -> Origin:
    return Origin(
        position=position,
        chain=log.chain,
        block_number=log.block_number,
        block_hash=log.block_hash,
        block_time=log.block_time,
        tx_hash=log.tx_hash,
        log_index=log.log_index,
        contract=log.address,
    )


def _columns(logs: Sequence[ChainLog]) -> ArrowBatch | None:
    """Topics and data by column; None where a log does not fit in them."""
    topics = list(zip_longest(*(log.topics for log in logs)))
    data = [log.data for log in logs]
    if len(topics) > len(TOPIC_COLUMNS) or sum(map(len, data)) > _MAX_BYTES:
        return None
    topics += [(None,) * len(logs)] * (len(TOPIC_COLUMNS) - len(topics))
    try:
        columns = [pa.array(column, pa.binary(_TOPIC_BYTES)) for column in topics]
    except pa.ArrowInvalid:  # a topic of another length
        return None
    return pa.RecordBatch.from_arrays([*columns, pa.array(data, pa.binary())], names=[*TOPIC_COLUMNS, "data"])
