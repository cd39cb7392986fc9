"""Redacting a payload: the decision and the removal in one transaction, then the bytes off the disk.

What remains outside this database is the operator's: earlier backups, write-ahead log, copies of the archive.
"""

import psycopg
from psycopg.sql import SQL, Identifier

from atlas.ledger.batches import Fact
from atlas.ledger.database import Database
from atlas.ledger.entries import entry_of
from atlas.ledger.errors import RefusedRedaction
from atlas.ledger.log import Ledger
from atlas.ledger.redaction import ARCHIVING_LOCK, TOPIC, PayloadRedacted, encode_redaction, redaction_stream

_REMOVE = b"update ledger.events set payload = null where position = %s"
_PARTITION = b"""
select pg_class.relname from ledger.events join pg_class on pg_class.oid = events.tableoid where position = %s
"""
_HELD = b"""
select head.dropped >= %(position)s, exists (select from ledger.archives where %(position)s between first and last)
from ledger.head
"""


def redact(ledger: Ledger, position: int, *, reason: str, authoriser: str, decided_at_ms: int) -> PayloadRedacted:
    """Withhold the payload at ``position`` for ever; returns the decision, an earlier one if there is one.

    Raises RefusedRedaction when there is no such fact in the database, when it is archived already, or when it is
    itself such a decision; InvalidFact when the reason or the authoriser is empty; DatabaseUnreachable.
    """
    decision = ledger.redaction(position)
    if decision is None:
        decision = _decide(ledger, position, reason, authoriser, decided_at_ms)
    _purge(ledger.database, position)
    return decision


def _decide(ledger: Ledger, position: int, reason: str, authoriser: str, decided_at_ms: int) -> PayloadRedacted:
    with ledger.database.connection() as connection, connection.cursor() as cursor:
        _require_held(cursor, position)
    fact = next(ledger.facts(after=position - 1, upto=position), None)
    if fact is None:
        raise RefusedRedaction(f"the log has no fact at position {position}")
    if fact.topic == TOPIC:
        raise RefusedRedaction(f"the fact at position {position} is a redaction: what was decided stays readable")
    entry = entry_of(fact.stream, fact.version, fact.topic, fact.payload)
    decision = PayloadRedacted(position, entry.payload_bytes, entry.payload_sha256, reason, authoriser, decided_at_ms)
    decided = Fact(redaction_stream(position), 0, TOPIC, encode_redaction(decision))

    def remove(cursor: psycopg.Cursor) -> None:
        # Not waited for: the head is locked here, and whoever appends would wait as well.
        if cursor.execute("select pg_try_advisory_xact_lock(%s)", (ARCHIVING_LOCK,)).fetchone() != (True,):
            raise RefusedRedaction("the archive is being written", hint="Ask again when that is done.")
        _require_held(cursor, position)
        cursor.execute(_REMOVE, (position,))

    ledger.append([decided], companion=remove)
    return decision


def _require_held(cursor: psycopg.Cursor, position: int) -> None:
    ((dropped, archived),) = cursor.execute(_HELD, {"position": position}).fetchall()
    if dropped or archived:
        raise RefusedRedaction(
            f"position {position} is in the archive, whose files would keep the payload",
            hint="Restore the archive into an empty database, redact there, and archive anew into another directory.",
        )


def _purge(database: Database, position: int) -> None:
    """Write the fact's partition anew, for an update leaves the old bytes on the disk."""
    with database.connection() as connection:
        row = connection.execute(_PARTITION, (position,)).fetchone()
        if row is None:
            return
        connection.commit()
        connection.autocommit = True
        try:
            connection.execute(SQL("vacuum (full) {}").format(Identifier("ledger", row[0])))
        finally:
            connection.autocommit = False
