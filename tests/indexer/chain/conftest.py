"""A real chain, a migrated database, and an indexer between them."""

from collections.abc import Iterator

import pytest

from atlas.indexer.chain.schema import MIGRATIONS
from atlas.indexer.chain.verification.evidence import MIGRATIONS as EVIDENCE_MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from tests.anvil import Anvil
from tests.indexer.chain.workbench import Workbench


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh development chain whose every block is mined on demand of a transaction."""
    with Anvil() as node:
        yield node


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the tables of the log and of the indexer."""
    with Database(database_url) as database:
        migrate(database, [*schema.MIGRATIONS, *MIGRATIONS, *EVIDENCE_MIGRATIONS])
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """The log in ``database``."""
    return Ledger(database)


@pytest.fixture
def workbench(anvil: Anvil, ledger: Ledger, database: Database) -> Iterator[Workbench]:
    """An emitter on ``anvil`` and the means to index it."""
    with Workbench(anvil, ledger, database) as bench:
        yield bench
