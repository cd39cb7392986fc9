"""Killed at any moment, the indexer goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from atlas.indexer.chain import schema, state
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger, RecordedFact
from atlas.ledger.migrations import migrate
from atlas.ledger.schema import MIGRATIONS
from tests.anvil import CHAIN
from tests.indexer.chain.workbench import Workbench, catch_up

SETTINGS = {"window_blocks": 20, "max_range_blocks": 2}

# Indexes until it has caught up; the arguments are the endpoint, the database, and the emitter's address.
PROGRAM = f"""
import sys
from atlas.indexer.chain.watching.config import ChainConfig, Contract
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger

url, database_url, emitter = sys.argv[1:]
config = ChainConfig(
    chain="{CHAIN}", rpc_url=url, contracts=(Contract("Emitter", bytes.fromhex(emitter), 1),), **{SETTINGS!r}
)
with Database(database_url) as database:
    indexer = ChainIndexer(config, connect(url), Ledger(database), database)
    while not indexer.step().caught_up:
        pass
"""


@pytest.fixture
def second_database_url(postgres_url: str) -> Iterator[str]:
    """The URL of another empty database."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create database uninterrupted")
        yield postgres_url.replace("/postgres?", "/uninterrupted?")
        connection.execute("drop database uninterrupted with (force)")


def start(workbench: Workbench, program: str = PROGRAM) -> subprocess.Popen[bytes]:
    """An indexing process."""
    arguments = [workbench.anvil.url, workbench.database.url, workbench.emitter.hex()]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        stdin=subprocess.DEVNULL,
    )


def stored_tip(database: Database) -> int:
    """The height that is stored, 0 before the first."""
    window = state.load(database, CHAIN).window
    return window[-1].number if window else 0


def kill_beyond(workbench: Workbench, height: int) -> None:
    """Start a process and kill it as soon as the stored height is above ``height``."""
    process = start(workbench)
    try:
        deadline = time.monotonic() + 30
        while stored_tip(workbench.database) <= height and process.poll() is None:
            assert time.monotonic() < deadline, "the process does not get on"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def contents(facts: list[RecordedFact]) -> list[tuple[object, ...]]:
    """What the log says, in order; positions too."""
    return [(fact.position, fact.stream, fact.version, fact.topic, fact.payload) for fact in facts]


def test_a_run_killed_again_and_again_records_what_an_uninterrupted_one_does(
    workbench: Workbench, second_database_url: str
) -> None:
    anvil = workbench.anvil
    anvil.emit_all(workbench.emitter, range(120))
    heights: list[int] = []
    for height in (3, 25, 60, 90):
        kill_beyond(workbench, height)
        heights.append(stored_tip(workbench.database))
    assert heights == sorted(heights)
    assert heights[0] < anvil.head(), "the first process was killed in the middle"
    assert start(workbench).wait(60) == 0
    workbench.require_true_to_chain()

    with Database(second_database_url) as database:
        migrate(database, [*MIGRATIONS, *schema.MIGRATIONS])
        ledger = Ledger(database)
        with closing(connect(anvil.url)) as source:
            catch_up(ChainIndexer(workbench.config(**SETTINGS), source, ledger, database))
        assert contents(workbench.facts()) == contents(list(ledger.facts(after=0)))


def test_a_reorg_right_after_a_kill_is_found(workbench: Workbench) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(30))
    kill_beyond(workbench, 25)
    workbench.anvil.reorg(10)
    workbench.anvil.emit(workbench.emitter, 200)
    catch_up(workbench.indexer(**SETTINGS))
    workbench.require_true_to_chain()


# Follows until it is killed: backfill, then the head; the arguments are those of PROGRAM.
FOLLOWER = PROGRAM.replace(
    "    while not indexer.step().caught_up:\n        pass\n",
    "    import threading\n    indexer.run(threading.Event(), lambda progress: None)\n",
).replace("**{", "poll_interval_s=0.01, **{")


def run_and_kill(workbench: Workbench, program: str, until: Callable[[], bool]) -> None:
    """Start a process and kill it as soon as ``until`` holds."""
    process = start(workbench, program)
    try:
        deadline = time.monotonic() + 30
        while not until() and process.poll() is None:
            assert time.monotonic() < deadline, "the process does not get on"
            time.sleep(0.001)
        assert process.poll() is None, "it was still running"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def test_a_follower_killed_as_blocks_come_and_leave_misses_and_repeats_nothing(workbench: Workbench) -> None:
    anvil, emitter, database = workbench.anvil, workbench.emitter, workbench.database
    anvil.emit_all(emitter, range(40))
    run_and_kill(workbench, FOLLOWER, lambda: stored_tip(database) > 25)
    for depth in (3, 12, 1, 8):
        anvil.emit_all(emitter, range(4))
        run_and_kill(workbench, FOLLOWER, lambda: stored_tip(database) >= anvil.head() - 1)
        anvil.reorg(depth)
        anvil.emit_all(emitter, range(100, 100 + depth))
        reorgs = len(workbench.reorgs())
        run_and_kill(workbench, FOLLOWER, lambda known=reorgs: len(workbench.reorgs()) > known)
    catch_up(workbench.indexer(**SETTINGS))
    workbench.require_true_to_chain()
    assert len({(fact.stream, fact.version) for fact in workbench.facts()}) == len(workbench.facts())
