import re
from typing import Any

import msgspec
import pytest

from atlas.protocol.artifacts import load
from atlas.protocol.events import EVENTS, AssetTransfer, Event, Transfer

CASES = [(abi_name, struct) for abi_name, structs in EVENTS.items() for struct in structs]
STANDARD_FIELDS: dict[type[Event], tuple[str, ...]] = {
    Transfer: ("sender", "recipient", "value"),
    AssetTransfer: ("sender", "recipient", "token_id"),
}


def entry_of(abi_name: str, struct: type[Event]) -> dict[str, Any]:
    name = "Transfer" if struct in STANDARD_FIELDS else struct.__name__
    (entry,) = [dict(entry) for entry in load(abi_name).abi if entry["type"] == "event" and entry["name"] == name]
    return entry


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name.replace("URI", "Uri")).lower()


def python_type(abi_type: str) -> type:
    if abi_type == "bool":
        return bool
    if abi_type == "string":
        return str
    return int if abi_type.startswith(("uint", "int")) else bytes


@pytest.mark.parametrize(("abi_name", "struct"), CASES, ids=[struct.__name__ for _, struct in CASES])
def test_a_struct_has_its_events_parameters_in_order(abi_name: str, struct: type[Event]) -> None:
    inputs = entry_of(abi_name, struct)["inputs"]
    expected = STANDARD_FIELDS.get(struct) or tuple(snake_case(item["name"]) for item in inputs)
    assert struct.__struct_fields__ == ("origin", *expected)


@pytest.mark.parametrize(("abi_name", "struct"), CASES, ids=[struct.__name__ for _, struct in CASES])
def test_a_struct_has_its_events_types(abi_name: str, struct: type[Event]) -> None:
    inputs = entry_of(abi_name, struct)["inputs"]
    fields = msgspec.structs.fields(struct)[1:]
    assert [field.type for field in fields] == [python_type(item["type"]) for item in inputs]


OPENZEPPELIN = {"Approval", "ApprovalForAll", "DelegateChanged", "DelegateVotesChanged", "EIP712DomainChanged"} | {
    "RoleAdminChanged",
    "RoleGranted",
    "RoleRevoked",
}


@pytest.mark.parametrize("abi_name", EVENTS)
def test_every_event_of_the_protocols_own_has_a_struct(abi_name: str) -> None:
    declared = {entry["name"] for entry in load(abi_name).abi if entry["type"] == "event"}
    interpreted = {entry_of(abi_name, struct)["name"] for struct in EVENTS[abi_name]}
    assert declared - interpreted <= OPENZEPPELIN
