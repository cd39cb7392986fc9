"""Child processes that die with their parent, and what a killed run leaves behind."""

import contextlib
import ctypes
import fcntl
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO

from atlas.demo.errors import DemoError
from atlas.ledger.postgres import stop_abandoned

MARKER = ".atlas-demo"
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1  # prctl(2)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    stdin: int | None = subprocess.DEVNULL,
    stdout: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command``; its output goes to ``log``. On Linux it is killed when this process dies."""
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own commands, no shell
            [str(part) for part in command],
            stdin=stdin,
            stdout=stdout if stdout is not None else file,
            stderr=file,
            # Safe here: children are started by the main thread, before any other thread of ours runs.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )


def stop(process: subprocess.Popen[bytes], *, timeout_s: float = 10) -> None:
    """Ask ``process`` to end, and make it end when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free_port(host: str, port: int) -> None:
    """Raise DemoError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DemoError(
                f"{host}:{port} cannot be used: {error.strerror}",
                hint=f"Stop what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another with --port.",
            ) from error


def wait_until(ready: Callable[[], bool], what: str, *, timeout_s: float) -> None:
    """Wait until ``ready()``. Raises DemoError naming ``what`` did not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: not within {timeout_s:.0f} s", hint="The logs of the demo say why.")
        time.sleep(_POLL_S)


@contextlib.contextmanager
def stage(directory: Path) -> Generator[Path]:
    """An empty ``directory`` that only this process uses; what a killed run left there is cleared away.

    Raises DemoError when the directory is somebody's, or another demo plays in it.
    """
    marker = _marker(directory)
    with marker.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(
                f"another demo is playing in {directory}", hint="Stop it, or choose another --directory."
            ) from error
        stop_abandoned(directory / "postgres")
        for entry in directory.iterdir():
            if entry != marker:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        yield directory


def _marker(directory: Path) -> Path:
    """The file that says that ``directory`` is the demo's; made in a new or empty one."""
    marker = directory / MARKER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not marker.exists() and any(directory.iterdir()):
            raise DemoError(
                f"{directory} is not empty and was not made by the demo", hint="Choose another --directory."
            )
    except OSError as error:
        raise DemoError(f"{directory} cannot be used: {error.strerror}", hint="Choose another --directory.") from error
    return marker


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
