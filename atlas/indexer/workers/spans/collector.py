"""The collector: spans that others send become records that it signs, numbered in a stream of its own.

A span that comes twice within the last 65,536 that this process has seen is recorded once: exporters send again what
was not confirmed in time, also after a part of it was stored.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import msgspec

from atlas.indexer.workers.errors import RateLimited, SequenceConflict, SequenceGap, SpanRejected
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.metrics import SpanCounts
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.spans.genai import is_generation, record_of
from atlas.indexer.workers.spans.values import Span
from atlas.protocol.batches import seal_bodies
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import GenerationRecord, encode_record
from atlas.protocol.inclusion import MAX_BATCH_RECORDS

_REMEMBERED = 65_536
_TRIES = 16
_NUMBER_BYTES = 8  # what a record grows by when it is numbered


class Collected(msgspec.Struct, frozen=True):
    """What became of an export; ``reason`` is why the first span was rejected, if any was."""

    counts: SpanCounts
    reason: str = ""


class Collector:
    """Records spans with ``key`` through ``intake``, which admits it; safe to share between threads.

    Several processes may share a key: who finds a number taken goes on with the next.
    """

    def __init__(self, intake: Intake, key: WorkerKey) -> None:
        self._intake = intake
        self._key = key
        self._guard = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def collect(self, spans: Sequence[Span]) -> Collected:
        """Record the spans that tell of generations. Raises DatabaseUnreachable and what the intake refuses with."""
        generations = [span for span in spans if is_generation(span)]
        with self._guard:
            fresh = list({_identity(span): span for span in generations if _identity(span) not in self._seen}.values())
            reasons = self._record(fresh)
        counts = SpanCounts(
            recorded=len(fresh) - len(reasons),
            repeated=len(generations) - len(fresh),
            ignored=len(spans) - len(generations),
            rejected=len(reasons),
        )
        return Collected(counts, reasons[0] if reasons else "")

    def charge(self, size_bytes: int) -> None:
        """An export of ``size_bytes`` comes, before it is looked at. Raises RateLimited."""
        self._intake.charge(size_bytes)

    def _record(self, spans: Sequence[Span]) -> list[str]:
        """Store batch after batch, remembering each: what then fails is sent again. Returns why spans were rejected."""
        reasons: list[str] = []
        for start in range(0, len(spans), MAX_BATCH_RECORDS):
            batch = spans[start : start + MAX_BATCH_RECORDS]
            records = list(self._records(batch, reasons))
            if records:
                self._store(records)
            self._remember(batch)
        return reasons

    def _records(self, spans: Sequence[Span], reasons: list[str]) -> Iterator[GenerationRecord]:
        for span in spans:
            try:
                record = record_of(span, self._key.address)
                self._require_size(span, len(encode_record(record)))
            except (SpanRejected, InvalidEnvelope) as error:
                reasons.append(error.message)
            else:
                yield record

    def _require_size(self, span: Span, size_bytes: int) -> None:
        most = self._intake.max_envelope_bytes - _NUMBER_BYTES
        if size_bytes > most:
            raise SpanRejected(f"span {span.span_id} makes a record of {size_bytes} bytes, {most} are taken")

    def _store(self, records: Sequence[GenerationRecord]) -> None:
        """Number, sign and store; again while another process takes the numbers first."""
        for _ in range(_TRIES):
            first = self._intake.next_sequence(self._key.address)
            numbered = (msgspec.structs.replace(record, sequence=first + n) for n, record in enumerate(records))
            submission = self._intake.submit_many([seal_bodies(list(map(encode_record, numbered)), self._key.secret)])
            if submission.refusal is None:
                return
            error = submission.refusal.error
            if not isinstance(error, SequenceConflict | SequenceGap):
                raise error
        raise RateLimited("other collectors with this key are faster", retry_after_s=1)

    def _remember(self, spans: Sequence[Span]) -> None:
        self._seen.update((_identity(span), None) for span in spans)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _identity(span: Span) -> tuple[str, str]:
    return span.trace_id, span.span_id
