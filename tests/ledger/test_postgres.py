"""The embedded server: shared, killed, started again. Each test has a server of its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from atlas.ledger.errors import EmbeddedPostgresFailed
from atlas.ledger.postgres import EmbeddedPostgres

HOLDER = """
import sys, time
from atlas.ledger.postgres import EmbeddedPostgres
with EmbeddedPostgres(sys.argv[1]) as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that another user may enter: as root the server runs as somebody else."""
    path = Path(tempfile.mkdtemp(prefix="pg"))
    yield path
    pid = server_pid(path)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)


def server_pid(directory: Path) -> int | None:
    """The process id of a server that runs, whoever holds it."""
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int((directory / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0]))
        return process.pid if process.name().startswith("postgres") else None
    return None


def answers(url: str) -> bool:
    with psycopg.connect(url, connect_timeout=5) as connection:
        return connection.execute("select 1").fetchall() == [(1,)]


@contextlib.contextmanager
def holder(directory: Path) -> Generator[tuple["subprocess.Popen[str]", str]]:
    """Another process that holds the server, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.communicate(timeout=60)


def test_a_server_starts_and_stops_with_its_only_holder(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        assert answers(server.url)
        pid = server_pid(directory)
    assert pid is not None
    assert server_pid(directory) is None


def test_what_was_stored_is_there_at_the_next_start(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server, psycopg.connect(server.url) as connection:
        connection.execute("create table kept (a int)")
    with EmbeddedPostgres(directory) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select to_regclass('kept') is not null").fetchall() == [(True,)]


def test_the_settings_are_in_force(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("show max_wal_size").fetchall() == [("4GB",)]
        assert connection.execute("show fsync").fetchall() == [("on",)]


def test_holders_of_one_process_share_the_server(directory: Path) -> None:
    with EmbeddedPostgres(directory) as outer:
        with EmbeddedPostgres(directory) as inner:
            assert inner.url == outer.url
        assert answers(outer.url)
    assert server_pid(directory) is None


def test_processes_share_the_server_and_the_last_stops_it(directory: Path) -> None:
    with holder(directory) as (_, url):
        with EmbeddedPostgres(directory) as server:
            assert server.url == url
        assert answers(url)
    assert server_pid(directory) is None


def test_a_killed_server_starts_again(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept (a int)")
        pid = server_pid(directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert (directory / "cluster" / "postmaster.pid").exists()
    with EmbeddedPostgres(directory) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select to_regclass('kept') is not null").fetchall() == [(True,)]


def test_a_holder_that_was_killed_does_not_keep_the_server_running(directory: Path) -> None:
    with holder(directory) as (process, url):
        process.kill()
        process.wait(timeout=10)
        assert answers(url)
        with EmbeddedPostgres(directory) as server:
            assert answers(server.url)
        assert server_pid(directory) is None


def test_killing_everything_at_once_leaves_a_directory_that_starts(directory: Path) -> None:
    with holder(directory) as (process, _):
        pid = server_pid(directory)
        assert pid is not None
        process.kill()
        os.kill(pid, signal.SIGKILL)
        process.wait(timeout=10)
        with EmbeddedPostgres(directory) as server:
            assert answers(server.url)


@pytest.mark.parametrize("lock", ["", "{pid}\n/nowhere\n0\n5432\n/nowhere\n\n\nready \n"])
def test_a_leftover_lock_file_of_nobody_or_of_another_program_is_removed(directory: Path, lock: str) -> None:
    with EmbeddedPostgres(directory):
        pass
    (directory / "cluster" / "postmaster.pid").write_text(lock.format(pid=os.getpid()))
    with EmbeddedPostgres(directory) as server:
        assert answers(server.url)


@pytest.mark.parametrize("text", ["[12", json.dumps([99999999])])
def test_a_damaged_list_of_holders_is_put_right(directory: Path, text: str) -> None:
    with EmbeddedPostgres(directory):
        pass
    (directory / "cluster" / ".handle_pids.json").write_text(text)
    with EmbeddedPostgres(directory) as server:
        assert answers(server.url)
    assert server_pid(directory) is None


def test_a_path_too_long_for_a_socket_works(directory: Path) -> None:
    deep = directory / ("long" * 20) / ("path" * 20)
    with EmbeddedPostgres(deep) as server:
        assert str(deep) not in server.url
        assert answers(server.url)


def test_a_directory_that_can_not_be_is_refused_in_time(directory: Path) -> None:
    (directory / "file").write_text("in the way")
    started = time.monotonic()
    with pytest.raises(EmbeddedPostgresFailed, match="file"), EmbeddedPostgres(directory / "file"):
        pass
    assert time.monotonic() - started < 10


def test_a_cluster_of_another_version_is_refused_in_time(directory: Path) -> None:
    (directory / "cluster").mkdir()
    (directory / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresFailed, match="version 9") as caught, EmbeddedPostgres(directory):
        pass
    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


def test_a_broken_configuration_is_refused_in_time(directory: Path) -> None:
    with EmbeddedPostgres(directory):
        pass
    with (directory / "cluster" / "postgresql.conf").open("a") as file:
        file.write("nonsense = on\n")
    started = time.monotonic()
    with pytest.raises(EmbeddedPostgresFailed, match="pg_ctl"), EmbeddedPostgres(directory):
        pass
    assert time.monotonic() - started < 60


def test_there_is_no_url_before_the_start(directory: Path) -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="not started"):
        _ = EmbeddedPostgres(directory).url


def test_a_killed_server_is_revived_and_stopped_in_the_end(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        pid = server_pid(directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        server.revive()
        assert answers(server.url)
        server.revive()  # one that answers goes on
        assert server_pid(directory) != pid
    assert server_pid(directory) is None
