"""What the intake counts, for Prometheus."""

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from atlas.indexer.workers.intake.outcomes import Submission

_DURATIONS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class IntakeMetrics:
    """The intake's counters, in ``registry`` or one of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._records = Counter("atlas_intake_records", "Records taken in, by outcome.", ["outcome"], registry=registry)
        self._refusals = Counter("atlas_intake_refusals", "Submissions refused, by code.", ["code"], registry=registry)
        self._bytes = Counter("atlas_intake_bytes", "Bytes of submissions as sent.", registry=registry)
        self._spans = Counter("atlas_intake_spans", "Spans taken in, by outcome.", ["outcome"], registry=registry)
        self.in_flight = Gauge("atlas_intake_in_flight", "Submissions being worked on.", registry=registry)
        self.durations = Histogram(
            "atlas_intake_duration_seconds", "How long submissions took.", buckets=_DURATIONS_S, registry=registry
        )

    def received(self, size_bytes: int) -> None:
        """Count a body."""
        self._bytes.inc(size_bytes)

    def settled(self, submission: Submission) -> None:
        """Count what became of a submission."""
        duplicates = sum(receipt.duplicate for receipt in submission.receipts)
        self._records.labels("stored").inc(len(submission.receipts) - duplicates)
        self._records.labels("duplicate").inc(duplicates)
        self._records.labels("quarantined").inc(submission.quarantined)
        if submission.refusal is not None:
            self.refused(submission.refusal.error.code)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.labels(code).inc()

    def collected(self, spans: "SpanCounts") -> None:
        """Count what became of spans."""
        for outcome, count in msgspec.structs.asdict(spans).items():
            self._spans.labels(outcome).inc(count)


class SpanCounts(msgspec.Struct, frozen=True):
    """What became of the spans of one export."""

    recorded: int = 0
    repeated: int = 0
    ignored: int = 0  # not of generative AI
    rejected: int = 0
