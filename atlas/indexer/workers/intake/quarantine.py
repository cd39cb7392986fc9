"""The quarantine: verified records of workers that are not registered (W12), kept apart until they are.

Nothing in it is in the log or in a view. It is bounded: a worker may keep so many records, and beyond the bounds of
the whole the oldest give way, which is counted and logged. What is refused for want of room is refused in words.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg
import structlog

from atlas.indexer.workers.intake.frames import Entry, open_frame
from atlas.ledger.database import Database
from atlas.protocol.facts import worker_stream

_ROOM_LEFT_AFTER_EXPIRY = 0.9
_TAKE_TURNS = b"select from indexer.quarantine_totals for update"  # first of all, so that nobody waits in a circle
_INSERT = b"""
insert into indexer.quarantine (worker, sequence, record_id, payload)
select * from unnest(%b::bytea[], %b::bigint[], %b::bytea[], %b::bytea[]) on conflict do nothing
returning octet_length(payload)
"""
_ADD = b"update indexer.quarantine_totals set records = records + %s, bytes = bytes + %s returning records, bytes"
_EXPIRE = b"""
with newest as (
    select id, count(*) over newer as records, sum(octet_length(payload)) over newer as bytes
    from indexer.quarantine window newer as (order by id desc)
), gone as (
    delete from indexer.quarantine using newest
    where quarantine.id = newest.id and (newest.records > %s or newest.bytes > %s)
    returning octet_length(quarantine.payload) as bytes
), tally as (select count(*) as records, coalesce(sum(bytes), 0)::bigint as bytes from gone)
update indexer.quarantine_totals set
    records = quarantine_totals.records - tally.records, bytes = quarantine_totals.bytes - tally.bytes,
    expired_records = expired_records + tally.records, expired_bytes = expired_bytes + tally.bytes
from tally returning tally.records
"""
_OTHERS = b"select count(*) from indexer.quarantine where worker = %b and record_id <> all(%b::bytea[])"
_DUE = b"""
select exists (
    select from indexer.quarantine where worker = %(worker)s
    and sequence - 1 <= (select coalesce(max(version), -1) from ledger.keys where stream = %(stream)s)
    and not exists (select from ledger.keys where stream = %(stream)s and version = quarantine.sequence)
)
"""
_DELETE = b"""
with gone as (delete from indexer.quarantine where {} returning octet_length(payload) as bytes),
tally as (select count(*) as records, coalesce(sum(bytes), 0)::bigint as bytes from gone)
update indexer.quarantine_totals set
    records = quarantine_totals.records - tally.records, bytes = quarantine_totals.bytes - tally.bytes
from tally returning tally.records
"""
_DELETE_IDS = _DELETE.replace(b"{}", b"id = any(%s)")
_DELETE_WORKER = _DELETE.replace(b"{}", b"worker = %s")
_PAGE = b"""
select id, sequence, payload from indexer.quarantine
where worker = %s and (sequence, id) > (%s, %s) order by sequence, id limit %s
"""
_HELD = b"""
select worker, count(*), sum(octet_length(payload))::bigint, min(sequence), max(sequence), min(received_at)
from indexer.quarantine group by worker order by min(id)
"""
_log = structlog.get_logger(__name__)


class QuarantineLimits(msgspec.Struct, frozen=True):
    """How much is kept apart."""

    max_records: int = 100_000
    max_bytes: int = 256 << 20
    max_worker_records: int = 10_000


class Held(msgspec.Struct, frozen=True):
    """What is kept of one worker."""

    worker: bytes
    records: int
    size_bytes: int
    first_sequence: int
    last_sequence: int
    since: datetime


class QuarantineTotals(msgspec.Struct, frozen=True):
    """What is kept of all, and what ever gave way."""

    records: int
    size_bytes: int
    expired_records: int
    expired_bytes: int


class HeldRecord(msgspec.Struct, frozen=True):
    """A kept record; ``id`` names it in the quarantine."""

    id: int
    sequence: int
    payload: bytes

    def entry(self) -> Entry:
        """It, verified anew. Raises InvalidEnvelope."""
        (entry,) = open_frame(self.payload, max_envelope_bytes=len(self.payload))
        return entry


class Quarantine:
    """The quarantine in ``database``; safe to share. Every method raises DatabaseUnreachable."""

    def __init__(self, database: Database, limits: QuarantineLimits | None = None) -> None:
        self._database = database
        self.limits = limits or QuarantineLimits()

    def keep(self, worker: bytes, entries: Sequence[Entry]) -> int:
        """Keep the entries of ``worker`` while there is room for it; says how many of them, the first, are kept."""
        with self._database.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_TAKE_TURNS)
            row = cursor.execute(_OTHERS, (worker, [entry.record_id for entry in entries])).fetchone()
            kept = self._fitting(entries, self.limits.max_worker_records - (row[0] if row else 0))
            self._insert(cursor, kept)
            return len(kept)

    def has(self, worker: bytes) -> bool:
        """Whether something of ``worker`` is kept."""
        with self._database.connection() as connection:
            statement = b"select exists (select from indexer.quarantine where worker = %s)"
            return connection.execute(statement, (worker,)).fetchone() == (True,)

    def is_due(self, worker: bytes) -> bool:
        """Whether a kept record of ``worker`` has the number that its stream expects next, or one that it lacks."""
        with self._database.connection() as connection:
            due = connection.execute(_DUE, {"worker": worker, "stream": worker_stream(worker)}).fetchone()
        return due == (True,)

    def held(self) -> list[Held]:
        """What is kept, by worker, those that wait longest first."""
        with self._database.connection() as connection:
            return [Held(*row) for row in connection.execute(_HELD).fetchall()]

    def totals(self) -> QuarantineTotals:
        """What is kept of all."""
        statement = b"select records, bytes, expired_records, expired_bytes from indexer.quarantine_totals"
        with self._database.connection() as connection:
            row = connection.execute(statement).fetchone()
        return QuarantineTotals(*row) if row else QuarantineTotals(0, 0, 0, 0)

    def records(self, worker: bytes, *, after: tuple[int, int] = (-1, 0), limit: int = 1_000) -> list[HeldRecord]:
        """The kept records of ``worker`` by number, from beyond ``after`` (number, id)."""
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            return [HeldRecord(*row) for row in cursor.execute(_PAGE, (worker, *after, limit)).fetchall()]

    def remove(self, ids: Sequence[int]) -> None:
        """Forget these records, which are in the log now."""
        with self._database.connection() as connection:
            connection.execute(_TAKE_TURNS)
            connection.execute(_DELETE_IDS, (list(ids),))

    def drop(self, worker: bytes) -> int:
        """Forget all of ``worker``, by somebody's decision; says how many records that were."""
        with self._database.connection() as connection:
            connection.execute(_TAKE_TURNS)
            row = connection.execute(_DELETE_WORKER, (worker,)).fetchone()
        return row[0] if row else 0

    def _fitting(self, entries: Sequence[Entry], room: int) -> Sequence[Entry]:
        """The first of ``entries`` that ``room`` records and the bounds of the whole have a place for."""
        size_bytes = 0
        for count, entry in enumerate(entries):
            size_bytes += len(entry.payload)
            if count >= min(room, self.limits.max_records) or size_bytes > self.limits.max_bytes:
                return entries[:count]
        return entries

    def _insert(self, cursor: psycopg.Cursor, entries: Sequence[Entry]) -> None:
        columns = (
            [entry.worker for entry in entries],
            [entry.sequence for entry in entries],
            [entry.record_id for entry in entries],
            [entry.payload for entry in entries],
        )
        sizes = [row[0] for row in cursor.execute(_INSERT, columns).fetchall()]
        totals = cursor.execute(_ADD, (len(sizes), sum(sizes))).fetchone()
        if totals and (totals[0] > self.limits.max_records or totals[1] > self.limits.max_bytes):
            self._expire(cursor, len(sizes), sum(sizes))

    def _expire(self, cursor: psycopg.Cursor, new_records: int, new_bytes: int) -> None:
        """Make more room than is needed now: finding the oldest reads the whole table. What is new stays."""
        limits = self.limits
        records = max(new_records, int(limits.max_records * _ROOM_LEFT_AFTER_EXPIRY))
        size_bytes = max(new_bytes, int(limits.max_bytes * _ROOM_LEFT_AFTER_EXPIRY))
        row = cursor.execute(_EXPIRE, (records, size_bytes)).fetchone()
        _log.warning("quarantine is full, the oldest records are dropped", records=row[0] if row else 0)
