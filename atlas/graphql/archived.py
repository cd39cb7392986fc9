"""Entries of the log that are no longer in the database, from the archive."""

from collections.abc import Callable, Mapping
from uuid import UUID

from atlas.graphql.errors import ArchiveUnavailable
from atlas.graphql.snapshot import Snapshot
from atlas.ledger.archive.archive import Archive
from atlas.ledger.errors import AlteredArchive, MissingArchive

_DROPPED = "select dropped from ledger.head where dropped >= %(position)s"


def no_entry(_: Snapshot, __: Mapping[str, object]) -> None:
    """There is no archive."""


def archived_entry(archive: Archive) -> Callable[[Snapshot, Mapping[str, object]], Mapping[str, object] | None]:
    """What finds the entry at a ``position`` that was dropped from the database; its columns by parameter.

    It gives None for a position that was not, and raises ArchiveUnavailable.
    """

    def entry(snapshot: Snapshot, key: Mapping[str, object]) -> Mapping[str, object] | None:
        position = key["position"]
        if not isinstance(position, int) or position < 1 or not snapshot.rows(_DROPPED, {"position": position}):
            return None
        try:
            row = archive.entry(position)
        except (MissingArchive, AlteredArchive) as error:
            raise ArchiveUnavailable(
                f"position {position} is in the archive, which cannot be read", hint="Ask the operator of this log."
            ) from error
        found = row | {"stream": str(UUID(bytes=row["stream"]))}
        return {f"archived_{name}": value for name, value in found.items()}

    return entry
