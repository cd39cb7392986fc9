"""Every way in which the store refuses or fails.

LedgerError
├── DatabaseUnreachable        no connection within the time allowed                    exit code 3
├── DatabaseFull               no room left where the database is stored                exit code 3
├── EmbeddedPostgresFailed     the program's own PostgreSQL does not start              exit code 3
├── InvalidDatabaseUrl         not a PostgreSQL connection string                       exit code 2
├── SchemaVersionMismatch      the database's migrations are not the program's          exit code 2
├── UncheckedSchema            a role that may not check the schema                     exit code 2
├── InvalidFact                a fact that cannot be stored                             exit code 4
│   └── PayloadTooLarge        a payload above the limit
├── ConflictingFact            another fact is recorded under the same stream, version  exit code 1
├── RefusedRedaction           a payload that is not to be redacted, or not here          exit code 2
├── RefusedArchiving           what is asked of the archive would lose or mix up facts    exit code 2
├── UnwritableArchive          the archive's files cannot be written                    exit code 3
├── TableInUse                 others read what is to be dropped or written anew        exit code 3
├── RefusedResumption          a log that is not halted cannot be resumed                 exit code 2
├── AppendingHalted            nothing is appended until an operator decides              exit code 1
├── InvalidProof               a Merkle proof that does not prove its claim             exit code 1
├── MalformedProof             not the form of a proof's file                           exit code 4
├── WitnessUnreachable         a witness that gives no usable answer                    exit code 3
├── WitnessRefused             a witness that does not cosign                           exit code 1
├── UnknownPosition            a position or tree size that the stored tree lacks       exit code 2
│   └── NotPublished           one that no published checkpoint covers
├── MalformedResource          a name that no tile or entry bundle has                  exit code 2
├── InvalidKey                 key text that is not a signed-note key                   exit code 2
├── NoteNotKept                the file of the last published checkpoint fails          exit code 3
├── SigningFailed              a key kept elsewhere that gives no good signature        exit code 3
├── NoteError                  a signed note that is refused
│   ├── MalformedNote          not the form of a signed note or a checkpoint            exit code 4
│   ├── UnknownSigner          no signature by the expected key                         exit code 1
│   ├── BadSignature           a signature of the expected key that does not verify     exit code 1
│   ├── RetiredKey             a checkpoint that a key signed after it was replaced     exit code 1
│   └── WrongOrigin            a checkpoint of another log                              exit code 1
└── LedgerCorrupt              the stored bytes are not the ones that were recorded     exit code 1
    ├── AlteredFact            a fact's columns disagree with its leaf hash
    ├── MissingFact            a position that the log should have is not there
    ├── MisplacedFact          a fact outside the log's positions
    ├── AlteredHead            the row of ledger.head, or a record of a range, that fits not the partitions
    ├── AlteredKey             a stream and version that leads to another position, or to none
    ├── AlteredSchema          a table, view or function is not what the migrations made
    ├── MissingArchive         a range of the log should be in the archive and is not
    ├── AlteredArchive         a file of the archive is not what was archived
    ├── AlteredTree            a stored tile disagrees with the facts below it
    ├── AlteredCheckpoint      a stored checkpoint is not what was signed
    ├── RootMismatch           the facts do not hash to a signed root
    └── LedgerBehindCheckpoint the log is shorter than a signed checkpoint says
"""

from typing import ClassVar
from uuid import UUID

from atlas.protocol.errors import AtlasError


class LedgerError(AtlasError):
    """The store refuses or fails; ``advice`` is the hint of those that are raised without one of their own."""

    advice: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or self.advice)


class DatabaseUnreachable(LedgerError):
    """No connection to the database within the time allowed."""

    exit_code = 3


class DatabaseFull(LedgerError):
    """No room is left where the database is stored; what was asked for was not stored."""

    exit_code = 3


class EmbeddedPostgresFailed(LedgerError):
    """The program's own PostgreSQL does not start."""

    exit_code = 3


class InvalidDatabaseUrl(LedgerError):
    """Text that is not a PostgreSQL connection string."""

    exit_code = 2


class SchemaVersionMismatch(LedgerError):
    """The migrations recorded in the database are not the ones that this program carries."""

    exit_code = 2


class UncheckedSchema(LedgerError):
    """Who verifies may not do what a check of the schema needs."""

    exit_code = 2


class InvalidFact(LedgerError):
    """A fact that cannot be stored; nothing of its batch was."""

    exit_code = 4
    advice = "Correct what is offered: nothing of its batch was stored."


class PayloadTooLarge(InvalidFact):
    """A payload above the limit."""


class ConflictingFact(LedgerError):
    """Another fact is recorded under the same stream and version; nothing of the batch was stored.

    ``position`` is where the other fact is recorded, None when both came in one batch.
    """

    def __init__(
        self,
        stream: UUID,
        version: int,
        *,
        position: int | None,
        recorded: str,
        offered: str,
    ) -> None:
        where = "earlier in the same batch" if position is None else f"recorded at position {position}"
        super().__init__(
            f"stream {stream} version {version} is {recorded}, {where}, and cannot also be {offered}",
            hint="The log is append-only: a correction is a new fact under a new version.",
        )
        self.stream = stream
        self.version = version
        self.position = position


class RefusedRedaction(LedgerError):
    """A payload that is not to be redacted, or that is not in this database."""

    exit_code = 2


class RefusedArchiving(LedgerError):
    """What is asked of the archive would lose facts or mix up logs."""

    exit_code = 2


class UnwritableArchive(LedgerError):
    """The archive's files cannot be written: no room, no right, or no directory."""

    exit_code = 3


class TableInUse(LedgerError):
    """Others hold, for longer than is waited, a table that is to be dropped or written anew."""

    exit_code = 3


class RefusedResumption(LedgerError):
    """A log that is not halted cannot be resumed."""

    exit_code = 2
    advice = "There is nothing to decide."


class AppendingHalted(LedgerError):
    """Nothing is appended until an operator decides; nothing of the batch was stored."""

    advice = "Restore what is missing, or decide with `atlas-ledger ledger resume`."


class InvalidProof(LedgerError):
    """A Merkle proof that does not prove what it claims to."""

    advice = (
        "Ask for the proof again; when it stays so, keep it with its checkpoint: it proves nothing, and that tells."
    )


class MalformedProof(LedgerError):
    """Bytes that are not the file of a proof."""

    exit_code = 4
    advice = "Name a file as `ledger proof` or `ledger consistency` writes it, byte for byte."


class WitnessUnreachable(LedgerError):
    """A witness that gives no answer, or none that its protocol has."""

    exit_code = 3


class WitnessRefused(LedgerError):
    """A witness that does not cosign the checkpoint."""


class UnknownPosition(LedgerError):
    """A position or tree size that the stored tree does not have (yet)."""

    exit_code = 2
    advice = "Positions count from 1; `atlas-ledger ledger stats` prints how far the tree and the checkpoint reach."


class NotPublished(UnknownPosition):
    """A position, tree size or resource that no published checkpoint covers (yet)."""


class MalformedResource(LedgerError):
    """A name that no tile or entry bundle has."""

    exit_code = 2


class InvalidKey(LedgerError):
    """Key text that is not in the signed-note form."""

    exit_code = 2
    advice = "`atlas-ledger keys show` prints the verifier keys of a log."


class SigningFailed(LedgerError):
    """A key that is kept elsewhere, and gives no signature or none that fits."""

    exit_code = 3


class NoteNotKept(LedgerError):
    """The file of the last published checkpoint cannot be read or written; nothing was published."""

    exit_code = 3


class NoteError(LedgerError):
    """A signed note that is refused."""


class MalformedNote(NoteError):
    """Bytes that are not a signed note, or whose text is not a checkpoint."""

    exit_code = 4
    advice = "Name a note as it was published, byte for byte."


class UnknownSigner(NoteError):
    """A note without a signature by the expected key."""

    advice = "Is this the key of the log, or of the witness, that is meant?"


class BadSignature(NoteError):
    """A note with a signature by the expected key that does not verify."""

    advice = "The note was changed after it was signed: fetch it again from where it is published."


class RetiredKey(NoteError):
    """A checkpoint that a key signed after another had taken over from it."""


class WrongOrigin(NoteError):
    """A checkpoint of another log."""

    advice = "Name a checkpoint of this log, or correct ledger.origin."


class LedgerCorrupt(LedgerError):
    """The stored bytes are not the ones that were recorded; ``position`` is the first known to be wrong."""

    advice = "Restore the database from a backup, and find out who wrote to it."

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class AlteredFact(LedgerCorrupt):
    """A fact's columns disagree with its stored leaf hash."""


class MissingFact(LedgerCorrupt):
    """A position that the log should have is not there."""


class MisplacedFact(LedgerCorrupt):
    """A fact at a position that the log does not have."""


class AlteredHead(LedgerCorrupt):
    """The row of ``ledger.head``, or what it says with ``ledger.archives``, does not fit the log's partitions."""


class AlteredKey(LedgerCorrupt):
    """A stream and version that leads to another position than its fact's, or to none."""


class AlteredSchema(LedgerCorrupt):
    """A table, view or function of the log is not what the migrations made."""


class MissingArchive(LedgerCorrupt):
    """A range of the log should be in the archive and is not; ``position`` is its first."""

    advice = "Take the range from a second copy of the archive, and check that ledger.archive names the right one."


class AlteredArchive(LedgerCorrupt):
    """A file of the archive is not what was archived; ``position`` is the first known to be wrong."""

    advice = "Take the range from a second copy of the archive, and check that ledger.archive names the right one."


class AlteredTree(LedgerCorrupt):
    """A stored tile disagrees with the facts below it."""


class AlteredCheckpoint(LedgerCorrupt):
    """A stored checkpoint is not what was signed."""


class RootMismatch(LedgerCorrupt):
    """The facts do not hash to the root that was signed."""


class LedgerBehindCheckpoint(LedgerCorrupt):
    """The log is shorter than a signed checkpoint says it once was."""

    advice = "Restore a newer backup; where there is none, decide with `atlas-ledger ledger resume`."
