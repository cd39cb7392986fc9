"""Readers that do not end, while a partition is to be dropped or written anew."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest

from atlas.ledger import archiving
from atlas.ledger.checkpoints import Checkpointer
from atlas.ledger.errors import TableInUse
from atlas.ledger.log import Ledger
from atlas.ledger.redacting import redact
from atlas.ledger.verification import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER
from tests.ledger.examples import facts


@contextmanager
def reader(ledger: Ledger) -> Generator[int]:
    """A transaction that has read the log and does not end; its process id at the server."""
    with psycopg.connect(ledger.database.url) as connection:
        connection.execute("select count(*) from ledger.events")
        yield connection.info.backend_pid


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
    with reader(archived) as process, pytest.raises(TableInUse, match=f"sessions {process}") as caught:
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
