"""The recorders against the library's own contract suites, and an application on them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgpack
import pytest
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.tests import persistence as contract
from eventsourcing.utils import Environment, get_topic

from atlas.ledger.database import Database
from atlas.ledger.errors import AppendingHalted, InvalidFact
from atlas.ledger.log import Ledger
from atlas.ledger.persistence import (
    LedgerApplicationRecorder,
    LedgerFactory,
    LedgerProcessRecorder,
    environment,
)
from atlas.ledger.recovery import behind_checkpoint
from tests.ledger.examples import facts


@pytest.fixture
def factory(database: Database) -> Iterator[LedgerFactory]:
    with LedgerFactory(Environment("test", environment(database.url))) as factory:
        yield factory


class RecorderOnTheLog:
    """Gives a contract suite, which is a unittest.TestCase, the factory of the test."""

    factory: LedgerFactory

    @pytest.fixture(autouse=True)
    def _factory(self, factory: LedgerFactory) -> None:
        self.factory = factory


class TestApplicationRecorder(RecorderOnTheLog, contract.ApplicationRecorderTestCase[LedgerApplicationRecorder]):
    def create_recorder(self) -> LedgerApplicationRecorder:
        recorder = self.factory.application_recorder()
        assert isinstance(recorder, LedgerApplicationRecorder)
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(RecorderOnTheLog, contract.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> Any:
        return self.factory.application_recorder()


class TestSnapshotRecorder(RecorderOnTheLog, contract.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return self.factory.aggregate_recorder(purpose="snapshots")


class TestTrackingRecorder(RecorderOnTheLog, contract.TrackingRecorderTestCase):
    def create_recorder(self) -> Any:
        return self.factory.tracking_recorder()


class TestProcessRecorder(RecorderOnTheLog, contract.ProcessRecorderTestCase):
    def create_recorder(self) -> Any:
        recorder = self.factory.process_recorder()
        assert isinstance(recorder, LedgerProcessRecorder)
        return recorder


def stored(originator_id: UUID, count: int, *, first: int = 1) -> list[StoredEvent]:
    return [StoredEvent(originator_id, version, "topic", b"state") for version in range(first, first + count)]


@pytest.mark.parametrize("count", [1, 200])
def test_a_conflict_records_nothing_and_leaves_no_gap(factory: LedgerFactory, ledger: Ledger, count: int) -> None:
    recorder = factory.application_recorder()
    originator_id = UUID(int=1)
    recorder.insert_events(stored(originator_id, count))
    with pytest.raises(IntegrityError):
        recorder.insert_events(stored(originator_id, count, first=count))
    assert recorder.insert_events(stored(originator_id, 1, first=count + 1)) == [count + 1]
    assert ledger.head() == count + 1


@pytest.mark.parametrize("count", [1, 200])
def test_a_halted_log_says_why_and_what_to_do(
    factory: LedgerFactory, ledger: Ledger, database: Database, count: int
) -> None:
    behind_checkpoint(database, 6, 0)
    with pytest.raises(AppendingHalted, match="a checkpoint over 6 facts is signed") as caught:
        factory.application_recorder().insert_events(stored(UUID(int=1), count))
    assert "ledger resume" in caught.value.hint
    assert ledger.head() == 0


def test_events_and_facts_share_positions(factory: LedgerFactory, ledger: Ledger) -> None:
    recorder = factory.application_recorder()
    ledger.append(facts("a", 2))
    assert recorder.insert_events(stored(UUID(int=1), 2)) == [3, 4]
    assert ledger.append(facts("b", 1)) == [5]
    assert [fact.position for fact in ledger.stream(UUID(int=1))] == [3, 4]
    assert [notification.id for notification in recorder.select_notifications(1, 9, topics=["topic"])] == [3, 4]
    assert recorder.max_notification_id() == 5


@pytest.mark.timeout(60)
def test_a_batch_beyond_what_a_pipeline_carries_is_recorded(factory: LedgerFactory) -> None:
    events = [StoredEvent(UUID(int=1), version, "topic", bytes(300)) for version in range(2000)]
    recorder = factory.application_recorder()
    assert recorder.insert_events(events) == list(range(1, 2001))
    large = [StoredEvent(UUID(int=2), version, "topic", bytes(1_000_000)) for version in range(5)]
    assert recorder.insert_events(large) == list(range(2001, 2006))


def test_an_originator_that_is_no_uuid_is_refused(factory: LedgerFactory) -> None:
    with pytest.raises(InvalidFact, match="UUID"):
        factory.application_recorder().insert_events([StoredEvent("text", 1, "topic", b"")])


def test_further_connection_options_reach_the_pool(database: Database) -> None:
    url = f"{database.url}&application_name=a%20name&sslmode=prefer"
    with LedgerFactory(Environment("test", environment(url))) as factory, factory.datastore.get_connection() as opened:
        assert opened.execute("show application_name").fetchall() == [{"application_name": "a name"}]


class Budget(Aggregate):
    """An aggregate with the kinds of values that decisions carry."""

    @event("Opened")
    def __init__(self, purpose: str, limit_wei: int) -> None:
        self.purpose = purpose
        self.limit_wei = limit_wei
        self.spent: list[tuple[str, int]] = []
        self.rate = Decimal("0.10")

    @event("Spent")
    def spend(self, reason: str, amount_wei: int) -> None:
        self.spent.append((reason, amount_wei))


class Budgets(Application[UUID]):
    is_snapshotting_enabled = True

    def open(self, limit_wei: int) -> UUID:
        budget = Budget("effects", limit_wei)
        self.save(budget)
        return budget.id

    def spend(self, budget_id: UUID, *amounts_wei: int) -> None:
        budget: Budget = self.repository.get(budget_id)
        for amount_wei in amounts_wei:
            budget.spend("frames", amount_wei)
        self.save(budget)


def test_an_application_records_its_decisions_as_facts(database: Database, ledger: Ledger) -> None:
    with Budgets(env=environment(database.url)) as budgets:
        ledger.append(facts("a", 3))
        budget_id = budgets.open(2**200)
        budgets.spend(budget_id, 10**20, 5)
        budget: Budget = budgets.repository.get(budget_id)
        assert (budget.limit_wei, budget.spent) == (2**200, [("frames", 10**20), ("frames", 5)])
    recorded = ledger.stream(budget_id)
    assert [fact.position for fact in recorded] == [4, 5, 6]
    assert recorded[1].topic == get_topic(Budget.Spent)  # pyright: ignore[reportAttributeAccessIssue]
    assert msgpack.unpackb(recorded[2].payload)["amount_wei"] == 5


def test_an_aggregate_is_restored_from_a_snapshot(database: Database, ledger: Ledger) -> None:
    with Budgets(env=environment(database.url)) as budgets:
        budget_id = budgets.open(7)
        budgets.spend(budget_id, 1, 2)
        budgets.take_snapshot(budget_id)
        budgets.spend(budget_id, 3)
        assert budgets.snapshots is not None
        assert len(list(budgets.snapshots.get(budget_id))) == 1
        budget: Budget = budgets.repository.get(budget_id)
        assert budget.spent == [("frames", 1), ("frames", 2), ("frames", 3)]
    assert ledger.head() == 4  # The snapshot is no fact.


def test_aggregates_decided_at_once_conflict(database: Database) -> None:
    with Budgets(env=environment(database.url)) as budgets:
        budget_id = budgets.open(7)
        one: Budget = budgets.repository.get(budget_id)
        other: Budget = budgets.repository.get(budget_id)
        one.spend("a", 1)
        other.spend("b", 1)
        budgets.save(one)
        with pytest.raises(IntegrityError):
            budgets.save(other)


class Spending(Projection[PostgresTrackingRecorder]):
    """Follows what budgets spend."""

    topics = (get_topic(Budget.Spent),)  # pyright: ignore[reportAttributeAccessIssue]

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)


def test_a_projection_of_the_library_follows_the_log(database: Database, ledger: Ledger) -> None:
    with ProjectionRunner(
        application_class=Budgets,
        projection_class=Spending,
        view_class=PostgresTrackingRecorder,
        env=environment(database.url),
    ) as runner:
        ledger.append(facts("a", 200))
        budget_id = runner.app.open(7)
        runner.app.spend(budget_id, 1, 2, 3)
        runner.wait(204, timeout=30)
