"""Leaf hashes recomputed from what is stored, in the database and in the archive, each checked on the way."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from uuid import UUID

import numpy as np
from psycopg.sql import SQL, Literal

from atlas.ledger.archive.manifests import Range
from atlas.ledger.errors import (
    AlteredArchive,
    AlteredFact,
    AlteredKey,
    InvalidFact,
    LedgerCorrupt,
    MissingArchive,
    MissingFact,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import HASH_BYTES
from atlas.ledger.recording.columns import ArrowTable, stream_bytes
from atlas.ledger.recording.entries import check_version, encode_topic, entry_leaf_hashes, fact_leaf_hashes
from atlas.ledger.redaction import PayloadRedacted

Decisions = Callable[[int], PayloadRedacted | None]

_FACTS = SQL(
    "select position, stream, version, topic, payload, leaf_hash from ledger.events"
    " where position between {first} and {head} order by position"
)
_RECORDED = b"select manifest_sha256 from ledger.archives where first = %s and last = %s"
_UNKEYED = b"""
select min(fact.position)
from unnest(%b::uuid[], %b::bigint[], %b::bigint[]) as fact (stream, version, position)
left join ledger.keys using (stream, version) where keys.position is distinct from fact.position
"""
_LEAVES = b"""
select string_agg(hashes, ''::bytea order by index) from ledger.tiles where level = 0 and index between %s and %s
"""


class Leaves:
    """The leaf hashes of a log."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pages(self, head: int) -> Iterator[bytes]:
        """Page by page up to ``head``, 32 bytes a leaf: what is dropped from the archive, the rest from the database.

        Raises AlteredFact, MissingFact, AlteredArchive, MissingArchive.
        """
        dropped = self._ledger.dropped()
        reached = 0
        for part in archived_ranges(self._ledger, upto=dropped):
            for leaves in self._archived(part):
                reached += len(leaves) // HASH_BYTES
                yield leaves
        for leaves in self._stored(reached, head):
            reached += len(leaves) // HASH_BYTES
            yield leaves
        if reached != head:
            raise _missing(reached + 1)

    def check_archived(self, part: Range) -> None:
        """Return when a range's files are those that were archived, and its facts those of the tree.

        Raises MissingArchive, AlteredArchive, AlteredKey.
        """
        archive = self._ledger.archive
        with self._ledger.database.connection() as connection:
            recorded = connection.execute(_RECORDED, (part.first, part.last)).fetchone()
            tiles = (part.first - 1) // 256, (part.last - 1) // 256
            ((expected,),) = connection.execute(_LEAVES, tiles).fetchall()
        reached = part.first - 1
        for leaves in self._archived(part, self._check_keys):
            begin = (reached - part.first + 1) * HASH_BYTES
            _compare(leaves, bytes(expected or b"")[begin : begin + len(leaves)], reached)
            reached += len(leaves) // HASH_BYTES
        archive.check_files(part)
        archive.check_recorded(part, None if recorded is None else bytes(recorded[0]))

    def _stored(self, reached: int, head: int) -> Iterator[bytes]:
        statement = _FACTS.format(first=Literal(reached + 1), head=Literal(head)).as_string(None)
        with self._ledger.database.adbc() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            for page in cursor.fetch_record_batch():
                yield self._page(page, reached)
                reached += page.num_rows

    def _check_keys(self, table: ArrowTable) -> None:
        columns = [table.column(name).to_pylist() for name in ("stream", "version", "position")]
        with self._ledger.database.connection() as connection:
            ((position,),) = connection.execute(
                _UNKEYED, ([UUID(bytes=stream) for stream in columns[0]], *columns[1:])
            ).fetchall()
        if position is not None:
            raise AlteredKey(f"the key of the fact at position {position} does not lead to it", position=position)

    def _archived(self, part: Range, check: Callable[[ArrowTable], None] | None = None) -> Iterator[bytes]:
        reached = part.first - 1
        for table in self._ledger.archive.pages(part):
            try:
                leaves = self._page(table, reached)
            except MissingArchive:
                raise
            except LedgerCorrupt as error:
                raise AlteredArchive(f"in {part.name}: {error.message}", position=error.position) from error
            if check is not None:
                check(table)
            yield leaves
            reached += table.num_rows

    def _page(self, page: ArrowTable, reached: int) -> bytes:
        positions = page.column("position").to_numpy()
        wrong = np.flatnonzero(positions != np.arange(reached + 1, reached + 1 + len(positions)))
        intact = page.slice(0, int(wrong[0])) if len(wrong) else page
        leaves = table_leaves(intact, self._ledger.redaction)
        if len(wrong):
            raise _missing(reached + 1 + int(wrong[0]))
        return b"".join(leaves)


def archived_ranges(ledger: Ledger, *, upto: int) -> list[Range]:
    """The ranges that the database says are archived, up to a position."""
    with ledger.database.connection() as connection:
        rows = connection.execute("select first, last from ledger.archives where last <= %s order by first", (upto,))
        return [Range(first, last) for first, last in rows.fetchall()]


def table_leaves(page: ArrowTable, decisions: Decisions) -> list[bytes]:
    """The leaf hashes of rows, each the one stored beside it. Raises AlteredFact."""
    leaves = _recomputed(page, decisions)
    stored = page.column("leaf_hash").to_pylist()
    if leaves != stored:
        row = next(row for row, leaf in enumerate(leaves) if leaf != stored[row])
        position = page.column("position")[row].as_py()
        raise AlteredFact(
            f"the fact at position {position} hashes to {leaves[row].hex()}, and its leaf hash is {stored[row].hex()}",
            position=position,
        )
    return leaves


def _recomputed(page: ArrowTable, decisions: Decisions) -> list[bytes]:
    topics = _topics(page)
    versions = page.column("version").to_pylist()
    payloads = page.column("payload").to_pylist()
    streams = stream_bytes(page.column("stream")).to_pylist()
    if None not in payloads:
        return fact_leaf_hashes(streams, versions, topics, payloads)
    positions = page.column("position").to_pylist()
    contents = [_content(*row, decisions) for row in zip(positions, payloads, strict=True)]
    digests = b"".join([digest for _, digest in contents])
    return entry_leaf_hashes(streams, versions, topics, [length for length, _ in contents], digests)


def _topics(page: ArrowTable) -> list[bytes]:
    """The topics in UTF-8. Raises AlteredFact for a row that can be no fact."""
    columns = [page.column(name).to_pylist() for name in ("position", "version", "topic")]
    encoded: list[bytes] = []
    for position, version, topic in zip(*columns, strict=True):
        try:
            check_version(version)
            encoded.append(encode_topic(topic))
        except InvalidFact as error:
            raise AlteredFact(f"the fact at position {position} is none: {error}", position=position) from error
    return encoded


def _content(position: int, payload: bytes | None, decisions: Decisions) -> tuple[int, bytes]:
    """Length and SHA-256 of a payload, those of the decision where it was redacted."""
    if payload is not None:
        return len(payload), sha256(payload).digest()
    try:
        decision = decisions(position)
    except InvalidFact as error:
        raise AlteredFact(f"the payload at position {position} is gone: {error}", position=position) from error
    if decision is None:
        raise AlteredFact(
            f"the payload at position {position} is gone, and no decision to redact it is recorded", position=position
        )
    return decision.payload_bytes, decision.payload_sha256


def _compare(leaves: bytes, expected: bytes, reached: int) -> None:
    if leaves == expected:
        return
    places = range(0, len(leaves), HASH_BYTES)
    wrong = next(
        place for place in places if leaves[place : place + HASH_BYTES] != expected[place : place + HASH_BYTES]
    )
    position = reached + 1 + wrong // HASH_BYTES
    raise AlteredArchive(f"the archived fact at position {position} is not the one of the tree", position=position)


def _missing(position: int) -> MissingFact:
    return MissingFact(f"position {position} is missing from the log", position=position)
