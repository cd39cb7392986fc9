"""What a malicious administrator does to the rows beside the facts: head, tiles, checkpoints, cosignatures, archives.

The log has a full tile of level 1 above two of level 0 and a partial one, two checkpoints, a witness's cosignature,
and two archived partitions of which one is dropped.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atlas.ledger.archive.archive import Archive
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.cosignatures import Witness, cosigned_message, store_cosignature
from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredCheckpoint, AlteredTree, LedgerCorrupt
from atlas.ledger.log import Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import RING, SIGNER
from tests.ledger.examples import facts
from tests.ledger.tampering import Tampering, copy_of, new_log, open_all

WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
WITNESS = Witness("witness.example.org", WITNESS_KEY.public_key().public_bytes_raw())

# Nothing that is signed says what these are; see verification/records.py.
UNSIGNED = {
    ("head", "halted"): "whether the log is halted: a state, which only its own decision to resume records",
    ("checkpoints", "signed_at"): "when a row was written",
    ("archives", "archived_at"): "when a row was written",
    ("cosignatures", "name"): "of another name, it is no witness's that anybody asked",
    ("cosignatures", "key_id"): "of another key, it is no witness's that anybody asked",
    ("migrations", "room"): "compared with the program's on opening (SchemaVersionMismatch)",
    ("migrations", "number"): "compared with the program's on opening (SchemaVersionMismatch)",
    ("migrations", "statements_hash"): "compared with the program's on opening (SchemaVersionMismatch)",
    ("migrations", "applied_at"): "when a row was written",
}
IN_TEST_TAMPERING = {
    ("events", name) for name in ("position", "stream", "version", "topic", "payload", "leaf_hash")
} | {("keys", name) for name in ("stream", "version", "position")}
OTHER_NOTE = "(select note from ledger.checkpoints where tree_size = {})"

# table, column, and edits of it, each one to be found.
EDITS: dict[tuple[str, str], tuple[str, ...]] = {
    ("head", "only_row"): (
        "alter table ledger.head drop constraint head_pkey",
        "insert into ledger.head (only_row) values (false)",
    ),
    ("head", "position"): ("position = position + 1", "position = position - 1", "position = 0"),
    ("head", "partitioned"): ("partitioned = partitioned + partition_facts", "partitioned = 0", "partitioned = 1025"),
    ("head", "dropped"): ("dropped = 0", "dropped = 1024", "dropped = 511", "dropped = 1536"),
    ("head", "partition_facts"): ("partition_facts = 256", "partition_facts = 1024", "partition_facts = 1048576"),
    ("tiles", "level"): tuple(
        f"level = {other} where level = {level} and index = {index}"
        for other, level, index in ((3, 0, 0), (3, 0, 1), (3, 0, 4), (2, 1, 0), (-1, 1, 0))
    ),
    ("tiles", "index"): tuple(
        f"index = {other} where level = {level} and index = {index}"
        for other, level, index in ((9, 0, 0), (9, 0, 1), (5, 0, 4), (1, 1, 0))
    ),
    ("tiles", "width"): tuple(
        f"width = width {change} where level = {level} and index = {index}"
        for change in ("- 1", "+ 1")
        for level, index in ((0, 0), (0, 1), (0, 4), (1, 0))
    ),
    ("tiles", "hashes"): tuple(
        f"hashes = set_byte(hashes, {place}, get_byte(hashes, {place}) # 1) where level = {level} and index = {index}"
        for level, index, places in (
            (0, 0, (0, 255 * 32)),
            (0, 1, (0, 255 * 32)),
            (0, 4, (0, 75 * 32)),
            (1, 0, (0, 96, 127)),
        )
        for place in places
    ),
    ("checkpoints", "origin"): tuple(f"origin = 'another' where tree_size = {size}" for size in (400, 1100)),
    ("checkpoints", "key_id"): tuple(f"key_id = '\\x00000000' where tree_size = {size}" for size in (400, 1100)),
    ("checkpoints", "tree_size"): tuple(
        f"tree_size = {other} where tree_size = {size}" for size, other in ((400, 401), (1100, 1099), (1100, 0))
    ),
    ("checkpoints", "root_hash"): tuple(f"root_hash = sha256('x') where tree_size = {size}" for size in (400, 1100)),
    ("checkpoints", "note"): (
        f"note = {OTHER_NOTE.format(1100)} where tree_size = 400",
        *(
            f"note = convert_to(regexp_replace(convert_from(note, 'UTF8'), '{line}', '{forged}'), 'UTF8')"
            f" where tree_size = {size}"
            for size in (400, 1100)
            for line, forged in (
                ("^log", "lag"),
                ("\n[0-9]+\n", "\n399\n"),
                ("\n[A-Za-z0-9+/]{43}=\n", f"\n{'A' * 43}=\n"),
                ("\n\n", "\nan extension\n\n"),
                ("— log", "— lag"),
                ("(.)=\n$", "A=\n"),
                ("\n$", ""),
                ("^", "\n"),
            )
        ),
    ),
    ("archives", "first"): ("first = 2 where first = 1", "first = 514 where first = 513", "first = 0 where first = 1"),
    ("archives", "last"): (
        "last = 511 where first = 1",
        "last = 1100 where first = 513",
        "last = 5000 where first = 513",
    ),
    ("archives", "manifest_sha256"): tuple(
        f"manifest_sha256 = sha256('x') where first = {first}" for first in (1, 513)
    ),
    ("cosignatures", "origin"): ("origin = 'another'",),
    ("cosignatures", "tree_size"): ("tree_size = 400", "tree_size = 7"),
    ("cosignatures", "root_hash"): ("root_hash = sha256('x')",),
    ("cosignatures", "signature"): (
        "signature = set_byte(signature, 71, get_byte(signature, 71) # 1)",
        "signature = set_byte(signature, 7, get_byte(signature, 7) # 1)",
        "signature = substr(signature, 1, 71)",
        "signature = ''",
    ),
    ("cosignatures", "cosigned_at"): ("cosigned_at = cosigned_at + interval '1 second'",),
}
ERRORS: dict[str, type[LedgerCorrupt]] = {
    "head": LedgerCorrupt,
    "tiles": AlteredTree,
    "checkpoints": AlteredCheckpoint,
    "archives": LedgerCorrupt,
    "cosignatures": AlteredCheckpoint,
}
# Rows deleted, inserted, swapped, tables truncated.
CHANGES = (
    "delete from ledger.head",
    "delete from ledger.tiles",
    "truncate ledger.tiles",
    *(
        f"delete from ledger.tiles where level = {level} and index = {index}"
        for level, index in ((0, 0), (0, 1), (0, 4), (1, 0))
    ),
    *(f"insert into ledger.tiles values ({place}, 1, sha256('x'))" for place in ("0, 5", "1, 1", "2, 0", "7, 0")),
    "update ledger.tiles as one set hashes = other.hashes from ledger.tiles as other"
    " where one.level = 0 and other.level = 0 and one.index + other.index = 1",
    "update ledger.checkpoints as one set note = other.note from ledger.checkpoints as other"
    " where one.tree_size + other.tree_size = 1500",
    "insert into ledger.checkpoints select 'another', key_id, tree_size, root_hash, note from ledger.checkpoints",
    "insert into ledger.checkpoints select origin, '\\x01020304', tree_size, root_hash, note from ledger.checkpoints",
    "delete from ledger.archives where first = 1",
    "truncate ledger.archives",
    "insert into ledger.archives values (1025, 1536, sha256('x'))",
    "insert into ledger.archives values (5, 6, sha256('x'))",
    "update ledger.archives as one set manifest_sha256 = other.manifest_sha256 from ledger.archives as other"
    " where one.first + other.first = 514",
    "insert into ledger.cosignatures select origin, 400, root_hash, name, key_id, signature, cosigned_at"
    " from ledger.cosignatures",
    "delete from ledger.checkpoints where tree_size = 1100",  # What is cosigned is gone.
)


TABLES = (
    "select table_name, column_name from information_schema.columns join information_schema.tables"
    " using (table_schema, table_name) where table_schema = 'ledger' and table_type = 'BASE TABLE'"
    " and table_name !~ '^events_'"
)


@pytest.fixture(scope="module")
def built(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, SignedNote]]:
    """The name of a database with the log, its archive, and its latest checkpoint."""
    directory = tmp_path_factory.mktemp("records")
    name = f"records_{os.getpid()}"
    with new_log(postgres_url, directory, name, partition_facts=512) as ledger:
        checkpointer = Checkpointer(ledger.database, SIGNER)
        ledger.append(facts("a", 400))
        checkpointer.checkpoint()
        ledger.append(facts("b", 700, topic="other.fact"))
        archiving.archive(ledger, checkpointer)
        drop_first(ledger)
        note = checkpointer.checkpoint()
        cosigned = cosigned_message(note.text, 1_700_000_000)
        signature = (1_700_000_000).to_bytes(8, "big") + WITNESS_KEY.sign(cosigned)
        line = NoteSignature(WITNESS.name, WITNESS.key_id, signature)
        store_cosignature(ledger.database, SignedNote(note.text, (*note.signatures, line)), WITNESS)
        ledger.database.close()
        yield name, directory, note


class Stopped(Exception):
    """The command ends here."""


def drop_first(ledger: Ledger) -> None:
    """Drop one of the two partitions that are archived, as when the second one fails its check."""

    def stop(_: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        archiving.drop(ledger, RING, progress=stop)


@pytest.fixture
def ledger(postgres_url: str, built: tuple[str, Path, SignedNote]) -> Iterator[Ledger]:
    name, directory, _ = built
    with copy_of(postgres_url, name, f"{name}_copy") as url, Database(url) as database:
        yield Ledger(database, Archive(directory))


@pytest.fixture
def tamper(ledger: Ledger) -> Iterator[Tampering]:
    tampering = Tampering(ledger.database.url)
    open_all(tampering)
    yield tampering
    tampering.close()


def verify(ledger: Ledger, note: SignedNote) -> None:
    verify_ledger(ledger, note, SIGNER.verifier, witnesses=[WITNESS])


@pytest.mark.usefixtures("tamper")
def test_the_untouched_log_verifies(ledger: Ledger, built: tuple[str, Path, SignedNote]) -> None:
    assert ledger.dropped() == 512
    verify(ledger, built[2])


def test_every_column_of_every_table_is_tampered_with(ledger: Ledger) -> None:
    with ledger.database.connection() as connection:
        columns = set(connection.execute(TABLES.encode()).fetchall())
    assert columns == {*EDITS, *IN_TEST_TAMPERING, *UNSIGNED}


@pytest.mark.parametrize(
    ("table", "edit"),
    [(table, edit) for (table, column), edits in EDITS.items() if column != "only_row" for edit in edits],
)
def test_an_edit_is_found(
    ledger: Ledger, built: tuple[str, Path, SignedNote], tamper: Tampering, table: str, edit: str
) -> None:
    tamper(f"update ledger.{table} set {edit}")
    with pytest.raises(ERRORS[table]):
        verify(ledger, built[2])


@pytest.mark.parametrize("change", [*CHANGES, "; ".join(EDITS["head", "only_row"])])
def test_a_row_deleted_inserted_or_swapped_is_found(
    ledger: Ledger, built: tuple[str, Path, SignedNote], tamper: Tampering, change: str
) -> None:
    tamper(change)
    with pytest.raises(LedgerCorrupt):
        verify(ledger, built[2])


@pytest.mark.parametrize("edit", ["halted = 'stopped'"])
def test_what_is_not_signed_changes_no_fact(
    ledger: Ledger, built: tuple[str, Path, SignedNote], tamper: Tampering, edit: str
) -> None:
    tamper(f"update ledger.head set {edit}", "update ledger.archives set archived_at = now() + interval '1 day'")
    tamper("update ledger.checkpoints set signed_at = now()", "delete from ledger.cosignatures")
    tamper("delete from ledger.checkpoints where tree_size = 400", "delete from ledger.archives where first = 513")
    verify(ledger, built[2])
