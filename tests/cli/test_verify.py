import hashlib
import os
from pathlib import Path

import pytest

from atlas.cli.console import shown
from tests.cli.commands import CommandLine


@pytest.fixture
def keys(run: CommandLine, config: Path) -> None:
    assert run("keys", "init", "--config", str(config)).code == 0


@pytest.mark.usefixtures("keys")
def test_a_missing_file_is_named(run: CommandLine, config: Path) -> None:
    ran = run("verify", "nowhere.png", "--config", str(config))
    assert ran.code == 2
    assert "nowhere.png" in ran.errors


@pytest.mark.usefixtures("keys")
def test_a_file_that_the_ledger_does_not_know_exits_with_1(run: CommandLine, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    ran = run("verify", str(file), "--config", str(config))
    assert ran.code == 1
    assert "unregistered" in ran.output


@pytest.mark.usefixtures("keys")
def test_corrupt_media_is_named_as_such(run: CommandLine, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "broken.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"garbage")
    ran = run("verify", str(file), "--config", str(config))
    assert ran.code == 1
    assert "PNG chunk header" in ran.output


@pytest.mark.usefixtures("keys")
def test_offline_says_that_the_ledger_was_not_asked(run: CommandLine, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    ran = run("verify", "--offline", str(file), "--config", str(config))
    assert ran.code == 1
    assert "no database was given" in ran.output


@pytest.mark.usefixtures("keys")
def test_json_is_json(run: CommandLine, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    assert '"conclusion":"unregistered"' in run("verify", "--json", str(file), "--config", str(config)).output


@pytest.mark.usefixtures("keys")
def test_json_has_hashes_as_hexadecimal_digits(run: CommandLine, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    digits = hashlib.sha256(b"hello").hexdigest()
    assert f'"sha256":"{digits}"' in run("verify", "--json", str(file), "--config", str(config)).output


@pytest.mark.usefixtures("keys")
def test_a_hash_is_shown_whole_on_a_narrow_terminal(
    run: CommandLine, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = tmp_path / "note.txt"
    file.write_text("hello")
    assert hashlib.sha256(b"hello").hexdigest() in run("verify", str(file), "--config", str(config)).output


@pytest.mark.usefixtures("keys")
def test_a_pipe_is_refused_and_not_waited_for(run: CommandLine, config: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = run("verify", str(pipe), "--config", str(config))
    assert ran.code == 2
    assert "not a regular file" in ran.errors


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", ["a[/].txt", "a[bold]b.txt", "a\x1b[2Jb.txt", "a\udcffb.txt"])
def test_a_name_is_shown_and_neither_markup_nor_command(
    run: CommandLine, config: Path, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("hello")
    ran = run("verify", str(file), "--config", str(config))
    assert ran.code == 1
    assert name.replace("\x1b", "\\x1b").replace("\udcff", "\\udcff") in ran.output


def test_what_a_worker_writes_into_a_record_reaches_a_terminal_as_text() -> None:
    written = "cpu[/]\x1b]0;owned\x07\u202e"
    assert shown(written).plain == "cpu[/]\\x1b]0;owned\\x07\\u202e"
