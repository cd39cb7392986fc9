"""Where the ledger is with a worker, and which of the entries that came fit there."""

import hashlib
from collections.abc import Sequence

import msgspec

from atlas.indexer.workers.errors import RetiredKey, SequenceConflict, SequenceGap
from atlas.indexer.workers.intake.frames import Entry, body_of
from atlas.ledger.log import Fact, Ledger
from atlas.protocol.facts import worker_stream
from atlas.protocol.generation import record_id
from atlas.protocol.ids import checksum_address
from atlas.protocol.rotation import MAX_ROTATIONS

_STANDING = b"""
select (select max(version) from ledger.keys where stream = %(stream)s),
    array(select sequence from indexer.worker_keys where worker = %(worker)s order by sequence),
    array(select next_key from indexer.worker_keys where worker = %(worker)s order by sequence)
"""
_KNOWN = b"""
select keys.version, keys.position, events.payload
from ledger.keys left join ledger.events on events.position = keys.position
where keys.stream = %s and keys.version = any(%s)
"""
_MISSING = b"""
select version + 1, next - 1 from (
    select version, lead(version) over (order by version) as next from (
        select %(after)s::bigint as version
        union all select version from ledger.keys where stream = %(stream)s and version > %(after)s
    ) as versions
) as pairs where next - 1 > version order by version limit %(limit)s
"""
_NUMBERS_SEARCHED = 100_000


class Known(msgspec.Struct, frozen=True):
    """What is stored under a number: where, and its id, or, when the content is withheld, the payload's SHA-256."""

    position: int
    record_id: bytes | None
    payload_sha256: bytes = b""

    def is_same(self, entry: Entry) -> bool:
        """Whether ``entry`` says the same."""
        if self.record_id is None:
            return hashlib.sha256(entry.payload).digest() == self.payload_sha256
        return self.record_id == entry.record_id


class Gap(msgspec.Struct, frozen=True):
    """Numbers of a worker, the first and the last, under which nothing is stored."""

    worker: bytes
    first: int
    last: int


class Offered(msgspec.Struct, frozen=True, gc=False):
    """An entry that fits its stream: as a new fact, or as a repetition of what is at ``position`` or just came."""

    index: int
    entry: Entry
    fact: Fact | None
    position: int | None = None


class Stream:
    """One worker's stream during a submission: what is stored, and what this submission adds."""

    def __init__(self, ledger: Ledger, worker: bytes, *, is_open: bool = True) -> None:
        self._ledger = ledger
        self.is_open = is_open  # for records that are not stored yet
        self.worker = worker
        self.stream = worker_stream(worker)
        with ledger.database.connection() as connection:
            row = connection.execute(_STANDING, {"stream": self.stream, "worker": worker}).fetchone()
        last, numbers, keys = row or (None, [], [])
        self._stored = self.next = 0 if last is None else last + 1
        self._keys: list[tuple[int, bytes]] = list(zip(numbers, keys, strict=True))
        self._own_keys = {worker, *keys}
        self._offered: dict[int, bytes] = {}
        self._known: dict[int, Known] = {}

    def look_up(self, entries: Sequence[Entry]) -> None:
        """Find what is stored under the numbers of ``entries``."""
        numbers = [entry.sequence for entry in entries if entry.sequence < self._stored]
        if numbers:
            with self._ledger.database.connection() as connection, connection.cursor(binary=True) as cursor:
                rows = cursor.execute(_KNOWN, (self.stream, numbers)).fetchall()
            self._known = {row[0]: self._read(row[1], row[2]) for row in rows}

    def has(self, sequence: int) -> bool:
        """Whether something was found under this number."""
        return sequence in self._known

    def offer(self, index: int, entry: Entry, *, allow_gap: bool) -> Offered:
        """Place an entry: new, or a repetition. Raises SequenceConflict, SequenceGap, RetiredKey."""
        sequence = entry.sequence
        known = self._known.get(sequence)
        if known is not None:
            if not known.is_same(entry):
                raise self._conflict(sequence, f"recorded at position {known.position}")
            return Offered(index, entry, None, known.position)
        earlier = self._offered.get(sequence)
        if earlier is not None:
            if earlier != entry.record_id:
                raise self._conflict(sequence, "earlier in the same submission")
            return Offered(index, entry, None)
        if sequence > self.next and not allow_gap:
            raise self._gap(sequence)
        self._require_key(entry)
        self._offered[sequence] = entry.record_id
        self.next = max(self.next, sequence + 1)
        if entry.next_key is not None:
            self._keys.append((sequence, entry.next_key))
        return Offered(index, entry, Fact(self.stream, sequence, entry.topic, entry.payload))

    def vouches_for(self, entry: Entry) -> bool:
        """Whether ``entry`` is the worker's own word: a rotation is signed by one of its keys, known or just come.

        A record was verified to be, from the worker's first key on.
        """
        if entry.next_key is None:
            return True
        is_own = entry.signer in self._own_keys
        if is_own:
            self._own_keys.add(entry.next_key)
        return is_own

    def missing(self, limit: int) -> list[Gap]:
        """The first gaps among the newest 100,000 numbers: anybody may ask, and the whole stream may be long."""
        searched = {"stream": self.stream, "after": max(-1, self._stored - 1 - _NUMBERS_SEARCHED), "limit": limit}
        with self._ledger.database.connection() as connection:
            return [Gap(self.worker, *row) for row in connection.execute(_MISSING, searched).fetchall()]

    def record_id_at(self, sequence: int) -> bytes | None:
        """The id of a stored record, None when there is none or it is withheld."""
        with self._ledger.database.connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_KNOWN, (self.stream, [sequence])).fetchone()
        return None if row is None else self._read(row[1], row[2]).record_id

    def key_at(self, sequence: int) -> bytes:
        """The address of the key that signs record ``sequence``."""
        key = self.worker
        for begin, next_key in self._keys:
            if begin < sequence:
                key = next_key
        return key

    def _require_key(self, entry: Entry) -> None:
        expected = self.key_at(entry.sequence) if self._keys else self.worker
        if entry.signer != expected:
            raise RetiredKey(
                f"record {entry.sequence} of worker {checksum_address(self.worker)} is signed by"
                f" {checksum_address(entry.signer)}, its key is {checksum_address(expected)}",
                hint="Sign with the present key; if the key has just changed, send the rotation first.",
            )
        if entry.next_key is not None and entry.sequence < self.next:
            raise RetiredKey(
                f"rotation {entry.sequence} of worker {checksum_address(self.worker)} comes before recorded records",
                hint="A key changes from the newest record on.",
            )
        if entry.next_key is not None and len(self._keys) >= MAX_ROTATIONS:
            raise RetiredKey(
                f"worker {checksum_address(self.worker)} has changed its key {MAX_ROTATIONS} times, more are not taken",
                hint="Register a new worker.",
            )

    def _read(self, position: int, payload: bytes | None) -> Known:
        if payload is None:  # in the archive, or withheld
            fact = next(self._ledger.facts(after=position - 1, upto=position))
            if fact.redaction is not None:
                return Known(position, None, fact.redaction.payload_sha256)
            payload = fact.payload
        return Known(position, record_id(body_of(payload)))

    def _conflict(self, sequence: int, where: str) -> SequenceConflict:
        return SequenceConflict(
            f"record {sequence} of worker {checksum_address(self.worker)} is another one, {where}",
            hint="A number names one record for good. Two processes may be signing with the same key.",
        )

    def _gap(self, sequence: int) -> SequenceGap:
        return SequenceGap(
            f"worker {checksum_address(self.worker)} sent record {sequence}, record {self.next} is missing",
            expected=self.next,
            got=sequence,
            hint=f"Send records {self.next} to {sequence - 1} first.",
        )
