"""An archive's directory as anyone may have left it: strange names, files that claim too much, no room."""

import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import FACTS, MANIFEST, TILES
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.errors import AlteredArchive, UnwritableArchive
from atlas.ledger.log import Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER

MANY = 3_000_000


@pytest.mark.parametrize("name", ["0" * 20 + "-" + "²" * 20, "0" * 10 + "-" + "0" * 10 + "-" + "0" * 19])
def test_a_directory_that_is_no_range_is_none(directory: Path, name: str) -> None:
    (directory / name).mkdir(parents=True)
    assert Archive(directory).ranges() == []


@pytest.mark.parametrize("name", [FACTS, TILES, MANIFEST, "checkpoint"])
def test_a_directory_in_the_place_of_a_file_is_found(archived: Ledger, directory: Path, name: str) -> None:
    path = directory / PARTS[1].name / name
    path.unlink()
    path.mkdir()
    with pytest.raises(AlteredArchive, match="cannot be read"):
        archiving.drop(archived, RING)
    assert archived.dropped() == PARTS[0].last


@pytest.mark.parametrize("name", [FACTS, TILES])
def test_a_file_that_claims_too_many_rows_is_not_read(
    archived: Ledger, directory: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = directory / PARTS[0].name / name
    table = pq.read_table(path)
    whole = {field.name: pa.array([table.column(field.name)[0].as_py()] * MANY, field.type) for field in table.schema}
    pq.write_table(pa.table(whole, schema=table.schema), path, compression="zstd", row_group_size=MANY)

    def never(*_: object, **__: object) -> None:
        pytest.fail("read")

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", never)
    monkeypatch.setattr(pq.ParquetFile, "read", never)
    read = {FACTS: lambda: archived.archive.entry(1), TILES: lambda: archived.archive.tiles(PARTS[0])}
    with pytest.raises(AlteredArchive, match="has not"):
        read[name]()


@contextmanager
def no_room() -> Generator[None]:
    """No file of this process grows beyond a few kilobytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_the_archive_written_when_there_is_room(
    partitioned: Ledger, checkpointer: Checkpointer
) -> None:
    with no_room(), pytest.raises(UnwritableArchive, match=PARTS[0].name):
        archiving.archive(partitioned, checkpointer)
    assert archiving.archive(partitioned, checkpointer) == PARTS
    assert archiving.drop(partitioned, RING) == PARTS


def test_a_full_disk_leaves_a_range_whole_while_a_payload_is_redacted(
    archived: Ledger, checkpointer: Checkpointer
) -> None:
    checkpointer.checkpoint()

    def redacted() -> None:
        redact(archived, 7, reason="r", authoriser="a", decided_at_ms=1, checkpointer=checkpointer)

    with no_room(), pytest.raises(UnwritableArchive):
        redacted()
    verify_ledger(archived, checkpointer.checkpoint(), SIGNER.verifier)
    redacted()
    assert archived.archive.rows([7])[7][4] is None
    verify_ledger(archived, checkpointer.checkpoint(), SIGNER.verifier)


def test_a_file_in_the_place_of_the_archive_is_said(
    partitioned: Ledger, checkpointer: Checkpointer, directory: Path
) -> None:
    directory.write_text("no directory")
    with pytest.raises(UnwritableArchive):
        archiving.archive(partitioned, checkpointer)
