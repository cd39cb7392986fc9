from pathlib import Path

import pytest

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
