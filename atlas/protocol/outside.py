"""ABIs from outside: the JSON of other tools, reduced to its events in one canonical form.

    Etherscan            [...]  or  {"status": "1", "result": "[...]"}
    Foundry, Hardhat     {"abi": [...], ...}

The canonical form is the array of the ABI's events in the order of their signatures, UTF-8 JSON with sorted keys and
without spaces; of an event ``anonymous``, ``inputs``, ``name`` and ``type``, of a parameter ``indexed``, ``name``,
``type`` and ``components``. Its SHA-256 names the ABI in the log, where anybody can read it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from atlas.protocol.abi import EventLayout, compile_event
from atlas.protocol.errors import ProtocolError

MAX_ABI_BYTES = 4 * 1024 * 1024


class InvalidAbi(ProtocolError):
    """Not an ABI, or one without what is asked of it."""

    exit_code = 2


class OutsideAbi(msgspec.Struct, frozen=True):
    """The events of an ABI; ``json`` is their canonical form."""

    json: bytes

    @property
    def sha256(self) -> bytes:
        """What the log calls this ABI."""
        return hashlib.sha256(self.json).digest()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, as entries of an ABI."""
        return msgspec.json.decode(self.json)


def read_abi(data: bytes) -> OutsideAbi:
    """The events in the JSON of any of the tools above. Raises InvalidAbi."""
    if len(data) > MAX_ABI_BYTES:
        raise InvalidAbi(f"an ABI has at most {MAX_ABI_BYTES:,} bytes, not {len(data):,}")
    entries = _entries(_decoded(data))
    events = [_event(entry) for entry in entries if entry.get("type") == "event"]
    if not events:
        raise InvalidAbi("the ABI has no event", hint="Is it the ABI of the contract that emits, not of its proxy?")
    return OutsideAbi(msgspec.json.encode(sorted(events, key=_order), order="sorted"))


def find_event(events: Sequence[Mapping[str, Any]], wanted: str) -> EventLayout:
    """The event called ``wanted``, by its name or its signature such as ``Transfer(address,address,uint256)``.

    Raises InvalidAbi when there is none, several, or an anonymous one.
    """
    compact = wanted.replace(" ", "")
    known = {signature(entry): entry for entry in events if entry.get("type") == "event"}
    found = [entry for text, entry in known.items() if compact in (text, entry["name"])]
    if len(found) != 1:
        raise InvalidAbi(
            f"the ABI has {'no' if not found else 'more than one'} event {wanted!r}; its events are {', '.join(known)}",
            hint="Name one of them, with its signature where a name is used twice.",
        )
    if found[0].get("anonymous"):
        raise InvalidAbi(f"the event {wanted!r} is anonymous: no topic tells it apart", hint="Choose another event.")
    return compile_event(found[0])


def signature(entry: Mapping[str, Any]) -> str:
    """The signature whose keccak256 is the event's first topic."""
    return f"{entry['name']}({','.join(_type(item) for item in entry['inputs'])})"


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAbi(f"not JSON: {error}", hint="Compilers and explorers write ABIs as JSON.") from error


def _entries(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        inner = value.get("abi", value.get("result"))
        value = _decoded(inner.encode()) if isinstance(inner, str) else inner
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidAbi(
            "not an ABI: expected an array of entries, or an object with that array under abi or result",
            hint="Etherscan, Foundry and Hardhat write such files.",
        )
    return value


def _event(entry: Mapping[str, Any]) -> dict[str, Any]:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidAbi("an event has no name")
    try:
        event = {
            "anonymous": bool(entry.get("anonymous", False)),
            "inputs": [{**_parameter(item), "indexed": bool(item.get("indexed"))} for item in entry["inputs"]],
            "name": name,
            "type": "event",
        }
        compile_event(event)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidAbi(f"the event {name!r} is not as the Solidity ABI specification says: {error}") from error
    return event


def _parameter(item: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"name": str(item.get("name", "")), "type": item["type"]}
    if not isinstance(kept["type"], str):
        raise TypeError("the type of a parameter is text")
    if kept["type"].startswith("tuple"):
        kept["components"] = [_parameter(member) for member in item["components"]]
    return kept


def _type(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(member) for member in item['components'])}){kind.removeprefix('tuple')}"


def _order(entry: Mapping[str, Any]) -> tuple[str, list[bool]]:
    return signature(entry), [item["indexed"] for item in entry["inputs"]]
