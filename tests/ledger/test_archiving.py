"""A log in an archive: written, dropped, read, verified, restored."""

import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import FACTS, MANIFEST, TILES, Range
from atlas.ledger.archive.row_groups import FACTS_SCHEMA
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AlteredArchive,
    AlteredHead,
    AlteredKey,
    AlteredSchema,
    AppendingHalted,
    ConflictingFact,
    LedgerCorrupt,
    MissingArchive,
    RefusedArchiving,
    RefusedRedaction,
    RootMismatch,
    UnknownSigner,
)
from atlas.ledger.log import Fact, Ledger, RecordedFact
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.operations import archiving
from atlas.ledger.operations.exclusive import alone
from atlas.ledger.operations.redacting import redact
from atlas.ledger.persistence import LedgerFactory, environment
from atlas.ledger.recovery import behind_checkpoint
from atlas.ledger.schema import set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER, SIZE
from tests.ledger.examples import facts, stream


@pytest.fixture
def ledger(partitioned: Ledger) -> Ledger:
    return partitioned


def verify(ledger: Ledger) -> None:
    verify_ledger(ledger, Checkpointer(ledger.database, SIGNER).checkpoint(), SIGNER.verifier)


def all_reads(ledger: Ledger) -> tuple[object, ...]:
    """The log in every form in which it is read."""
    return (
        list(ledger.facts(after=0)),
        list(ledger.facts(after=250, upto=520, topics=["other.fact"])),
        list(ledger.facts(after=100, limit=300)),
        ledger.table(after=0, upto=900),
        ledger.table(after=255, upto=257),
        ledger.table(after=300, upto=850, topics=["test.fact", "none"]),
        ledger.stream(stream("a"), after_version=10),
        ledger.stream(stream("b")),
        [ledger.last_version(stream(name)) for name in "abc"],
    )


def test_only_complete_partitions_are_archived_and_once(
    archived: Ledger, checkpointer: Checkpointer, directory: Path
) -> None:
    assert Archive(directory).ranges() == PARTS
    assert archiving.archive(archived, checkpointer) == []
    archived.append(facts("c", 200))
    assert archiving.archive(archived, checkpointer) == [Range(769, 1024)]


def test_a_payload_redacted_just_before_its_range_is_archived_waits_for_the_decision(
    ledger: Ledger, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(database: Database) -> AbstractContextManager[psycopg.Connection]:
        redact(ledger, 5, reason="r", authoriser="a", decided_at_ms=1)
        return alone(database)

    monkeypatch.setattr(archiving, "alone", late)
    assert archiving.archive(ledger, checkpointer) == []


def test_an_archived_log_verifies(archived: Ledger) -> None:
    verify(archived)


def test_a_dropped_log_is_read_proven_and_verified_as_before(archived: Ledger, database: Database) -> None:
    before = all_reads(archived)
    root = Tree(database).root(900)
    archiving.drop(archived, RING)
    with database.connection() as connection:
        assert connection.execute("select min(position), count(*) from ledger.events").fetchall() == [(769, 132)]
    assert all_reads(archived) == before
    assert Tree(database).root(900) == root
    assert len(Tree(database).inclusion_proof(3, 900)) == 10
    verify(archived)


def test_what_is_dropped_is_still_recorded_once(dropped: Ledger) -> None:
    assert dropped.append(facts("a", 400)) == list(range(1, 401))
    assert dropped.append(facts("a", 2, first=399)) == [400, 901]
    with pytest.raises(ConflictingFact, match="in the archive"):
        dropped.append([Fact(stream("a"), 7, "test.fact", b"another")])
    verify(dropped)


@pytest.mark.parametrize("after", [-1, -5, -20_000, -(2**62)])
def test_what_comes_after_no_position_is_all_there_is(dropped: Ledger, after: int) -> None:
    assert list(dropped.facts(after=after)) == list(dropped.facts(after=0))
    assert list(dropped.facts(after=after, upto=-1)) == []
    assert dropped.table(after=after, upto=900) == dropped.table(after=0, upto=900)
    assert dropped.table(after=900, upto=300).num_rows == dropped.table(after=300, upto=-1).num_rows == 0


def test_a_reader_without_the_archive_is_told(dropped: Ledger, database: Database) -> None:
    blind = Ledger(database)
    assert len(list(blind.facts(after=768))) == 132
    for read in (
        lambda: list(blind.facts(after=0)),
        lambda: blind.table(after=0, upto=900),
        lambda: blind.stream(stream("a")),
    ):
        with pytest.raises(MissingArchive):
            read()


def test_a_log_is_restored_from_its_archive_alone(dropped: Ledger, database: Database, empty: Ledger) -> None:
    assert archiving.restore(empty, RING) == PARTS
    assert empty.head() == 768
    assert Tree(empty.database).root(768) == Tree(database).root(768)
    assert list(empty.facts(after=0)) == list(dropped.facts(after=0, upto=768))
    verify(empty)
    assert empty.append(facts("b", 500, topic="other.fact")) == [*range(401, 901)]
    assert Tree(empty.database).integrate() == 900
    assert Tree(empty.database).root(900) == Tree(database).root(900)
    assert archiving.drop(empty, RING) == PARTS
    verify(empty)


def test_a_halted_log_is_not_restored_and_says_why(dropped: Ledger, empty: Ledger) -> None:
    assert dropped.dropped() == PARTS[-1].last
    behind_checkpoint(empty.database, 5_000, 0)
    with pytest.raises(AppendingHalted, match="over 5000 facts is signed"):
        archiving.restore(empty, RING)


def test_only_an_empty_log_is_restored(archived: Ledger) -> None:
    with pytest.raises(RefusedArchiving, match="900 facts"):
        archiving.restore(archived, RING)


@pytest.mark.usefixtures("archived")
def test_a_restored_log_is_the_one_that_was_signed(empty: Ledger) -> None:
    with pytest.raises(UnknownSigner):
        archiving.restore(empty, KeyRing(Signer.generate("log.example.org/ledger").verifier))


@pytest.mark.usefixtures("archived")
def test_an_archive_with_a_gap_is_not_restored(empty: Ledger, directory: Path) -> None:
    shutil.rmtree(directory / PARTS[1].name)
    with pytest.raises(MissingArchive) as caught:
        archiving.restore(empty, RING)
    assert caught.value.position == 257
    assert empty.head() == 0


def test_an_archive_of_another_log_is_left_alone(ledger: Ledger, checkpointer: Checkpointer, empty: Ledger) -> None:
    with empty.database.connection() as connection:
        set_partition_facts(connection, SIZE)
    empty.append(facts("other", 300))
    archiving.archive(empty, Checkpointer(empty.database, SIGNER))
    with pytest.raises(RefusedArchiving, match="with the root"):
        archiving.archive(ledger, checkpointer)


def rewrite(path: Path, position: int, changes: dict[str, object]) -> None:
    """Edit one fact of a Parquet file, as one would who knows the format."""
    rows = pq.read_table(path).to_pylist()
    rows[(position - 1) % SIZE].update(changes)
    table = pq.read_table(path).from_pylist(rows, schema=FACTS_SCHEMA)
    pq.write_table(table, path, compression="zstd")


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("is_dropped", [False, True])
@pytest.mark.parametrize(
    ("changes", "position"),
    [
        ({"payload": b"forged"}, 257),
        ({"payload": None}, 300),
        ({"topic": "forged"}, 512),
        ({"version": 7000}, 257),
        ({"stream": bytes(16)}, 400),
        ({"leaf_hash": bytes(32)}, 258),
        ({"position": 9}, 259),
    ],
)
def test_an_edited_file_is_found_where_it_was_edited(
    archived: Ledger, directory: Path, changes: dict[str, object], position: int, *, is_dropped: bool
) -> None:
    if is_dropped:
        archiving.drop(archived, RING)
    rewrite(directory / PARTS[1].name / FACTS, position, changes)
    with pytest.raises((AlteredArchive, AlteredKey)) as caught:
        verify(archived)
    assert caught.value.position == position


@pytest.mark.parametrize("is_dropped", [False, True])
@pytest.mark.parametrize("name", [FACTS, TILES, MANIFEST, "checkpoint"])
def test_a_missing_or_damaged_file_is_found(archived: Ledger, directory: Path, name: str, *, is_dropped: bool) -> None:
    if is_dropped:
        archiving.drop(archived, RING)
    path = directory / PARTS[1].name / name
    good = path.read_bytes()
    for place in (0, len(good) // 2, len(good) - 1):
        flip(path, place)
        with pytest.raises(LedgerCorrupt) as caught:
            verify(archived)
        assert (caught.value.position or 0) in range(257, 513)
        path.write_bytes(good)
    verify(archived)
    path.unlink()
    with pytest.raises(MissingArchive) as missing:
        verify(archived)
    assert missing.value.position == 257


def test_a_manifest_that_fits_an_edited_file_is_found(archived: Ledger, directory: Path) -> None:
    part = PARTS[1]
    (directory / part.name / "checkpoint").write_bytes(b"another note\n")
    archive = Archive(directory)
    manifest = archive.manifest(part)
    path = directory / part.name / MANIFEST
    data = path.read_bytes().replace(
        manifest.files["checkpoint"].sha256.encode(),
        archive._hash(part, "checkpoint").sha256.encode(),  # pyright: ignore[reportPrivateUsage]
    )
    path.write_bytes(data.replace(b'"size_bytes": %d' % manifest.files["checkpoint"].size_bytes, b'"size_bytes": 13'))
    with pytest.raises(AlteredArchive) as caught:
        verify(archived)
    assert caught.value.position == 257


def test_what_is_damaged_is_not_dropped(archived: Ledger, directory: Path, database: Database) -> None:
    rewrite(directory / PARTS[1].name / FACTS, 300, {"payload": b"forged"})
    with pytest.raises(AlteredArchive) as caught:
        archiving.drop(archived, RING)
    assert caught.value.position == 300
    with database.connection() as connection:
        assert connection.execute("select min(position), count(*) from ledger.events").fetchall() == [(257, 644)]


def test_a_partition_after_one_that_is_not_archived_is_not_dropped(archived: Ledger, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("delete from ledger.archives where first = 257")
    with pytest.raises(AlteredHead, match="257"):
        archiving.drop(archived, RING)
    assert archived.dropped() == 256


def test_a_check_may_take_longer_than_a_session_may_be_idle(
    archived: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Ledger | KeyRing | Range) -> None:
        time.sleep(2.5)

    monkeypatch.setattr(archiving, "check_range", slow)
    name = conninfo_to_dict(database.url)["dbname"]
    with database.connection() as connection:
        connection.execute(f"alter database \"{name}\" set idle_in_transaction_session_timeout = '1s'".encode())
    with Database(database.url) as impatient:
        assert archiving.drop(Ledger(impatient, archived.archive), RING) == PARTS


def test_a_partition_that_has_the_name_of_another_is_not_dropped(archived: Ledger, database: Database) -> None:
    with database.connection() as connection:
        for was, now in (("events_0", "events_x"), ("events_3", "events_0"), ("events_x", "events_3")):
            connection.execute(f"alter table ledger.{was} rename to {now}".encode())
    with pytest.raises(AlteredSchema, match="events_0 has not the positions 1 to 256"):
        archiving.drop(archived, RING)
    assert len(list(archived.facts(after=0))) == 900


def test_a_range_with_the_checkpoint_of_another_is_not_dropped(archived: Ledger, directory: Path) -> None:
    note = (directory / PARTS[1].name / "checkpoint").read_bytes()
    (directory / PARTS[0].name / "checkpoint").write_bytes(note)
    with pytest.raises((AlteredArchive, RootMismatch)):
        archiving.drop(archived, RING)


def test_a_key_of_a_dropped_fact_is_verified(dropped: Ledger, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("update ledger.keys set position = 6 where position = 5")
    with pytest.raises(AlteredKey) as caught:
        verify(dropped)
    assert caught.value.position == 5


def redacted(ledger: Ledger, position: int) -> RecordedFact:
    redact(ledger, position, reason="court order", authoriser="counsel", decided_at_ms=0)
    return next(ledger.facts(after=position - 1, upto=position))


def test_a_redacted_payload_is_redacted_in_the_archive_and_after_it(
    ledger: Ledger, checkpointer: Checkpointer, empty: Ledger
) -> None:
    marker = redacted(ledger, 300)
    assert archiving.archive(ledger, checkpointer) == PARTS[:1]  # The decision, at 901, is not archived yet.
    ledger.append(facts("c", 200))
    assert archiving.archive(ledger, checkpointer) == [*PARTS[1:], Range(769, 1024)]
    archiving.drop(ledger, RING)
    assert next(ledger.facts(after=299, upto=300)) == marker
    assert ledger.table(after=299, upto=300).column("payload").to_pylist() == [None]
    verify(ledger)
    archiving.restore(empty, RING)
    assert next(empty.facts(after=299, upto=300)) == marker
    verify(empty)


def test_what_is_archived_is_not_redacted_behind_the_files(archived: Ledger) -> None:
    with pytest.raises(RefusedRedaction, match="archive"):
        redacted(archived, 300)
    assert redacted(archived, 800).redaction is not None


@pytest.mark.usefixtures("archived")
def test_duckdb_reads_the_archive(directory: Path) -> None:
    files = f"{directory}/*/{FACTS}"
    database = duckdb.connect()
    rows = database.execute(
        f"select topic, count(*), min(position), max(position) from read_parquet('{files}') group by 1 order by 1"
    ).fetchall()
    assert rows == [("other.fact", 368, 401, 768), ("test.fact", 400, 1, 400)]
    query = f"select stream, version from read_parquet('{files}') where position = 7"
    found = database.execute(query).fetchall()
    assert [(UUID(bytes=row[0]), row[1]) for row in found] == [(stream("a"), 6)]


def test_a_stream_is_read_across_the_edge_of_what_is_dropped(dropped: Ledger) -> None:
    facts_of_b = dropped.stream(stream("b"))
    assert [fact.position for fact in facts_of_b] == list(range(401, 901))
    assert [fact.version for fact in facts_of_b] == list(range(500))


def test_the_library_reads_what_is_dropped(dropped: Ledger, database: Database, directory: Path) -> None:
    with LedgerFactory(Environment("test", environment(database.url, directory))) as factory:
        recorder = factory.application_recorder()
        events = recorder.select_events(stream("b"), gt=300, lte=400)
        assert [event.originator_version for event in events] == list(range(301, 401))
        assert [event.state for event in events] == [fact.payload for fact in dropped.stream(stream("b"))[301:401]]
        assert [event.originator_version for event in recorder.select_events(stream("b"), desc=True, limit=2)] == [
            499,
            498,
        ]
        assert [found.id for found in recorder.select_notifications(5, 800)] == list(range(5, 805))
        assert [found.id for found in recorder.select_notifications(None, 5, topics=["other.fact"])] == [
            *range(401, 406)
        ]
        assert [found.id for found in recorder.select_notifications(5, 9, 7, inclusive_of_start=False)] == [6, 7]


def test_the_library_without_the_archive_is_told(dropped: Ledger, database: Database) -> None:
    with LedgerFactory(Environment("test", environment(database.url))) as factory:
        recorder = factory.application_recorder()
        with pytest.raises(MissingArchive):
            recorder.select_events(stream("a"))
        with pytest.raises(MissingArchive):
            recorder.select_notifications(1, 10)
        assert len(recorder.select_notifications(769, 10)) == 10
