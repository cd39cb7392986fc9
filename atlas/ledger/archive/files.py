"""Files of the archive: their hashes, and that they are on the disk before they are in their place."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import pyarrow as pa

from atlas.ledger.archive.manifests import FileHash, Range
from atlas.ledger.errors import AlteredArchive, MissingArchive, UnwritableArchive


def missing(part: Range, name: str) -> MissingArchive:
    """The error of a file that is not there."""
    return MissingArchive(f"{name} of {part.name} is missing from the archive", position=part.first)


def unreadable(part: Range, name: str, error: Exception) -> AlteredArchive:
    """The error of a file that is no such file."""
    return AlteredArchive(f"{name} of {part.name} cannot be read: {error}", position=part.first)


@contextmanager
def writing(part: Range, directory: Path) -> Generator[None]:
    """What keeps a file from being written, as an error of the archive; what was there before is there still."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise UnwritableArchive(
            f"{part.name} cannot be written to {directory}: {error}",
            hint="Is there room, and may this user write there? Nothing was lost: give the command again.",
        ) from error


def file_hash(path: Path) -> FileHash:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        return FileHash(path.stat().st_size, file_digest(file, "sha256").hexdigest())


def put(unfinished: Path, place: Path) -> None:
    """Rename a file into its place, all of it on the disk before."""
    sync(unfinished)
    unfinished.replace(place)
    sync(place.parent)


def sync(path: Path) -> None:
    """Let a file, or the names in a directory, be on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
