"""Moving ranges of the log into the archive, out of the database, and back.

    archive   writes each complete partition that is not archived yet, and records it in ``ledger.archives``
    drop      drops the partitions that are archived, oldest first, each after its files were read and checked
    restore   fills an empty database from an archive alone, up to the same signed roots

A partition is complete when a checkpoint covers all of it. One with a redacted payload waits until the decision's own
partition is complete, so that whoever has the archive has the decisions. What keeps the idempotency of appends (the
keys) and the proofs (the tiles) stays in the database when a partition is dropped.

A payload that was redacted after it was archived is out of the files (withholding.py), and the decision may be in no
range yet. The manifest has it, and a restored log records it again as what comes next.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

import pyarrow as pa
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Identifier

from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import Range
from atlas.ledger.archive.row_groups import FACTS_SCHEMA, ROW_GROUP_FACTS, cut
from atlas.ledger.checkpoints.checkpointer import Checkpointer, open_checkpoint
from atlas.ledger.checkpoints.keyring import KeyRing, Signed
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AlteredArchive,
    AlteredFact,
    AlteredHead,
    AlteredSchema,
    MissingArchive,
    RefusedArchiving,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.operations.exclusive import LOCK_TIMEOUT_OF_TRANSACTION, PATIENCE_S, alone, exclusively
from atlas.ledger.recording.batches import Batch, Fact
from atlas.ledger.recording.columns import ArrowTable, stream_bytes
from atlas.ledger.recording.writer import record_new
from atlas.ledger.redaction import TOPIC, encode_redaction, redaction_stream
from atlas.ledger.schema import partition_bound, partition_name, set_partition_facts
from atlas.ledger.verification.archived import check_range, check_seal, decisions_in, later_decisions, signed_range
from atlas.ledger.verification.leaves import Decisions, table_leaves

Progress = Callable[[Range], None]

_STATE = b"""
select head.position, head.partition_facts, coalesce((select max(last) from ledger.archives), 0) from ledger.head
"""
_IS_ARCHIVED = b"select exists (select from ledger.archives where first = %s)"
_RECORD = b"insert into ledger.archives (first, last, manifest_sha256) values (%s, %s, %s)"
_ARCHIVED = b"""
select archives.first, archives.last, head.partition_facts from ledger.archives, ledger.head
where archives.first > head.dropped order by archives.first
"""
_REDACTED = b"select position from ledger.events where position between %s and %s and payload is null"
_DECIDED = b"select position from ledger.keys where stream = %s and version = 0"
_LOCK_HEAD = b"select partition_facts, dropped from ledger.head for update"
_BOUND = b"select pg_get_expr(relpartbound, 0) from pg_class where oid = to_regclass(%s)"
_DROPPED = b"update ledger.head set dropped = %s"
_REMOVE = b"update ledger.events set payload = null where position = any(%s)"
_STORE_NOTE = b"""
insert into ledger.checkpoints (origin, key_id, tree_size, root_hash, note) values (%s, %s, %s, %s, %s)
on conflict do nothing
"""
_PAGE = (
    "select position, stream, version, topic, payload, leaf_hash from ledger.events"
    " where position > {after} and position <= {upto} order by position"
)
# Whoever waits for the head's row only stands in line, as all who append do.
_HEAD_TIMEOUT = b"set local lock_timeout = '10s'"


def archive(ledger: Ledger, checkpointer: Checkpointer, *, progress: Progress | None = None) -> list[Range]:
    """Archive every complete partition that is not archived yet; returns the ranges written.

    Raises RefusedArchiving when the directory has such a range of another log, RootMismatch, DatabaseUnreachable.
    """
    covered = open_checkpoint(checkpointer.checkpoint(), checkpointer.verifier).tree_size
    with ledger.database.connection() as connection:
        ((_, size, archived),) = connection.execute(_STATE).fetchall()
    complete = covered // size * size
    written: list[Range] = []
    for first in range(archived + 1, complete, size):
        part = Range(first, first + size - 1)
        with alone(ledger.database) as connection:
            if connection.execute(_IS_ARCHIVED, (first,)).fetchone() == (True,):
                continue
            if _last_decision(ledger.database, part) > complete:
                break
            _archive(ledger, checkpointer, part)
        written.append(part)
        if progress is not None:
            progress(part)
    return written


def drop(
    ledger: Ledger, ring: KeyRing, *, progress: Progress | None = None, patience_s: float = PATIENCE_S
) -> list[Range]:
    """Drop every archived partition from the database, after its files were checked; returns the ranges dropped.

    Raises a LedgerCorrupt or a NoteError when a range is not as it should be, TableInUse when others read the log for
    longer than ``patience_s``: it and the next ones stay.
    """
    with ledger.database.connection() as connection:
        found = [(Range(first, last), size) for first, last, size in connection.execute(_ARCHIVED).fetchall()]
    for part, size in found:
        with alone(ledger.database):
            check_range(ledger, ring, part)
            exclusively(
                ledger.database,
                partition_name(part.first, size),
                lambda part=part: _drop(ledger.database, part),
                parent="events",
                patience_s=patience_s,
            )
        if progress is not None:
            progress(part)
    return [part for part, _ in found]


def restore(ledger: Ledger, ring: KeyRing, *, progress: Progress | None = None) -> list[Range]:
    """Fill an empty log from its archive; returns the ranges restored. What was restored stays when a range fails.

    Raises RefusedArchiving when the log is not empty or the archive is another log's, MissingArchive, AlteredArchive,
    a NoteError when a checkpoint is refused, and AppendingHalted.
    """
    archive, parts = ledger.archive, ledger.archive.ranges()
    _require_whole(archive, parts)
    ring.check_times([signed_range(archive, ring, part) for part in parts])
    for part in parts:
        archive.check_files(part)
    later = later_decisions(archive, ring, parts)
    decisions = later | decisions_in(archive, parts)
    _require_empty(ledger.database, parts[0].last)
    for part in parts:
        _restore(ledger, ring, part, decisions.get)
        if progress is not None:
            progress(part)
    facts = [
        Fact(redaction_stream(position), 0, TOPIC, encode_redaction(later[position])) for position in sorted(later)
    ]
    ledger.append(facts)
    Tree(ledger.database).integrate()
    return parts


def _archive(ledger: Ledger, checkpointer: Checkpointer, part: Range) -> None:
    directory = ledger.archive
    root_hash = Tree(ledger.database).root(part.last)
    if part in directory.ranges():
        present = directory.manifest(part)
        if (present.origin, present.root_hash) != (checkpointer.origin, root_hash.hex()):
            raise RefusedArchiving(
                f"{directory.directory} has {part.name} of {present.origin} with the root {present.root_hash}",
                hint="Each log has an archive directory of its own.",
            )
    note = checkpointer.checkpoint_at(part.last).encode()
    tiles = Tree(ledger.database).tiles(part.first - 1, part.last)
    pages = _pages(ledger.database, part)
    _record_range(ledger.database, part, directory.write(part, checkpointer.origin, root_hash, note, pages, tiles))


def _pages(database: Database, part: Range) -> Iterator[ArrowTable]:
    """The range in the row groups in which it is archived."""
    for after in range(part.first - 1, part.last, ROW_GROUP_FACTS):
        upto = min(after + ROW_GROUP_FACTS, part.last)
        left = upto - after
        with database.adbc() as connection, connection.cursor() as cursor:
            cursor.execute(_PAGE.format(after=after, upto=upto))
            for table in cut(cursor.fetch_record_batch()):
                left -= table.num_rows
                yield _in_archive(table)
        if left:
            raise RefusedArchiving(f"positions {after + 1} to {upto} are not all there", hint="Verify the log.")


def _in_archive(table: ArrowTable) -> ArrowTable:
    table = table.set_column(1, "stream", stream_bytes(table.column("stream")))
    return table.set_column(3, "topic", table.column("topic").cast(pa.string()).dictionary_encode()).cast(FACTS_SCHEMA)


def _last_decision(database: Database, part: Range) -> int:
    """The position of the last decision on a payload of the range, 0 when there is none."""
    with database.connection() as connection:
        redacted = [position for (position,) in connection.execute(_REDACTED, (part.first, part.last)).fetchall()]
        decided = [connection.execute(_DECIDED, (redaction_stream(position),)).fetchone() for position in redacted]
    return max((row[0] for row in decided if row is not None), default=0)


def _record_range(database: Database, part: Range, manifest_sha256: bytes) -> None:
    with database.connection() as connection:
        connection.execute(_RECORD, (part.first, part.last, manifest_sha256))


def _drop(database: Database, part: Range) -> None:
    with database.connection() as connection:
        connection.execute(_HEAD_TIMEOUT)
        # In the order in which those who append take their locks.
        ((size, dropped),) = connection.execute(_LOCK_HEAD).fetchall()
        if dropped >= part.last:
            return
        if dropped + 1 != part.first:
            raise AlteredHead(
                f"{part.name} is recorded as archived, and position {dropped + 1} before it is not",
                position=dropped + 1,
            )
        connection.execute(LOCK_TIMEOUT_OF_TRANSACTION)
        name = partition_name(part.first, size)
        bound = connection.execute(_BOUND, (f"ledger.{name}",)).fetchone()
        if bound != (partition_bound(part.first, size),):
            raise AlteredSchema(f"the partition {name} has not the positions {part.first} to {part.last}")
        connection.execute(SQL("drop table {}").format(Identifier("ledger", name)))
        connection.execute(_DROPPED, (part.last,))


def _restore(ledger: Ledger, ring: KeyRing, part: Range, decisions: Decisions) -> None:
    manifest = ledger.archive.manifest(part)
    reached = part.first - 1
    for page in ledger.archive.pages(part):
        leaves = _leaves(page, reached, part, decisions)
        try:
            _record(ledger.database, page, leaves)
        except UniqueViolation as error:
            raise AlteredArchive(
                f"in {part.name}: a stream and version comes twice, again after position {reached}",
                position=reached + 1,
            ) from error
        reached += page.num_rows
    Tree(ledger.database).integrate()
    _store_note(ledger, ring, check_seal(ledger, ring, part), part)
    _record_range(ledger.database, part, manifest.sha256())


def _leaves(page: ArrowTable, reached: int, part: Range, decisions: Decisions) -> list[bytes]:
    """The leaf hashes of a page that begins after ``reached``. Raises AlteredArchive."""
    for position, found in enumerate(page.column("position").to_pylist(), start=reached + 1):
        if found != position:
            raise AlteredArchive(f"in {part.name}: position {found} stands where {position} is", position=position)
    try:
        return table_leaves(page, decisions)
    except AlteredFact as error:
        raise AlteredArchive(f"in {part.name}: {error.message}", position=error.position) from error


def _require_empty(database: Database, partition_facts: int) -> None:
    with database.connection() as connection:
        ((position, _, _),) = connection.execute(_STATE).fetchall()
        if position:
            raise RefusedArchiving(
                f"the log has {position} facts, and only an empty one is restored", hint="Name an empty database."
            )
        set_partition_facts(connection, partition_facts)


def _require_whole(archive: Archive, parts: list[Range]) -> None:
    reached = 0
    for part in parts:
        if part.first != reached + 1:
            break
        reached = part.last
    if not parts or reached != parts[-1].last:
        raise MissingArchive(
            f"{archive.directory} has no range that begins at position {reached + 1}", position=reached + 1
        )


def _record(database: Database, page: ArrowTable, leaves: list[bytes]) -> None:
    streams = page.column("stream").to_pylist()
    payloads = page.column("payload").to_pylist()
    first = page.column("position")[0].as_py()
    batch = Batch(
        [UUID(bytes=stream) for stream in streams],
        streams,
        page.column("version").to_pylist(),
        page.column("topic").to_pylist(),
        [payload or b"" for payload in payloads],
        known_leaf_hashes=leaves,
    )
    redacted = [first + row for row, payload in enumerate(payloads) if payload is None]
    with database.connection() as connection, connection.cursor() as cursor:
        positions = record_new(cursor, batch)
        if positions[0] != first:
            raise RefusedArchiving(
                f"position {positions[0]} is next in the log, and {first} in the archive",
                hint="Somebody appends while the log is restored: begin again with an empty database.",
            )
        cursor.execute(_REMOVE, (redacted,))


def _store_note(ledger: Ledger, ring: KeyRing, signed: Signed, part: Range) -> None:
    note, checkpoint = ledger.archive.checkpoint(part), signed.checkpoint
    with ledger.database.connection() as connection:
        for key in signed.keys:
            key_id = ring.verifiers[key].key_id
            row = (checkpoint.origin, key_id, checkpoint.tree_size, checkpoint.root_hash, note)
            connection.execute(_STORE_NOTE, row)
