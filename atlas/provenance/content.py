"""Media by their content: the directory that workers write to, read with every byte verified.

The layout and the writing are those of ``atlas.indexer.workers.sdk.content``. What comes out has the hash asked for.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from atlas.indexer.workers.sdk.content import BLOCK_BYTES, ContentDirectory, hash_file
from atlas.indexer.workers.sdk.content import Digest as StoredContent
from atlas.provenance.errors import ContentCorrupt, ContentMissing

__all__ = ["ContentStore", "StoredContent", "hash_file"]


class ContentStore(ContentDirectory):
    """A directory of files named by their SHA-256. Several processes may share it."""

    def exists(self, sha256: bytes) -> bool:
        """Whether content with this hash was stored. Says nothing about its present state: ``verify`` does."""
        return self.path(sha256).is_file()

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
        return self.add(data)

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
