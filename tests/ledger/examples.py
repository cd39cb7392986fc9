"""Facts to record in tests."""

from uuid import UUID

from atlas.ledger.recording.batches import Fact
from atlas.protocol.facts import stream_id


def stream(name: str) -> UUID:
    return stream_id(f"test/{name}")


def facts(name: str, count: int, *, first: int = 0, topic: str = "test.fact", payload_bytes: int = 20) -> list[Fact]:
    """``count`` facts of one stream, each with a payload of its own."""
    return [
        Fact(stream(name), version, topic, f"{name}/{version}".encode().ljust(payload_bytes, b"."))
        for version in range(first, first + count)
    ]
