"""The records of one worker on their way to the server, on disk, one file a sequence number.

    <spool>/lock                                     held (flock) by the one process that may write
    <spool>/spool.json                               {"format":1,"worker":"0x...","first_sequence":0}
    <spool>/pending/00000000000000000007.envelope    sealed, not yet known to be stored
    <spool>/sent/00000000000000000006.envelope       stored by the server; the newest are kept
    <spool>/rejected/00000000000000000005.envelope   refused for good, with the reason in ....json

A record has its number the moment its file has its name: files are written aside, synced and renamed. The
highest number among the files is therefore the counter; there is no other that a crash could set back, and a
number that was given to some content is never given to another. Needs a POSIX file system with ``flock``.
"""

import fcntl
import os
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import msgspec

from atlas.indexer.workers.errors import HistoryMissing, SpoolBusy, SpoolDamaged, SpoolError, SpoolForeign
from atlas.indexer.workers.sdk.content import sync_directory
from atlas.protocol.ids import checksum_address

_ENVELOPE_NAME = re.compile(r"([0-9]{20})\.envelope")
_TEMPORARY_PREFIX = ".writing-"


class Spooled(msgspec.Struct, frozen=True):
    """A sealed record and its number."""

    sequence: int
    envelope: bytes


class Rejection(msgspec.Struct, frozen=True):
    """Why the server refused a record for good."""

    sequence: int
    code: str
    reason: str


class _Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    worker: str
    first_sequence: int


class Spool:
    """The spool of one worker. One process holds it at a time; its threads may share it."""

    def __init__(self, directory: Path, worker: bytes, *, keep_sent: int = 1024) -> None:
        """Open or create the spool of ``worker`` (20 bytes), keeping the last ``keep_sent`` delivered records.

        Raises SpoolBusy, SpoolForeign, SpoolDamaged, and SpoolError when the directory cannot be used.
        """
        self.directory = directory
        self._worker = checksum_address(worker)
        self._keep_sent = max(keep_sent, 1)  # the newest file is the counter
        self._guard = threading.RLock()
        self._process = os.getpid()
        try:
            for name in ("pending", "sent", "rejected"):
                (directory / name).mkdir(parents=True, exist_ok=True)
            self._lock = self._acquire()
        except OSError as error:
            raise SpoolError(f"the spool {directory} cannot be used: {error.strerror}") from error
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the spool. Closing twice is allowed."""
        with self._guard:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    @property
    def next_sequence(self) -> int:
        """The number that the next record gets."""
        with self._guard:
            newest = (numbers[-1] for numbers in (self._pending, self._sent, self._rejected) if numbers)
            return max(max(newest, default=-1) + 1, self._first_sequence)

    @property
    def is_fresh(self) -> bool:
        """True until a record was ever spooled here."""
        with self._guard:
            return not (self._pending or self._sent or self._rejected)

    @property
    def pending_count(self) -> int:
        """How many records wait for delivery."""
        with self._guard:
            return len(self._pending)

    def require_ownership(self) -> None:
        """Return if this process may write. Raises SpoolBusy when the spool is closed, and in a forked child."""
        if self._lock < 0:
            raise SpoolBusy(f"the spool {self.directory} is closed", hint="Open a new Worker.")
        if os.getpid() != self._process:  # flock is shared with forked children
            raise SpoolBusy(
                f"the spool {self.directory} belongs to process {self._process}, this is its child {os.getpid()}",
                hint="Record in the parent, or give the child a key and a spool of its own.",
            )

    def append(self, seal: Callable[[int], bytes]) -> Spooled:
        """Give the next number to ``seal``, and store what it returns so that it survives a power failure.

        When ``seal`` or the disk fails, the number stays unused. Raises SpoolBusy and SpoolError.
        """
        with self._guard:
            self.require_ownership()
            sequence = self.next_sequence
            envelope = seal(sequence)
            try:
                self._store(self._file("pending", sequence), envelope, lambda: self._pending.append(sequence))
            except OSError as error:
                raise SpoolError(
                    f"record {sequence} could not be written to {self.directory}: {error.strerror}",
                    hint="Free space or repair the disk, and record the generation again.",
                ) from error
            return Spooled(sequence, envelope)

    def pending(self, *, limit: int, limit_bytes: int) -> list[Spooled]:
        """The oldest waiting records in order: at least one if any waits, at most ``limit``, about ``limit_bytes``."""
        with self._guard:
            sequences = list(self._pending)[:limit]
        batch: list[Spooled] = []
        size_bytes = 0
        for sequence in sequences:
            envelope = self._read(sequence)
            size_bytes += len(envelope)
            if batch and size_bytes > limit_bytes:
                break
            batch.append(Spooled(sequence, envelope))
        return batch

    def acknowledge(self, count: int) -> None:
        """The ``count`` oldest waiting records are stored by the server."""
        with self._guard:
            self.require_ownership()
            for _ in range(count):
                sequence = self._pending.popleft()
                self._file("pending", sequence).replace(self._file("sent", sequence))
                self._sent.append(sequence)
            while len(self._sent) > self._keep_sent:
                self._file("sent", self._sent.popleft()).unlink(missing_ok=True)

    def reject(self, rejection: Rejection) -> None:
        """Put the oldest waiting record, which ``rejection`` names, aside with the reason beside it."""
        with self._guard:
            self.require_ownership()
            envelope = self._file("rejected", rejection.sequence)
            self._store(envelope.with_suffix(".json"), msgspec.json.encode(rejection), lambda: None)
            self._file("pending", rejection.sequence).replace(envelope)
            self._pending.remove(rejection.sequence)
            self._rejected.append(rejection.sequence)

    def rejection(self) -> Rejection | None:
        """The oldest refusal that nobody has dealt with. Its file moved back to pending/ is tried again."""
        with self._guard:
            if not self._rejected:
                return None
            sequence = self._rejected[0]
        reason = self._file("rejected", sequence).with_suffix(".json")
        try:
            return msgspec.json.decode(reason.read_bytes(), type=Rejection)
        except (OSError, msgspec.MsgspecError):
            return Rejection(sequence, "unknown", "the file with the reason is gone")

    def reconcile(self, expected: int) -> None:
        """Make record ``expected``, which the server wants next, the next one to go out, or the next to be made.

        Records that the server lost are sent again from sent/; a fresh spool of a known worker goes on where
        the server is. Raises HistoryMissing when the server wants a record that is not kept.
        """
        with self._guard:
            self.require_ownership()
            if self._pending and self._pending[0] <= expected:
                return
            if expected > self.next_sequence:
                self._write_identity(expected)
            elif expected < self.next_sequence:
                self._bring_back(expected)

    def _bring_back(self, expected: int) -> None:
        first_waiting = self._pending[0] if self._pending else self.next_sequence
        again = [sequence for sequence in self._sent if expected <= sequence < first_waiting]
        if again != list(range(expected, first_waiting)):
            oldest = next(iter(again), first_waiting)
            raise HistoryMissing(
                f"the server expects record {expected} of worker {self._worker}, the oldest one kept here is {oldest}",
                hint="Restore the server's ledger or this spool from a backup, or go on with a new worker key.",
            )
        for sequence in reversed(again):
            self._sent.remove(sequence)
            self._file("sent", sequence).replace(self._file("pending", sequence))
            self._pending.appendleft(sequence)

    def _acquire(self) -> int:
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise SpoolBusy(
                f"the spool {self.directory} is in use",
                hint="Give every worker process a key and a spool of its own.",
            ) from error
        return lock

    def _recover(self) -> None:
        for leftover in self.directory.rglob(f"{_TEMPORARY_PREFIX}*"):
            leftover.unlink(missing_ok=True)
        self._first_sequence = self._read_identity()
        self._pending = deque(_sequences((self.directory / "pending").iterdir()))
        self._sent = deque(_sequences((self.directory / "sent").iterdir()))
        self._rejected = deque(_sequences((self.directory / "rejected").glob("*.envelope")))

    def _read_identity(self) -> int:
        file = self.directory / "spool.json"
        if not file.exists():
            self._write_identity(0)
            return 0
        try:
            identity = msgspec.json.decode(file.read_bytes(), type=_Identity)
        except msgspec.MsgspecError as error:
            raise SpoolDamaged(f"{file} is damaged: {error}", hint="Restore it from a backup.") from error
        if identity.worker != self._worker:
            raise SpoolForeign(
                f"the spool {self.directory} belongs to {identity.worker}, the key is that of {self._worker}",
                hint="Use the key that the spool was made with, or another directory.",
            )
        return identity.first_sequence

    def _write_identity(self, first_sequence: int) -> None:
        identity = _Identity(format=1, worker=self._worker, first_sequence=first_sequence)
        self._store(self.directory / "spool.json", msgspec.json.encode(identity), lambda: None)
        self._first_sequence = first_sequence

    def _store(self, file: Path, content: bytes, named: Callable[[], None]) -> None:
        """Write aside, sync, rename, sync the name; ``named`` runs as soon as the file has its name."""
        descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as output:
                output.write(content)
                output.flush()
                os.fsync(output.fileno())
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)
        named()
        sync_directory(file.parent)

    def _read(self, sequence: int) -> bytes:
        file = self._file("pending", sequence)
        try:
            return file.read_bytes()
        except OSError as error:
            raise SpoolDamaged(f"{file} cannot be read: {error.strerror}", hint="Restore it from a backup.") from error

    def _file(self, folder: str, sequence: int) -> Path:
        return self.directory / folder / f"{sequence:020d}.envelope"


def _sequences(files: Iterable[Path]) -> list[int]:
    """The numbers of the envelope files, in order. Raises SpoolDamaged for a file that is none."""
    numbers: list[int] = []
    for file in files:
        match = _ENVELOPE_NAME.fullmatch(file.name)
        if match is None:
            raise SpoolDamaged(f"{file} does not belong into a spool", hint="Move it elsewhere.")
        numbers.append(int(match[1]))
    return sorted(numbers)
