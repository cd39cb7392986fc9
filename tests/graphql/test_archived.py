"""Entries that were dropped from the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from atlas.graphql.http.server import create_app
from atlas.ledger.archive.archive import Archive
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.schema import set_partition_facts
from tests.graphql.conftest import NOW, Client, prepare
from tests.ledger.examples import facts

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
QUERY = """query ($position: BigInt!) {
  entry: ledgerEntry(position: $position) { __typename at: position stream version topic payload leafHash }
}"""


@pytest.fixture
def log(database_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """Two partitions archived, and a few facts."""
    with Database(database_url) as database:
        prepare(database)
        with database.connection() as connection:
            set_partition_facts(connection, 256)
        ledger = Ledger(database, Archive(tmp_path))
        ledger.append(facts("a", 600))
        archiving.archive(ledger, Checkpointer(database, SIGNER))
        yield ledger


@pytest.fixture
def client(log: Ledger, portal: BlockingPortal) -> Client:
    return Client(portal, create_app(log.database, archive=log.archive, clock=lambda: NOW))


def ask(client: Client, position: int) -> object:
    answer = client.request("POST", "/graphql", json={"query": QUERY, "variables": {"position": str(position)}})
    assert "errors" not in answer.json(), answer.json()
    return answer.json()["data"]["entry"]


def drop(log: Ledger) -> None:
    archiving.drop(log, KeyRing(SIGNER.verifier))


def test_an_entry_is_the_same_before_and_after_it_was_dropped(log: Ledger, client: Client) -> None:
    positions = (1, 256, 257, 300, 512, 513, 600, 601, 0, -1, 10**30)
    before = [ask(client, position) for position in positions]
    assert [entry is None for entry in before] == [False] * 7 + [True] * 4
    drop(log)
    assert [ask(client, position) for position in positions] == before


def test_a_payload_that_is_withheld_is_null(log: Ledger, client: Client) -> None:
    drop(log)
    before = ask(client, 300)
    checkpointer = Checkpointer(log.database, SIGNER)
    redact(log, 300, reason="court order", authoriser="counsel", decided_at_ms=0, checkpointer=checkpointer)
    assert isinstance(before, dict)
    assert before["payload"]
    assert ask(client, 300) == before | {"payload": None}


def test_an_archive_that_cannot_be_read_is_said_so(log: Ledger, client: Client, tmp_path: Path) -> None:
    drop(log)
    (tmp_path / "00000000000000000001-00000000000000000256" / "facts.parquet").unlink()
    answer = client.request("POST", "/graphql", json={"query": QUERY, "variables": {"position": "3"}})
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "ARCHIVE_UNAVAILABLE"
