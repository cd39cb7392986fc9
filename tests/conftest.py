"""One real PostgreSQL for the test run; a fresh database for each test that asks."""

import itertools
import os
import tempfile
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import settings

from atlas.ledger.postgres import EmbeddedPostgres

# A busy machine is no failure: nothing here is about time.
settings.register_profile("atlas", deadline=None)
settings.load_profile("atlas")

_serial = itertools.count()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running PostgreSQL, its maintenance database.

    Its directory is not one of pytest's: those are closed to the server's own user when a second run begins.
    """
    with tempfile.TemporaryDirectory(prefix="atlas-postgres-") as directory, EmbeddedPostgres(directory) as server:
        yield server.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database, dropped after the test."""
    name = f"test_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())
