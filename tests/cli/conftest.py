from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.commands import CommandLine


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    # Whatever this process did before, the console is as wide as COLUMNS says, also when a test says otherwise.
    monkeypatch.setattr("atlas.cli.console.output._width", None)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    yield CommandLine(monkeypatch, capsys)
    structlog.reset_defaults()  # a command sends logs to the test's standard error, which is closed now


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Path:
    """A configuration over an empty database, with a data directory of its own and no chain."""
    file = tmp_path / "atlas-ledger.toml"
    file.write_text(f'[data]\ndirectory = "{tmp_path}"\n[database]\nurl = "{database_url}"\n')
    return file
