"""Readers and vacuums that do not end, while a partition is to be dropped or written anew."""

import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import Range
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.errors import TableInUse
from atlas.ledger.log import Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.recording.batches import Fact
from atlas.ledger.schema import set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER
from tests.ledger.examples import facts


@contextmanager
def reader(ledger: Ledger) -> Generator[int]:
    """A transaction that has read the log and does not end; its process id at the server."""
    with psycopg.connect(ledger.database.url) as connection:
        connection.execute("select count(*) from ledger.events")
        yield connection.info.backend_pid


LARGE = Range(1, 1024)
# One page, and a tenth of a second or more: the vacuum of LARGE lasts for longer than anybody's patience.
SLOW_VACUUM = b"""
alter table ledger.events_0 set (autovacuum_vacuum_insert_threshold = 1, autovacuum_vacuum_insert_scale_factor = 0,
                                 autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_cost_delay = 100)
"""
VACUUMS = b"""
select pid from pg_locks join pg_stat_activity using (pid)
where relation = 'ledger.events_0'::regclass and granted and backend_type = 'autovacuum worker'
"""


@pytest.fixture
def large(database: Database, directory: Path) -> Ledger:
    """One partition of some hundred pages, and the beginning of the next."""
    with database.connection() as connection:
        set_partition_facts(connection, len(LARGE))
    noise = random.Random(7)
    # A session that ends tells the server's statistics what it wrote, and an idle one ten seconds later.
    with Database(database.url) as ending:
        Ledger(ending).append([Fact(uuid4(), 0, "example.fact", noise.randbytes(1900)) for _ in range(len(LARGE) + 1)])
    return Ledger(database, Archive(directory))


@contextmanager
def vacuum(ledger: Ledger) -> Generator[None]:
    """An automatic vacuum of the first partition that goes on."""
    with psycopg.connect(ledger.database.url, autocommit=True) as connection:
        connection.execute(SLOW_VACUUM)
        connection.execute("alter system set autovacuum_naptime = 1")
        try:
            connection.execute("select pg_reload_conf()")
            while connection.execute(VACUUMS).fetchone() is None:
                time.sleep(0.1)
        finally:
            connection.execute("alter system reset autovacuum_naptime")
            connection.execute("select pg_reload_conf()")
    yield


def test_appends_go_on_while_a_drop_waits_for_a_reader(archived: Ledger) -> None:
    dropping = threading.Thread(target=archiving.drop, args=(archived, RING), kwargs={"patience_s": 600.0})
    with reader(archived):
        dropping.start()
        for version in range(1500):
            archived.append(facts("c", 1, first=version))
        assert dropping.is_alive()
    dropping.join()
    assert archived.dropped() == PARTS[-1].last
    assert archived.head() == 2400


def test_a_drop_names_who_reads_for_too_long(archived: Ledger) -> None:
    with reader(archived) as process, pytest.raises(TableInUse, match=f"events_0 .* sessions {process}") as caught:
        archiving.drop(archived, RING, patience_s=1.0)
    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)
    assert archived.dropped() == 0
    assert archiving.drop(archived, RING) == PARTS


def test_a_redaction_that_cannot_write_its_partition_anew_is_done_when_asked_again(ledger: Ledger) -> None:
    ledger.append(facts("a", 10))

    def redacted(patience_s: float) -> None:
        redact(ledger, 7, reason="r", authoriser="a", decided_at_ms=1, patience_s=patience_s)

    with reader(ledger) as process:
        with pytest.raises(TableInUse, match=f"events_0 .* sessions {process}"):
            redacted(1.0)
        assert ledger.append(facts("b", 1)) == [12]
    redacted(30.0)
    verify_ledger(ledger, Checkpointer(ledger.database, SIGNER).checkpoint(), SIGNER.verifier)


def test_a_redaction_ends_an_automatic_vacuum_of_its_partition(large: Ledger) -> None:
    with vacuum(large):
        decision = redact(large, 7, reason="r", authoriser="a", decided_at_ms=1)
    assert next(large.facts(after=6, upto=7)).redaction == decision


def test_a_drop_ends_an_automatic_vacuum_of_its_partition(large: Ledger, checkpointer: Checkpointer) -> None:
    assert archiving.archive(large, checkpointer) == [LARGE]
    with vacuum(large):
        assert archiving.drop(large, RING) == [LARGE]
