"""The entry of the Merkle tree: what one leaf commits to.

    offset   bytes  field
    0        16     stream, the UUID in network order
    16       8      version, big-endian
    24       2      topic length t, big-endian
    26       t      topic, UTF-8
    26 + t   8      payload length in bytes, big-endian
    34 + t   32     SHA-256 of the payload

The payload itself stays outside, so that an entry is small (a tlog-tiles entry must stay under 64 KiB) and a payload
can be withheld without breaking a proof. An entry does not carry its position: the tree does.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from uuid import UUID

import msgspec
import numpy as np

from atlas.ledger.errors import InvalidFact, InvalidProof, PayloadTooLarge

MAX_TOPIC_BYTES = 1024
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
MAX_VERSION = 2**63 - 1
# The leaf prefix 0x00 of RFC 6962 stands before the entry.
_ENTRY_HEAD = np.dtype([("leaf_prefix", "V1"), ("stream", "V16"), ("version", ">i8")])
_ENTRY_TAIL = np.dtype([("payload_bytes", ">u8"), ("payload_sha256", "V32")])


class Entry(msgspec.Struct, frozen=True):
    """The fields of an entry."""

    stream: UUID
    version: int
    topic: str
    payload_bytes: int
    payload_sha256: bytes

    def encode(self) -> bytes:
        """The canonical bytes. Raises InvalidFact when a field is out of range."""
        topic = encode_topic(self.topic)
        check_version(self.version)
        if not 0 <= self.payload_bytes <= MAX_PAYLOAD_BYTES or len(self.payload_sha256) != 32:
            raise InvalidFact(f"not a payload's length and SHA-256: {self.payload_bytes}, {self.payload_sha256.hex()}")
        layout = _layout(len(topic))
        return layout.pack(self.stream.bytes, self.version, len(topic), topic, self.payload_bytes, self.payload_sha256)

    def check_payload(self, payload: bytes) -> None:
        """Return when this entry commits to these bytes. Raises InvalidProof."""
        if (len(payload), sha256(payload).digest()) != (self.payload_bytes, self.payload_sha256):
            raise InvalidProof(
                f"a payload of {self.payload_bytes} bytes with SHA-256 {self.payload_sha256.hex()} is expected, "
                f"not {len(payload)} bytes with {sha256(payload).hexdigest()}"
            )


def entry_of(stream: UUID, version: int, topic: str, payload: bytes) -> Entry:
    """The entry of a fact."""
    return Entry(stream, version, topic, len(payload), sha256(payload).digest())


def decode_entry(data: bytes) -> Entry:
    """The entry in ``data``. Raises InvalidFact unless these are the canonical bytes of one."""
    topic_bytes = int.from_bytes(data[24:26], "big")
    layout = _layout(min(topic_bytes, MAX_TOPIC_BYTES))
    if len(data) != layout.size:
        raise InvalidFact(f"an entry with a topic of {topic_bytes} bytes has {layout.size} bytes, not {len(data)}")
    stream, version, _, topic, payload_bytes, payload_sha256 = layout.unpack(data)
    try:
        entry = Entry(UUID(bytes=stream), version, topic.decode(), payload_bytes, payload_sha256)
    except UnicodeDecodeError as error:
        raise InvalidFact("the topic of this entry is not UTF-8") from error
    if entry.encode() != data:
        raise InvalidFact("the bytes of this entry are not in canonical form")
    return entry


def fact_leaf_hash(stream: bytes, version: int, topic: bytes, payload: bytes) -> bytes:
    """The leaf hash of a fact whose fields have been checked; ``stream`` is 16 bytes, ``topic`` UTF-8."""
    digest = sha256(payload).digest()
    return sha256(b"\x00" + _layout(len(topic)).pack(stream, version, len(topic), topic, len(payload), digest)).digest()


def fact_leaf_hashes(
    streams: Sequence[bytes], versions: Sequence[int], topics: Sequence[bytes], payloads: Sequence[bytes]
) -> list[bytes]:
    """As ``fact_leaf_hash`` for facts by columns: what has a fixed width is laid out for all of them at once."""
    digests = b"".join([sha256(payload).digest() for payload in payloads])
    return entry_leaf_hashes(streams, versions, topics, list(map(len, payloads)), digests)


def entry_leaf_hashes(
    streams: Sequence[bytes], versions: Sequence[int], topics: Sequence[bytes], lengths: Sequence[int], digests: bytes
) -> list[bytes]:
    """The leaf hashes of checked entries by columns; ``digests`` are the SHA-256 of the payloads one after another."""
    count = len(streams)
    heads, tails = np.zeros(count, dtype=_ENTRY_HEAD), np.zeros(count, dtype=_ENTRY_TAIL)
    heads["stream"] = np.frombuffer(b"".join(streams), dtype="V16")
    heads["version"] = versions
    tails["payload_bytes"] = lengths
    tails["payload_sha256"] = np.frombuffer(digests, dtype="V32")
    before, after = heads.tobytes(), tails.tobytes()
    prefixed = {topic: len(topic).to_bytes(2, "big") + topic for topic in set(topics)}
    return [
        sha256(before[25 * row : 25 * row + 25] + prefixed[topic] + after[40 * row : 40 * row + 40]).digest()
        for row, topic in enumerate(topics)
    ]


@lru_cache(maxsize=1024)
def encode_topic(topic: str) -> bytes:
    """The UTF-8 bytes of a topic. Raises InvalidFact when it is empty, too long, or no text for a database."""
    try:
        encoded = topic.encode()
    except UnicodeEncodeError as error:
        raise InvalidFact(f"the topic {topic!r} is not Unicode text") from error
    if not 0 < len(encoded) <= MAX_TOPIC_BYTES or b"\x00" in encoded:
        raise InvalidFact(f"a topic has 1 to {MAX_TOPIC_BYTES} bytes and no NUL, not {topic[:80]!r}")
    return encoded


def check_version(version: int) -> None:
    """Raises InvalidFact unless the version fits."""
    if not 0 <= version <= MAX_VERSION:
        raise InvalidFact(f"a version is 0 to 2**63 - 1, not {version}")


def check_payload(payload: bytes) -> None:
    """Raises PayloadTooLarge above MAX_PAYLOAD_BYTES."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"a payload has at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}",
            hint="Store the content elsewhere and record its hash.",
        )


@lru_cache(maxsize=MAX_TOPIC_BYTES + 1)
def _layout(topic_bytes: int) -> Struct:
    return Struct(f">16sqH{topic_bytes}sQ32s")
