import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.batches import Batch, CopyRows, Fact, distinct, encode_batch
from atlas.ledger.entries import entry_of
from atlas.ledger.errors import ConflictingFact, InvalidFact
from atlas.ledger.merkle import leaf_hash
from tests.ledger.examples import facts, stream

fact_strategy = st.builds(
    Fact,
    stream=st.uuids(),
    version=st.integers(0, 2**63 - 1),
    topic=st.sampled_from(["a", "chain.log", "é"]),
    payload=st.binary(max_size=60),
)


def naive_copy(batch: Batch, first_position: int) -> bytes:
    """The COPY form, a field at a time."""
    rows = b""
    for row in range(len(batch)):
        values = (
            struct.pack(">q", first_position + row),
            batch.streams[row].bytes,
            struct.pack(">q", batch.versions[row]),
            batch.leaf_hashes[row],
            batch.payloads[row],
            batch.topics[row].encode(),
        )
        rows += struct.pack(">h", 6) + b"".join(struct.pack(">i", len(value)) + value for value in values)
    return b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0) + rows + struct.pack(">h", -1)


@given(st.lists(fact_strategy, min_size=1, max_size=40), st.integers(1, 2**62))
def test_copy_rows_are_what_a_field_at_a_time_gives(drawn: list[Fact], first: int) -> None:
    batch = encode_batch(drawn)
    assert b"".join(CopyRows(batch).data(first)) == naive_copy(batch, first)


def test_large_copy_data_comes_in_pieces() -> None:
    batch = encode_batch(facts("large", 100, payload_bytes=200_000))
    pieces = list(CopyRows(batch).data(1))
    assert len(pieces) > 4
    assert max(map(len, pieces)) < 8_000_000
    assert b"".join(pieces) == naive_copy(batch, 1)


@given(st.lists(fact_strategy, max_size=10))
def test_leaf_hashes_are_those_of_the_entries(drawn: list[Fact]) -> None:
    expected = [leaf_hash(entry_of(fact.stream, fact.version, fact.topic, fact.payload).encode()) for fact in drawn]
    assert encode_batch(drawn).leaf_hashes == expected


def test_repetitions_are_left_out_and_remembered() -> None:
    first, second = facts("a", 2)
    batch, places = distinct(encode_batch([first, second, first, second, first]))
    assert (batch.versions, places) == ([0, 1], [0, 1, 0, 1, 0])


def test_different_content_under_one_version_conflicts_within_a_batch() -> None:
    with pytest.raises(ConflictingFact, match="earlier in the same batch") as caught:
        distinct(encode_batch([Fact(stream("a"), 3, "t", b"one"), Fact(stream("a"), 3, "t", b"two")]))
    assert (caught.value.stream, caught.value.version, caught.value.position) == (stream("a"), 3, None)


@pytest.mark.parametrize(
    "fact", [Fact(UUID(int=1), -1, "t", b""), Fact(UUID(int=1), 2**63, "t", b""), Fact(UUID(int=1), 0, "", b"")]
)
def test_an_invalid_fact_anywhere_refuses_the_batch(fact: Fact) -> None:
    with pytest.raises(InvalidFact):
        encode_batch([*facts("a", 3), fact])
