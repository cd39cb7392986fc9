import asyncio
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import IntegrityError, StoredEvent
from prometheus_client import CollectorRegistry, generate_latest

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import ConflictingFact
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.operations.metrics import AppendMetrics, LogCollector, MeasuredLedger
from atlas.ledger.operations.statistics import log_statistics
from atlas.ledger.persistence import environment, measure_appends
from tests.ledger.archives import RING
from tests.ledger.examples import facts, stream

ORIGIN = "log.example.org/ledger"


def test_appends_are_measured(database: Database) -> None:
    registry = CollectorRegistry()
    ledger = MeasuredLedger(database, AppendMetrics(registry))
    ledger.append(facts("a", 5))
    asyncio.run(ledger.append_async(facts("b", 100)))
    with pytest.raises(ConflictingFact):
        ledger.append([Fact(stream("a"), 0, "t", b"other")])
    assert registry.get_sample_value("atlas_ledger_append_seconds_count") == 2
    assert registry.get_sample_value("atlas_ledger_append_facts_sum") == 105
    assert registry.get_sample_value("atlas_ledger_append_facts_bucket", {"le": "10.0"}) == 1
    assert registry.get_sample_value("atlas_ledger_append_failures_total", {"error": "ConflictingFact"}) == 1


def test_what_an_application_of_the_library_records_is_measured_too(database: Database) -> None:
    registry = CollectorRegistry()
    with Application[UUID](environment(database.url)) as application:
        measure_appends(application, AppendMetrics(registry).measure)
        recorded = [StoredEvent(UUID(int=1), version, "topic", b"state") for version in range(3)]
        application.recorder.insert_events(recorded)
        application.recorder.insert_events([])
        with pytest.raises(IntegrityError):
            application.recorder.insert_events(recorded[:1])
    assert registry.get_sample_value("atlas_ledger_append_seconds_count") == 1
    assert registry.get_sample_value("atlas_ledger_append_facts_sum") == 3
    assert registry.get_sample_value("atlas_ledger_append_failures_total", {"error": "IntegrityError"}) == 1


def test_the_log_s_numbers_are_read_when_asked(database: Database) -> None:
    registry = CollectorRegistry()
    registry.register(LogCollector(database, ORIGIN))
    ledger = MeasuredLedger(database, AppendMetrics(CollectorRegistry()))

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"atlas_ledger_{name}")

    assert (value("up"), value("head"), value("checkpoint_size")) == (1, 0, None)
    ledger.append(facts("a", 5))
    Checkpointer(database, Signer.generate(ORIGIN)).checkpoint()
    ledger.append(facts("b", 2))
    assert (value("head"), value("tree_size"), value("checkpoint_size"), value("unsigned_facts")) == (7, 5, 5, 2)
    age_s = value("checkpoint_age_seconds")
    assert age_s is not None
    assert 0 <= age_s < 60


def test_the_archive_s_lag_is_what_is_complete_and_not_archived(
    partitioned: Ledger, checkpointer: Checkpointer, database: Database
) -> None:
    registry = CollectorRegistry()
    registry.register(LogCollector(database, ORIGIN))

    def numbers() -> tuple[float | None, ...]:
        names = ("archive_lag_facts", "archived", "dropped")
        scraped = tuple(registry.get_sample_value(f"atlas_ledger_{name}") for name in names)
        stated = log_statistics(database, ORIGIN)
        assert scraped == (stated.archive_lag_facts, stated.archived, stated.dropped)
        return scraped

    assert numbers() == (0, 0, 0)
    checkpointer.checkpoint()
    assert numbers() == (768, 0, 0)
    archiving.archive(partitioned, checkpointer)
    assert numbers() == (0, 768, 0)
    partitioned.append(facts("c", 200))
    assert numbers() == (0, 768, 0)
    checkpointer.checkpoint()
    archiving.drop(partitioned, RING)
    assert numbers() == (256, 768, 768)


def test_a_scrape_while_the_database_is_away_says_so() -> None:
    registry = CollectorRegistry()
    with Database("postgresql://nobody@127.0.0.1:9/none", timeout_s=0.5) as away:
        registry.register(LogCollector(away, ORIGIN))
        assert b"atlas_ledger_up 0.0" in generate_latest(registry)
