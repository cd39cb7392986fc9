"""The projector of one view only: ``test_supply.py`` gets that of ``supply``."""

import pytest

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.projections.views import VIEWS


@pytest.fixture
def projector(request: pytest.FixtureRequest, database: Database, ledger: Ledger) -> Projector:
    name = str(request.module.__name__).rpartition("test_")[2]
    return Projector(database, ledger, {name: VIEWS[name]})
