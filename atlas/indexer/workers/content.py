"""Hashing what a generation read and made, and keeping it under its hash.

A content directory holds a file under the SHA-256 of its bytes:

    <root>/sha256/<first 2 hex digits>/<64 hex digits>

A file appears there whole or not at all, and is never written again.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

_CHUNK_BYTES = 1 << 20


class Digest(msgspec.Struct, frozen=True):
    """What bytes are known by: their SHA-256 and how many they are."""

    sha256: bytes  # 32 bytes
    size_bytes: int


def digest_of(content: Path | bytes) -> Digest:
    """The digest of a file, read in pieces, or of bytes in memory. Raises OSError when the file cannot be read."""
    return _drain(content, None)


class ContentDirectory:
    """A directory of files named by their hash; any number of processes may add to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: bytes) -> Path:
        """Where the file with this hash is, or would be."""
        name = sha256.hex()
        return self.root / "sha256" / name[:2] / name

    def add(self, content: Path | bytes) -> Digest:
        """Copy ``content`` in, unless it is there; the digest is of the bytes that were copied. Raises OSError."""
        staging = self.root / "sha256"
        staging.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".incoming-", dir=staging)
        try:
            with os.fdopen(descriptor, "wb") as file:
                digest = _drain(content, file)
                file.flush()
                os.fsync(file.fileno())
            self._publish(Path(temporary), self.path(digest.sha256))
        finally:
            Path(temporary).unlink(missing_ok=True)
        return digest

    def _publish(self, temporary: Path, target: Path) -> None:
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True)
        temporary.chmod(0o444)
        temporary.replace(target)
        sync_directory(target.parent)
        sync_directory(target.parent.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` survive a power failure (fsync(2): a new file needs its directory synced)."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drain(content: Path | bytes, copy: BinaryIO | None) -> Digest:
    sha256, size_bytes = hashlib.sha256(), 0
    for piece in _pieces(content):
        sha256.update(piece)
        size_bytes += len(piece)
        if copy is not None:
            copy.write(piece)
    return Digest(sha256.digest(), size_bytes)


def _pieces(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece
