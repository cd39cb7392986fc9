"""A studio (keys, content store, signer) a test, and a world around it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.ledger.database import Database
from atlas.provenance.decisions import Signing
from tests.provenance.samples import Studio
from tests.provenance.world import World


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "studio")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with Database(database_url) as database, Signing(database_url) as signing:
        yield World(database, tmp_path, signing)
