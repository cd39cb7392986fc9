"""Events as a contract's JSON ABI describes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import msgspec

from atlas.protocol.abi.types import WORD_BYTES, AbiType, WordType, named_item, type_of_item
from atlas.protocol.errors import MalformedAbi
from atlas.protocol.keccak import keccak256

_MAX_TOPICS = 4
HASH = WordType("bytes32", "bytes", WORD_BYTES)


@dataclass(frozen=True)
class Parameter:
    """One parameter of an event."""

    name: str
    kind: AbiType
    indexed: bool

    @property
    def kind_in_log(self) -> AbiType:
        """The type of what a log has of it: of an indexed one that is no word, the hash."""
        return HASH if self.indexed and not isinstance(self.kind, WordType) else self.kind

    @property
    def type(self) -> str:
        """As signatures write it, a struct as ``(uint256,address)``."""
        return self.kind.canonical


@dataclass(frozen=True)
class EventType:
    """An event: what its logs look like. An anonymous one has no topic of its own in them."""

    name: str
    parameters: tuple[Parameter, ...]
    anonymous: bool

    @cached_property
    def signature(self) -> str:
        """As hashed: the name and the canonical types."""
        return f"{self.name}({','.join(parameter.type for parameter in self.parameters)})"

    @cached_property
    def topic(self) -> bytes:
        """The first topic, unless anonymous."""
        return keccak256(self.signature.encode())

    @cached_property
    def indexed(self) -> tuple[Parameter, ...]:
        """The parameters in topics, in ABI order."""
        return tuple(parameter for parameter in self.parameters if parameter.indexed)

    @cached_property
    def plain(self) -> tuple[Parameter, ...]:
        """The parameters in the data, in ABI order."""
        return tuple(parameter for parameter in self.parameters if not parameter.indexed)

    @property
    def topic_count(self) -> int:
        """How many topics its logs have."""
        return len(self.indexed) + (not self.anonymous)

    @property
    def shape(self) -> tuple[str, bool, tuple[bool, ...]]:
        """What identifies it: two events of one ABI with the same shape are one."""
        return self.signature, self.anonymous, tuple(parameter.indexed for parameter in self.parameters)


def parse_abi(content: bytes | str) -> tuple[Mapping[str, Any], ...]:
    """The entries of a JSON ABI: a list, or an object with the list under ``abi``. Raises MalformedAbi."""
    try:
        value: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAbi(f"an ABI is JSON: {error}") from error
    entries = cast("dict[str, object]", value).get("abi") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise MalformedAbi("expected a list of entries, or an object with one under 'abi'")
    listed = cast("list[object]", entries)
    if not all(isinstance(entry, dict) for entry in listed):
        raise MalformedAbi("expected every entry of the ABI to be an object")
    return cast("tuple[Mapping[str, Any], ...]", tuple(listed))


def parse_events(entries: Iterable[Mapping[str, Any]]) -> tuple[EventType, ...]:
    """The different events of an ABI, in its order. Raises MalformedAbi."""
    events: dict[object, EventType] = {}
    for entry in entries:
        if entry.get("type") == "event":
            event = parse_event(entry)
            events.setdefault(event.shape, event)
    return tuple(events.values())


def parse_event(entry: Mapping[str, Any]) -> EventType:
    """One ``"type": "event"`` entry. Raises MalformedAbi."""
    name, inputs = entry.get("name"), entry.get("inputs")
    if not isinstance(name, str) or not name or not isinstance(inputs, list | tuple):
        raise MalformedAbi(f"expected an event with a name and inputs, got {entry!r:.200}")
    try:
        parameters = tuple(_parameter(item) for item in cast("list[object]", inputs))
    except MalformedAbi as error:
        raise MalformedAbi(f"event {name}: {error.message}", hint=error.hint) from error
    event = EventType(name, parameters, _flag(entry, "anonymous"))
    if event.topic_count > _MAX_TOPICS:
        raise MalformedAbi(f"event {event.signature} has {event.topic_count} topics, a log at most {_MAX_TOPICS}")
    return event


def _parameter(item: object) -> Parameter:
    named = named_item(item)
    return Parameter(named["name"], type_of_item(named), _flag(named, "indexed"))


def _flag(entry: Mapping[str, Any], name: str) -> bool:
    value = entry.get(name, False)
    if not isinstance(value, bool):
        raise MalformedAbi(f"expected {name} to be true or false, got {value!r:.200}")
    return value
