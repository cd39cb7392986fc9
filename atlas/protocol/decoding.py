"""From logs to the typed events of ``atlas.protocol.events``, by the ABI of the contract that emitted them.

A log is told apart by its first topic and by how many topics follow: ERC-20 and ERC-721 share the
topic of Transfer. Each pair is compiled once an ABI; decoding is then two look-ups and the reading
of words. An event that the ABI knows but ``EVENTS`` does not list (Approval, RoleGranted ...) is not
interpreted, and decodes to None.

Every other log raises UndecodableLog with a reason: those of ``atlas.protocol.abi``, and

    anonymous      no topics, or a first topic that cannot be compared with any event's
    unknown_event  the ABI has no event with this first topic
    shape          it has, but with another number of indexed parameters
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from atlas.protocol.abi import EventLayout, compile_event
from atlas.protocol.artifacts import load
from atlas.protocol.errors import ProtocolError, UndecodableLog
from atlas.protocol.events import EVENTS, AssetTransfer, Event, Origin, Transfer
from atlas.protocol.facts import ChainLog

# The token standards name a parameter by a Python keyword, and both call their event Transfer.
_EVENT_NAMES: dict[type[Event], str] = {AssetTransfer: "Transfer"}
_FIELD_NAMES: dict[type[Event], dict[str, str]] = {
    Transfer: {"from": "sender", "to": "recipient"},
    AssetTransfer: {"from": "sender", "to": "recipient"},
}
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Decoder:
    """The compiled events of one ABI, and the struct of each that is interpreted."""

    abi_name: str
    layouts: Mapping[tuple[bytes, int], tuple[EventLayout, type[Event] | None]]
    topics: frozenset[bytes]

    def decode(self, log: ChainLog, position: int) -> Event | None:
        """The event in ``log``, recorded at ``position``; None for one without a struct. Raises UndecodableLog."""
        found = self.layouts.get((log.topics[0], len(log.topics) - 1)) if log.topics else None
        if found is None:
            raise self._unknown(log)
        layout, struct = found
        if struct is None:
            return None
        return struct(_origin(log, position), *layout.read(log.topics, log.data))

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
    return _shipped_decoder(abi_name).decode(log, position)


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
    return Decoder(abi_name, layouts, frozenset(topic for topic, _ in layouts))


def field_names(layout: EventLayout, struct: type[Event]) -> tuple[str, ...]:
    """The fields that ``struct`` must have after ``origin``: the parameters in snake case."""
    renamed = _FIELD_NAMES.get(struct, {})
    return tuple(renamed.get(item.name, _CAPITAL.sub("_", item.name).lower()) for item in layout.parameters)


_REBUILD = "The contracts and atlas.protocol.events belong to different versions: build and install them together."


@cache
def _shipped_decoder(abi_name: str) -> Decoder:
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
