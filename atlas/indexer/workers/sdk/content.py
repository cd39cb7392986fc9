"""Hashing what a generation read and made, and keeping it under its hash.

A content directory holds a file under the SHA-256 of its bytes:

    <root>/sha256/<first 2 hex digits>/<64 hex digits>

Content arrives in ``<root>/incoming`` and is moved to its name, read-only, when it is complete and on disk: a name
never leads to half a file, whatever is killed. Workers write this layout, and the signer of manifests reads it.
"""

import hashlib
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

BLOCK_BYTES = 1 << 20


class Digest(msgspec.Struct, frozen=True):
    """What bytes are known by: their SHA-256 and how many they are."""

    sha256: bytes  # 32 bytes
    size_bytes: int


def digest_of(content: Path | bytes) -> Digest:
    """The digest of a file, read in pieces, or of bytes in memory. Raises OSError when the file cannot be read."""
    return _digest(_pieces(content))


def hash_file(file: BinaryIO) -> Digest:
    """The digest of an open file, which is rewound before and after."""
    file.seek(0)
    digest = _digest(_blocks(file))
    file.seek(0)
    return digest


@dataclass(frozen=True)
class Incoming:
    """A file on its way in: write to ``file`` (open for reading and writing), then ``commit``."""

    directory: "ContentDirectory"
    path: Path
    file: BinaryIO

    def commit(self) -> Digest:
        """Keep the file under the hash of everything in it."""
        self.file.flush()
        digest = hash_file(self.file)
        os.fsync(self.file.fileno())
        destination = self.directory.path(digest.sha256)
        destination.parent.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o444)
        self.path.replace(destination)  # the same bytes may be there already; where they are damaged, this mends them
        sync_directory(destination.parent)
        sync_directory(destination.parent.parent)
        return digest


class ContentDirectory:
    """A directory of files named by their hash; any number of processes may add to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: bytes) -> Path:
        """Where the file with this hash is, or would be."""
        name = sha256.hex()
        return self.root / "sha256" / name[:2] / name

    def add(self, content: Path | bytes) -> Digest:
        """Copy ``content`` in; the digest is of the bytes that were copied. Raises OSError."""
        with self.receive() as incoming:
            for piece in _pieces(content):
                incoming.file.write(piece)
            return incoming.commit()

    @contextmanager
    def receive(self) -> Generator[Incoming]:
        """A place to write new content to; without ``commit`` nothing is kept. Raises OSError."""
        staging = self.root / "incoming"
        staging.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=staging)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield Incoming(self, path, file)
        finally:
            path.unlink(missing_ok=True)

    def discard_unfinished(self, before: datetime) -> int:
        """Delete what killed writers left behind and nobody touched since ``before``; returns how many files."""
        horizon = before.timestamp()
        leftovers = [path for path in (self.root / "incoming").glob("*") if path.stat().st_mtime < horizon]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` survive a power failure (fsync(2): a new file needs its directory synced)."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(pieces: Iterator[bytes]) -> Digest:
    sha256, size_bytes = hashlib.sha256(), 0
    for piece in pieces:
        sha256.update(piece)
        size_bytes += len(piece)
    return Digest(sha256.digest(), size_bytes)


def _pieces(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        yield from _blocks(file)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
