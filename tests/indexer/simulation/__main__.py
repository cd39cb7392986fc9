"""python -m tests.indexer.simulation --seeds A..B: schedules by the thousand; the seeds that fail are printed."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from atlas.indexer.chain.schema import MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from tests.indexer.simulation.schedule import play

A_DATABASE = 100  # schedules


def main() -> int:
    """Play them; 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", required=True, metavar="A..B")
    parser.add_argument("--traceback", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("..")
    seeds = range(int(first), int(last or first) + 1)
    failed: list[int] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="atlas-simulation-") as directory, EmbeddedPostgres(directory) as server:
        for portion in range(0, len(seeds), A_DATABASE):
            with fresh_database(server.url, f"simulated_{portion}") as database:
                for seed in seeds[portion : portion + A_DATABASE]:
                    failed += [] if holds(seed, database, with_traceback=arguments.traceback) else [seed]
            print(f"{min(portion + A_DATABASE, len(seeds))} played, {len(failed)} failed", flush=True)
    print(f"{len(seeds)} schedules, {len(failed)} failed {failed[:50]}, {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


@contextmanager
def fresh_database(url: str, name: str) -> Generator[Database]:
    """An empty log: who looks for a deep fork reads all of it. Only processes crash here, not the machine."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(name)))
    with Database(url.replace("/postgres?", f"/{name}?")) as database:
        migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
        yield database
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def holds(seed: int, database: Database, *, with_traceback: bool) -> bool:
    """Whether the schedule of ``seed`` ends as it should; what went wrong is printed."""
    try:
        play(seed, database)
    except Exception as error:
        print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
        if with_traceback:
            traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
