"""Partitions: made ahead by whoever appends, at their edges, and with several writers at once."""

import threading
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import Environment

from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerError
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.persistence import LedgerFactory, environment
from atlas.ledger.schema import HALTED, MIGRATIONS, PARTITION_FACTS, set_partition_facts
from tests.ledger.examples import facts

SIZE = 256


@pytest.fixture
def ledger(database: Database) -> Ledger:
    with database.connection() as connection:
        set_partition_facts(connection, SIZE)
    return Ledger(database)


def partitions(database: Database) -> list[str]:
    with database.connection() as connection:
        rows = connection.execute(
            "select inhrelid::regclass::text from pg_inherits"
            " where inhparent = 'ledger.events'::regclass order by inhrelid::bigint"
        ).fetchall()
    return [name for (name,) in rows]


def test_an_empty_log_has_no_partition_and_the_first_fact_makes_one(ledger: Ledger, database: Database) -> None:
    assert partitions(database) == []
    ledger.append(facts("a", 1))
    assert partitions(database) == ["ledger.events_0"]


def test_the_next_partition_is_there_before_it_is_needed(ledger: Ledger, database: Database) -> None:
    ledger.append(facts("a", SIZE // 2))
    assert len(partitions(database)) == 1
    ledger.append(facts("b", 1))
    assert len(partitions(database)) == 2


@pytest.mark.parametrize("count", [1, 63, 200, 1000])
def test_appends_cross_the_edges_of_partitions(ledger: Ledger, database: Database, count: int) -> None:
    positions: list[int] = []
    while len(positions) < 1100:
        positions += ledger.append(facts(f"from {len(positions)}", count))
    assert positions == list(range(1, len(positions) + 1))
    assert [fact.position for fact in ledger.facts(after=0)] == positions
    assert ledger.table(after=0, upto=10_000).num_rows == len(positions)
    assert Tree(database).integrate() == len(positions)
    assert ledger.append(facts("from 0", count)) == positions[:count]


def test_single_facts_cross_an_edge(ledger: Ledger) -> None:
    for number in range(2 * SIZE + 2):
        assert ledger.append(facts(f"single {number}", 1)) == [number + 1]


def test_aggregate_events_cross_an_edge_and_are_read_by_stream(ledger: Ledger, database: Database) -> None:
    with LedgerFactory(Environment("test", environment(database.url))) as factory:
        recorder = factory.application_recorder()
        for version in range(1, SIZE + 10):
            recorder.insert_events([StoredEvent(UUID(int=1), version, "topic", b"state")])
        assert len(recorder.select_events(UUID(int=1), gt=5)) == SIZE + 4
        assert [event.originator_version for event in recorder.select_events(UUID(int=1), desc=True, limit=1)] == [
            SIZE + 9
        ]


def test_writers_at_once_make_each_partition_once(ledger: Ledger, database: Database) -> None:
    def append(name: str) -> None:
        for number in range(12):
            ledger.append(facts(f"{name}/{number}", 100))

    threads = [threading.Thread(target=append, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [fact.position for fact in ledger.facts(after=0)] == list(range(1, 4801))
    assert partitions(database) == [f"ledger.events_{number}" for number in range(20)]


def test_a_rolled_back_append_takes_its_partition_back(ledger: Ledger, database: Database) -> None:
    def fail(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.append(facts("a", 1000), companion=fail)
    assert partitions(database) == []
    assert ledger.append(facts("a", 1000)) == list(range(1, 1001))


@pytest.mark.parametrize("count", [0, -256, 100, 257])
def test_a_partition_is_whole_tiles(ledger: Ledger, database: Database, count: int) -> None:
    with database.connection() as connection, pytest.raises(LedgerError):
        set_partition_facts(connection, count)


def test_the_size_of_partitions_is_fixed_with_the_first(ledger: Ledger, database: Database) -> None:
    ledger.append(facts("a", 1))
    with database.connection() as connection, pytest.raises(LedgerError):
        set_partition_facts(connection, 512)


def test_the_constants_are_those_of_the_statements() -> None:
    statements = "".join(migration.statements for migration in MIGRATIONS)
    assert f"default {PARTITION_FACTS} check" in statements
    assert f"errcode = '{HALTED}'" in statements
