from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol import facts
from atlas.protocol.errors import MalformedFact
from atlas.protocol.facts import BlockHeader, BlockRef, ChainFinalized, ChainLog, ChainReorged, WatchedContract

HASHES = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**63 - 1)
REFS = st.builds(BlockRef, NUMBERS, HASHES)
PAYLOADS: st.SearchStrategy[msgspec.Struct] = st.one_of(
    st.builds(WatchedContract, st.text(), st.binary(min_size=20, max_size=20), st.text(), NUMBERS),
    st.builds(BlockHeader, st.text(), st.binary()),
    st.builds(
        ChainLog,
        *(st.just("eip155:1"), NUMBERS, HASHES, NUMBERS, HASHES, NUMBERS, NUMBERS, HASHES),
        st.lists(HASHES, max_size=4).map(tuple),
        st.binary(),
    ),
    st.builds(ChainReorged, st.text(), REFS, st.lists(REFS).map(tuple), st.lists(REFS).map(tuple)),
    st.builds(ChainFinalized, st.text(), REFS),
)
KINDS = [WatchedContract, BlockHeader, ChainLog, ChainReorged, ChainFinalized, facts.ManifestSigned]


@given(PAYLOADS)
def test_a_payload_reads_back(payload: msgspec.Struct) -> None:
    assert facts.decode(facts.encode(payload), type(payload)) == payload


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=100))
def test_no_bytes_raise_anything_else(kind: type[msgspec.Struct], data: bytes) -> None:
    with suppress(MalformedFact):
        assert facts.encode(facts.decode(data, kind)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x92\xa1a\xc5\x00\x01\x00",  # a longer length than needed
        b"\xdc\x00\x02\xa1a\xc4\x01\x00",  # a longer array header than needed
        b"\x92\xa1a\xa4AAAA",  # text where bytes belong
        b"\x93\xa1a\xc4\x01\x00\xc0",  # a field too many
        b"\x92\xa1\xff\xc4\x01\x00",  # text that is not UTF-8
        b"\x92\xa1a\xc4\x01\x00\xc0",  # more after the end
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    assert facts.decode(b"\x92\xa1a\xc4\x01\x00", BlockHeader) == BlockHeader("a", b"\x00")
    with pytest.raises(MalformedFact):
        facts.decode(data, BlockHeader)


@given(st.text(st.characters(codec="utf-8")))
def test_a_stream_id_is_a_uuid_of_version_8(name: str) -> None:
    stream = facts.stream_id(name)
    assert stream.version == 8
    assert stream.variant == "specified in RFC 4122"


def test_stream_ids_never_change() -> None:
    assert str(facts.stream_id("eip155:1/reorgs")) == "992ffc0f-d843-860d-ac8f-85023d85e6da"


def test_streams_of_different_things_differ() -> None:
    address, block_hash = bytes(20), bytes(32)
    streams = [
        facts.contract_stream("eip155:1", address),
        facts.block_stream("eip155:1", block_hash),
        facts.block_stream("eip155:2", block_hash),
        facts.reorg_stream("eip155:1"),
        facts.finality_stream("eip155:1"),
        facts.worker_stream(address),
    ]
    assert len(set(streams)) == len(streams)
