"""A database with the log's schema, a log on it, and one with an archive."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.ledger import MIGRATIONS
from atlas.ledger.archive.archive import Archive
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.operations import archiving
from atlas.ledger.schema import set_partition_facts
from tests.ledger.archives import PARTS, RING, SIGNER, SIZE
from tests.ledger.examples import facts


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, MIGRATIONS)
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def partitioned(database: Database, directory: Path) -> Ledger:
    """Three complete partitions and a fourth that is not."""
    with database.connection() as connection:
        set_partition_facts(connection, SIZE)
    ledger = Ledger(database, Archive(directory))
    ledger.append(facts("a", 400))
    ledger.append(facts("b", 500, topic="other.fact"))
    return ledger


@pytest.fixture
def checkpointer(database: Database) -> Checkpointer:
    return Checkpointer(database, SIGNER)


@pytest.fixture
def archived(partitioned: Ledger, checkpointer: Checkpointer) -> Ledger:
    assert archiving.archive(partitioned, checkpointer) == PARTS
    return partitioned


@pytest.fixture
def dropped(archived: Ledger) -> Ledger:
    assert archiving.drop(archived, RING) == PARTS
    return archived


@pytest.fixture
def empty(postgres_url: str, database_url: str, directory: Path) -> Iterator[Ledger]:
    """An empty log elsewhere, with the same archive."""
    name = database_url.rsplit("/", 1)[1].split("?", maxsplit=1)[0] + "_restored"
    with Database(postgres_url) as admin, admin.connection() as connection:
        connection.commit()
        connection.autocommit = True
        connection.execute(f'create database "{name}"'.encode())
        connection.autocommit = False
    with Database(postgres_url.replace("/postgres?", f"/{name}?")) as database:
        migrate(database, MIGRATIONS)
        yield Ledger(database, Archive(directory))
    with Database(postgres_url) as admin, admin.connection() as connection:
        connection.commit()
        connection.autocommit = True
        connection.execute(f'drop database "{name}" with (force)'.encode())
        connection.autocommit = False
