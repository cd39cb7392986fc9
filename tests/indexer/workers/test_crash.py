"""Processes killed with SIGKILL while records are on their way: each arrives exactly once, in order."""

import contextlib
import subprocess
from collections.abc import Generator
from pathlib import Path

from atlas.indexer.workers.intake.app import intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from tests.indexer.workers.support import answers, eventually, free_port, process, serving, stored_prompts

NOWHERE = "http://127.0.0.1:9"


@contextlib.contextmanager
def server(database: Database, port: int) -> Generator[subprocess.Popen[str]]:
    with process("serve", database.url, port) as running:
        eventually(lambda: answers(f"http://127.0.0.1:{port}"))
        yield running


def lines(running: subprocess.Popen[str]) -> list[str]:
    assert running.stdout is not None
    return running.stdout.read().split()


def read_until(running: subprocess.Popen[str], line: str) -> None:
    assert running.stdout is not None
    for said in running.stdout:
        if said.strip() == line:
            return
    raise AssertionError(f"the process ended without saying {line}")


def prompts(count: int) -> list[str]:
    return [f"shot {number}" for number in range(count)]


def test_a_worker_killed_again_and_again_loses_and_repeats_nothing(
    tmp_path: Path, intake: Intake, ledger: Ledger
) -> None:
    with serving(intake_app(intake)) as url:
        for last_seen in ("3", "17", "29"):
            with process("work", tmp_path, url, 60) as worker:
                read_until(worker, last_seen)
                worker.kill()
                worker.wait(30)
        with process("work", tmp_path, url, 60) as worker:
            assert lines(worker)[-1] == "done"
    assert stored_prompts(ledger) == prompts(60)
    assert ledger.head() == 60


def test_numbers_given_before_a_kill_are_not_given_again_without_any_server(tmp_path: Path) -> None:
    with process("work", tmp_path, NOWHERE, 10) as worker:
        read_until(worker, "4")
        worker.kill()
        worker.wait(30)
    kept = {file.name: file.read_bytes() for file in (tmp_path / "pending").glob("*.envelope")}
    assert len(kept) >= 5
    with process("work", tmp_path, NOWHERE, 12) as worker:
        read_until(worker, "11")
    after = {file.name: file.read_bytes() for file in (tmp_path / "pending").glob("*.envelope")}
    assert len(after) == 12
    assert kept.items() <= after.items()


def test_a_server_killed_while_records_come_in_loses_none_that_it_confirmed(
    tmp_path: Path, database: Database, ledger: Ledger
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process("work", tmp_path, url, 80) as worker:
        for stored in (5, 25):
            with server(database, port) as running:
                eventually(lambda stored=stored: ledger.head() >= stored)
                running.kill()
                running.wait(30)
        with server(database, port):
            assert lines(worker)[-1] == "done"
    assert stored_prompts(ledger) == prompts(80)
    assert ledger.head() == 80
