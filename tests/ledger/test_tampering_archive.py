"""What whoever can write to the archive and to the database does to the files of a range.

The manifest, and what the database has recorded of it, are made to fit wherever that is possible. Row groups are small
here, so that there are several. Each change is held against the log whose first partitions are dropped, and is tried to
be restored into an empty database.
"""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas.ledger.archive import row_groups
from atlas.ledger.archive.archive import TILES_SCHEMA, Archive
from atlas.ledger.archive.manifests import CHECKPOINT, FACTS, MANIFEST, TILES
from atlas.ledger.archive.row_groups import FACTS_SCHEMA
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import SignedNote
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerCorrupt, LedgerError, MissingArchive, NoteError, RefusedArchiving
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import leaf_hash
from atlas.ledger.operations import archiving
from atlas.ledger.recording.entries import entry_of
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER
from tests.ledger.examples import facts, stream
from tests.ledger.tampering import copy_of, new_log, refit

ROW_GROUP = 64
PART = PARTS[1]
# first, both sides of the edge of a row group, middle, last
PLACES = (257, 320, 321, 400, 512)
_serial = itertools.count()

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _small_row_groups() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (row_groups, archiving):
            patch.setattr(module, "ROW_GROUP_FACTS", ROW_GROUP)
        yield


@pytest.fixture(scope="module")
def built(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, SignedNote]]:
    directory, name = tmp_path_factory.mktemp("archives"), f"archives_{os.getpid()}"
    with new_log(postgres_url, directory, name, partition_facts=256) as ledger:
        checkpointer = Checkpointer(ledger.database, SIGNER)
        ledger.append(facts("a", 400))
        ledger.append(facts("b", 500, topic="other.fact"))
        archiving.archive(ledger, checkpointer)
        archiving.drop(ledger, RING)
        note = checkpointer.checkpoint()
        ledger.database.close()
        yield name, directory, note


@pytest.fixture(scope="module")
def empty_name(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = f"empty_{os.getpid()}"
    with new_log(postgres_url, tmp_path_factory.mktemp("empty"), name, partition_facts=256) as ledger:
        ledger.database.close()
        yield name


@pytest.fixture
def directory(built: tuple[str, Path, SignedNote], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[1], tmp_path / "archive"))


@pytest.fixture
def dropped(postgres_url: str, built: tuple[str, Path, SignedNote], directory: Path) -> Iterator[Ledger]:
    with copy_of(postgres_url, built[0], f"{built[0]}_{next(_serial)}") as url, Database(url) as database:
        yield Ledger(database, Archive(directory))


@pytest.fixture
def empty(postgres_url: str, empty_name: str, directory: Path) -> Iterator[Ledger]:
    with copy_of(postgres_url, empty_name, f"{empty_name}_{next(_serial)}") as url, Database(url) as database:
        yield Ledger(database, Archive(directory))


@pytest.fixture
def refused(
    dropped: Ledger, empty: Ledger, built: tuple[str, Path, SignedNote]
) -> Callable[..., tuple[LedgerError, LedgerError]]:
    """Both verification and restoration refuse; the errors, which name the range or a file of it."""

    def check(*errors: type[LedgerError]) -> tuple[LedgerError, LedgerError]:
        with pytest.raises(errors or LedgerCorrupt) as verifying:
            verify_ledger(dropped, built[2], SIGNER.verifier)
        with pytest.raises(errors or LedgerCorrupt) as restoring:
            archiving.restore(empty, RING)
        for error in (verifying.value, restoring.value):
            assert error.hint
        return verifying.value, restoring.value

    return check


Refused = Callable[..., tuple[Any, Any]]


def rewrite(path: Path, change: Callable[[Rows], Rows]) -> None:
    """Edit the rows of the facts, as one would who knows the format."""
    rows = change(pq.read_table(path).to_pylist())
    table = pa.Table.from_pylist(rows, schema=FACTS_SCHEMA)
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)


def edited(at: int, /, **values: object) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        rows[at - PART.first].update(values)
        return rows

    return change


def test_the_untouched_archive_verifies_and_restores(
    dropped: Ledger, empty: Ledger, directory: Path, built: tuple[str, Path, SignedNote]
) -> None:
    rewrite(directory / PART.name / FACTS, lambda rows: rows)
    refit(directory, PART, dropped.database)
    verify_ledger(dropped, built[2], SIGNER.verifier)
    assert archiving.restore(empty, RING) == PARTS


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("position", 9),
        ("stream", bytes(16)),
        ("version", 7000),
        ("version", -1),
        ("topic", "forged"),
        ("topic", "decision.payload-redacted"),
        ("payload", b"forged"),
        ("payload", None),
        ("leaf_hash", bytes(32)),
    ],
)
def test_an_edited_fact_is_found(
    dropped: Ledger, directory: Path, refused: Refused, column: str, value: object, position: int
) -> None:
    rewrite(directory / PART.name / FACTS, edited(position, **{column: value}))
    refit(directory, PART, dropped.database)
    for error in refused():
        assert error.position == position, error.message
        assert PART.name in error.message


@pytest.mark.parametrize("position", PLACES)
def test_an_edited_fact_with_a_fitting_leaf_hash_is_found(
    dropped: Ledger, directory: Path, refused: Refused, position: int
) -> None:
    leaf = leaf_hash(entry_of(stream("c"), 0, "forged", b"forged").encode())
    forged = edited(position, stream=stream("c").bytes, version=0, topic="forged", payload=b"forged", leaf_hash=leaf)
    rewrite(directory / PART.name / FACTS, forged)
    refit(directory, PART, dropped.database)
    verifying, restoring = refused()
    assert verifying.position == position
    assert restoring.position == PART.first
    assert PART.name in restoring.message


def swapped(rows: Rows, position: int) -> Rows:
    at = position - PART.first
    return [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]


def renumbered(rows: Rows) -> Rows:
    return [row | {"position": PART.first + place} for place, row in enumerate(rows)]


ROWS: dict[str, Callable[[Rows, int], Rows]] = {
    "deleted": lambda rows, position: [row for row in rows if row["position"] != position],
    "inserted": lambda rows, position: [row for row in rows for _ in range(1 + (row["position"] == position))],
    "swapped": swapped,
    "swapped and renumbered": lambda rows, position: renumbered(swapped(rows, position)),
    "deleted, closed up and filled": lambda rows, position: renumbered(
        [row for row in [*rows, rows[0]] if row["position"] != position or row is rows[0]][: len(rows)]
    ),
    "truncated": lambda rows, position: rows[: position - PART.first],
    "row group removed": lambda rows, position: [
        row for row in rows if (row["position"] - PART.first) // ROW_GROUP != (position - PART.first) // ROW_GROUP
    ],
}


@pytest.mark.parametrize("position", PLACES[1:-1])
@pytest.mark.parametrize("kind", ROWS)
def test_rows_deleted_inserted_swapped_or_cut_off_are_found(
    dropped: Ledger, directory: Path, refused: Refused, kind: str, position: int
) -> None:
    rewrite(directory / PART.name / FACTS, lambda rows: ROWS[kind](rows, position))
    refit(directory, PART, dropped.database)
    verifying, restoring = refused()
    assert PART.first <= verifying.position <= position, verifying.message
    assert PART.first <= restoring.position <= PART.last, restoring.message


@pytest.mark.parametrize("name", [FACTS, TILES, CHECKPOINT, MANIFEST])
def test_a_missing_file_is_found(directory: Path, refused: Refused, name: str) -> None:
    path = directory / PART.name / name
    path.unlink()
    for error in refused(MissingArchive):
        assert error.position == PART.first
        assert name in error.message
        assert PART.name in error.message


@pytest.mark.parametrize("name", [FACTS, TILES, CHECKPOINT, MANIFEST])
@pytest.mark.parametrize("kind", ["empty", "half", "short", "another range's"])
@pytest.mark.parametrize("fits", [False, True])
def test_a_file_that_is_cut_off_or_another_range_s_is_found(
    dropped: Ledger, directory: Path, refused: Refused, name: str, kind: str, *, fits: bool
) -> None:
    path = directory / PART.name / name
    good = path.read_bytes()
    other = (directory / PARTS[0].name / name).read_bytes()
    path.write_bytes({"empty": b"", "half": good[: len(good) // 2], "short": good[:-1]}.get(kind, other))
    if fits and name != MANIFEST:
        refit(directory, PART, dropped.database)
    for error in refused(LedgerCorrupt, NoteError):
        assert PART.name in error.message


def test_a_range_in_the_place_of_another_is_found(dropped: Ledger, directory: Path, refused: Refused) -> None:
    shutil.rmtree(directory / PART.name)
    shutil.copytree(directory / PARTS[0].name, directory / PART.name)
    for error in refused():
        assert error.position == PART.first
    shutil.rmtree(directory / PART.name)
    for error in refused(MissingArchive):
        assert error.position == PART.first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("^log.example.org", "lag.example.org"),
        ("\n512\n", "\n511\n"),
        ("\n512\n", "\n0512\n"),
        ("\n([A-Za-z0-9+/]{42})..\n", "\n\\1A=\n"),
        ("\n\n", "\nan extension\n\n"),
        ("\n\n", "\n"),
        ("— log", "— lag"),
        ("(— \\S+ ....)....", "\\1AAAA"),
        ("(— \\S+ )....", "\\1AAAA"),
        ("\n$", ""),
        ("$", "x"),
    ],
)
def test_an_edited_line_of_the_checkpoint_is_found(
    dropped: Ledger, directory: Path, refused: Refused, old: str, new: str
) -> None:
    path = directory / PART.name / CHECKPOINT
    text = path.read_text()
    forged = re.sub(old, new, text, count=1)
    assert forged != text
    path.write_text(forged)
    for error in refused(NoteError, LedgerCorrupt):
        assert PART.name in error.message
    refit(directory, PART, dropped.database)
    for error in refused(NoteError, LedgerCorrupt):
        assert CHECKPOINT in error.message
        assert PART.name in error.message


FIELDS: dict[str, object] = {
    "format": 2,
    "origin": "another.example.org",
    "first": 1,
    "last": 511,
    "root_hash": "00" * 32,
    "files": {},
    "redactions": [{"position": 300, "decision": "", "proof": ""}],
    "replaces": "00" * 32,
    "more": 1,
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_edited_field_of_the_manifest_is_found(
    dropped: Ledger, directory: Path, refused: Refused, name: str
) -> None:
    path = directory / PART.name / MANIFEST
    fields = msgspec.json.decode(path.read_bytes()) | {name: FIELDS[name]}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n")
    recorded = Archive(directory)
    with dropped.database.connection() as connection:
        digest = sha256(path.read_bytes()).digest()
        connection.execute("update ledger.archives set manifest_sha256 = %s where first = %s", (digest, PART.first))
    for error in refused(LedgerCorrupt, RefusedArchiving):
        assert PART.name in error.message or str(recorded.directory) in error.message


@pytest.mark.parametrize("file", [FACTS, TILES, CHECKPOINT])
@pytest.mark.parametrize(("name", "value"), [("size_bytes", 1), ("sha256", "00" * 32), ("sha256", "none")])
def test_an_edited_file_of_the_manifest_is_found(
    directory: Path, refused: Refused, file: str, name: str, value: object
) -> None:
    path = directory / PART.name / MANIFEST
    fields = msgspec.json.decode(path.read_bytes())
    fields["files"][file][name] = value
    path.write_bytes(msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n")
    for error in refused():
        assert PART.name in error.message


TILE_EDITS: dict[str, Callable[[Rows], Rows]] = {
    "level": lambda rows: [rows[0] | {"level": 2}],
    "index": lambda rows: [rows[0] | {"index": 1}],
    "first hash": lambda rows: [rows[0] | {"hashes": bytes(32) + rows[0]["hashes"][32:]}],
    "last hash": lambda rows: [rows[0] | {"hashes": rows[0]["hashes"][:-32] + bytes(32)}],
    "cut off": lambda rows: [rows[0] | {"hashes": rows[0]["hashes"][:-32]}],
    "too wide": lambda rows: [rows[0] | {"hashes": rows[0]["hashes"] + bytes(32)}],
    "deleted": lambda _: [],
    "inserted": lambda rows: [*rows, {"level": 2, "index": 0, "hashes": bytes(32)}],
}


@pytest.mark.parametrize("edit", TILE_EDITS)
def test_an_edited_tile_is_found(dropped: Ledger, directory: Path, refused: Refused, edit: str) -> None:
    path = directory / PART.name / TILES
    pq.write_table(pa.Table.from_pylist(TILE_EDITS[edit](pq.read_table(path).to_pylist()), schema=TILES_SCHEMA), path)
    refit(directory, PART, dropped.database)
    for error in refused():
        assert TILES in error.message
        assert PART.name in error.message
        assert error.position == PART.first
