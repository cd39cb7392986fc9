"""The log: one sequence of facts at dense positions, counted from 1, appended and read."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import psycopg
import pyarrow as pa
from psycopg.sql import SQL

from atlas.ledger.archive.archive import Archive, require_archive
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredFact, InvalidFact, MissingFact
from atlas.ledger.recording.batches import Batch, Fact, distinct, encode_batch
from atlas.ledger.recording.columns import TABLE_SCHEMA, ArrowTable, stream_bytes
from atlas.ledger.recording.entries import Entry, entry_of
from atlas.ledger.recording.grouping import Group
from atlas.ledger.recording.writer import CHANNEL, is_small, record, record_at_once
from atlas.ledger.redaction import TOPIC as REDACTED_TOPIC
from atlas.ledger.redaction import PayloadRedacted, decode_redaction, redaction_stream

__all__ = ["ArrowTable", "Fact", "Ledger", "RecordedFact"]

Row: TypeAlias = tuple[Any, ...]

PAGE_FACTS = 10_000
PAGE_BYTES = 16 * 1024 * 1024
POLL_S = 1.0

# As many as fit, and the one that fills the page: how long a payload is, is known without reading it.
_PAGE = b"""
select position, stream, version, topic, payload from (
    select *, sum(coalesce(octet_length(payload), 0)) over (order by position rows unbounded preceding)
              - coalesce(octet_length(payload), 0) as before
    from ledger.events
    where position > %s and position <= %s and (%s::text[] is null or topic = any(%s)) order by position limit %s
) as facts
where before < %s order by position
"""
_STREAM = b"""
select keys.position, keys.stream, keys.version, events.topic, events.payload
from ledger.keys left join ledger.events on events.position = keys.position
where keys.stream = %s and keys.version > %s order by keys.version
"""
# Values stand in the text: only a statement without parameters goes out by COPY, several times as fast.
_COLUMNS = SQL(
    "select position, stream, version, topic, payload from ledger.events"
    " where position > {after} and position <= {upto} and ({every} or topic = any({topics})) order by position"
)


class RecordedFact(msgspec.Struct, frozen=True, gc=False):
    """A fact and its position in the log; ``payload`` is empty when ``redaction`` says why it is withheld."""

    position: int
    stream: UUID
    version: int
    topic: str
    payload: bytes
    redaction: PayloadRedacted | None = None

    def entry(self) -> Entry:
        """What the leaf at its position commits to, also when the payload is withheld."""
        if self.redaction is None:
            return entry_of(self.stream, self.version, self.topic, self.payload)
        withheld = self.redaction
        return Entry(self.stream, self.version, self.topic, withheld.payload_bytes, withheld.payload_sha256)


class Ledger:
    """The log in ``database``, whose schema must be current (``migrations``). Safe to share between threads.

    What was dropped from the database is read from ``archive``. Every method raises DatabaseUnreachable when the
    database is not there, and those that read raise MissingArchive or AlteredArchive when the archive is not.
    """

    def __init__(self, database: Database, archive: Archive | None = None) -> None:
        self._database = database
        self._archive = archive
        self._group = Group(self._record_group)

    @property
    def database(self) -> Database:
        """Where the log is stored."""
        return self._database

    def append(self, facts: Sequence[Fact], *, companion: Callable[[psycopg.Cursor], None] | None = None) -> list[int]:
        """Record the facts, all or none, and return their positions in the order given.

        A fact that is recorded already (same stream, version, topic and payload) keeps its position. ``companion``
        runs its own statements in the same transaction, after the facts. Raises InvalidFact, PayloadTooLarge,
        ConflictingFact when something else is recorded under a stream and version.
        """
        batch = encode_batch(facts)
        if not is_small(batch):
            return self._record(batch, companion)
        batch, places = distinct(batch)
        if companion is None and len(batch) > 0:
            positions = self._group.record(batch)
        else:
            positions = self._record(batch, companion)
        return [positions[place] for place in places]

    async def append_async(self, facts: Sequence[Fact]) -> list[int]:
        """As ``append``, for a task of an asyncio event loop: many tasks share a commit and none of them a thread.

        When the task is cancelled, its facts are recorded or not, and those of others as ever.
        """
        batch, places = distinct(encode_batch(facts))
        positions = await self._group.record_async(batch) if len(batch) > 0 else []
        return [positions[place] for place in places]

    @property
    def archive(self) -> Archive:
        """Where dropped ranges are read. Raises MissingArchive when it is not known."""
        return require_archive(self._archive)

    def dropped(self) -> int:
        """The last position that is no longer in the database, 0 when all are."""
        with self._database.connection() as connection:
            return _dropped(connection)

    def head(self) -> int:
        """The last position, 0 when the log is empty."""
        with self._database.connection() as connection:
            return _head(connection)

    def facts(
        self, *, after: int, upto: int | None = None, topics: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[RecordedFact]:
        """The facts at positions above ``after`` up to and including ``upto`` (default: the head now), in order.

        Positions count from 1, so that ``after`` may be 0 or anything below. ``topics`` restricts to these topics,
        ``limit`` to so many facts. No connection is held between pages, which are bounded in facts and in bytes.
        """
        after = max(after, 0)
        upto = self.head() if upto is None else upto
        remaining = upto - after if limit is None else limit
        while after < upto and remaining > 0:
            asked = min(PAGE_FACTS, remaining)
            page, dropped = self._page(after, upto, topics, asked)
            end = page[-1][0] if len(page) == asked or _is_full(page) else upto
            if after < dropped:
                end = min(upto, dropped, after + (PAGE_FACTS if topics else asked))
                table, end = self.archive.page(after=after, upto=end, topics=topics)
                page = _rows(table.slice(0, remaining))
            yield from self._recorded(page)
            after = end
            remaining -= len(page)

    def table(self, *, after: int, upto: int, topics: Sequence[str] = ()) -> ArrowTable:
        """As ``facts``, as an Arrow table with the columns of TABLE_SCHEMA; a redacted payload is null."""
        statement = _COLUMNS.format(after=after, upto=upto, every=not topics, topics=list(topics)).as_string(None)
        with self._database.adbc() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            table = cursor.fetch_arrow_table()
        table = table.set_column(1, "stream", stream_bytes(table.column("stream"))).cast(TABLE_SCHEMA)
        dropped = min(upto, self.dropped())
        if after >= dropped:
            return table
        archived = self.archive.table(after=after, upto=dropped, topics=topics)
        return pa.concat_tables([archived, self.table(after=dropped, upto=upto, topics=topics)])

    def stream(self, stream: UUID, *, after_version: int = -1) -> list[RecordedFact]:
        """The facts of one stream, in the order of their versions."""
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_STREAM, (stream, after_version)).fetchall()
        elsewhere = [row[0] for row in rows if row[3] is None]
        archived = self._archived(elsewhere) if elsewhere else {}
        return list(self._recorded(archived.get(row[0], row) for row in rows))

    def redaction(self, position: int) -> PayloadRedacted | None:
        """The recorded decision to withhold the payload at ``position``. Raises InvalidFact when it is not in order."""
        decided = self.stream(redaction_stream(position))
        if not decided or decided[0].topic != REDACTED_TOPIC:
            return None
        decision = decode_redaction(decided[0].payload)
        if decision.position != position:
            raise InvalidFact(f"the decision on position {position} is one on position {decision.position}")
        return decision

    def last_version(self, stream: UUID) -> int | None:
        """The highest version of a stream, None when it has no fact."""
        with self._database.connection() as connection:
            row = connection.execute("select max(version) from ledger.keys where stream = %s", (stream,)).fetchone()
        return None if row is None else row[0]

    def wait(self, *, after: int, timeout_s: float) -> int:
        """The head, as soon as it is above ``after``, at the latest when ``timeout_s`` have passed."""
        deadline = time.monotonic() + timeout_s
        with self._database.connection() as connection:
            connection.execute(f"listen {CHANNEL}".encode())
            connection.commit()
            connection.autocommit = True
            try:
                return _follow(connection, after, deadline)
            finally:
                connection.execute(b"unlisten *")
                connection.autocommit = False

    def _record_group(self, batch: Batch) -> list[int]:
        if not is_small(batch):
            return self._record(batch)
        with self._database.connection() as connection:
            return record_at_once(connection, batch)

    def _record(self, batch: Batch, companion: Callable[[psycopg.Cursor], None] | None = None) -> list[int]:
        with self._database.connection() as connection, connection.cursor() as cursor:
            positions = record(cursor, batch)
            if companion is not None:
                companion(cursor)
        return positions

    def _page(self, after: int, upto: int, topics: Sequence[str], limit: int) -> tuple[list[Row], int]:
        """A page, and up to where the log was dropped just after it was read, so that nothing is taken for absent."""
        wanted = list(topics) or None
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            page = cursor.execute(_PAGE, (after, upto, wanted, wanted, limit, PAGE_BYTES)).fetchall()
            return page, _dropped(connection)

    def _archived(self, positions: Sequence[int]) -> dict[int, Row]:
        dropped = self.dropped()
        gone = min((position for position in positions if position > dropped), default=None)
        if gone is not None:
            raise MissingFact(f"position {gone} is missing from the log", position=gone)
        rows = self.archive.rows(positions)
        return {position: (position, UUID(bytes=row[1]), *row[2:]) for position, row in rows.items()}

    def _recorded(self, rows: Iterable[Row]) -> Iterator[RecordedFact]:
        for row in rows:
            yield RecordedFact(*row) if row[4] is not None else self._without_payload(*row[:4])

    def _without_payload(self, position: int, stream: UUID, version: int, topic: str) -> RecordedFact:
        redaction = self.redaction(position)
        if redaction is None:
            raise AlteredFact(
                f"the payload at position {position} is gone, and no decision to redact it is recorded",
                position=position,
            )
        return RecordedFact(position, stream, version, topic, b"", redaction)


def _is_full(page: Sequence[Row]) -> bool:
    return sum(len(row[4] or b"") for row in page) >= PAGE_BYTES


def _rows(table: ArrowTable) -> list[Row]:
    columns = [table.column(name).to_pylist() for name in TABLE_SCHEMA.names]
    columns[1] = [UUID(bytes=stream) for stream in columns[1]]
    return list(zip(*columns, strict=True))


def _dropped(connection: psycopg.Connection) -> int:
    row = connection.execute("select dropped from ledger.head").fetchone()
    return 0 if row is None else row[0]


def _head(connection: psycopg.Connection) -> int:
    row = connection.execute("select position from ledger.head").fetchone()
    if row is None:
        raise MissingFact("the row of ledger.head is gone, which is created with the table")
    return row[0]


def _follow(connection: psycopg.Connection, after: int, deadline: float) -> int:
    """Poll on every notification, and now and then without one: a pooler between may swallow them."""
    while True:
        head = _head(connection)
        remaining_s = deadline - time.monotonic()
        if head > after or remaining_s <= 0:
            return head
        for _ in connection.notifies(timeout=min(POLL_S, remaining_s), stop_after=1):
            pass
