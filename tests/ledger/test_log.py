import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredKey, ConflictingFact, InvalidFact, MisplacedFact, MissingFact, PayloadTooLarge
from atlas.ledger.log import Fact, Ledger, RecordedFact
from atlas.ledger.operations.redacting import redact
from atlas.ledger.recording import writer
from atlas.ledger.recording.batches import Batch, copy_events, copy_keys
from atlas.ledger.recording.columns import TABLE_SCHEMA
from atlas.ledger.recording.entries import MAX_PAYLOAD_BYTES
from atlas.ledger.recording.writer import COPY_FROM_FACTS
from tests.ledger.examples import facts, stream

SMALL, LARGE = 3, 2 * COPY_FROM_FACTS
sizes = pytest.mark.parametrize("count", [1, SMALL, COPY_FROM_FACTS - 1, COPY_FROM_FACTS, LARGE])


def recorded(ledger: Ledger) -> list[RecordedFact]:
    return list(ledger.facts(after=0))


@sizes
def test_positions_are_dense_from_one_in_the_order_given(ledger: Ledger, count: int) -> None:
    batch = facts("a", count)[::-1]
    assert ledger.append(batch) == list(range(1, count + 1))
    assert ledger.append(facts("b", count)) == list(range(count + 1, 2 * count + 1))
    assert ledger.head() == 2 * count
    assert [Fact(fact.stream, fact.version, fact.topic, fact.payload) for fact in recorded(ledger)[:count]] == batch


@sizes
def test_the_same_facts_again_have_the_same_positions(ledger: Ledger, count: int) -> None:
    batch = facts("a", count)
    positions = ledger.append(batch)
    assert ledger.append(batch) == positions
    assert ledger.append(batch[::-1]) == positions[::-1]
    assert ledger.head() == count


@sizes
def test_new_facts_among_known_ones_are_the_only_ones_recorded(ledger: Ledger, count: int) -> None:
    known = ledger.append(facts("a", count))
    mixed = [fact for pair in zip(facts("a", count), facts("b", count), strict=True) for fact in pair]
    positions = ledger.append(mixed)
    assert positions[0::2] == known
    assert positions[1::2] == list(range(count + 1, 2 * count + 1))
    assert ledger.head() == 2 * count


@sizes
def test_repetitions_within_a_batch_are_one_fact(ledger: Ledger, count: int) -> None:
    batch = facts("a", count)
    assert ledger.append([*batch, *batch]) == [*range(1, count + 1)] * 2


@pytest.mark.parametrize("around", [0, LARGE])
@pytest.mark.parametrize("other", [Fact(stream("a"), 1, "test.fact", b"other"), Fact(stream("a"), 1, "other", b"a/1")])
def test_other_content_under_a_recorded_version_is_a_conflict_and_nothing_is_recorded(
    ledger: Ledger, around: int, other: Fact
) -> None:
    ledger.append(facts("a", 2, payload_bytes=3))
    with pytest.raises(ConflictingFact, match="recorded at position 2") as caught:
        ledger.append([*facts("b", around), other, *facts("c", around)])
    assert (caught.value.stream, caught.value.version, caught.value.position) == (stream("a"), 1, 2)
    assert "'test.fact' with a payload of 3 bytes" in caught.value.message
    assert ledger.head() == 2
    assert len(recorded(ledger)) == 2


@sizes
def test_tasks_append_as_threads_do(ledger: Ledger, count: int) -> None:
    async def main() -> None:
        batches = [facts(name, count) for name in "abc"]
        positions = await asyncio.gather(*map(ledger.append_async, batches))
        assert sorted(position for taken in positions for position in taken) == list(range(1, 3 * count + 1))
        assert [ledger.append(batch) for batch in batches] == positions
        assert await ledger.append_async([*batches[1], *batches[1]]) == [*positions[1], *positions[1]]
        assert await ledger.append_async([]) == []
        with pytest.raises(ConflictingFact, match="recorded at position"):
            await ledger.append_async([*facts("d", count), Fact(stream("a"), 0, "other", b"")])

    asyncio.run(main())
    assert ledger.head() == 3 * count


def test_no_gap_is_left_by_a_batch_that_failed(ledger: Ledger) -> None:
    ledger.append(facts("a", 2))
    for around in (1, LARGE):
        with pytest.raises(ConflictingFact):
            ledger.append([*facts("b", around), Fact(stream("a"), 0, "other", b"")])
    assert ledger.append(facts("c", 1)) == [3]


def test_an_empty_batch_is_nothing(ledger: Ledger) -> None:
    assert ledger.append([]) == []
    assert ledger.head() == 0
    assert recorded(ledger) == []


def test_an_invalid_fact_refuses_its_batch(ledger: Ledger) -> None:
    with pytest.raises(InvalidFact):
        ledger.append([*facts("a", 2), Fact(stream("b"), 0, "nul\x00", b"")])
    with pytest.raises(PayloadTooLarge):
        ledger.append([*facts("a", 2), Fact(stream("b"), 0, "t", bytes(MAX_PAYLOAD_BYTES + 1))])
    assert ledger.head() == 0


def test_a_payload_at_the_limit_is_stored_byte_for_byte(ledger: Ledger) -> None:
    payload = bytes(range(256)) * (MAX_PAYLOAD_BYTES // 256)
    ledger.append([Fact(stream("a"), 0, "t", payload)])
    assert ledger.stream(stream("a"))[0].payload == payload


def test_empty_payloads_and_text_beyond_ascii_are_kept(ledger: Ledger) -> None:
    for count in (1, LARGE):
        batch = [Fact(stream(f"é{count}"), version, "thème.π\u2028", b"") for version in range(count)]
        ledger.append(batch)
        assert [fact.topic for fact in ledger.stream(stream(f"é{count}"))] == ["thème.π\u2028"] * count


@sizes
def test_a_companion_commits_with_the_facts(ledger: Ledger, database: Database, count: int) -> None:
    with database.connection() as connection:
        connection.execute("create table public.cursor_of_test (position bigint)")

    def companion(cursor: psycopg.Cursor) -> None:
        cursor.execute("insert into public.cursor_of_test select position from ledger.head")

    ledger.append(facts("a", count), companion=companion)
    with database.connection() as connection:
        assert connection.execute("select position from public.cursor_of_test").fetchall() == [(count,)]


@sizes
def test_a_companion_that_fails_takes_the_facts_back(ledger: Ledger, count: int) -> None:
    def companion(cursor: psycopg.Cursor) -> None:
        cursor.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        ledger.append(facts("a", count), companion=companion)
    assert ledger.head() == 0
    assert ledger.append(facts("b", 1)) == [1]


def test_a_companion_runs_also_without_facts(ledger: Ledger) -> None:
    ran: list[bool] = []
    ledger.append([], companion=lambda _: ran.append(True))
    assert ran == [True]


def test_facts_are_read_within_bounds_by_topic_and_limit(ledger: Ledger) -> None:
    ledger.append(facts("a", 5, topic="one") + facts("b", 5, topic="two"))
    everything = recorded(ledger)
    assert [fact.position for fact in everything] == list(range(1, 11))
    assert list(ledger.facts(after=3, upto=7)) == everything[3:7]
    assert list(ledger.facts(after=3, topics=["two"], limit=2)) == everything[5:7]
    assert list(ledger.facts(after=0, topics=["two", "one"])) == everything
    assert list(ledger.facts(after=0, topics=["none"])) == []
    assert list(ledger.facts(after=10)) == []
    assert list(ledger.facts(after=0, limit=0)) == []


def test_facts_come_in_pages_without_a_seam(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(facts("a", 100))
    monkeypatch.setattr("atlas.ledger.log.PAGE_FACTS", 7)
    assert [fact.position for fact in ledger.facts(after=0)] == list(range(1, 101))
    assert [fact.position for fact in ledger.facts(after=2, limit=21)] == list(range(3, 24))


def test_a_page_of_facts_ends_where_their_payloads_are_many_bytes(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [version * 37 % 90 for version in range(100)]
    ledger.append([Fact(stream("a"), version, "t", bytes(length)) for version, length in enumerate(lengths)])
    for position in (3, 8, 9):
        redact(ledger, position, reason="r", authoriser="a", decided_at_ms=1)
    everything = recorded(ledger)
    fetch, pages = ledger._page, list[int]()  # pyright: ignore[reportPrivateUsage]

    def watched(*bounds: Any) -> tuple[list[Any], int]:
        page, dropped = fetch(*bounds)
        pages.append(sum(len(row[4] or b"") for row in page[:-1]))
        return page, dropped

    monkeypatch.setattr("atlas.ledger.log.PAGE_BYTES", 200)
    monkeypatch.setattr(ledger, "_page", watched)
    assert recorded(ledger) == everything
    assert list(ledger.facts(after=2, limit=21)) == everything[2:23]
    assert list(ledger.facts(after=0, topics=["t"])) == everything[:100]
    assert max(pages) < 200


def test_a_table_has_the_same_facts_in_columns(ledger: Ledger) -> None:
    ledger.append(facts("a", 90, topic="o'ne\\") + facts("b", 10, topic="two"))
    table = ledger.table(after=5, upto=95)
    assert table.schema == TABLE_SCHEMA
    rows = [
        RecordedFact(row["position"], UUID(bytes=row["stream"]), row["version"], row["topic"], row["payload"])
        for row in table.to_pylist()
    ]
    assert rows == list(ledger.facts(after=5, upto=95))
    assert ledger.table(after=0, upto=100, topics=["o'ne\\"]).num_rows == 90
    assert ledger.table(after=0, upto=100, topics=["two", "three"]).num_rows == 10
    empty = ledger.table(after=100, upto=200)
    assert (empty.num_rows, empty.schema) == (0, TABLE_SCHEMA)


def test_a_stream_is_read_in_the_order_of_its_versions(ledger: Ledger) -> None:
    ledger.append(facts("a", 5)[::-1] + facts("b", 2))
    assert [fact.version for fact in ledger.stream(stream("a"))] == [0, 1, 2, 3, 4]
    assert [fact.version for fact in ledger.stream(stream("a"), after_version=2)] == [3, 4]
    assert ledger.last_version(stream("a")) == 4
    assert ledger.stream(uuid4()) == []
    assert ledger.last_version(uuid4()) is None


def test_waiting_ends_at_once_when_there_is_something(ledger: Ledger) -> None:
    ledger.append(facts("a", 3))
    started = time.monotonic()
    assert ledger.wait(after=1, timeout_s=30) == 3
    assert time.monotonic() - started < 5


def test_waiting_ends_with_the_time_when_there_is_nothing(ledger: Ledger) -> None:
    started = time.monotonic()
    assert ledger.wait(after=0, timeout_s=0.2) == 0
    assert 0.2 <= time.monotonic() - started < 5


def test_waiting_ends_when_something_is_appended(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    # With polling out of the way, only the notification can end the wait in time.
    monkeypatch.setattr("atlas.ledger.log.POLL_S", 60.0)
    for number, count in enumerate((1, LARGE)):
        head = ledger.head()
        appended = threading.Timer(0.2, ledger.append, [facts(f"s{number}", count)])
        appended.start()
        started = time.monotonic()
        assert ledger.wait(after=head, timeout_s=30) == head + count
        assert time.monotonic() - started < 10
        appended.join()


def test_a_pooled_connection_is_itself_again_after_waiting(ledger: Ledger, database: Database) -> None:
    ledger.wait(after=0, timeout_s=0.05)
    with database.connection() as connection:
        assert not connection.autocommit
        assert connection.execute("select pg_listening_channels()").fetchall() == []


def test_a_log_without_its_head_row_is_named(ledger: Ledger, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("delete from ledger.head")
    with pytest.raises(MissingFact, match=r"ledger\.head"):
        ledger.head()


@pytest.mark.parametrize("count", [1, LARGE])
def test_a_head_that_was_moved_back_is_corruption_and_records_nothing(
    ledger: Ledger, database: Database, count: int
) -> None:
    ledger.append(facts("a", 3))
    with database.connection() as connection:
        connection.execute("update ledger.head set position = 1")
    with pytest.raises(MisplacedFact, match="above the head"):
        ledger.append(facts("b", count))
    assert ledger.head() == 1


@sizes
def test_a_key_that_leads_to_no_fact_is_never_taken_for_one(ledger: Ledger, count: int) -> None:
    with ledger.database.connection() as connection:
        connection.execute("insert into ledger.keys values (%s, 0, 1000000)", (stream("a"),))
    with pytest.raises(AlteredKey, match="1000000, which the log lacks"):
        ledger.append(facts("a", count))
    with pytest.raises(AlteredKey):
        ledger.append(facts("a", count), companion=lambda _: None)


def test_large_payloads_are_not_encoded_far_ahead_of_the_database(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    ahead: list[int] = []

    def pieces(batch: Batch, first: int, rows: int) -> Iterator[bytes]:
        for piece in copy_events(batch, first, rows):
            encoded.append(len(piece))
            yield piece

    def keys(batch: Batch, first: int, rows: int) -> Iterator[bytes]:
        yield from copy_keys(batch, first, rows)
        ahead.append(sum(encoded))

    monkeypatch.setattr(writer, "copy_events", pieces)
    monkeypatch.setattr(writer, "copy_keys", keys)
    assert ledger.append(facts("a", 60, payload_bytes=1_000_000))[-1] == 60
    assert ahead[0] < 10_000_000
    assert sum(encoded) > 60_000_000


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_batch_beside_a_key_whose_fact_is_gone_records_nothing(
    ledger: Ledger, database: Database, *, is_alone: bool
) -> None:
    """One statement is one transaction: what it records stays, also when the answer is refused afterwards."""
    ledger.append(facts("a", 5))
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position = 5")
    with pytest.raises(AlteredKey, match="position 5, which the log lacks"):
        ledger.append(facts("a", 2, first=4), companion=None if is_alone else lambda _: None)
    assert ledger.head() == 5
    assert ledger.last_version(stream("a")) == 4
