"""A log that is shorter than what was signed: nothing is appended until an operator decides.

A database restored from a backup is behind the checkpoints published since. What is appended to it takes positions
that others have a signature for with other facts: two histories of one log. So whoever notices (who opens it beside
the last published checkpoint, see high_water.py, verifies it against a note, or signs) halts the log:
``ledger.head.halted`` says why, and every append raises AppendingHalted, in this process and any other. Either a newer
backup is restored, whose head row is not halted, or an operator goes on, and that decision is the next fact of the log:

    topic decision.appending-resumed, stream "recovery", version 0, 1, 2 ...
    {"reason": text, "authoriser": text, "halted": text, "head": int, "decided_at_ms": int}             as msgpack
"""

from typing import TypeVar

import msgspec

from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AppendingHalted,
    InvalidFact,
    LedgerBehindCheckpoint,
    LedgerCorrupt,
    RefusedResumption,
    RootMismatch,
)
from atlas.ledger.log import Ledger
from atlas.ledger.recording.batches import Fact, encode_batch
from atlas.ledger.recording.writer import record
from atlas.protocol.facts import stream_id

TOPIC = "decision.appending-resumed"

_HALT = b"update ledger.head set halted = %s where halted is null"
_STATE = b"select halted, position from ledger.head for update"
_RESUME = b"update ledger.head set halted = null"
_VERSION = b"select coalesce(max(version) + 1, 0) from ledger.keys where stream = %s"
_REASON = b"select halted from ledger.head"
_REOPEN = b"update ledger.head set halted = null where position = 0"

_Corrupt = TypeVar("_Corrupt", bound=LedgerCorrupt)


class AppendingResumed(msgspec.Struct, frozen=True):
    """The decision to go on from ``head``, although the log was halted because of ``halted``."""

    reason: str
    authoriser: str
    halted: str
    head: int
    decided_at_ms: int


def behind_checkpoint(database: Database, signed: int, head: int) -> LedgerBehindCheckpoint:
    """The error of a log that is behind a signed checkpoint; the log is halted. Raises DatabaseUnreachable."""
    message = f"a checkpoint over {signed} facts is signed, and the log has {head}"
    return _halted(database, LedgerBehindCheckpoint(message, position=head + 1))


def other_history(database: Database, size: int, *, signed: bytes, found: bytes) -> RootMismatch:
    """The error of a log that has other facts than were signed; it is halted. Raises DatabaseUnreachable."""
    return _halted(
        database, RootMismatch(f"the root over {size} facts was signed as {signed.hex()}, and is {found.hex()} now")
    )


def halted_because(database: Database) -> str | None:
    """Why nothing is appended, None in health. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        row = connection.execute(_REASON).fetchone()
    return None if row is None else row[0]


def require_appending(database: Database) -> None:
    """Return when the log is not halted. Raises AppendingHalted, DatabaseUnreachable."""
    reason = halted_because(database)
    if reason is not None:
        raise AppendingHalted(f"nothing is appended: {reason}")


def reopen_empty(database: Database) -> None:
    """Let a log without facts be filled from its archive, although it is behind what was signed."""
    with database.connection() as connection:
        connection.execute(_REOPEN)


def _halted(database: Database, error: _Corrupt) -> _Corrupt:
    with database.connection() as connection:
        connection.execute(_HALT, (error.message,))
    return error


def resume(ledger: Ledger, *, reason: str, authoriser: str, decided_at_ms: int) -> AppendingResumed:
    """Let appends go on and record the decision as the next fact.

    Raises RefusedResumption when the log is not halted, InvalidFact when the reason or the authoriser is empty.
    """
    if not reason.strip() or not authoriser.strip():
        raise InvalidFact("the decision to go on names its reason and who authorises it")
    stream = stream_id("recovery")
    with ledger.database.connection() as connection, connection.cursor() as cursor:
        ((halted, head),) = cursor.execute(_STATE).fetchall()
        if halted is None:
            raise RefusedResumption("the log is not halted: facts are appended")
        decision = AppendingResumed(reason, authoriser, halted, head, decided_at_ms)
        # On this connection, which holds the head: another one is not always to be had.
        ((version,),) = cursor.execute(_VERSION, (stream,)).fetchall()
        cursor.execute(_RESUME)
        record(cursor, encode_batch([Fact(stream, version, TOPIC, msgspec.msgpack.encode(decision))]))
    return decision
