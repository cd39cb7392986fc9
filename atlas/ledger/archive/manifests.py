"""What a range of the archive consists of: manifest.json.

    {
      "format": 1,
      "origin": the log's name,
      "first": int, "last": int,
      "root_hash": hex, over the first <last> facts,
      "files": {name: {"size_bytes": int, "sha256": hex}},
      "redactions": [{"position": int, "decision": base64, "proof": text}],
      "replaces": hex
    }

The last two are there only when payloads were redacted after the range was archived. Then the facts are in
``facts-<n>.parquet``, n being how many of them there are, and ``replaces`` is the SHA-256 of the manifest before. A
decision is the payload of its fact (redaction.py); the proof, a C2SP tlog-proof (proofs.py), shows that the log has
recorded it, for the fact itself is in a later range, which may not be archived yet.
"""

from hashlib import sha256
from typing import Annotated

import msgspec

from atlas.ledger.errors import AlteredArchive

FACTS, TILES, CHECKPOINT, MANIFEST = "facts.parquet", "tiles.parquet", "checkpoint", "manifest.json"
FORMAT = 1
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Range(msgspec.Struct, frozen=True, order=True):
    """The positions from ``first`` up to and including ``last``."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.first:020}-{self.last:020}"

    def __len__(self) -> int:
        return self.last - self.first + 1


class FileHash(msgspec.Struct, frozen=True):
    """What a file of the archive is."""

    size_bytes: int
    sha256: Sha256


class Withheld(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payload that was redacted after it was archived: the decision's payload, and the proof that it is recorded."""

    position: int
    decision: bytes
    proof: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a range is: of which log, which positions, the root over the first ``last`` facts, its files."""

    format: int
    origin: str
    first: int
    last: int
    root_hash: Sha256
    files: dict[str, FileHash]
    redactions: tuple[Withheld, ...] = ()
    replaces: Sha256 | None = None

    @property
    def facts(self) -> str:
        """The name of the file with the facts."""
        return facts_name(len(self.redactions))

    def encode(self) -> bytes:
        """The bytes of manifest.json."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def sha256(self) -> bytes:
        """SHA-256 of manifest.json."""
        return sha256(self.encode()).digest()


def facts_name(redactions: int) -> str:
    """The file of the facts of a range after so many redactions."""
    return FACTS if redactions == 0 else f"facts-{redactions}.parquet"


def decode_manifest(data: bytes, part: Range) -> Manifest:
    """The manifest in ``data``. Raises AlteredArchive unless it is the canonical one of a range of these positions."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise AlteredArchive(f"{MANIFEST} of {part.name} is none: {error}", position=part.first) from error
    named = (manifest.format, manifest.first, manifest.last, sorted(manifest.files))
    expected = (FORMAT, part.first, part.last, sorted((manifest.facts, TILES, CHECKPOINT)))
    if manifest.encode() != data or named != expected or bool(manifest.redactions) == (manifest.replaces is None):
        raise AlteredArchive(f"{MANIFEST} of {part.name} is not that of this range", position=part.first)
    return manifest
