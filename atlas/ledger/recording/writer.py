"""Recording a batch within a transaction, at the next dense positions.

The head row is locked from the moment positions are taken until the transaction ends: writers take turns, commits come
in the order of positions, and a rollback leaves no gap. A small batch is one function call, a large one goes in by
COPY, in the hope that all of it is new; only when it is not is the recorded part looked up and left out. A small batch
in a transaction of others' (a companion's) is looked up first, so that nothing of theirs is undone with it.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from uuid import UUID

import psycopg
from psycopg.errors import UniqueViolation

from atlas.ledger.arrays import (
    Array,
    bigint_array,
    bytea_array,
    hash_array,
    text_array,
    uuid_array,
)
from atlas.ledger.errors import AlteredKey, AppendingHalted, ConflictingFact, LedgerError, MisplacedFact
from atlas.ledger.recording.batches import (
    COPY_EVENTS,
    COPY_KEYS,
    Batch,
    copy_events,
    copy_keys,
    describe,
    distinct,
    rows_a_piece,
)
from atlas.ledger.schema import HALTED

CHANNEL = "ledger"
COPY_FROM_FACTS = 256
COPY_FROM_BYTES = 512 * 1024
_BYTES_AHEAD = 8 * 1024 * 1024
# With these, facts that cannot be added may still have positions; a halted log, too, tells them.
_LEAVE_WHAT_IS_RECORDED = (UniqueViolation, AppendingHalted)

_APPEND = b"""
select recorded_position, recorded_leaf_hash
from ledger.append(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[])
"""
_APPEND_NEW = b"select ledger.append_new(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[])"
_LOCK_HEAD = b"select from ledger.head for update"
_TAKE = b"select ledger.take_positions(%s)"
_RECORDED = b"select recorded_position, recorded_leaf_hash from ledger.recorded(%b::uuid[], %b::bigint[])"
_FOUND = b"""
select keys.position, events.topic, events.payload, (select dropped from ledger.head)
from ledger.keys left join ledger.events on events.position = keys.position
where keys.stream = %s and keys.version = %s
"""


def record(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    """The positions of the batch's facts, recorded now or before, in the transaction of ``cursor``, which takes Arrays.

    A small batch has no stream and version twice. Raises ConflictingFact, MisplacedFact when the log already has
    facts above its head, AlteredKey when a key leads to no fact; the transaction must then be rolled back. Raises
    AppendingHalted, see recovery.py.
    """
    if len(batch) == 0:
        return []
    with _explained():
        return _record_small(cursor, batch) if is_small(batch) else _record_large(cursor, batch)


def record_at_once(connection: psycopg.Connection, batch: Batch) -> list[int]:
    """As ``record`` for a small batch with a fact in it, in a transaction of one statement."""
    connection.autocommit = True
    try:
        with connection.cursor() as cursor, _explained():
            with suppress(*_LEAVE_WHAT_IS_RECORDED):
                return record_new(cursor, batch)
            return _record_small(cursor, batch)
    finally:
        connection.autocommit = False


@contextmanager
def _halt_explained() -> Generator[None]:
    try:
        yield
    except psycopg.DatabaseError as error:
        if error.sqlstate == HALTED:
            raise AppendingHalted(f"nothing is appended: {error.diag.message_primary}") from error
        raise


@contextmanager
def _explained() -> Generator[None]:
    try:
        with _halt_explained():
            yield
    except UniqueViolation as error:
        # What is recorded was left out under the head's lock, so that only a position can be taken.
        raise MisplacedFact(f"a fact is stored above the head of the log: {error.diag.message_detail}") from error


@_halt_explained()
def record_new(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    """As ``record`` for facts that must all be new: raises psycopg's UniqueViolation when one is recorded already.

    Raises AppendingHalted.
    """
    if is_small(batch):
        cursor.execute(_APPEND_NEW, _columns(batch))
        last = _only(cursor)
        return list(range(last - len(batch) + 1, last + 1))
    cursor.execute(_TAKE, (len(batch),))
    last = _only(cursor)
    first = last - len(batch) + 1
    _copy(cursor, batch, first)
    cursor.execute("select pg_notify(%s, %s)", (CHANNEL, str(last)))
    return list(range(first, last + 1))


def _copy(cursor: psycopg.Cursor, batch: Batch, first: int) -> None:
    """The keys, then the rows. When one of the keys is recorded already, little was written in vain.

    Neither side waits for the other: between two pieces the database has some left to work on, and while it works on
    the keys, which are quickly encoded, half of the rows are, up to a bound.
    """
    rows = rows_a_piece(batch)
    events = copy_events(batch, first, rows)
    ready: list[bytes] = []
    ahead = 0
    with cursor.copy(COPY_KEYS) as copy:
        for keys in copy_keys(batch, first, 2 * rows):
            copy.write(keys)
            if ahead < _BYTES_AHEAD:
                ready += islice(events, 1)
                ahead += len(ready[-1])
    with cursor.copy(COPY_EVENTS) as copy:
        for piece in chain(ready, events):
            copy.write(piece)


def _record_small(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    cursor.execute(_APPEND, _columns(batch))
    recorded = cursor.fetchall()
    for row, (position, leaf_hash) in enumerate(recorded):
        if position is not None and leaf_hash != batch.leaf_hashes[row]:
            raise _conflict(cursor, batch, row)
    return [position for position, _ in recorded]


def _record_large(cursor: psycopg.Cursor, batch: Batch) -> list[int]:
    cursor.execute("savepoint batch")
    try:
        positions = record_new(cursor, batch)
    except _LEAVE_WHAT_IS_RECORDED:
        cursor.execute("rollback to savepoint batch")
    else:
        cursor.execute("release savepoint batch")
        return positions
    # Some are recorded, or some come twice; all new, which is what large batches mostly are, costs no comparison.
    once, places = distinct(batch)
    positions = _record_rest(cursor, once)
    return [positions[place] for place in places]


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


def _conflict(cursor: psycopg.Cursor, batch: Batch, row: int) -> LedgerError:
    """Why the fact of this row is not the one that is recorded under its stream and version."""
    stream: UUID = batch.streams[row]
    version = batch.versions[row]
    cursor.execute(_FOUND, (stream, version))
    position, topic, payload, dropped = cursor.fetchall()[0]
    if topic is None and position > dropped:
        return AlteredKey(
            f"version {version} of stream {stream} is at position {position}, which the log lacks", position=position
        )
    if topic is None:
        recorded = "another fact, now in the archive only"
    elif payload is None:
        recorded = f"{topic!r} with another payload, redacted since"
    else:
        recorded = describe(topic, bytes(payload))
    return ConflictingFact(stream, version, position=position, recorded=recorded, offered=batch.describe(row))


def is_small(batch: Batch) -> bool:
    """Whether a batch is recorded by one statement rather than by COPY."""
    return len(batch) < COPY_FROM_FACTS and batch.payload_bytes() < COPY_FROM_BYTES


def _only(cursor: psycopg.Cursor) -> int:
    """The one value of the one row; the head row is there, or the statement fails."""
    return next(value for (value,) in cursor.fetchall())


def _columns(batch: Batch) -> tuple[Array, Array, Array, Array, Array]:
    return (
        uuid_array(batch.stream_bytes),
        bigint_array(batch.versions),
        text_array(batch.topics),
        bytea_array(batch.payloads),
        hash_array(batch.leaf_hashes),
    )
