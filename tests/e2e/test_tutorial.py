"""docs/tutorial, typed as its reader types it: every file, command and query, and what they answer."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from atlas.demo.server import Server
from tests.anvil import CHAIN, Anvil, free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/tutorial").glob("*.md"))
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
IN_ANOTHER_TERMINAL = ("anvil", "atlas-ledger up")


class Block(NamedTuple):
    language: str
    text: str


class Reader:
    """Somebody who follows a page in ``directory``."""

    def __init__(self, directory: Path, node: Anvil, server: Server) -> None:
        self._directory = directory
        self._node = node
        self._server = server
        self._environment = {**os.environ, "ATLAS": str(ROOT), "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
        self._environment["PATH"] = f"{_commands(directory)}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._output = ""
        self._answer: Any = None
        self._start: int | None = None  # the chain's head when the server was started

    def follow(self, block: Block) -> None:
        """Do what a block says, or look whether what was done last did what it says."""
        getattr(self, f"_{block.language}")(block.text)

    def _python(self, text: str) -> None:
        name = text.split("\n", 1)[0].removeprefix("# ")
        (self._directory / name).write_text(text)

    def _toml(self, text: str) -> None:
        (self._directory / "atlas-ledger.toml").write_text(text)

    def _sh(self, text: str) -> None:
        if text.startswith(IN_ANOTHER_TERMINAL):
            if text.startswith("atlas-ledger up"):
                self._start = self._node.head()
                self._server.start()
            return
        self._wait()
        ran = subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert ran.returncode == 0, f"{text}\n{ran.stdout}\n{ran.stderr}"
        self._output = ran.stdout

    def _text(self, text: str) -> None:
        printed = " ".join(self._output.split())
        for line in text.splitlines():
            assert " ".join(line.split()) in printed, f"{line!r} is not in\n{self._output}"

    def _graphql(self, text: str) -> None:
        self._wait()
        self._answer = self._server.ask(text)

    def _json(self, text: str) -> None:
        assert self._answer == json.loads(text)

    def _wait(self) -> None:
        """Until the views have seen what was done: a reader is slower than they are."""
        head = self._node.head()
        if self._start is not None:
            # Of what was there before, only blocks with watched logs are recorded.
            self._server.wait_for_views(CHAIN, head if head > self._start else 0)


def _commands(directory: Path) -> Path:
    """A directory with the command, as installing the package makes it."""
    commands = directory / "bin"
    commands.mkdir()
    command = commands / "atlas-ledger"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m atlas "$@"\n')
    command.chmod(0o755)
    return commands


@pytest.fixture
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """The chain and the ledger are on free ports; the embedded PostgreSQL's user reads no directory of pytest's."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atlas-tutorial-")))
        # The server runs elsewhere than the commands: what is relative for a reader is not for both.
        monkeypatch.setenv("ATLAS_DATA_DIRECTORY", str(directory / "data"))
        node = stack.enter_context(Anvil("--slots-in-an-epoch", "1"))
        port = free_port()
        server = Server(
            directory / "atlas-ledger.toml", f"http://127.0.0.1:{port}", directory / "up.log", lambda _: None
        )
        stack.callback(server.stop)
        request.node.ports = {"8545": str(node.port), "8000": str(port)}
        yield Reader(directory, node, server)


@pytest.mark.timeout(580)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_line_of_the_tutorial_does_what_it_says(
    page: Path, reader: Reader, request: pytest.FixtureRequest
) -> None:
    text = page.read_text()
    for ours, free in request.node.ports.items():
        text = re.sub(rf"\b{ours}\b", free, text)
    for language, block in BLOCK.findall(text):
        reader.follow(Block(language, block))
