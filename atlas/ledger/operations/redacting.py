"""Redacting a payload: the decision and the removal in one transaction, then the bytes off the disk and the archive.

What remains outside this database is the operator's: earlier backups, write-ahead log, copies of the archive's files.
"""

import psycopg
from psycopg.sql import SQL, Identifier

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.errors import RefusedRedaction
from atlas.ledger.log import Ledger
from atlas.ledger.operations.exclusive import LOCK_TIMEOUT, PATIENCE_S, exclusively
from atlas.ledger.operations.withholding import archived_range, withhold
from atlas.ledger.recording.batches import Fact
from atlas.ledger.recording.entries import entry_of
from atlas.ledger.redaction import ARCHIVING_LOCK, TOPIC, PayloadRedacted, encode_redaction, redaction_stream

_REMOVE = b"update ledger.events set payload = null where position = %s"
_PARTITION = b"""
select pg_class.relname from ledger.events join pg_class on pg_class.oid = events.tableoid where position = %s
"""


def redact(
    ledger: Ledger,
    position: int,
    *,
    reason: str,
    authoriser: str,
    decided_at_ms: int,
    checkpointer: Checkpointer | None = None,
    patience_s: float = PATIENCE_S,
) -> PayloadRedacted:
    """Withhold the payload at ``position`` for ever; returns the decision, an earlier one if there is one.

    An archived payload needs the ``checkpointer``: the archive takes a proof that the decision is recorded. Raises
    RefusedRedaction when there is no such fact, when it is itself such a decision, or when it is archived and there is
    no checkpointer; InvalidFact when the reason or the authoriser is empty; MissingArchive or AlteredArchive when the
    archive is not as it should be, TableInUse when others read the fact's partition for longer than ``patience_s``:
    the decision then stands, and asked again, the rest is done. DatabaseUnreachable.
    """
    decision = ledger.redaction(position)
    if decision is None:
        decision = _decide(ledger, position, reason, authoriser, decided_at_ms, may_sign=checkpointer is not None)
    _purge(ledger.database, position, patience_s)
    part = archived_range(ledger.database, position)
    if part is not None:
        withhold(ledger, _required(checkpointer, position), part, decision)
    return decision


def _decide(
    ledger: Ledger, position: int, reason: str, authoriser: str, decided_at_ms: int, *, may_sign: bool
) -> PayloadRedacted:
    if not may_sign and archived_range(ledger.database, position) is not None:
        raise _unsigned(position)
    fact = next(ledger.facts(after=position - 1, upto=position), None) if position > 0 else None
    if fact is None:
        raise RefusedRedaction(
            f"the log has no fact at position {position}", hint=f"It has those from 1 to {ledger.head()}."
        )
    if fact.topic == TOPIC:
        raise RefusedRedaction(
            f"the fact at position {position} is a redaction: what was decided stays readable",
            hint="Name the position of another fact.",
        )
    entry = entry_of(fact.stream, fact.version, fact.topic, fact.payload)
    decision = PayloadRedacted(position, entry.payload_bytes, entry.payload_sha256, reason, authoriser, decided_at_ms)
    decided = Fact(redaction_stream(position), 0, TOPIC, encode_redaction(decision))

    def remove(cursor: psycopg.Cursor) -> None:
        # Not waited for: the head is locked here, and whoever appends would wait as well.
        if cursor.execute("select pg_try_advisory_xact_lock(%s)", (ARCHIVING_LOCK,)).fetchone() != (True,):
            raise RefusedRedaction("the archive is being written", hint="Ask again when that is done.")
        cursor.execute(_REMOVE, (position,))

    ledger.append([decided], companion=remove)
    return decision


def _required(checkpointer: Checkpointer | None, position: int) -> Checkpointer:
    """What signs; without it, only a range that was archived just now comes here."""
    if checkpointer is None:
        raise _unsigned(position)
    return checkpointer


def _unsigned(position: int) -> RefusedRedaction:
    return RefusedRedaction(
        f"position {position} is in the archive, whose files take the redaction with a signature only",
        hint="Redact where the log's signing key is, with `atlas-ledger ledger redact`.",
    )


def _purge(database: Database, position: int, patience_s: float) -> None:
    """Write the fact's partition anew, for an update leaves the old bytes on the disk."""
    with database.connection() as connection:
        row = connection.execute(_PARTITION, (position,)).fetchone()
    if row is not None:
        exclusively(database, row[0], lambda: _write_anew(database, row[0]), patience_s=patience_s)


def _write_anew(database: Database, partition: str) -> None:
    with database.connection() as connection:
        connection.autocommit = True
        try:
            connection.execute(LOCK_TIMEOUT)
            connection.execute(SQL("vacuum (full) {}").format(Identifier("ledger", partition)))
        finally:
            connection.execute("reset lock_timeout")
            connection.autocommit = False
