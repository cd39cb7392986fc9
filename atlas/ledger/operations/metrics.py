"""What Prometheus is told about the log.

    atlas_ledger_append_seconds            histogram: how long appends of this process took, waiting included
    atlas_ledger_append_facts              histogram: how many facts they carried
    atlas_ledger_append_failures_total     by error
    atlas_ledger_up                        1 when the database answered this scrape
    atlas_ledger_head                      last position
    atlas_ledger_tree_size                 how far the Merkle tree is integrated
    atlas_ledger_checkpoint_size           how many facts the latest checkpoint covers
    atlas_ledger_checkpoint_age_seconds    since it was signed
    atlas_ledger_unsigned_facts            head less what the latest checkpoint covers
    atlas_ledger_archived                  last position that is archived
    atlas_ledger_dropped                   last position that is in the archive only
    atlas_ledger_archive_lag_facts         facts of complete partitions, under a checkpoint, that are not archived
    atlas_ledger_halted                    1 when nothing is appended until an operator decides
    atlas_ledger_cosigned_size             by witness: how many facts the checkpoint covers that it cosigned last
    atlas_ledger_cosignature_age_seconds   by witness: since it did
    atlas_ledger_witness_failures_total    by witness and error: requests without a cosignature

Appends and failures are of the process that is asked; the others come from the database: any process knows them.
An idle log is not signed again: alert on the age only while facts are unsigned. The archive's lag grows by whole
partitions, and is not 0 while a range waits for the decision on one of its payloads to be archived with it.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager

import psycopg
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from atlas.ledger.archive.archive import Archive
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerError
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.operations.statistics import archive_lag_facts

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_BATCH_FACTS = (1, 2, 10, 64, 250, 1_000, 10_000, 100_000)
_NUMBERS = b"""
select head.position,
       (select coalesce(max(index * 256 + width), 0) from ledger.tiles where level = 0),
       latest.tree_size, extract(epoch from now() - latest.signed_at)::float8, head.halted is not null,
       (select coalesce(max(last), 0) from ledger.archives), head.dropped, head.partition_facts
from ledger.head left join lateral (
    select tree_size, signed_at from ledger.checkpoints where origin = %s order by tree_size desc limit 1
) latest on true
"""
_COSIGNED = b"""
select tree_size, extract(epoch from now() - cosigned_at)::float8 from ledger.cosignatures
where origin = %s and name = %s order by tree_size desc limit 1
"""


class AppendMetrics:
    """Measures the appends of a process, also those of the library's applications (persistence.py)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "atlas_ledger_append_seconds", "How long appends took.", buckets=_LATENCY_S, registry=registry
        )
        self._facts = Histogram(
            "atlas_ledger_append_facts", "Facts in an append.", buckets=_BATCH_FACTS, registry=registry
        )
        self._failures = Counter("atlas_ledger_append_failures", "Failed appends.", ["error"], registry=registry)

    @contextmanager
    def measure(self, count: int) -> Generator[None]:
        """Within this context ``count`` facts are appended; an error is counted, and raised again."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._failures.labels(type(error).__name__).inc()
            raise
        self._seconds.observe(time.perf_counter() - started)
        self._facts.observe(count)


class MeasuredLedger(Ledger):
    """A log whose appends are measured."""

    def __init__(self, database: Database, metrics: AppendMetrics, archive: Archive | None = None) -> None:
        super().__init__(database, archive)
        self._metrics = metrics

    def append(self, facts: Sequence[Fact], *, companion: Callable[[psycopg.Cursor], None] | None = None) -> list[int]:
        """As ``Ledger.append``."""
        with self._metrics.measure(len(facts)):
            return super().append(facts, companion=companion)

    async def append_async(self, facts: Sequence[Fact]) -> list[int]:
        """As ``Ledger.append_async``."""
        with self._metrics.measure(len(facts)):
            return await super().append_async(facts)


class LogCollector(Collector):
    """Reads the log's numbers when Prometheus asks; blocks for as long as the database takes."""

    def __init__(self, database: Database, origin: str, witnesses: Sequence[str] = ()) -> None:
        self._database = database
        self._origin = origin
        self._witnesses = tuple(witnesses)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: to register must not need the database."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges of the module's docstring; only ``up``, as 0, while the database is away."""
        try:
            with self._database.connection() as connection:
                row = connection.execute(_NUMBERS, (self._origin,)).fetchall()[0]
                cosigned = {
                    name: connection.execute(_COSIGNED, (self._origin, name)).fetchone() for name in self._witnesses
                }
        except (LedgerError, psycopg.Error, IndexError):
            yield GaugeMetricFamily("atlas_ledger_up", "Whether the database answered.", 0)
            return
        head, tree_size, checkpoint_size, age_s, halted, archived, dropped, partition_facts = row
        yield GaugeMetricFamily("atlas_ledger_up", "Whether the database answered.", 1)
        yield GaugeMetricFamily("atlas_ledger_head", "Last position of the log.", head)
        yield GaugeMetricFamily("atlas_ledger_tree_size", "Facts in the Merkle tree.", tree_size)
        yield GaugeMetricFamily(
            "atlas_ledger_unsigned_facts", "Facts above the latest checkpoint.", head - (checkpoint_size or 0)
        )
        yield GaugeMetricFamily("atlas_ledger_archived", "Last position that is archived.", archived)
        yield GaugeMetricFamily("atlas_ledger_dropped", "Last position that is in the archive only.", dropped)
        yield GaugeMetricFamily(
            "atlas_ledger_archive_lag_facts",
            "Facts of complete partitions that are not archived.",
            archive_lag_facts(checkpoint_size or 0, partition_facts, archived),
        )
        yield GaugeMetricFamily("atlas_ledger_halted", "Whether nothing is appended.", int(halted))
        if checkpoint_size is not None:
            yield GaugeMetricFamily("atlas_ledger_checkpoint_size", "Facts under a checkpoint.", checkpoint_size)
            yield GaugeMetricFamily("atlas_ledger_checkpoint_age_seconds", "Age of the latest checkpoint.", age_s)
        yield from _cosigned(cosigned)


def _cosigned(found: dict[str, tuple[int, float] | None]) -> Iterable[GaugeMetricFamily]:
    size = GaugeMetricFamily("atlas_ledger_cosigned_size", "Facts a witness cosigned last.", labels=["witness"])
    age = GaugeMetricFamily("atlas_ledger_cosignature_age_seconds", "Since it did.", labels=["witness"])
    for name, row in found.items():
        if row is not None:
            size.add_metric([name], row[0])
            age.add_metric([name], row[1])
    return size, age


def count_witness_failures(registry: CollectorRegistry) -> Callable[[str, LedgerError], None]:
    """What counts a request to a witness that brought no cosignature."""
    failures = Counter(
        "atlas_ledger_witness_failures", "Requests without a cosignature.", ["witness", "error"], registry=registry
    )

    def count(witness: str, error: LedgerError) -> None:
        failures.labels(witness, type(error).__name__).inc()

    return count
