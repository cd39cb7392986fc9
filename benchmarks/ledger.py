"""The log against its limit (bare COPY BINARY into an equally indexed table) and its peer (the library's own store).

Everything runs on one embedded PostgreSQL, fsync on, in one run.
"""

import asyncio
import itertools
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from atlas.ledger import MIGRATIONS
from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.row_groups import ROW_GROUP_FACTS
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.migrations import migrate
from atlas.ledger.operations.archiving import archive
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.recording.batches import copy_events, encode_batch, rows_a_piece
from atlas.ledger.schema import PARTITION_FACTS, set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from atlas.protocol.facts import stream_id
from benchmarks.measuring import Figure, against, alone, in_turns, interleaved, options, per_second, report

BATCH = 10_000
PAYLOAD_BYTES = 300
TASKS = 64
Item = TypeVar("Item")
_serial = itertools.count()

_BARE_TABLE = """
create table if not exists public.bare (
    position bigint not null primary key, stream uuid not null, version bigint not null, topic text not null,
    payload bytea not null, leaf_hash bytea not null, unique (stream, version)
)
"""
_BARE_COPY = "copy public.bare (position, stream, version, leaf_hash, payload, topic) from stdin (format binary)"


def facts(count: int) -> list[Fact]:
    """New facts, a hundred a stream, as blocks with their logs are."""
    made: list[Fact] = []
    for start in range(0, count, 100):
        stream = stream_id(f"benchmark/{next(_serial)}")
        made += [
            Fact(stream, version, "chain.log", os.urandom(PAYLOAD_BYTES)) for version in range(min(100, count - start))
        ]
    return made


class Bench:
    """The three stores, over one server."""

    def __init__(self, url: str, directory: Path, partition_facts: int) -> None:
        self.directory = directory
        self.database = Database(url, max_connections=TASKS + 10)
        migrate(self.database, MIGRATIONS)
        with self.database.connection() as connection:
            set_partition_facts(connection, partition_facts)
        self.ledger = Ledger(self.database)
        self.tree = Tree(self.database)
        self.connection = psycopg.connect(url)
        self.connection.execute(_BARE_TABLE)
        self.connection.commit()
        self.bare_positions = itertools.count(1, BATCH)
        parts = self.connection.info
        store = PostgresDatastore(
            parts.dbname, parts.host, parts.port, parts.user, parts.password, pool_size=TASKS, max_waiting=TASKS
        )
        self.library = PostgresApplicationRecorder(store)
        self.library.create_table()

    def append_batches(self, batches: Sequence[Sequence[Fact]]) -> float:
        """Batches with leaf hashes, unique keys and tiles; the tree follows in a thread, as it does in the program."""

        def work() -> None:
            with ThreadPoolExecutor(1) as follower:
                for batch in batches:
                    self.ledger.append(batch)
                    follower.submit(self.tree.integrate)

        rate = per_second(sum(map(len, batches)), work)
        assert self.tree.size() == self.ledger.head()
        return rate

    def grow(self, size: int) -> None:
        """Append until the log has so many facts."""
        while self.ledger.head() < size:
            self.append_batches(_batches())

    def copy_bare(self, batches: Sequence[Sequence[Fact]]) -> float:
        """The limit: bytes that are encoded already, one COPY and one commit a batch, as many indexes."""
        encoded = [_encoded(batch, next(self.bare_positions)) for batch in batches]

        def work() -> None:
            for data in encoded:
                with self.connection.cursor() as cursor, cursor.copy(_BARE_COPY) as copy:
                    copy.write(data)
                self.connection.commit()

        return per_second(sum(map(len, batches)), work)

    def append_to_library(self, batch: Sequence[Fact]) -> float:
        """The peer, in pages of 500: its pipeline hangs above about a megabyte."""
        pages = [_stored(batch[start : start + 500]) for start in range(0, len(batch), 500)]
        return per_second(len(batch), lambda: [self.library.insert_events(page) for page in pages])

    def single(self, count: int) -> float:
        """One fact a call, one caller."""
        made = facts(count)
        return per_second(count, lambda: [self.ledger.append([fact]) for fact in made])

    def single_to_library(self, count: int) -> float:
        """One event a call, one caller."""
        made = [_stored([fact]) for fact in facts(count)]
        return per_second(count, lambda: [self.library.insert_events(page) for page in made])

    def tasks(self, count: int) -> float:
        """One fact a call, 64 tasks of one event loop."""
        waiting = iter([[fact] for fact in facts(count)])

        async def append() -> None:
            for fact in waiting:
                await self.ledger.append_async(fact)

        async def work() -> None:
            await asyncio.gather(*[append() for _ in range(TASKS)])

        return per_second(count, lambda: asyncio.run(work()))

    def threads(self, count: int) -> float:
        """One fact a call, 64 threads."""
        return _in_threads(self.ledger.append, [[fact] for fact in facts(count)])

    def threads_to_library(self, count: int) -> float:
        """One event a call, 64 threads: the library's store has no other way to be called by many at once."""
        return _in_threads(self.library.insert_events, [_stored([fact]) for fact in facts(count)])

    def read_arrow(self) -> float:
        """The whole log as Arrow tables, 100,000 positions each."""
        head = self.ledger.head()
        return per_second(
            head, lambda: [self.ledger.table(after=at, upto=at + 100_000) for at in range(0, head, 100_000)]
        )

    def read_library(self) -> float:
        """The library's paging."""
        last = self.library.max_notification_id() or 0
        return per_second(
            last, lambda: [self.library.select_notifications(at, 10_000) for at in range(1, last + 1, 10_000)]
        )


def _in_threads(append: Callable[[list[Item]], object], batches: Sequence[list[Item]]) -> float:
    with ThreadPoolExecutor(TASKS) as pool:
        return per_second(len(batches), lambda: list(pool.map(append, batches)))


def _encoded(batch: Sequence[Fact], first_position: int) -> bytes:
    columns = encode_batch(batch)
    return b"".join(copy_events(columns, first_position, rows_a_piece(columns)))


def _stored(batch: Sequence[Fact]) -> list[StoredEvent]:
    return [StoredEvent(fact.stream, fact.version, fact.topic, fact.payload) for fact in batch]


def _batches() -> list[list[Fact]]:
    return [facts(BATCH) for _ in range(8)]


def measure(bench: Bench, *, quick: bool) -> Iterator[Figure]:
    """All figures, one after another."""
    runs, size, singles = (3, 300_000, 500) if quick else (7, 1_000_000, 3_000)
    batches = interleaved(
        runs,
        lambda: bench.append_batches(_batches()),
        lambda: bench.copy_bare(_batches()),
        lambda: bench.append_to_library(facts(BATCH)),
    )
    yield in_turns("append_batch_vs_copy", [(ours, bare) for ours, bare, _ in batches], "facts/s")
    yield in_turns("append_batch_vs_library", [(ours, library) for ours, _, library in batches], "facts/s")
    one_by_one = interleaved(
        runs,
        lambda: bench.single(singles),
        lambda: bench.single_to_library(singles),
    )
    yield in_turns("append_single_vs_library", [(ours, library) for ours, library in one_by_one], "facts/s")
    by_many = interleaved(
        runs,
        lambda: bench.tasks(singles * 16),
        lambda: bench.threads(singles * 8),
        lambda: bench.threads_to_library(singles * 2),
    )
    yield in_turns("append_64_tasks_vs_library", [(ours, library) for ours, _, library in by_many], "facts/s")
    yield in_turns("append_64_threads_vs_library", [(ours, library) for _, ours, library in by_many], "facts/s")
    yield alone("checkpoint_lag_s", _checkpoint_lag_s(bench), "s")
    bench.grow(size)
    yield against("read_arrow_vs_library", bench.read_arrow(), "facts/s", bench.read_library())
    yield _verified(bench)
    yield from _archive(bench)
    bench.grow(size * 10)
    yield _proofs(bench)
    yield alone("peak_rss_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def _checkpoint_lag_s(bench: Bench) -> float:
    """The longest time from an append to the checkpoint that covers it, under a steady load of batches."""
    signer = Signer.generate("benchmark/log")
    checkpointer = Checkpointer(bench.database, signer)
    worst, stop = 0.0, threading.Event()
    load = [facts(1_000) for _ in range(30)]

    def append() -> None:
        for batch in load:
            bench.ledger.append(batch)
        stop.set()

    writer = threading.Thread(target=append)
    writer.start()
    while not stop.is_set():
        start = time.perf_counter()
        checkpointer.checkpoint()
        worst = max(worst, time.perf_counter() - start)
    writer.join()
    return worst


def _verified(bench: Bench) -> Figure:
    """The whole log read again and compared with a checkpoint."""
    signer = Signer.generate("benchmark/verified")
    note = Checkpointer(bench.database, signer).checkpoint()
    verified = per_second(bench.ledger.head(), lambda: verify_ledger(bench.ledger, note, signer.verifier))
    return alone("verify_entries_per_s", verified, "facts/s")


def _proofs(bench: Bench) -> Figure:
    """A hundred positions spread over the log."""
    size = bench.tree.integrate()
    asked = range(1, size, max(1, size // 100))
    proofs = per_second(len(asked), lambda: [bench.tree.inclusion_proof(position, size) for position in asked])
    return alone("inclusion_proof_ms", 1000 / proofs, "ms")


def _archive(bench: Bench) -> Iterator[Figure]:
    """Whole partitions to Parquet, and back as Arrow tables of a row group each."""
    ledger = Ledger(bench.database, Archive(bench.directory / "archive"))
    checkpointer = Checkpointer(bench.database, Signer.generate("benchmark/archived"))
    checkpointer.checkpoint()
    start = time.perf_counter()
    parts = archive(ledger, checkpointer)
    count = sum(part.last - part.first + 1 for part in parts)
    yield alone("archive_write_events_per_s", count / (time.perf_counter() - start), "facts/s")
    starts = range(0, parts[-1].last, ROW_GROUP_FACTS)
    read = per_second(
        count, lambda: [ledger.archive.table(after=at, upto=min(at + ROW_GROUP_FACTS, count)) for at in starts]
    )
    yield alone("archive_read_events_per_s", read, "facts/s")


def main() -> None:
    """Measure on a server of our own and print."""
    chosen = options(__doc__)
    with tempfile.TemporaryDirectory() as directory, EmbeddedPostgres(directory) as server:
        bench = Bench(server.url, Path(directory), 128 * 1024 if chosen.quick else PARTITION_FACTS // 2)
        report("ledger", measure(bench, quick=chosen.quick), as_json=chosen.json)
        bench.library.datastore.close()
        bench.connection.close()
        bench.database.close()


if __name__ == "__main__":
    main()
