"""Recording a batch within a transaction, at the next dense positions.

The head row is locked from the moment positions are taken until the transaction ends: writers take turns, commits come
in the order of positions, and a rollback leaves no gap. A small batch is one call of ``ledger.append``; a large one
goes in by COPY, in the hope that all of it is new, and only when it is not is the recorded part looked up and left out.
"""

from uuid import UUID

import psycopg
from psycopg.errors import UniqueViolation

from atlas.ledger.batches import COPY_STATEMENT, Batch, CopyRows, describe
from atlas.ledger.errors import ConflictingFact, MisplacedFact

CHANNEL = "ledger"
COPY_FROM_FACTS = 64
COPY_FROM_BYTES = 512 * 1024

_APPEND = b"""
select recorded_position, recorded_leaf_hash
from ledger.append(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[])
"""
_INSERT = b"""
with advanced as (
    update ledger.head set position = position + %s returning position, pg_notify('ledger', position::text)
)
insert into ledger.events (position, stream, version, topic, payload, leaf_hash)
select advanced.position - count(*) over () + fact.ordinal,
       fact.stream, fact.version, fact.topic, fact.payload, fact.leaf_hash
from advanced, unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[]) with ordinality
     as fact (stream, version, topic, payload, leaf_hash, ordinal)
order by fact.ordinal
returning position
"""
_LOCK_HEAD = b"select position from ledger.head for update"
_ADVANCE = b"update ledger.head set position = position + %s returning position"
_RECORDED = b"""
select events.position, events.leaf_hash
from unnest(%b::uuid[], %b::bigint[]) with ordinality as fact (stream, version, ordinal)
left join ledger.events on events.stream = fact.stream and events.version = fact.version
order by fact.ordinal
"""


def record(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    """The positions of the batch's facts, recorded now or before, in the transaction of ``cursor``.

    The batch has no stream and version twice. Raises ConflictingFact, and MisplacedFact when the log already has
    facts above its head; the transaction must then be rolled back.
    """
    if len(batch) == 0:
        return []
    is_small = len(batch) < COPY_FROM_FACTS and batch.payload_bytes() < COPY_FROM_BYTES
    try:
        return _record_small(cursor, batch) if is_small else _record_large(cursor, batch)
    except UniqueViolation as error:
        # What is recorded was left out under the head's lock, so that only a position can be taken.
        raise MisplacedFact(f"a fact is stored above the head of the log: {error.diag.message_detail}") from error


def record_new(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    """As ``record`` for facts that must all be new: raises psycopg's UniqueViolation when one is recorded already."""
    if len(batch) < COPY_FROM_FACTS and batch.payload_bytes() < COPY_FROM_BYTES:
        cursor.execute(_INSERT, (len(batch), *_columns(batch)))
        return [position for (position,) in cursor.fetchall()]
    rows = CopyRows(batch)
    cursor.execute(_ADVANCE, (len(batch),))
    last = next(position for (position,) in cursor.fetchall())
    first = last - len(batch) + 1
    with cursor.copy(COPY_STATEMENT) as copy:
        for data in rows.data(first):
            copy.write(data)
    cursor.execute("select pg_notify(%s, %s)", (CHANNEL, str(last)))
    return list(range(first, last + 1))


def _record_small(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    cursor.execute(_APPEND, _columns(batch))
    recorded = cursor.fetchall()
    positions: list[int] = []
    for row, (position, leaf_hash) in enumerate(recorded):
        if leaf_hash != batch.leaf_hashes[row]:
            raise _conflict(cursor, batch, row)
        positions.append(position)
    return positions


def _record_large(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    cursor.execute("savepoint batch")
    try:
        positions = record_new(cursor, batch)
    except UniqueViolation:
        cursor.execute("rollback to savepoint batch")
    else:
        cursor.execute("release savepoint batch")
        return positions
    return _record_rest(cursor, batch)


def _record_rest(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    """Record what is not recorded yet; the head's lock keeps the answer true until the transaction ends."""
    cursor.execute(_LOCK_HEAD)
    cursor.execute(_RECORDED, (batch.streams, batch.versions))
    recorded = cursor.fetchall()
    fresh = [row for row, (position, _) in enumerate(recorded) if position is None]
    for row, (position, leaf_hash) in enumerate(recorded):
        if position is not None and leaf_hash != batch.leaf_hashes[row]:
            raise _conflict(cursor, batch, row)
    added = iter(record_new(cursor, batch.take(fresh)) if fresh else ())
    return [next(added) if position is None else position for position, _ in recorded]


def _conflict(cursor: psycopg.Cursor, batch: Batch, row: int) -> ConflictingFact:
    stream: UUID = batch.streams[row]
    version = batch.versions[row]
    cursor.execute(
        "select position, topic, payload from ledger.events where stream = %s and version = %s", (stream, version)
    )
    position, topic, payload = cursor.fetchall()[0]
    return ConflictingFact(
        stream, version, position=position, recorded=describe(topic, bytes(payload)), offered=batch.describe(row)
    )


def _columns(batch: Batch) -> tuple[list[UUID], list[int], list[str], list[bytes], list[bytes]]:
    return batch.streams, batch.versions, batch.topics, batch.payloads, batch.leaf_hashes
