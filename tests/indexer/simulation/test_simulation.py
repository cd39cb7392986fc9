"""Whatever the endpoints and the machine do, what counts of the log is what the final chain says."""

from collections.abc import Iterator

import psycopg
import pytest

from atlas.indexer.chain.schema import MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.migrations import migrate
from tests.indexer.simulation.endpoints import SEVERAL_FROM
from tests.indexer.simulation.schedule import play

# Schedules that once failed, by what they found.
FOUND = {
    25: "a block with logs from one request was missing in the answer to another",
    70: "a child was found to be named earlier than it first seemed, and its logs in between were kept back",
    134: "a node on a fork below the window answered for the history of a rule that was added later",
    1032: "of blocks without a rule, those of another fork were taken for returned",
    459: "blocks of another fork were taken for blocks that had returned",
    82: "a rule was to be read from a block that a deep fork had not reached again",
    2087: "a log took the place of a log of another fork, and its height counted as answered",
    2108: "the same, of a child",
    315: "without headers, logs fetched ahead passed for those of a fork that came after",
    61: "after finality was left, blocks below what stayed final were recorded as final",
    100_016: "while one endpoint rested, another one's answer for another chain ended the indexer",
}


@pytest.fixture(scope="module")
def simulated(postgres_url: str) -> Iterator[Database]:
    """One database for all schedules: each has a chain of its own. Only processes crash in them, not the machine."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create database simulated")
        connection.execute("alter database simulated set synchronous_commit = off")
    with Database(postgres_url.replace("/postgres?", "/simulated?")) as database:
        migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
        yield database
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("drop database simulated with (force)")


SEEDS = [*range(1, 59), *range(SEVERAL_FROM, SEVERAL_FROM + 30)]  # one node; several, with all that may prove them


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed not in FOUND])
def test_a_schedule_ends_with_what_the_final_chain_says(simulated: Database, seed: int) -> None:
    play(seed, simulated)


@pytest.mark.parametrize("seed", FOUND, ids=FOUND.values())
def test_a_schedule_that_once_failed(simulated: Database, seed: int) -> None:
    play(seed, simulated)
