"""A ledger in a fresh database, and an intake that takes records of everyone."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.schema import MIGRATIONS as WORKER_MIGRATIONS
from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, (*MIGRATIONS, *WORKER_MIGRATIONS))
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def intake(ledger: Ledger) -> Intake:
    return Intake(ledger, lambda worker: True)


@pytest.fixture
def restored_ledger(postgres_url: str) -> Iterator[Ledger]:
    """Another ledger, empty: for a server that was set back."""
    name = f"restored_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        with Database(postgres_url.replace("/postgres?", f"/{name}?")) as database:
            migrate(database, (*MIGRATIONS, *WORKER_MIGRATIONS))
            yield Ledger(database)
        connection.execute(f"drop database {name} with (force)".encode())
