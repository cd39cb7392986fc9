"""The last published checkpoint, kept outside the database, so that a database that went back is noticed.

    checkpoint.note                              the note as it was published (``ledger.note_file``)
    checkpoint.note.20261121T040819.123Z         one that the log does not extend, set aside by ``ledger resume``

A database restored from an old backup has forgotten with its facts the checkpoints that were published over them; this
file has not. It is written, and is on the disk, before anybody else can read the note. Whoever opens the database holds
the log against it: when the log is shorter, or has another root at that size, it is halted (recovery.py). The file is
believed as it stands: whoever can write it can read the key that is kept beside it.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atlas.ledger.checkpoints.checkpointer import Checkpoint, parse_checkpoint
from atlas.ledger.checkpoints.notes import SignedNote, parse_note
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerCorrupt, MalformedNote, NoteNotKept, WrongOrigin
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.recovery import AppendingResumed, behind_checkpoint, other_history, resume

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HighWater:
    """The file ``path`` of the log ``origin`` in ``database``. Safe to share between threads and processes.

    Every method raises NoteNotKept, MalformedNote, WrongOrigin when the file cannot be used.
    """

    def __init__(self, database: Database, path: Path, origin: str) -> None:
        self._database = database
        self._path = path
        self._origin = origin

    def note(self) -> SignedNote | None:
        """The last published checkpoint, None before the first."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._not_kept(error) from error
        try:
            note = parse_note(data)
            origin = parse_checkpoint(note.text).origin
        except MalformedNote as error:
            raise MalformedNote(
                f"{self._path}: {error.message}",
                hint="It held the last published checkpoint: put back a copy of that note, from whoever has one.",
            ) from error
        if origin != self._origin:
            raise WrongOrigin(
                f"{self._path} has a checkpoint of the log {origin!r}, and ledger.origin is {self._origin!r}",
                hint="Correct ledger.origin; a log with a new name needs another ledger.note_file.",
            )
        return note

    def watch(self) -> None:
        """Return when the log extends the last published checkpoint; else it is halted.

        Raises LedgerBehindCheckpoint, RootMismatch, DatabaseUnreachable.
        """
        note = self.note()
        if note is not None:
            self._require_extension(parse_checkpoint(note.text))

    def keep(self, note: SignedNote) -> None:
        """Have a checkpoint that is to be published on the disk, if it is the largest yet. Raises as ``watch``."""
        with self._locked():
            kept = self.note()
            if kept is not None:
                self._require_extension(parse_checkpoint(kept.text))
                if parse_checkpoint(kept.text).tree_size >= parse_checkpoint(note.text).tree_size:
                    return
            self._write(note.encode())

    def resume(
        self, ledger: Ledger, *, reason: str, authoriser: str, decided_at_ms: int
    ) -> tuple[AppendingResumed, Path | None]:
        """Let appends go on by a recorded decision, and set the note aside when the log does not extend it.

        Returns the decision, and where the note is now. Raises what ``recovery.resume`` does.
        """
        with self._locked():
            # In this order: when the second step fails, the log is halted again, and the note is still there.
            decision = resume(ledger, reason=reason, authoriser=authoriser, decided_at_ms=decided_at_ms)
            if self._is_extended():
                return decision, None
            return decision, self._set_aside(decided_at_ms)

    def _require_extension(self, kept: Checkpoint) -> None:
        tree = Tree(self._database)
        size = tree.size()
        if size < kept.tree_size:
            size = tree.integrate()
        if size < kept.tree_size:
            raise behind_checkpoint(self._database, kept.tree_size, size)
        root_hash = tree.root(kept.tree_size)
        if root_hash != kept.root_hash:
            raise other_history(self._database, kept.tree_size, signed=kept.root_hash, found=root_hash)

    def _is_extended(self) -> bool:
        note = self.note()
        if note is None:
            return True
        checkpoint = parse_checkpoint(note.text)
        tree = Tree(self._database)
        try:
            return tree.integrate() >= checkpoint.tree_size and tree.root(checkpoint.tree_size) == checkpoint.root_hash
        except LedgerCorrupt:
            return False

    def _set_aside(self, decided_at_ms: int) -> Path:
        decided_at = _EPOCH + timedelta(milliseconds=decided_at_ms)
        stamp = f"{decided_at:%Y%m%dT%H%M%S}.{decided_at_ms % 1000:03}Z"
        aside = self._path.with_name(f"{self._path.name}.{stamp}")
        try:
            # A link is refused where there is a file of that name, and nothing is ever replaced.
            os.link(self._path, aside)
            self._path.unlink()
            _sync(self._path.parent)
        except OSError as error:
            raise self._not_kept(error) from error
        return aside

    def _write(self, data: bytes) -> None:
        written = self._path.with_name(f"{self._path.name}.new")
        try:
            with written.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            written.replace(self._path)
            _sync(self._path.parent)
        except OSError as error:
            raise self._not_kept(error) from error

    @contextmanager
    def _locked(self) -> Generator[None]:
        """One process at a time; the lock is the directory's, and ends with its holder."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            directory = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise self._not_kept(error) from error
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _not_kept(self, error: OSError) -> NoteNotKept:
        return NoteNotKept(
            f"the last published checkpoint cannot be kept in {self._path}: {error.strerror}",
            hint="Nothing is published that is not kept: let this program write there, or set ledger.note_file.",
        )


def _sync(directory: Path) -> None:
    """Make the names in a directory survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
