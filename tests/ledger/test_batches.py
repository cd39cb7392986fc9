import struct
from collections.abc import Iterable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.errors import ConflictingFact, InvalidFact
from atlas.ledger.merkle.rfc6962 import leaf_hash
from atlas.ledger.recording.batches import Batch, Fact, copy_events, copy_keys, distinct, encode_batch, rows_a_piece
from atlas.ledger.recording.entries import entry_of
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
    return naive_rows(
        (
            struct.pack(">q", first_position + row),
            batch.streams[row].bytes,
            struct.pack(">q", batch.versions[row]),
            batch.leaf_hashes[row],
            batch.payloads[row],
            batch.topics[row].encode(),
        )
        for row in range(len(batch))
    )


def naive_copy_of_keys(batch: Batch, first_position: int) -> bytes:
    """The same for the keys."""
    return naive_rows(
        (batch.streams[row].bytes, struct.pack(">q", batch.versions[row]), struct.pack(">q", first_position + row))
        for row in range(len(batch))
    )


def naive_rows(rows: Iterable[tuple[bytes, ...]]) -> bytes:
    data = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
    for values in rows:
        data += struct.pack(">h", len(values)) + b"".join(struct.pack(">i", len(value)) + value for value in values)
    return data + struct.pack(">h", -1)


@given(st.lists(fact_strategy, min_size=1, max_size=40), st.integers(1, 2**62), st.integers(1, 41))
def test_copied_rows_are_what_a_field_at_a_time_gives(drawn: list[Fact], first: int, rows: int) -> None:
    batch = encode_batch(drawn)
    assert b"".join(copy_events(batch, first, rows)) == naive_copy(batch, first)


@given(st.lists(fact_strategy, min_size=1, max_size=40), st.integers(1, 2**62), st.integers(1, 41))
def test_copied_keys_are_what_a_field_at_a_time_gives(drawn: list[Fact], first: int, rows: int) -> None:
    batch = encode_batch(drawn)
    assert b"".join(copy_keys(batch, first, rows)) == naive_copy_of_keys(batch, first)


def test_large_copy_data_comes_in_pieces() -> None:
    batch = encode_batch(facts("large", 100, payload_bytes=200_000))
    pieces = list(copy_events(batch, 1, rows_a_piece(batch)))
    assert len(pieces) > 4
    assert max(map(len, pieces)) < 8_000_000
    assert b"".join(pieces) == naive_copy(batch, 1)


def test_a_row_is_hashed_when_its_piece_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[slice] = []

    def hashes(_: Batch, part: slice) -> list[bytes]:
        asked.append(part)
        return [bytes(32)] * 10

    monkeypatch.setattr(Batch, "hashes", hashes)
    pieces = copy_events(encode_batch(facts("a", 30)), 1, 10)
    next(pieces)
    next(pieces)
    assert asked == [slice(0, 10)]


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
