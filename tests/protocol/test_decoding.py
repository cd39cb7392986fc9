from contextlib import suppress
from typing import Any

import msgspec
import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.abi import compile_event
from atlas.protocol.artifacts import load
from atlas.protocol.decoding import compile_decoder, decode_event, decode_events
from atlas.protocol.errors import MissingArtifact, ProtocolError, UndecodableLog
from atlas.protocol.events import (
    EVENTS,
    AssetTransfer,
    Event,
    LicenseGranted,
    OfferWithdrawn,
    Origin,
    Staked,
    Transfer,
)
from atlas.protocol.facts import ChainLog
from atlas.protocol.keccak import keccak256
from tests.protocol.abi.made import damaged
from tests.protocol.layouts import event_entry, values

TRANSFER = keccak256(b"Transfer(address,address,uint256)")
APPROVAL = keccak256(b"Approval(address,address,uint256)")
LOG = ChainLog("eip155:1", 12, b"\x0b" * 32, 1_700_000_000, b"\x0c" * 32, 3, 5, b"\x0a" * 20, (), b"")
ORIGIN = Origin(99, "eip155:1", 12, b"\x0b" * 32, 1_700_000_000, b"\x0c" * 32, 5, b"\x0a" * 20)
SENDER, RECIPIENT = b"\x01" * 20, b"\x02" * 20


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\x00")


def log(*topics: bytes, data: bytes = b"") -> ChainLog:
    return msgspec.structs.replace(LOG, topics=topics, data=data)


def refusal(abi_name: str, *topics: bytes, data: bytes = b"") -> str:
    with pytest.raises(UndecodableLog) as refused:
        decode_event(abi_name, log(*topics, data=data), 99)
    return refused.value.reason


def test_an_erc20_transfer_has_its_amount_in_the_data() -> None:
    event = decode_event("AtlasToken", log(TRANSFER, word(SENDER), word(RECIPIENT), data=word(7)), 99)
    assert event == Transfer(ORIGIN, SENDER, RECIPIENT, 7)


def test_an_erc721_transfer_has_its_token_in_a_topic() -> None:
    event = decode_event("AssetRegistry", log(TRANSFER, word(SENDER), word(RECIPIENT), word(7)), 99)
    assert event == AssetTransfer(ORIGIN, SENDER, RECIPIENT, 7)


def test_the_other_standards_transfer_is_of_another_shape() -> None:
    assert refusal("AtlasToken", TRANSFER, word(SENDER), word(RECIPIENT), word(7)) == "shape"
    assert refusal("AssetRegistry", TRANSFER, word(SENDER), word(RECIPIENT), data=word(7)) == "shape"


def test_an_event_that_nothing_interprets_decodes_to_none() -> None:
    assert decode_event("AtlasToken", log(APPROVAL, word(SENDER), word(RECIPIENT), data=word(7)), 99) is None


def test_a_log_without_topics_is_anonymous() -> None:
    assert refusal("AtlasToken") == "anonymous"


@pytest.mark.parametrize("topic", [keccak256(b"Unheard()"), b"", bytes(31)])
def test_a_topic_of_no_event_is_unknown(topic: bytes) -> None:
    assert refusal("AtlasToken", topic) == "unknown_event"


@pytest.mark.parametrize("topic", [b"", bytes(20), bytes(33)])
def test_a_topic_is_a_word(topic: bytes) -> None:
    assert refusal("AtlasToken", TRANSFER, topic, word(RECIPIENT), data=word(7)) == "bad_value"


def test_an_address_in_a_topic_is_padded_with_zeros() -> None:
    assert refusal("AtlasToken", TRANSFER, b"\x01" * 32, word(RECIPIENT), data=word(7)) == "bad_value"


def test_data_is_as_long_as_the_event_says() -> None:
    assert refusal("AtlasToken", TRANSFER, word(SENDER), word(RECIPIENT)) == "short_data"
    assert refusal("AtlasToken", TRANSFER, word(SENDER), word(RECIPIENT), data=word(7) + b"\x00") == "trailing_data"


def test_a_contract_that_is_not_shipped_cannot_be_decoded() -> None:
    with pytest.raises(MissingArtifact):
        decode_event("Unknown", LOG, 1)


def struct_of(abi_name: str, event_name: str) -> type[Event] | None:
    names = {"Transfer": "AssetTransfer"} if abi_name == "AssetRegistry" else {}
    return next((s for s in EVENTS[abi_name] if s.__name__ == names.get(event_name, event_name)), None)


SHIPPED: list[tuple[str, dict[str, Any]]] = [
    (name, dict(entry)) for name in EVENTS for entry in load(name).abi if entry["type"] == "event"
]


@pytest.mark.parametrize(("abi_name", "entry"), SHIPPED, ids=[f"{name}.{entry['name']}" for name, entry in SHIPPED])
@given(data=st.data())
def test_every_shipped_event_decodes_as_eth_abi_encodes_it(
    abi_name: str, entry: dict[str, Any], data: st.DataObject
) -> None:
    inputs: list[dict[str, Any]] = entry["inputs"]
    expected = [data.draw(values(item["type"])) for item in inputs]
    pairs = list(zip(inputs, expected, strict=True))
    topics = [compile_event(entry).topic, *(encode([i["type"]], [v]) for i, v in pairs if i["indexed"])]
    plain = [(i["type"], v) for i, v in pairs if not i["indexed"]]
    event = decode_event(abi_name, log(*topics, data=encode([t for t, _ in plain], [v for _, v in plain])), 99)
    struct = struct_of(abi_name, entry["name"])
    assert event == (None if struct is None else struct(ORIGIN, *expected))


@pytest.mark.parametrize("abi_name", EVENTS)
@given(data=st.data())
def test_no_log_raises_anything_else(abi_name: str, data: st.DataObject) -> None:
    known = [compile_event(entry).topic for name, entry in SHIPPED if name == abi_name]
    first = data.draw(st.lists(st.sampled_from(known) | st.binary(max_size=32), max_size=1))
    rest = data.draw(st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=33), max_size=3))
    with suppress(UndecodableLog):
        decode_event(abi_name, log(*first, *rest, data=data.draw(st.binary(max_size=200))), 99)


def test_an_anonymous_event_is_not_looked_for() -> None:
    entry = event_entry("uint256", name="OfferWithdrawn") | {"anonymous": True}
    decoder = compile_decoder("Made", [entry], [])
    with pytest.raises(UndecodableLog) as refused:
        decoder.decode(log(compile_event(entry).topic, data=word(1)), 1)
    assert refused.value.reason == "unknown_event"


def test_a_struct_without_its_event_is_found_when_compiling() -> None:
    with pytest.raises(ProtocolError, match="no event LicenseGranted, OfferWithdrawn"):
        compile_decoder("Made", [event_entry("bool")], [OfferWithdrawn, LicenseGranted])


def test_a_struct_with_other_fields_than_its_event_is_found_when_compiling() -> None:
    with pytest.raises(ProtocolError, match="Staked has the fields"):
        compile_decoder("Made", [event_entry("address", "uint8", name="Staked")], [Staked])


def one_by_one(abi_name: str, logs: list[ChainLog]) -> list[Any]:
    outcomes: list[Any] = []
    for position, each in enumerate(logs, 7):
        try:
            outcomes.append(decode_event(abi_name, each, position))
        except UndecodableLog as error:
            outcomes.append(error)
    return outcomes


def together(abi_name: str, logs: list[ChainLog]) -> list[Any]:
    return list(decode_events(abi_name, logs, range(7, 7 + len(logs))))


def comparable(outcomes: list[Any]) -> list[Any]:
    return [(each.reason, each.message) if isinstance(each, UndecodableLog) else each for each in outcomes]


def emitted(entry: dict[str, Any], data: st.DataObject) -> ChainLog:
    """A log of the event, its data damaged now and then."""
    inputs: list[dict[str, Any]] = entry["inputs"]
    pairs = [(item, data.draw(values(item["type"]))) for item in inputs]
    topics = [compile_event(entry).topic, *(encode([i["type"]], [v]) for i, v in pairs if i["indexed"])]
    plain = [(i["type"], v) for i, v in pairs if not i["indexed"]]
    content = encode([t for t, _ in plain], [v for _, v in plain])
    return log(*topics, data=data.draw(st.just(content) | damaged(content)))


@pytest.mark.parametrize("abi_name", EVENTS)
@given(data=st.data())
def test_logs_decode_together_as_they_do_one_by_one(abi_name: str, data: st.DataObject) -> None:
    entries = data.draw(st.lists(st.sampled_from([entry for name, entry in SHIPPED if name == abi_name]), max_size=6))
    logs = [emitted(entry, data) for entry in entries]
    assert comparable(together(abi_name, logs)) == comparable(one_by_one(abi_name, logs))


@pytest.mark.parametrize(
    "odd",
    [
        (),
        (TRANSFER,),
        (TRANSFER, b"", b""),
        (TRANSFER, word(SENDER), bytes(33)),
        (TRANSFER[:31],),
        (TRANSFER, *[word(SENDER)] * 5),
        (APPROVAL, word(SENDER), word(RECIPIENT)),
        (keccak256(b"Unheard()"),),
    ],
)
def test_a_log_of_any_topics_does_not_keep_its_neighbours_from_decoding(odd: tuple[bytes, ...]) -> None:
    good = log(TRANSFER, word(SENDER), word(RECIPIENT), data=word(7))
    logs = [good, log(*odd, data=word(7)), good]
    outcomes = together("AtlasToken", logs)
    assert [type(outcomes[place]) for place in (0, 2)] == [Transfer, Transfer]
    assert comparable(outcomes) == comparable(one_by_one("AtlasToken", logs))


def test_no_logs_are_no_events() -> None:
    assert decode_events("AtlasToken", [], []) == []
