import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from atlas.protocol.batches import seal_batch
from atlas.protocol.ids import checksum_address
from tests.cli.commands import CommandLine
from tests.indexer.workers.support import KEY, envelope, record

ADDRESS = checksum_address(KEY.address)


def frames() -> list[bytes]:
    return [envelope(0), envelope(1), seal_batch([record(KEY, 2), record(KEY, 3)], KEY.secret)]


def test_records_of_a_stranger_go_to_quarantine_and_an_operator_releases_them(
    run: CommandLine, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "day.records").write_bytes(b"".join(frames()))
    ran = run("workers", "import", str(tmp_path / "day.records"), "--config", str(config))
    assert ran.code == 0
    assert "0 stored, 0 there before, 4 in quarantine, 0 refused" in ran.output
    assert ADDRESS in run("workers", "quarantine", "list", "--config", str(config)).output
    status = run("workers", "status", "--json", "--config", str(config))
    told = json.loads(status.output)
    assert (told["totals"]["records"], told["held"][0]["worker"]) == (4, ADDRESS)
    assert (
        "4 records released, 0 stay" in run("workers", "quarantine", "release", ADDRESS, "--config", str(config)).output
    )
    assert "0 records" in run("workers", "status", "--config", str(config)).output
    again = run("workers", "import", str(tmp_path / "day.records"), "--config", str(config))
    assert "0 stored, 4 there before" in again.output


def test_a_bad_frame_is_told_with_its_offset_and_the_command_fails(
    run: CommandLine, config: Path, tmp_path: Path
) -> None:
    damaged = bytearray(envelope(0))
    damaged[-2] ^= 1
    (tmp_path / "a.records").write_bytes(envelope(1) + bytes(damaged) + envelope(2))
    ran = run("workers", "import", str(tmp_path), "--config", str(config))
    assert ran.code == 4
    assert f"a.records, byte {len(envelope(1))}: " in ran.errors
    assert "2 in quarantine, 1 refused" in ran.output


def test_standard_input_is_read(run: CommandLine, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(frames()))))
    ran = run("workers", "import", "-", "--config", str(config))
    assert "standard input: 0 stored, 0 there before, 4 in quarantine" in ran.output
    assert "4 records dropped" in run("workers", "quarantine", "drop", ADDRESS, "--config", str(config)).output


def test_a_path_that_is_not_there_is_an_error(run: CommandLine, config: Path) -> None:
    ran = run("workers", "import", "/nowhere/at/all", "--config", str(config))
    assert ran.code == 4
    assert "neither a file nor a directory" in ran.errors


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_imported(
    run: CommandLine, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.records.gz").write_bytes(gzip.compress(envelope(9))[:-12])
    (tmp_path / "b.records").write_bytes(envelope(0))
    ran = run("workers", "import", str(tmp_path), "--config", str(config))
    assert ran.code == 4
    assert "a.records.gz: import_failed:" in ran.errors
    assert "b.records: 0 stored, 0 there before, 1 in quarantine" in ran.output


def test_a_closed_standard_input_is_an_error(run: CommandLine, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ran = run("workers", "import", "-", "--config", str(config))
    assert ran.code == 4
    assert "standard input is closed" in ran.errors
