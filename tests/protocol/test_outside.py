"""ABIs from outside, in the shapes that other tools write."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.keccak import keccak256
from atlas.protocol.outside import InvalidAbi, find_event, read_abi

TRANSFER: dict[str, Any] = {
    "type": "event",
    "name": "Transfer",
    "anonymous": False,
    "inputs": [
        {"name": "from", "type": "address", "indexed": True, "internalType": "address"},
        {"name": "to", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ],
}
STRUCT: dict[str, Any] = {
    "type": "event",
    "name": "Placed",
    "inputs": [
        {
            "name": "order",
            "type": "tuple[]",
            "components": [{"name": "id", "type": "uint64"}, {"name": "note", "type": "string"}],
        }
    ],
}
FUNCTION = {"type": "function", "name": "transfer", "inputs": [], "outputs": []}
ENTRIES = [FUNCTION, TRANSFER, STRUCT]


@pytest.mark.parametrize(
    "file",
    [
        ENTRIES,
        {"status": "1", "message": "OK", "result": json.dumps(ENTRIES)},
        {"abi": ENTRIES, "bytecode": {"object": "0x"}},
        {"contractName": "Token", "abi": list(reversed(ENTRIES)), "bytecode": "0x"},
    ],
    ids=["etherscan", "etherscan-api", "foundry", "hardhat"],
)
def test_every_tool_s_file_is_the_same_abi(file: object) -> None:
    abi = read_abi(json.dumps(file).encode())
    assert abi == read_abi(json.dumps(ENTRIES, indent=4).encode())
    assert [event["name"] for event in abi.events] == ["Placed", "Transfer"]
    assert read_abi(abi.json) == abi


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "not JSON"),
        (b"\xff", "not JSON"),
        (b"{}", "not an ABI"),
        (b'{"status":"0","result":"Contract source code not verified"}', "not JSON"),
        (b"[1]", "not an ABI"),
        (b"[]", "no event"),
        (json.dumps([FUNCTION]).encode(), "no event"),
        (b'[{"type":"event","inputs":[]}]', "has no name"),
        (b'[{"type":"event","name":"A"}]', "'A' is not as the Solidity"),
        (b'[{"type":"event","name":"A","inputs":[{"type":"tuple"}]}]', "'A' is not as the Solidity"),
        (b'[{"type":"event","name":"A","inputs":[{"type":7}]}]', "'A' is not as the Solidity"),
        (b'[{"type":"event","name":"A","inputs":[3]}]', "'A' is not as the Solidity"),
    ],
)
def test_what_is_no_abi_is_refused_with_its_reason(data: bytes, message: str) -> None:
    with pytest.raises(InvalidAbi, match=message) as caught:
        read_abi(data)
    assert caught.value.exit_code == 2


@given(st.binary(max_size=200))
def test_bytes_are_an_abi_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidAbi):
        read_abi(data)


def test_an_event_is_found_by_name_or_signature() -> None:
    events = read_abi(json.dumps(ENTRIES).encode()).events
    expected = keccak256(b"Transfer(address,address,uint256)")
    assert find_event(events, "Transfer").topic == expected
    assert find_event(events, "Transfer(address, address, uint256)").topic == expected
    assert find_event(events, "Placed((uint64,string)[])").topic == keccak256(b"Placed((uint64,string)[])")


def test_an_event_that_is_not_there_or_not_the_only_one_is_refused() -> None:
    other = {**TRANSFER, "inputs": TRANSFER["inputs"][:2]}
    hidden = {**STRUCT, "name": "Hidden", "anonymous": True}
    events = read_abi(json.dumps([*ENTRIES, other, hidden]).encode()).events
    with pytest.raises(InvalidAbi, match=r"no event 'Nope'; its events are .*Placed"):
        find_event(events, "Nope")
    with pytest.raises(InvalidAbi, match="more than one event 'Transfer'"):
        find_event(events, "Transfer")
    assert find_event(events, "Transfer(address,address)").indexed_count == 2
    with pytest.raises(InvalidAbi, match="anonymous"):
        find_event(events, "Hidden")
