"""A few rounds of what ``crashing`` and ``crowd`` do for hours when run by hand, and two ways to lose a server."""

import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from atlas.ledger import MIGRATIONS
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseFull, DatabaseUnreachable
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.appending import SIGNER
from tests.ledger.crashing import Runner
from tests.ledger.crowd import gather
from tests.ledger.examples import facts, stream


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that the server's own user may enter."""
    path = Path(tempfile.mkdtemp(prefix="atlas-crash-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_killed_writers_and_a_killed_server_lose_nothing_that_was_acknowledged(directory: Path) -> None:
    with Runner(directory, seed=1) as runner:
        for number in range(4):
            runner.round(kill_server=number % 2 == 1)
        report = runner.finish()
    assert (report.rounds, report.server_kills) == (4, 2)
    assert report.acknowledged > 0
    assert report.checkpoints > 0


def test_a_crowd_of_processes_keeps_order_and_readers_miss_nothing(database: Database, tmp_path: Path) -> None:
    seen = gather(database.url, tmp_path, processes=8, seconds=4)
    assert seen.acknowledged > 0


def test_a_connection_lost_in_the_middle_of_copy_leaves_nothing_of_the_batch(
    ledger: Ledger, database: Database
) -> None:
    batch = [Fact(stream("lost"), version, "t", bytes(500)) for version in range(60_000)]
    killed = threading.Thread(target=_terminate_copy, args=[database.url])
    killed.start()
    with pytest.raises(DatabaseUnreachable):
        ledger.append(batch)
    killed.join(timeout=30)
    assert ledger.head() == 0
    assert list(ledger.facts(after=0)) == []
    assert ledger.append(batch) == list(range(1, 60_001))
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


def _terminate_copy(url: str) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            found = connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_progress_copy join pg_stat_activity using (pid)"
                " where pg_stat_progress_copy.datname = current_database() and tuples_processed > 1000"
            ).fetchall()
            if found:
                return
            time.sleep(0.002)


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of 220 MB: a fresh cluster and its first write-ahead log fit, not much more."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=220m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be made here: {mounted.stderr.decode().strip()}")
    directory.chmod(0o755)
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    acknowledged: list[int] = []
    with EmbeddedPostgres(small_disk / "postgres") as server:
        with Database(server.url, timeout_s=5) as database:
            migrate(database, MIGRATIONS)
            with pytest.raises((DatabaseFull, DatabaseUnreachable)):
                _fill(Ledger(database), acknowledged)
        subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
        with EmbeddedPostgres(small_disk / "postgres") as again, Database(again.url) as database:
            ledger = Ledger(database)
            (last,) = ledger.append(facts("after", 1))
            assert acknowledged == list(range(1, len(acknowledged) + 1))
            assert [fact.position for fact in ledger.facts(after=0)] == list(range(1, last + 1))
            assert last - 1 - len(acknowledged) in (0, 500)  # recorded, and the answer lost
            verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


def _fill(ledger: Ledger, acknowledged: list[int]) -> None:
    """Append what does not compress, until there is an error."""
    for number in range(100):
        batch = [Fact(stream(f"fill/{number}"), version, "t", random.randbytes(10_000)) for version in range(500)]
        acknowledged += ledger.append(batch)


@pytest.mark.timeout(120)
def test_payloads_of_ten_megabytes_do_not_hang(ledger: Ledger, database: Database) -> None:
    payloads = [bytes([number]) * 10_000_000 for number in range(3)]
    assert ledger.append([Fact(stream("one"), 0, "t", payloads[0])]) == [1]
    rest = [Fact(stream("two"), version, "t", payload) for version, payload in enumerate(payloads)]
    assert ledger.append(rest) == [2, 3, 4]
    assert [fact.payload == payloads[fact.version] for fact in ledger.facts(after=1)] == [True] * 3
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


@pytest.mark.timeout(120)
def test_batches_of_a_hundred_thousand_do_not_hang(ledger: Ledger) -> None:
    batch = facts("large", 100_000, payload_bytes=300)
    assert ledger.append(batch) == list(range(1, 100_001))
    assert ledger.append(batch[::-1]) == list(range(100_000, 0, -1))
    assert ledger.head() == 100_000
