"""The collector: spans that others send become records that it signs, numbered in a stream of its own.

A span that comes twice within the last 65,536 is recorded once: exporters send again what was not confirmed in time.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from atlas.indexer.workers.errors import IntakeError, SequenceConflict, SequenceGap, SpanRejected
from atlas.indexer.workers.genai import is_generation, record_of
from atlas.indexer.workers.intake import Intake
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.metrics import SpanCounts
from atlas.indexer.workers.spans import Span
from atlas.protocol.batches import seal_bodies
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import GenerationRecord, encode_record
from atlas.protocol.inclusion import MAX_BATCH_RECORDS

_REMEMBERED = 65_536
_TRIES = 16


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
            records, reasons = self._records(fresh)
            for start in range(0, len(records), MAX_BATCH_RECORDS):
                self._store(records[start : start + MAX_BATCH_RECORDS])
            self._remember(fresh)
        counts = SpanCounts(
            recorded=len(records),
            repeated=len(generations) - len(fresh),
            ignored=len(spans) - len(generations),
            rejected=len(reasons),
        )
        return Collected(counts, reasons[0] if reasons else "")

    def _records(self, spans: Sequence[Span]) -> tuple[list[GenerationRecord], list[str]]:
        records: list[GenerationRecord] = []
        reasons: list[str] = []
        for span in spans:
            try:
                record = record_of(span, self._key.address)
                encode_record(record)
            except (SpanRejected, InvalidEnvelope) as error:
                reasons.append(error.message)
            else:
                records.append(record)
        return records, reasons

    def _store(self, records: Sequence[GenerationRecord]) -> None:
        """Number, sign and store; again while another process takes the numbers first."""
        error: Exception | None = None
        for _ in range(_TRIES):
            first = self._intake.next_sequence(self._key.address)
            numbered = (msgspec.structs.replace(record, sequence=first + n) for n, record in enumerate(records))
            submission = self._intake.submit_many([seal_bodies(list(map(encode_record, numbered)), self._key.secret)])
            if submission.refusal is None:
                return
            error = submission.refusal.error
            if not isinstance(error, SequenceConflict | SequenceGap):
                break
        raise error or IntakeError("the spans were not recorded")

    def _remember(self, spans: Sequence[Span]) -> None:
        self._seen.update((_identity(span), None) for span in spans)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _identity(span: Span) -> tuple[str, str]:
    return span.trace_id, span.span_id
