"""Files by their content: ``root/sha256/<first two digits>/<all 64 digits>``, written once, read-only.

Content arrives in ``root/incoming`` and is moved to its name when complete and on disk, so that a name
never leads to half a file, whatever is killed. Reading verifies: what comes out has the hash asked for.
"""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from atlas.provenance.errors import ContentCorrupt, ContentMissing

BLOCK_BYTES = 1 << 20


class StoredContent(msgspec.Struct, frozen=True):
    """A file in the store."""

    sha256: bytes
    size_bytes: int


@dataclass(frozen=True)
class Incoming:
    """A file on its way into the store: write to ``file`` (open for reading and writing), then ``commit``."""

    store: "ContentStore"
    path: Path
    file: BinaryIO

    def commit(self) -> StoredContent:
        """Keep the file under the hash of everything in it."""
        self.file.flush()
        stored = hash_file(self.file)
        os.fsync(self.file.fileno())
        destination = self.store.path(stored.sha256)
        destination.parent.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o444)
        self.path.replace(destination)  # the same bytes may be there already: replacing them changes nothing
        _sync_directory(destination.parent)
        return stored


class ContentStore:
    """A directory of files named by their SHA-256. Several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: bytes) -> Path:
        """Where content with this hash is, or would be."""
        digits = sha256.hex()
        return self._root / "sha256" / digits[:2] / digits

    def exists(self, sha256: bytes) -> bool:
        """Whether content with this hash was stored. Says nothing about its present state: ``verify`` does."""
        return self.path(sha256).is_file()

    @contextmanager
    def receive(self) -> Generator[Incoming]:
        """A place to write new content to; without ``commit`` nothing is kept."""
        incoming = self._root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=incoming)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield Incoming(self, path, file)
        finally:
            path.unlink(missing_ok=True)

    def put_stream(self, stream: BinaryIO) -> StoredContent:
        """Store what is left to read in ``stream``."""
        with self.receive() as incoming:
            while block := stream.read(BLOCK_BYTES):
                incoming.file.write(block)
            return incoming.commit()

    def put_path(self, path: Path) -> StoredContent:
        """Store a copy of a file. Raises ContentMissing when it cannot be read."""
        try:
            file = path.open("rb")
        except OSError as error:
            raise ContentMissing(f"cannot read {path}: {error.strerror}") from error
        with file:
            return self.put_stream(file)

    def put_bytes(self, data: bytes) -> StoredContent:
        """Store these bytes."""
        with self.receive() as incoming:
            incoming.file.write(data)
            return incoming.commit()

    @contextmanager
    def open(self, sha256: bytes) -> Generator[BinaryIO]:
        """The verified content, open for reading. Raises ContentMissing, ContentCorrupt."""
        try:
            file = self.path(sha256).open("rb")
        except OSError as error:
            raise ContentMissing(
                f"no content with SHA-256 {sha256.hex()}: {error.strerror}",
                hint="Put the file into the content store again.",
            ) from error
        with file:
            found = hash_file(file).sha256
            if found != sha256:
                raise ContentCorrupt(
                    f"expected SHA-256 {sha256.hex()}, the stored file has {found.hex()}",
                    hint="The disk or someone changed the file: restore it from a copy.",
                )
            yield file

    def read(self, sha256: bytes) -> bytes:
        """The verified content as bytes. Raises ContentMissing, ContentCorrupt."""
        with self.open(sha256) as file:
            return file.read()

    def verify(self, sha256: bytes) -> None:
        """Return when the content is there and whole. Raises ContentMissing, ContentCorrupt."""
        with self.open(sha256):
            pass

    def discard_unfinished(self, before: datetime) -> int:
        """Delete what killed writers left behind and nobody touched since ``before``; returns how many files."""
        horizon = before.timestamp()
        leftovers = [path for path in (self._root / "incoming").glob("*") if path.stat().st_mtime < horizon]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


def hash_file(file: BinaryIO) -> StoredContent:
    """SHA-256 and size of an open file, which is rewound before and after."""
    file.seek(0)
    digest, size_bytes = hashlib.sha256(), 0
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        size_bytes += len(block)
    file.seek(0)
    return StoredContent(digest.digest(), size_bytes)


def _sync_directory(directory: Path) -> None:
    """Without this a power cut may forget the name although the bytes are on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
