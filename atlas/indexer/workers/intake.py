"""The intake: signed envelopes become facts of their worker's stream (W2), each once and in order.

What is stored is the envelope as received; its number is its version in the stream. The ledger's unique key of
stream and version has the last word when the same worker submits from several places at once.
"""

from collections.abc import Callable, Sequence

import msgspec

from atlas.indexer.workers.errors import IntakeError, SequenceConflict, SequenceGap, UnknownWorker
from atlas.ledger.errors import ConflictingFact
from atlas.ledger.log import Fact, Ledger
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.facts import RECORD_TOPIC, worker_stream
from atlas.protocol.generation import MAX_ENVELOPE_BYTES, SignedRecord, open_envelope
from atlas.protocol.ids import checksum_address

Refused = InvalidEnvelope | IntakeError


class Receipt(msgspec.Struct, frozen=True):
    """A stored record: whose, its number, its id, its position in the log; ``duplicate`` if it was there before."""

    worker: bytes
    sequence: int
    record_id: bytes
    position: int
    duplicate: bool


class Refusal(msgspec.Struct, frozen=True):
    """The first envelope of a submission that was not stored, and why; those after it were not looked at."""

    index: int
    error: Refused


class Submission(msgspec.Struct, frozen=True):
    """What became of several envelopes: the stored ones in order, and the first that was refused, if any."""

    receipts: tuple[Receipt, ...]
    refusal: Refusal | None


class WorkerProgress(msgspec.Struct, frozen=True):
    """Where the ledger is with a worker; ``last_record_id`` is None before its first record, or once redacted."""

    worker: bytes
    admitted: bool
    next_sequence: int
    last_record_id: bytes | None


class _Offered(msgspec.Struct, frozen=True):
    """A verified envelope that fits its worker's stream."""

    worker: bytes
    sequence: int
    record_id: bytes
    duplicate: bool
    fact: Fact


class Intake:
    """Verifies submissions and appends them to ``ledger``; safe to share between threads.

    ``is_admitted`` says of a worker's address whether its records are taken now (W12).
    Every method raises DatabaseUnreachable when the database is not there.
    """

    def __init__(
        self, ledger: Ledger, is_admitted: Callable[[bytes], bool], max_envelope_bytes: int = MAX_ENVELOPE_BYTES
    ) -> None:
        self._ledger = ledger
        self._is_admitted = is_admitted
        self._max_envelope_bytes = max_envelope_bytes

    def submit(self, data: bytes) -> Receipt:
        """Store one envelope; one that is stored already keeps its position.

        Raises InvalidEnvelope, UnknownWorker, SequenceConflict, SequenceGap.
        """
        submission = self.submit_many((data,))
        if submission.refusal is not None:
            raise submission.refusal.error
        return submission.receipts[0]

    def submit_many(self, envelopes: Sequence[bytes]) -> Submission:
        """Store envelopes with one append, up to the first that is refused."""
        offered, refusal = self._examine(envelopes)
        while offered:
            try:
                positions = self._ledger.append([record.fact for record in offered])
            except ConflictingFact as error:
                index = _place(offered, error)
                refusal = Refusal(index, _conflict(offered[index], f"recorded at position {error.position}"))
                offered = offered[:index]
                continue
            receipts = (_receipt(record, position) for record, position in zip(offered, positions, strict=True))
            return Submission(tuple(receipts), refusal)
        return Submission((), refusal)

    def progress(self, worker: bytes) -> WorkerProgress:
        """What the worker with this address is to send next."""
        stored = self._stored(worker)
        last_record_id = self._record_id(worker, stored - 1) if stored else None
        return WorkerProgress(worker, self._is_admitted(worker), stored, last_record_id)

    def _examine(self, envelopes: Sequence[bytes]) -> tuple[list[_Offered], Refusal | None]:
        """The envelopes that may be stored, up to the first that may not."""
        streams: dict[bytes, _Stream] = {}
        offered: list[_Offered] = []
        for index, data in enumerate(envelopes):
            try:
                signed = open_envelope(data, max_bytes=self._max_envelope_bytes)
                worker = signed.record.worker
                if worker not in streams:
                    streams[worker] = self._open_stream(worker)
                offered.append(streams[worker].offer(signed, data))
            except (InvalidEnvelope, IntakeError) as error:
                return offered, Refusal(index, error)
        return offered, None

    def _open_stream(self, worker: bytes) -> "_Stream":
        if not self._is_admitted(worker):
            raise UnknownWorker(
                f"worker {checksum_address(worker)} is not admitted",
                hint="Stake for it as a compute node; records are taken once the stake is indexed.",
            )
        return _Stream(worker, self._stored(worker))

    def _stored(self, worker: bytes) -> int:
        """How many records of the worker are stored: the number of the next."""
        last = self._ledger.last_version(worker_stream(worker))
        return 0 if last is None else last + 1

    def _record_id(self, worker: bytes, sequence: int) -> bytes | None:
        payload = self._ledger.stream(worker_stream(worker), after_version=sequence - 1)[0].payload
        try:
            return open_envelope(payload, max_bytes=len(payload)).record_id
        except InvalidEnvelope:  # its content was redacted
            return None


class _Stream:
    """One worker's stream during a submission: what is stored, and what this submission adds."""

    def __init__(self, worker: bytes, stored: int) -> None:
        self._worker = worker
        self._stream = worker_stream(worker)
        self._stored = self._next = stored
        self._offered: dict[int, _Offered] = {}

    def offer(self, signed: SignedRecord, data: bytes) -> _Offered:
        """Take the next record, or a repeated one. Raises SequenceGap, SequenceConflict."""
        sequence = signed.record.sequence
        if sequence > self._next:
            raise SequenceGap(
                f"worker {checksum_address(self._worker)} sent record {sequence}, record {self._next} is missing",
                expected=self._next,
                got=sequence,
                hint=f"Send records {self._next} to {sequence - 1} first.",
            )
        earlier = self._offered.get(sequence)
        fact = Fact(stream=self._stream, version=sequence, topic=RECORD_TOPIC, payload=data)
        known = sequence < self._stored or earlier is not None
        offered = _Offered(self._worker, sequence, signed.record_id, known, fact)
        if earlier is not None and earlier.fact.payload != data:
            raise _conflict(offered, "earlier in the same submission")
        self._offered.setdefault(sequence, offered)
        self._next = max(self._next, sequence + 1)
        return offered


def _receipt(record: _Offered, position: int) -> Receipt:
    return Receipt(record.worker, record.sequence, record.record_id, position, record.duplicate)


def _place(offered: Sequence[_Offered], error: ConflictingFact) -> int:
    """The first record that meets another one in the ledger."""
    key = (error.stream, error.version)
    return next(index for index, record in enumerate(offered) if (record.fact.stream, record.fact.version) == key)


def _conflict(record: _Offered, where: str) -> SequenceConflict:
    return SequenceConflict(
        f"record {record.sequence} of worker {checksum_address(record.worker)} is another one, {where}",
        hint="A number names one record for good. Two processes may be signing with the same key.",
    )
