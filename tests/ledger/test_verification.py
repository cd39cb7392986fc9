from collections.abc import Iterator

import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpoint, Checkpointer
from atlas.ledger.checkpoints.notes import SignedNote, Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AlteredCheckpoint,
    AlteredFact,
    AlteredKey,
    AlteredTree,
    LedgerBehindCheckpoint,
    LedgerCorrupt,
    MisplacedFact,
    MissingFact,
    RootMismatch,
    UnknownSigner,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import EMPTY_ROOT
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts
from tests.ledger.tampering import FITTING_LEAF, Tampering, make_place

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
SIZE = 700


@pytest.fixture
def tamper(note: SignedNote, database_url: str) -> Iterator[Tampering]:
    tampering = Tampering(database_url)
    make_place(tampering)
    yield tampering
    tampering.close()


@pytest.fixture
def note(ledger: Ledger, database: Database) -> SignedNote:
    """A log with two checkpoints, the last over all of it."""
    checkpointer = Checkpointer(database, SIGNER)
    ledger.append(facts("a", 400))
    checkpointer.checkpoint()
    ledger.append(facts("b", SIZE - 400, topic="other.fact"))
    return checkpointer.checkpoint()


def refused(ledger: Ledger, note: SignedNote, error: type[LedgerCorrupt], position: int | None) -> None:
    with pytest.raises(error) as caught:
        verify_ledger(ledger, note, SIGNER.verifier)
    assert caught.value.position == position, caught.value.message


def test_an_untouched_log_verifies(ledger: Ledger, note: SignedNote) -> None:
    verify_ledger(ledger, note, SIGNER.verifier)
    verify_ledger(ledger, note.encode(), SIGNER.verifier)


def test_an_empty_log_verifies_against_the_empty_checkpoint(ledger: Ledger, database: Database) -> None:
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


def test_what_came_after_the_checkpoint_is_verified_too(
    ledger: Ledger, database: Database, note: SignedNote, tamper: Tampering
) -> None:
    tamper("drop table ledger.events_elsewhere")
    ledger.append(facts("c", 100))
    verify_ledger(ledger, note, SIGNER.verifier)
    Tree(database).integrate()
    verify_ledger(ledger, note, SIGNER.verifier)
    tamper("update ledger.events set payload = 'x' where position = 750")
    refused(ledger, note, AlteredFact, 750)


def test_progress_ends_at_the_head(ledger: Ledger, note: SignedNote) -> None:
    seen: list[tuple[int, int]] = []
    verify_ledger(ledger, note, SIGNER.verifier, progress=lambda position, head: seen.append((position, head)))
    assert seen[-1] == (SIZE, SIZE)


@pytest.mark.parametrize(
    "edit",
    [
        "payload = payload || 'x'",
        "payload = ''",
        "topic = 'another'",
        "topic = ''",
        "topic = topic || repeat('x', 2000)",
        "version = version + 1000000",
        "version = -1",
        "stream = '00000000-0000-8000-8000-000000000000'",
        "leaf_hash = sha256('other')",
        "leaf_hash = ''",
    ],
)
def test_an_edit_of_any_column_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering, edit: str) -> None:
    tamper(f"update ledger.events set {edit} where position = 257")
    refused(ledger, note, AlteredFact, 257)


@pytest.mark.parametrize(
    ("edit", "position"),
    [
        ("update ledger.keys set position = 4 where position = 3", 3),
        ("update ledger.keys set version = 4000 where position = 3", 3),
        ("update ledger.keys set stream = gen_random_uuid() where position = 3", 3),
        ("delete from ledger.keys where position = 257", 257),
        ("insert into ledger.keys values (gen_random_uuid(), 0, 5)", 5),
        ("insert into ledger.keys values (gen_random_uuid(), 0, -5)", -5),
    ],
)
def test_an_edit_of_a_key_is_found(
    ledger: Ledger, note: SignedNote, tamper: Tampering, edit: str, position: int | None
) -> None:
    tamper(edit)
    refused(ledger, note, AlteredKey, position)


@pytest.mark.parametrize("position", [1, 300, SIZE])
def test_a_payload_taken_out_without_a_decision_is_found(
    ledger: Ledger, note: SignedNote, tamper: Tampering, position: int
) -> None:
    tamper(f"update ledger.events set payload = null where position = {position}")
    refused(ledger, note, AlteredFact, position)


@pytest.mark.parametrize("position", [1, 256, 650, SIZE])
def test_an_edit_is_found_where_it_is(ledger: Ledger, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"update ledger.events set payload = 'forged' where position >= {position}")
    refused(ledger, note, AlteredFact, position)


@pytest.mark.parametrize("position", [1, 256, 257, 650])
def test_an_edit_with_a_fitting_leaf_hash_is_found_in_the_tree(
    ledger: Ledger, note: SignedNote, tamper: Tampering, position: int
) -> None:
    tamper(f"update ledger.events set payload = 'forged' where position = {position}", FITTING_LEAF)
    refused(ledger, note, AlteredTree, position)


@pytest.mark.parametrize(("position", "from_position"), [(3, 1), (650, 401)])
def test_an_edit_with_a_fitting_tree_is_found_between_two_checkpoints(
    ledger: Ledger, database: Database, note: SignedNote, tamper: Tampering, position: int, from_position: int
) -> None:
    tamper(f"update ledger.events set payload = 'forged' where position = {position}", FITTING_LEAF)
    tamper("delete from ledger.tiles")
    Tree(database).integrate()
    refused(ledger, note, RootMismatch, from_position)


def test_the_checkpoint_in_hand_needs_no_stored_one(
    ledger: Ledger, database: Database, note: SignedNote, tamper: Tampering
) -> None:
    tamper("update ledger.events set payload = 'forged' where position = 650", FITTING_LEAF)
    tamper("delete from ledger.tiles", "delete from ledger.checkpoints")
    Tree(database).integrate()
    Checkpointer(database, SIGNER).checkpoint()
    refused(ledger, note, RootMismatch, None)


@pytest.mark.parametrize("position", [1, 300, SIZE])
def test_a_deleted_fact_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"delete from ledger.events where position = {position}")
    refused(ledger, note, MissingFact, position)


def test_a_deleted_fact_is_found_when_the_rest_moves_up(ledger: Ledger, note: SignedNote, tamper: Tampering) -> None:
    tamper(
        "delete from ledger.events where position = 300",
        "update ledger.events set position = -position where position > 300",
        "update ledger.events set position = -position - 1 where position < 0",
    )
    refused(ledger, note, AlteredTree, 300)
    tamper("update ledger.head set position = position - 1")
    refused(ledger, note, LedgerBehindCheckpoint, SIZE)


def test_an_inserted_fact_is_found_where_the_rest_moves_down(
    ledger: Ledger, note: SignedNote, tamper: Tampering
) -> None:
    tamper(
        "update ledger.events set position = -position where position >= 300",
        "update ledger.events set position = -position + 1 where position < 0",
        "insert into ledger.events select 300, gen_random_uuid(), 0, 'forged', '', ''",
        FITTING_LEAF,
        "update ledger.head set position = position + 1",
    )
    refused(ledger, note, AlteredTree, 300)


@pytest.mark.parametrize("position", [0, -5, SIZE + 1, 10**12])
def test_a_fact_outside_the_log_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"insert into ledger.events select {position}, gen_random_uuid(), 0, 'forged', '', ''", FITTING_LEAF)
    refused(ledger, note, MisplacedFact, position)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (10, 600), (255, 256), (256, 257), (SIZE - 1, SIZE)])
def test_swapped_facts_are_found_at_the_first(
    ledger: Ledger, note: SignedNote, tamper: Tampering, one: int, other: int
) -> None:
    tamper(
        f"update ledger.events set position = 0 where position = {one}",
        f"update ledger.events set position = {one} where position = {other}",
        f"update ledger.events set position = {other} where position = 0",
    )
    refused(ledger, note, AlteredTree, one)


def test_a_log_cut_off_below_the_checkpoint_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering) -> None:
    tamper("delete from ledger.events where position > 500")
    refused(ledger, note, MissingFact, 501)
    tamper("update ledger.head set position = 500")
    refused(ledger, note, LedgerBehindCheckpoint, 501)
    tamper("delete from ledger.tiles")
    refused(ledger, note, LedgerBehindCheckpoint, 501)


def test_a_log_cut_off_above_the_checkpoint_is_found_by_its_tree(
    ledger: Ledger, database: Database, note: SignedNote, tamper: Tampering
) -> None:
    ledger.append(facts("c", 100))
    Tree(database).integrate()
    tamper("delete from ledger.events where position > 750", "update ledger.head set position = 750")
    refused(ledger, note, AlteredTree, 751)


def test_an_older_database_is_found_by_a_newer_checkpoint(ledger: Ledger, database: Database) -> None:
    ledger.append(facts("a", 5))
    newer = SIGNER.sign(Checkpoint("log.example.org/ledger", 6, bytes(32)).text())
    refused(ledger, newer, LedgerBehindCheckpoint, 6)


def test_a_head_that_moved_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering) -> None:
    tamper("update ledger.head set position = position + 1")
    refused(ledger, note, MissingFact, SIZE + 1)
    tamper("delete from ledger.head")
    refused(ledger, note, MissingFact, None)


@pytest.mark.parametrize(
    ("edit", "position"),
    [
        ("update ledger.tiles set hashes = set_byte(hashes, 32 * 9, get_byte(hashes, 32 * 9) # 1) where level = 0", 10),
        ("update ledger.tiles set hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) where level = 1", 257),
        ("update ledger.tiles set width = width - 1 where level = 0 and index = 1", 512),
        ("update ledger.tiles set index = 7 where level = 0 and index = 0", 1),
        ("update ledger.tiles set level = 3 where level = 1", None),
        ("delete from ledger.tiles where level = 1", None),
        ("delete from ledger.tiles where level = 0 and index = 0", None),
        ("insert into ledger.tiles select 2, 0, 1, sha256('x')", None),
        ("insert into ledger.tiles select 5, 0, 1, sha256('x')", None),
    ],
)
def test_an_edited_tile_is_found(
    ledger: Ledger, note: SignedNote, tamper: Tampering, edit: str, position: int | None
) -> None:
    tamper("alter table ledger.tiles drop constraint tiles_check", edit)
    refused(ledger, note, AlteredTree, position)


@pytest.mark.parametrize(
    "edit",
    [
        "root_hash = sha256('other')",
        "tree_size = tree_size - 1",
        "note = note || 'x'",
        "note = convert_to(replace(convert_from(note, 'UTF8'), '400', '399'), 'UTF8')",
    ],
)
def test_an_edited_checkpoint_is_found(ledger: Ledger, note: SignedNote, tamper: Tampering, edit: str) -> None:
    tamper(f"update ledger.checkpoints set {edit} where tree_size = 400")
    refused(ledger, note, AlteredCheckpoint, None)


def test_two_roots_signed_for_one_size_are_found(ledger: Ledger, note: SignedNote) -> None:
    forked = SIGNER.sign(Checkpoint("log.example.org/ledger", 400, EMPTY_ROOT).text())
    refused(ledger, forked, RootMismatch, None)


def test_a_note_of_another_key_is_refused_before_anything_is_read(ledger: Ledger, note: SignedNote) -> None:
    with pytest.raises(UnknownSigner):
        verify_ledger(ledger, note, Signer.generate("log.example.org/ledger").verifier)
