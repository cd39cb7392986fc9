"""A database with the schemas of the log, of the engine and of every view, a log, and a projector on them."""

import itertools
import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.projections.migrations import MIGRATIONS
from atlas.projections.projector import Projector

_serial = itertools.count()


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """The name of a database with empty views, made once: a hundred tables take longer to make than to copy."""
    name = f"projections_template_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with Database(url_of(postgres_url, name)) as database:
        migrate(database, (*LEDGER_MIGRATIONS, *MIGRATIONS))
        Projector(database, Ledger(database)).prepare()
    return name


@pytest.fixture
def database(postgres_url: str, template: str) -> Iterator[Database]:
    name = f"projections_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        statement = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    with Database(url_of(postgres_url, name)) as database:
        yield database
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def projector(database: Database, ledger: Ledger) -> Projector:
    return Projector(database, ledger)


def url_of(postgres_url: str, name: str) -> str:
    return postgres_url.replace("/postgres?", f"/{name}?")
