"""The demo as a user starts it: a process, its output, its children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.anvil import anvil_binary, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 240


class Demo:
    """``atlas-ledger demo --exit`` in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._log = directory.parent / f"{directory.name}.out"
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "atlas", "demo", "--exit", "--directory", directory, "--port", str(free_port())],
                cwd=ROOT,
                env={**os.environ, "ATLAS_ANVIL": anvil_binary(), "COLUMNS": "110"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def finish(self) -> int:
        """Wait for the end; the exit code."""
        return self._process.wait(TIMEOUT_S)

    def wait_for(self, text: str) -> None:
        self._wait(lambda: text in self.output, f"{text!r} in the output")

    def kill(self) -> None:
        """As the kernel would when memory runs out: no chance to clean up."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """As a service manager does."""
        self._process.terminate()

    def database(self) -> psutil.Process:
        """The PostgreSQL of the demo."""
        pid = (self.directory / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0]
        return psutil.Process(int(pid))

    def kill_child(self, *words: str) -> None:
        """SIGKILL the first child whose command line has all ``words``, as soon as there is one."""
        found: list[psutil.Process] = []

        def look() -> bool:
            found.extend(child for child in self._children() if all(word in _command(child) for word in words))
            return bool(found)

        self._wait(look, f"a child with {words}")
        found[0].send_signal(signal.SIGKILL)

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True)

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            assert self._process.poll() is None, f"the demo ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {what} in time:\n{self.output}"
            time.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    """False for a zombie too: an orphan stays one where the first process of the machine does not reap."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
