"""A batch of facts by columns, and its forms for PostgreSQL's COPY ... (FORMAT BINARY).

The COPY data, per the PostgreSQL manual ("Binary Format" under COPY), integers big-endian:

    signature  PGCOPY \\n \\377 \\r \\n \\0, flags int32 = 0, header extension length int32 = 0
    each row   int16 = the number of columns, then for each column: int32 length, value
    trailer    int16 = -1

A row of ``ledger.events`` has position, stream, version, leaf_hash, payload, topic; all but the last two have a fixed
width, so the rows' heads are filled in as numpy columns. A row of ``ledger.keys``, stream, version, position, is fixed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import UUID

import msgspec
import numpy as np

from atlas.ledger.errors import ConflictingFact
from atlas.ledger.recording.entries import check_payload, check_version, encode_topic, fact_leaf_hash, fact_leaf_hashes

COPY_KEYS = b"copy ledger.keys (stream, version, position) from stdin (format binary)"
COPY_EVENTS = b"copy ledger.events (position, stream, version, leaf_hash, payload, topic) from stdin (format binary)"
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_PIECE_BYTES = 120 * 1024
_BY_COLUMNS_FROM = 16
_ROW_HEAD = np.dtype(
    [
        ("columns", ">i2"),
        ("position_bytes", ">i4"),
        ("position", ">i8"),
        ("stream_bytes", ">i4"),
        ("stream", "V16"),
        ("version_bytes", ">i4"),
        ("version", ">i8"),
        ("leaf_hash_bytes", ">i4"),
        ("leaf_hash", "V32"),
        ("payload_bytes", ">i4"),
    ]
)
_KEY_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("stream_bytes", ">i4"),
        ("stream", "V16"),
        ("version_bytes", ">i4"),
        ("version", ">i8"),
        ("position_bytes", ">i4"),
        ("position", ">i8"),
    ]
)


class Fact(msgspec.Struct, frozen=True, gc=False):
    """Something that happened; ``version`` counts from 0 within ``stream``, ``payload`` is stored byte for byte."""

    stream: UUID
    version: int
    topic: str
    payload: bytes


@dataclass(frozen=True)
class Batch:
    """Checked facts by columns; ``stream_bytes`` are the streams, 16 bytes each."""

    streams: list[UUID]
    stream_bytes: list[bytes]
    versions: list[int]
    topics: list[str]
    payloads: list[bytes]
    known_leaf_hashes: list[bytes] | None = None

    @cached_property
    def leaf_hashes(self) -> list[bytes]:
        """Computed when first asked for: a large batch that is new has them computed on the way to the database."""
        if self.known_leaf_hashes is None and len(self) < _BY_COLUMNS_FROM:
            topics = map(encode_topic, self.topics)
            return list(map(fact_leaf_hash, self.stream_bytes, self.versions, topics, self.payloads))
        return self.hashes(slice(None))

    def hashes(self, part: slice) -> list[bytes]:
        """The leaf hashes of some rows."""
        if self.known_leaf_hashes is not None:
            return self.known_leaf_hashes[part]
        topics = list(map(encode_topic, self.topics[part]))
        return fact_leaf_hashes(self.stream_bytes[part], self.versions[part], topics, self.payloads[part])

    def __len__(self) -> int:
        return len(self.streams)

    def payload_bytes(self) -> int:
        """The sum of the payloads' lengths."""
        return sum(map(len, self.payloads))

    def take(self, rows: Sequence[int]) -> "Batch":
        """The batch of these rows, in this order."""
        return Batch(
            [self.streams[row] for row in rows],
            [self.stream_bytes[row] for row in rows],
            [self.versions[row] for row in rows],
            [self.topics[row] for row in rows],
            [self.payloads[row] for row in rows],
        )

    def describe(self, row: int) -> str:
        """One row's content in words."""
        return describe(self.topics[row], self.payloads[row])


def describe(topic: str, payload: bytes) -> str:
    """What distinguishes a fact from another under the same stream and version."""
    return f"{topic!r} with a payload of {len(payload)} bytes, SHA-256 {sha256(payload).hexdigest()}"


def encode_batch(facts: Sequence[Fact]) -> Batch:
    """The facts by columns. Raises InvalidFact."""
    topics = [fact.topic for fact in facts]
    for topic in set(topics):
        encode_topic(topic)
    streams = [fact.stream for fact in facts]
    versions = [fact.version for fact in facts]
    payloads = [fact.payload for fact in facts]
    if facts:
        check_version(min(versions))
        check_version(max(versions))
        check_payload(max(payloads, key=len))
    return Batch(streams, [stream.int.to_bytes(16, "big") for stream in streams], versions, topics, payloads)


def distinct(batch: Batch) -> tuple[Batch, list[int]]:
    """The batch without repetitions, and for each row of ``batch`` its row there.

    Raises ConflictingFact when a stream and version come twice with different content.
    """
    if len(batch) == 1 or len(set(zip(batch.stream_bytes, batch.versions, strict=True))) == len(batch):
        return batch, list(range(len(batch)))
    first: dict[tuple[UUID, int], int] = {}
    kept: list[int] = []
    places: list[int] = []
    for row, key in enumerate(zip(batch.streams, batch.versions, strict=True)):
        place = first.setdefault(key, len(kept))
        if place == len(kept):
            kept.append(row)
        elif batch.leaf_hashes[kept[place]] != batch.leaf_hashes[row]:
            raise ConflictingFact(
                *key, position=None, recorded=batch.describe(kept[place]), offered=batch.describe(row)
            )
        places.append(place)
    return batch.take(kept), places


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch after the other in one, which may then have repetitions."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        [stream for batch in batches for stream in batch.streams],
        [stream for batch in batches for stream in batch.stream_bytes],
        [version for batch in batches for version in batch.versions],
        [topic for batch in batches for topic in batch.topics],
        [payload for batch in batches for payload in batch.payloads],
    )


def rows_a_piece(batch: Batch) -> int:
    """How many rows of a batch that is not empty make a piece of COPY data: some 120 KB, at least one row."""
    return max(1, _PIECE_BYTES * len(batch) // (len(batch) * _ROW_HEAD.itemsize + batch.payload_bytes()))


def copy_keys(batch: Batch, first_position: int, rows: int) -> Iterator[bytes]:
    """The COPY data of a batch's keys, so many rows a piece; the rows take positions from ``first_position`` up."""
    keys = np.zeros(len(batch), dtype=_KEY_ROW)
    keys["columns"] = 3
    keys["stream_bytes"] = 16
    keys["stream"] = np.frombuffer(b"".join(batch.stream_bytes), dtype="V16")
    keys["version_bytes"] = keys["position_bytes"] = 8
    keys["version"] = batch.versions
    keys["position"] = np.arange(first_position, first_position + len(batch))
    yield _SIGNATURE
    for start in range(0, len(batch), rows):
        yield keys[start : start + rows].tobytes()
    yield _TRAILER


def copy_events(batch: Batch, first_position: int, rows: int) -> Iterator[bytes]:
    """The COPY data of a batch, so many rows a piece, each hashed and encoded when it is asked for."""
    fields = {topic: _field(topic.encode()) for topic in set(batch.topics)}
    yield _SIGNATURE
    for start in range(0, len(batch), rows):
        part = slice(start, start + rows)
        heads = _heads(batch, part, first_position + start).tobytes()
        parts = [b""] * (3 * len(heads) // _ROW_HEAD.itemsize)
        parts[0::3] = [heads[at : at + _ROW_HEAD.itemsize] for at in range(0, len(heads), _ROW_HEAD.itemsize)]
        parts[1::3] = batch.payloads[part]
        parts[2::3] = [fields[topic] for topic in batch.topics[part]]
        yield b"".join(parts)
    yield _TRAILER


def _heads(batch: Batch, part: slice, first_position: int) -> np.ndarray:
    versions = batch.versions[part]
    heads = np.zeros(len(versions), dtype=_ROW_HEAD)
    heads["columns"] = 6
    heads["position_bytes"] = 8
    heads["position"] = np.arange(first_position, first_position + len(versions))
    heads["stream_bytes"] = 16
    heads["stream"] = np.frombuffer(b"".join(batch.stream_bytes[part]), dtype="V16")
    heads["version_bytes"] = 8
    heads["version"] = versions
    heads["leaf_hash_bytes"] = 32
    heads["leaf_hash"] = np.frombuffer(b"".join(batch.hashes(part)), dtype="V32")
    heads["payload_bytes"] = list(map(len, batch.payloads[part]))
    return heads


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
