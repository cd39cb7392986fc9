"""What the ledger knows about one version of an asset, as values: the input of a manifest and of a report (W5)."""

from datetime import datetime

import msgspec

from atlas.protocol.vocabulary import Agent, AssetType


class AssetVersion(msgspec.Struct, frozen=True):
    """One registered version of an asset (W1)."""

    aaid: bytes
    version: int
    asset_type: AssetType
    chain: str  # CAIP-2
    registry: bytes
    token_id: int
    creator: bytes
    owner: bytes
    content_hash: bytes  # SHA-256 of the file as generated
    metadata_hash: bytes
    created_at: datetime
    block_number: int
    tx_hash: bytes
    position: int  # in the ledger: where this version was registered


class MediaInput(msgspec.Struct, frozen=True):
    """A file that went into a generation; ``upstream`` is the record it came out of, None when it came from outside."""

    role: str
    sha256: bytes
    media_type: str
    size_bytes: int
    upstream: bytes | None


class MediaOutput(msgspec.Struct, frozen=True):
    """A file that came out of a generation."""

    role: str
    sha256: bytes
    media_type: str
    size_bytes: int


class Generation(msgspec.Struct, frozen=True):
    """A generation record (W2) and where the ledger has it."""

    record_id: bytes
    position: int
    worker: bytes
    sequence: int
    agent: Agent
    model_name: str
    model_version: str
    model_provider: str
    prompt: str
    device: str
    device_count: int
    runtime_ms: int
    seed: int | None
    config_sha256: bytes
    started_at: datetime
    ended_at: datetime
    inputs: tuple[MediaInput, ...]
    outputs: tuple[MediaOutput, ...]


class Pedigree(msgspec.Struct, frozen=True):
    """An asset version with the generations it comes out of.

    ``sources`` are the records that the registry links to the version; ``ancestors`` are the records upstream
    of them, nearest first. ``complete`` is False when there are more ancestors than were read.
    """

    asset: AssetVersion
    sources: tuple[Generation, ...]
    ancestors: tuple[Generation, ...]
    complete: bool

    @property
    def generations(self) -> tuple[Generation, ...]:
        """Sources, then ancestors."""
        return self.sources + self.ancestors
