"""Why the log has a recorder of its own: two configurations of the library let a reader that follows lose events.

The race of each, played step by step: one writer has taken its number and not committed, a second one takes the next
and commits, and a reader goes past both. Where writers take turns from the number to the commit, the second one waits.
"""

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from eventsourcing import postgres
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT, PostgresTTDCBFactory
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import Environment

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.persistence import environment
from atlas.ledger.recording.batches import encode_batch
from atlas.ledger.recording.writer import record
from tests.ledger.examples import facts


def library_environment(url: str, name: str) -> Environment:
    settings = environment(url) | {"POSTGRES_ENABLE_DB_FUNCTIONS": "y", "POSTGRES_PORT": "5432"}
    settings["POSTGRES_PASSWORD"] = settings["POSTGRES_PASSWORD"] or "none"
    return Environment(name, {key: value for key, value in settings.items() if value and key != "PERSISTENCE_MODULE"})


@pytest.fixture
def functions(database_url: str) -> Iterator[postgres.PostgresApplicationRecorder]:
    """The library's recorder with its functions in the database."""
    with postgres.PostgresFactory(library_environment(database_url, "functions")) as factory:
        recorder = factory.application_recorder()
        assert isinstance(recorder, postgres.PostgresApplicationRecorder)
        yield recorder


@pytest.fixture
def tagged(database_url: str) -> Iterator[PostgresDCBRecorderTT]:
    """The library's recorder of events with tags (dynamic consistency boundaries)."""
    with PostgresTTDCBFactory(library_environment(database_url, "tagged")) as factory:
        recorder = factory.dcb_recorder()
        assert isinstance(recorder, PostgresDCBRecorderTT)
        yield recorder


def test_the_library_s_database_functions_lose_events_for_a_reader(
    functions: postgres.PostgresApplicationRecorder,
) -> None:
    slow = functions.construct_pg_stored_event(UUID(int=1), 1, "topic", b"slow")
    with functions.datastore.transaction(commit=True) as cursor:
        cursor.execute(functions.sql_invoke_pg_function_insert_events, ([slow],))
        assert functions.insert_events([StoredEvent(UUID(int=2), 1, "topic", b"fast")]) == [2]
        seen = [notification.id for notification in functions.select_notifications(1, 10)]
    seen += [notification.id for notification in functions.select_notifications(seen[-1] + 1, 10)]
    assert seen == [2]
    assert [notification.id for notification in functions.select_notifications(1, 10)] == [1, 2]


def test_the_library_s_unconditional_append_loses_events_for_a_reader(tagged: PostgresDCBRecorderTT) -> None:
    slow, fast = (DCBEvent(type="t", data=data, tags=["tag"]) for data in (b"slow", b"fast"))
    with tagged.datastore.transaction(commit=True) as cursor:
        cursor.execute(tagged.sql_unconditional_append, {"events": tagged.construct_psycopg_dcb_events([slow])})
        assert tagged.append([fast]) == 2
        seen = [one.position for one in tagged.read()]
    seen += [one.position for one in tagged.read(after=seen[-1])]
    assert seen == [2]
    assert [one.position for one in tagged.read()] == [1, 2]


@pytest.mark.parametrize("count", [1, 200])
def test_the_log_lets_the_second_writer_wait_so_that_no_reader_goes_past_the_first(
    ledger: Ledger, database: Database, count: int
) -> None:
    answers: list[list[int]] = []
    second = threading.Thread(target=lambda: answers.append(ledger.append(facts("fast", count))))
    with database.connection() as connection, connection.cursor() as cursor:
        assert record(cursor, encode_batch(facts("slow", count))) == list(range(1, count + 1))
        second.start()
        second.join(timeout=0.5)
        assert second.is_alive()
        assert (ledger.head(), list(ledger.facts(after=0))) == (0, [])
    second.join(timeout=30)
    assert answers == [list(range(count + 1, 2 * count + 1))]
    assert [fact.position for fact in ledger.facts(after=0)] == list(range(1, 2 * count + 1))
