"""The intake: what workers sign becomes facts of their streams (W2), each once and in order.

What is stored is the envelope as received, or, of a batch, the envelope that verifies without it; its number is its
version in the stream. The ledger's unique key of stream and version has the last word when the same worker submits
from several places at once. Records of workers that are not registered go to the quarantine, if there is one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec
import psycopg

from atlas.indexer.workers.errors import IntakeError, RequestRefused, SequenceGap, UnknownWorker
from atlas.indexer.workers.intake.frames import Entry, open_frame
from atlas.indexer.workers.intake.outcomes import Receipt, Refusal, Submission
from atlas.indexer.workers.intake.quarantine import Quarantine
from atlas.indexer.workers.intake.streams import Gap, Offered, Stream
from atlas.indexer.workers.intake.throttle import Throttle
from atlas.ledger.errors import ConflictingFact
from atlas.ledger.log import Ledger
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import MAX_ENVELOPE_BYTES
from atlas.protocol.ids import checksum_address

WorkerRegistry: TypeAlias = Callable[[bytes], bool]
"""Says of a worker's address whether it is registered now, as the chain has it (W12)."""

_GAPS_SHOWN = 16
_MAX_WORKERS = 64  # in a submission: each costs a few questions to the database, and an address costs nothing
_KEEP_KEY = b"insert into indexer.worker_keys (worker, sequence, next_key) values (%s, %s, %s) on conflict do nothing"


class WorkerProgress(msgspec.Struct, frozen=True):
    """Where the ledger is with a worker; ``last_record_id`` is None before its first record, or once redacted.

    ``key`` is the address whose key signs the next record; ``missing`` are the first gaps among recent numbers.
    """

    worker: bytes
    admitted: bool
    next_sequence: int
    last_record_id: bytes | None
    key: bytes
    missing: tuple[Gap, ...]
    quarantined: bool


class Policy(msgspec.Struct, frozen=True):
    """What a submission may ask for: to go on after a refusal, to leave gaps, to be taken of anybody."""

    stops: bool = True
    allows_gaps: bool = False
    admits_all: bool = False


_IMPORT = Policy(stops=False, allows_gaps=True)


class _Arrived(msgspec.Struct, frozen=True, gc=False):
    """An opened entry and its places."""

    index: int
    frame: int
    entry: Entry


class Intake:
    """Verifies submissions and appends them to ``ledger``; safe to share between threads.

    Every method raises DatabaseUnreachable when the database is not there.
    """

    def __init__(
        self,
        ledger: Ledger,
        is_admitted: WorkerRegistry,
        max_envelope_bytes: int = MAX_ENVELOPE_BYTES,
        *,
        quarantine: Quarantine | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._ledger = ledger
        self._is_admitted = is_admitted
        self._max_envelope_bytes = max_envelope_bytes
        self._quarantine = quarantine
        self._throttle = throttle

    def submit(self, data: bytes) -> Receipt:
        """Store one envelope; one that is stored already keeps its position.

        Raises InvalidEnvelope, UnknownWorker, SequenceConflict, SequenceGap, RetiredKey, RateLimited.
        """
        submission = self.submit_many((data,))
        if submission.refusal is not None:
            raise submission.refusal.error
        if not submission.receipts:
            raise UnknownWorker("the worker is not admitted: its record is in quarantine")
        return submission.receipts[0]

    def submit_many(self, frames: Sequence[bytes]) -> Submission:
        """Store what is in the frames with one append, up to the first record that is refused.

        Raises RateLimited, and RequestRefused for records of more workers than are looked up at once.
        """
        return self._submit(frames, Policy())

    @property
    def max_envelope_bytes(self) -> int:
        """The most bytes of a record that is taken."""
        return self._max_envelope_bytes

    def charge(self, size_bytes: int) -> None:
        """A submission of ``size_bytes`` comes, before it is looked at. Raises RateLimited."""
        if self._throttle is not None:
            self._throttle.charge(size_bytes)

    def take_all(self, frames: Sequence[bytes]) -> Submission:
        """Store all that can be stored: of a file, what a bad or missing record would have come before as well."""
        return self._submit(frames, _IMPORT)

    def release(self, worker: bytes, *, forced: bool = False) -> Submission:
        """Bring what the quarantine keeps of ``worker`` into the log; what does not fit its stream stays there.

        ``forced`` is an operator's decision, which needs no registration. Raises UnknownWorker.
        """
        if not forced and not self._is_admitted(worker):
            raise _unknown(worker)
        return self._release(worker)

    def release_registered(self) -> int:
        """Release all workers that are registered by now; says how many records came into the log."""
        held = self._quarantine.held() if self._quarantine else []
        due = (one.worker for one in held if self._is_admitted(one.worker) and self._is_due(one.worker))
        return sum(len(self._release(worker).receipts) for worker in due)

    def next_sequence(self, worker: bytes) -> int:
        """The number of the worker's next record."""
        return Stream(self._ledger, worker).next

    def progress(self, worker: bytes) -> WorkerProgress:
        """What the worker with this address is to send next."""
        stream = Stream(self._ledger, worker)
        stored = stream.next
        return WorkerProgress(
            worker,
            self._is_admitted(worker),
            stored,
            stream.record_id_at(stored - 1) if stored else None,
            stream.key_at(stored),
            tuple(stream.missing(_GAPS_SHOWN)),
            self._quarantine is not None and self._quarantine.has(worker),
        )

    def _submit(self, frames: Sequence[bytes], policy: Policy) -> Submission:
        arrived, refusals = self._open(frames, stops=policy.stops)
        if policy.stops:
            _require_few(len(_grouped(arrived, _worker)))
        self._charge(arrived)
        return self._settle(arrived, refusals, policy)

    def _open(self, frames: Sequence[bytes], *, stops: bool) -> tuple[list[_Arrived], list[Refusal]]:
        arrived: list[_Arrived] = []
        refusals: list[Refusal] = []
        index = 0
        for frame, data in enumerate(frames):
            try:
                entries = open_frame(data, max_envelope_bytes=self._max_envelope_bytes)
            except InvalidEnvelope as error:
                refusals.append(Refusal(index, error, frame))
                if stops:
                    break
                index += 1
                continue
            arrived += [_Arrived(place, frame, entry) for place, entry in enumerate(entries, index)]
            index += len(entries)
        return arrived, refusals

    def _charge(self, arrived: Sequence[_Arrived]) -> None:
        if self._throttle is not None:
            for payer, entries in _grouped(arrived, _payer).items():
                self._throttle.charge_worker(payer, len(entries), sum(len(entry.payload) for entry in entries))

    def _settle(self, arrived: Sequence[_Arrived], refusals: list[Refusal], policy: Policy) -> Submission:
        """Place and append; when somebody else was faster, look again at what is stored by now."""
        while True:
            placing = self._place(arrived, policy)
            refused = sorted([*placing.refusals, *refusals], key=lambda refusal: refusal.index)
            refused = refused[:1] if policy.stops else refused
            try:
                receipts = self._append(placing.offered)
            except ConflictingFact:
                continue
            return Submission(tuple(receipts), tuple(refused), tuple(placing.gaps), placing.quarantined)

    def _place(self, arrived: Sequence[_Arrived], policy: Policy) -> "_Placing":
        placing = _Placing()
        streams = self._open_streams(arrived, policy)
        apart: dict[bytes, list[_Arrived]] = {}
        for one in arrived:
            stream = streams[one.entry.worker]
            if stream.is_open or stream.has(one.entry.sequence):
                placing.offer(stream, one, policy)
            elif self._quarantine is not None and stream.vouches_for(one.entry):
                apart.setdefault(one.entry.worker, []).append(one)
            else:
                placing.refuse(one, _unknown(one.entry.worker))
            if policy.stops and placing.refusals:
                break
        for worker, entries in apart.items():
            self._put_apart(worker, entries, placing)
        if policy.stops and placing.refusals:
            first = min(refusal.index for refusal in placing.refusals)
            placing.offered = [one for one in placing.offered if one.index < first]
        return placing

    def _open_streams(self, arrived: Sequence[_Arrived], policy: Policy) -> dict[bytes, Stream]:
        """The stream of each worker, open for new records if it is registered."""
        streams: dict[bytes, Stream] = {}
        for worker, entries in _grouped(arrived, _worker).items():
            is_open = policy.admits_all or self._is_admitted(worker)
            if is_open and not policy.admits_all and self._is_due(worker):
                self._release(worker)
            stream = streams[worker] = Stream(self._ledger, worker, is_open=is_open)
            stream.look_up(entries)
        return streams

    def _put_apart(self, worker: bytes, entries: Sequence[_Arrived], placing: "_Placing") -> None:
        kept = self._quarantine.keep(worker, [one.entry for one in entries]) if self._quarantine else 0
        placing.quarantined += kept
        for one in entries[kept:]:
            placing.refuse(one, _unknown(worker))

    def _append(self, offered: Sequence[Offered]) -> list[Receipt]:
        facts = [one.fact for one in offered if one.fact is not None]
        rotations = [one.entry for one in offered if one.fact is not None and one.entry.next_key is not None]

        def keep_keys(cursor: psycopg.Cursor) -> None:
            for entry in rotations:
                cursor.execute(_KEEP_KEY, (entry.worker, entry.sequence, entry.next_key))

        positions = self._ledger.append(facts, companion=keep_keys if rotations else None) if facts else []
        return list(_receipts(offered, positions))

    def _is_due(self, worker: bytes) -> bool:
        """Whether the quarantine keeps something of ``worker`` that its stream has a place for."""
        quarantine = self._quarantine
        return quarantine is not None and quarantine.has(worker) and quarantine.is_due(worker)

    def _release(self, worker: bytes) -> Submission:
        receipts: list[Receipt] = []
        refusals: list[Refusal] = []
        after, quarantine = (-1, 0), self._quarantine
        while quarantine is not None and (page := quarantine.records(worker, after=after)):
            entries = [record.entry() for record in page]
            arrived = [_Arrived(index, index, entry) for index, entry in enumerate(entries)]
            submission = self._settle(arrived, [], Policy(stops=False, admits_all=True))
            stored = {receipt.record_id for receipt in submission.receipts}
            quarantine.remove([held.id for held, entry in zip(page, entries, strict=True) if entry.record_id in stored])
            receipts += submission.receipts
            refusals += submission.refusals
            after = (page[-1].sequence, page[-1].id)
            if any(isinstance(refusal.error, SequenceGap) for refusal in submission.refusals):
                break
        return Submission(tuple(receipts), tuple(refusals))


class _Placing:
    """What a look at the streams has found."""

    def __init__(self) -> None:
        self.offered: list[Offered] = []
        self.refusals: list[Refusal] = []
        self.gaps: list[Gap] = []
        self.quarantined = 0

    def offer(self, stream: Stream, one: _Arrived, policy: Policy) -> None:
        """Place one entry in its stream."""
        expected = stream.next
        try:
            self.offered.append(stream.offer(one.index, one.entry, allow_gap=policy.allows_gaps))
        except IntakeError as error:
            self.refuse(one, error)
        else:
            if one.entry.sequence > expected:
                self.gaps.append(Gap(one.entry.worker, expected, one.entry.sequence - 1))

    def refuse(self, one: _Arrived, error: IntakeError) -> None:
        """One entry does not fit."""
        self.refusals.append(Refusal(one.index, error, one.frame))


def _grouped(arrived: Iterable[_Arrived], key: Callable[[Entry], bytes]) -> dict[bytes, list[Entry]]:
    groups: dict[bytes, list[Entry]] = {}
    for one in arrived:
        groups.setdefault(key(one.entry), []).append(one.entry)
    return groups


def _worker(entry: Entry) -> bytes:
    return entry.worker


def _payer(entry: Entry) -> bytes:
    """Whom an entry is charged to: anybody can sign a rotation that names a worker, before its stream is looked at."""
    return entry.worker if entry.next_key is None else entry.signer


def _receipts(offered: Sequence[Offered], positions: Sequence[int]) -> Iterable[Receipt]:
    taken = iter(positions)
    new: dict[tuple[bytes, int], int] = {}
    for one in offered:
        entry, position = one.entry, one.position
        key = (entry.worker, entry.sequence)
        if one.fact is not None:
            position = new[key] = next(taken)
        yield Receipt(entry.worker, entry.sequence, entry.record_id, position or new[key], one.fact is None)


def _require_few(workers: int) -> None:
    if workers > _MAX_WORKERS:
        raise RequestRefused(
            413,
            "too_many_workers",
            f"a submission has records of at most {_MAX_WORKERS} workers, got {workers}",
            hint="Send them in several submissions.",
        )


def _unknown(worker: bytes) -> UnknownWorker:
    return UnknownWorker(
        f"worker {checksum_address(worker)} is not admitted",
        hint="Stake for it as a compute node; records are taken once the stake is indexed.",
    )
