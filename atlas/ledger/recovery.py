"""A log that is shorter than what was signed: nothing is appended until an operator decides.

A database restored from a backup is behind the checkpoints published since. What is appended to it takes positions
that others have a signature for with other facts: two histories of one log. So whoever notices (verification against
a note, the signing of a checkpoint) halts the log: ``ledger.head.halted`` says why, and every append raises
AppendingHalted, in this process and any other. Either a newer backup is restored, whose head row is not halted, or an
operator goes on, and that decision is the next fact of the log:

    topic decision.appending-resumed, stream "recovery", version 0, 1, 2 ...
    {"reason": text, "authoriser": text, "halted": text, "head": int, "decided_at_ms": int}             as msgpack
"""

import msgspec

from atlas.ledger.batches import Fact, encode_batch
from atlas.ledger.database import Database
from atlas.ledger.errors import InvalidFact, LedgerBehindCheckpoint, RefusedResumption
from atlas.ledger.log import Ledger
from atlas.ledger.writer import record
from atlas.protocol.facts import stream_id

TOPIC = "decision.appending-resumed"

_HALT = b"update ledger.head set halted = %s where halted is null"
_STATE = b"select halted, position from ledger.head for update"
_RESUME = b"update ledger.head set halted = null"


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
    with database.connection() as connection:
        connection.execute(_HALT, (message,))
    return LedgerBehindCheckpoint(message, position=head + 1)


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
        last = ledger.last_version(stream)
        cursor.execute(_RESUME)
        version = 0 if last is None else last + 1
        record(cursor, encode_batch([Fact(stream, version, TOPIC, msgspec.msgpack.encode(decision))]))
    return decision
