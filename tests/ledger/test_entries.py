import contextlib
import hashlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.errors import InvalidFact, PayloadTooLarge
from atlas.ledger.recording.entries import (
    MAX_PAYLOAD_BYTES,
    MAX_TOPIC_BYTES,
    Entry,
    check_payload,
    decode_entry,
    encode_topic,
    entry_of,
    fact_leaf_hash,
)

topics = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda topic: len(topic.encode()) <= MAX_TOPIC_BYTES
)
versions = st.integers(0, 2**63 - 1)


def test_an_entry_has_the_documented_layout() -> None:
    stream = UUID("00112233-4455-6677-8899-aabbccddeeff")
    encoded = entry_of(stream, 7, "chain.log", b"payload").encode()
    assert encoded == (
        bytes.fromhex("00112233445566778899aabbccddeeff")
        + bytes.fromhex("0000000000000007")
        + bytes.fromhex("0009")
        + b"chain.log"
        + bytes.fromhex("0000000000000007")
        + hashlib.sha256(b"payload").digest()
    )


@given(st.uuids(), versions, topics, st.binary(max_size=300))
def test_an_entry_reads_back_and_gives_the_leaf_hash(stream: UUID, version: int, topic: str, payload: bytes) -> None:
    entry = entry_of(stream, version, topic, payload)
    assert decode_entry(entry.encode()) == entry
    leaf = hashlib.sha256(b"\x00" + entry.encode()).digest()
    assert fact_leaf_hash(stream.bytes, version, topic.encode(), payload) == leaf


@given(st.uuids(), versions, topics, st.binary(max_size=50), st.data())
def test_no_two_entries_share_bytes(
    stream: UUID, version: int, topic: str, payload: bytes, data: st.DataObject
) -> None:
    encoded = bytearray(entry_of(stream, version, topic, payload).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(InvalidFact):
        assert decode_entry(bytes(encoded)) != entry_of(stream, version, topic, payload)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        entry = decode_entry(data)
    except InvalidFact:
        return
    assert entry.encode() == data


@pytest.mark.parametrize("topic", ["", "a\x00b", "x" * (MAX_TOPIC_BYTES + 1), "\ud800"])
def test_a_topic_that_is_no_text_for_a_database_is_refused(topic: str) -> None:
    with pytest.raises(InvalidFact):
        encode_topic(topic)


@pytest.mark.parametrize("version", [-1, 2**63])
def test_a_version_out_of_range_is_refused(version: int) -> None:
    with pytest.raises(InvalidFact):
        Entry(UUID(int=1), version, "topic", 0, bytes(32)).encode()


@pytest.mark.parametrize(("length", "digest"), [(-1, bytes(32)), (MAX_PAYLOAD_BYTES + 1, bytes(32)), (0, bytes(31))])
def test_a_payload_out_of_range_is_refused(length: int, digest: bytes) -> None:
    with pytest.raises(InvalidFact):
        Entry(UUID(int=1), 0, "topic", length, digest).encode()


def test_a_payload_above_the_limit_is_refused_with_its_size() -> None:
    check_payload(bytes(MAX_PAYLOAD_BYTES))
    with pytest.raises(PayloadTooLarge, match=str(MAX_PAYLOAD_BYTES + 1)):
        check_payload(bytes(MAX_PAYLOAD_BYTES + 1))
