import json
from typing import Any

import pytest

from atlas.protocol.abi import compile_abi, parse_abi
from atlas.protocol.abi.event import parse_event, parse_events
from atlas.protocol.errors import MalformedAbi
from tests.protocol.abi.made import entry_of


def test_an_event_knows_its_signature_topic_and_number_of_topics() -> None:
    event = parse_event(entry_of([("address", True), ("address", True), ("uint256", False)], name="Transfer"))
    assert event.signature == "Transfer(address,address,uint256)"
    assert event.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert event.topic_count == 3


def test_an_anonymous_event_may_have_four_indexed_parameters() -> None:
    four = [("bool", True)] * 4
    assert parse_event(entry_of(four, anonymous=True)).topic_count == 4
    with pytest.raises(MalformedAbi, match="5 topics"):
        parse_event(entry_of(four))


def test_the_same_event_twice_is_one_and_overloads_are_several() -> None:
    one, other = entry_of([("bool", False)]), entry_of([("uint8", False)])
    indexed = entry_of([("bool", True)])
    events = parse_events([one, other, one, indexed, {"type": "function", "name": "Happened"}])
    assert [event.shape for event in events] == [parse_event(entry).shape for entry in (one, other, indexed)]


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "event"},
        {"type": "event", "name": "", "inputs": []},
        {"type": "event", "name": 5, "inputs": []},
        {"type": "event", "name": "A", "inputs": None},
        {"type": "event", "name": "A", "inputs": [5]},
        {"type": "event", "name": "A", "inputs": [{"name": "a", "type": "unit8"}]},
        {"type": "event", "name": "A", "inputs": [{"name": "a", "type": "uint8", "indexed": "false"}]},
        {"type": "event", "name": "A", "inputs": [], "anonymous": "false"},
    ],
)
def test_an_entry_that_describes_no_event_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(MalformedAbi):
        compile_abi("Made", [entry])


def test_the_event_with_an_unknown_type_is_named() -> None:
    with pytest.raises(MalformedAbi, match=r"event Happened: 'unit8' is not a type"):
        parse_event(entry_of([("unit8", False)]))


def test_an_abi_is_a_list_or_under_its_key_in_a_compilers_output() -> None:
    entries = [entry_of([("bool", False)])]
    assert list(parse_abi(json.dumps(entries))) == entries
    assert list(parse_abi(json.dumps({"abi": entries, "bytecode": "0x"}).encode())) == entries


@pytest.mark.parametrize("content", ["", "<html>", "{}", "5", "[5]", '{"abi": 5}', b"\xff", "[" * 2000])
def test_what_is_no_abi_is_refused(content: str | bytes) -> None:
    with pytest.raises(MalformedAbi):
        parse_abi(content)


@pytest.mark.parametrize("entries", [[], [{"type": "function", "name": "f", "inputs": []}]])
def test_an_abi_without_events_is_refused(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(MalformedAbi, match="no events"):
        compile_abi("Made", entries)
