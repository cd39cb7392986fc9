"""A database with the log's schema, and a log on it."""

from collections.abc import Iterator

import pytest

from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, MIGRATIONS)
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)
