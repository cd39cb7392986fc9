"""Commands run in this process, as the shell would."""

import sys

import msgspec
import pytest

from atlas.cli.app import main


class Ran(msgspec.Struct, frozen=True):
    code: int
    output: str
    errors: str


class CommandLine:
    """Runs ``atlas-ledger`` with arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        self._monkeypatch.setattr(sys, "argv", ["atlas-ledger", *arguments])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)
