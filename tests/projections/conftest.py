"""A database with the schemas of the log and of the engine, a log, and a projector on them."""

from collections.abc import Iterator

import pytest

from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.projections.migrations import MIGRATIONS
from atlas.projections.projector import Projector


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, (*LEDGER_MIGRATIONS, *MIGRATIONS))
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def projector(database: Database, ledger: Ledger) -> Projector:
    return Projector(database, ledger)
