"""The note outside the database, and databases that went back beneath it."""

import multiprocessing
from pathlib import Path

import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpointer, parse_checkpoint
from atlas.ledger.checkpoints.high_water import HighWater
from atlas.ledger.checkpoints.notes import Signer, parse_note
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AppendingHalted,
    LedgerBehindCheckpoint,
    MalformedNote,
    NoteNotKept,
    RefusedResumption,
    RootMismatch,
    WrongOrigin,
)
from atlas.ledger.log import Ledger
from atlas.ledger.recovery import AppendingResumed, halted_because, reopen_empty, require_appending
from tests.ledger.examples import facts

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "checkpoint.note"


@pytest.fixture
def high_water(database: Database, file: Path) -> HighWater:
    return HighWater(database, file, ORIGIN)


@pytest.fixture
def checkpointer(database: Database, high_water: HighWater) -> Checkpointer:
    return Checkpointer(database, SIGNER, keep=high_water.keep)


def go_back(database: Database, head: int) -> None:
    """What a backup of an earlier moment has, and no more: facts, keys, tree and checkpoints."""
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position > %s", (head,))
        connection.execute("delete from ledger.keys where position > %s", (head,))
        connection.execute("update ledger.head set position = %s", (head,))
        connection.execute("delete from ledger.tiles")
        connection.execute("delete from ledger.checkpoints where tree_size > %s", (head,))


def decide(high_water: HighWater, ledger: Ledger, decided_at_ms: int = 1_700_000_000_123) -> AppendingResumed:
    decision, _ = high_water.resume(ledger, reason="all there is", authoriser="operator", decided_at_ms=decided_at_ms)
    return decision


def test_each_checkpoint_is_in_the_file_before_anyone_can_read_it(
    ledger: Ledger, database: Database, high_water: HighWater
) -> None:
    ledger.append(facts("a", 5))
    stored: list[int] = []

    def keep_and_look(note: object) -> None:
        assert note is not None
        with database.connection() as connection:
            stored.append(connection.execute("select count(*) from ledger.checkpoints").fetchall()[0][0])

    signed = Checkpointer(database, SIGNER, keep=keep_and_look).checkpoint()
    assert stored == [0]
    high_water.keep(signed)
    assert high_water.note() == signed


def test_a_checkpoint_that_cannot_be_kept_is_not_published(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a directory is needed")
    checkpointer = Checkpointer(database, SIGNER, keep=HighWater(database, tmp_path / "data" / "n", ORIGIN).keep)
    ledger.append(facts("a", 5))
    with pytest.raises(NoteNotKept, match="cannot be kept"):
        checkpointer.checkpoint()
    assert checkpointer.latest() is None


def test_the_file_has_the_largest_checkpoint(ledger: Ledger, checkpointer: Checkpointer, high_water: HighWater) -> None:
    ledger.append(facts("a", 5))
    first = checkpointer.checkpoint()
    ledger.append(facts("b", 5))
    second = checkpointer.checkpoint()
    high_water.keep(first)
    checkpointer.checkpoint_at(7)
    assert high_water.note() == second
    high_water.watch()


def test_a_log_signed_before_there_was_a_file_gets_one(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 5))
    before = Checkpointer(database, SIGNER).checkpoint()
    assert high_water.note() is None
    high_water.watch()
    assert checkpointer.checkpoint() == before == high_water.note()


@pytest.mark.parametrize("head", [0, 5, 9])
def test_a_log_that_went_back_is_halted_when_it_is_opened(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater, head: int
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    go_back(database, head)
    with pytest.raises(LedgerBehindCheckpoint, match=f"over 10 facts is signed, and the log has {head}"):
        high_water.watch()
    for refused in (lambda: ledger.append(facts("b", 1)), lambda: require_appending(database)):
        with pytest.raises(AppendingHalted, match=f"over 10 facts is signed, and the log has {head}"):
            refused()
    assert ledger.head() == head


def test_a_log_that_grew_another_way_since_is_halted_too(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    go_back(database, 5)
    ledger.append(facts("other", 20))
    with pytest.raises(RootMismatch, match="the root over 10 facts was signed as"):
        high_water.watch()
    with pytest.raises(AppendingHalted):
        ledger.append(facts("b", 1))


def test_the_signer_signs_nothing_beneath_the_file(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 10))
    kept = checkpointer.checkpoint()
    go_back(database, 5)
    with pytest.raises(LedgerBehindCheckpoint):
        checkpointer.checkpoint()
    assert (checkpointer.latest(), high_water.note()) == (None, kept)
    assert halted_because(database) is not None


def test_a_newer_backup_needs_no_decision(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    ledger.append(facts("b", 3))
    with database.connection() as connection:
        connection.execute("delete from ledger.tiles")
        connection.execute("delete from ledger.checkpoints")
    high_water.watch()
    require_appending(database)


def test_an_operator_goes_on_and_the_note_is_set_aside_under_its_date(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater, file: Path
) -> None:
    ledger.append(facts("a", 10))
    kept = checkpointer.checkpoint()
    go_back(database, 5)
    with pytest.raises(LedgerBehindCheckpoint):
        high_water.watch()
    assert decide(high_water, ledger).head == 5
    aside = file.with_name("checkpoint.note.20231114T221320.123Z")
    assert parse_note(aside.read_bytes()) == kept
    assert high_water.note() is None
    high_water.watch()
    ledger.append(facts("b", 1))
    assert parse_checkpoint(checkpointer.checkpoint().text).tree_size == 7
    assert high_water.note() == checkpointer.latest()


def test_no_note_is_ever_replaced_by_another_set_aside(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater, file: Path
) -> None:
    for count in (10, 30):
        ledger.append(facts(f"a{count}", count))
        checkpointer.checkpoint()
        go_back(database, 5)
        with pytest.raises(LedgerBehindCheckpoint):
            high_water.watch()
        if count == 10:
            decide(high_water, ledger)
    with pytest.raises(NoteNotKept):
        decide(high_water, ledger)
    with pytest.raises(LedgerBehindCheckpoint):
        high_water.watch()
    decide(high_water, ledger, 1_700_000_001_000)
    sizes = [parse_checkpoint(parse_note(note.read_bytes()).text).tree_size for note in sorted(file.parent.iterdir())]
    assert sizes == [10, 36]


def test_a_note_that_the_log_extends_stays_when_it_is_resumed(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 10))
    kept = checkpointer.checkpoint()
    with database.connection() as connection:
        connection.execute("update ledger.head set halted = 'another reason'")
    decide(high_water, ledger)
    assert high_water.note() == kept
    with pytest.raises(RefusedResumption):
        decide(high_water, ledger)
    assert high_water.note() == kept


def test_an_empty_log_may_be_filled_from_its_archive(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, high_water: HighWater
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    go_back(database, 0)
    with pytest.raises(LedgerBehindCheckpoint):
        high_water.watch()
    reopen_empty(database)
    ledger.append(facts("a", 10))
    high_water.watch()
    with database.connection() as connection:
        connection.execute("update ledger.head set halted = 'a reason'")
    reopen_empty(database)
    assert halted_because(database) == "a reason"


def test_a_file_that_is_no_note_or_another_log_s_is_refused_with_its_name(
    ledger: Ledger, checkpointer: Checkpointer, high_water: HighWater, file: Path
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    good = file.read_bytes()
    for bad in (b"", good[:-1], good.replace(b"\n10\n", b"\n010\n"), b"\xff" + good):
        file.write_bytes(bad)
        for use in (high_water.watch, checkpointer.checkpoint):
            with pytest.raises(MalformedNote, match=r"checkpoint\.note"):
                use()
    file.write_bytes(good.replace(ORIGIN.encode() + b"\n", b"log.example.org/other\n"))
    with pytest.raises(WrongOrigin, match="a checkpoint of the log"):
        high_water.watch()
    file.unlink()
    file.mkdir()
    with pytest.raises(NoteNotKept):
        high_water.watch()


def sign_often(url: str, file: str, times: int) -> None:
    with Database(url) as database:
        checkpointer = Checkpointer(database, SIGNER, keep=HighWater(database, Path(file), ORIGIN).keep)
        for _ in range(times):
            checkpointer.checkpoint()


def test_several_signers_share_one_file(ledger: Ledger, database: Database, high_water: HighWater, file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    signers = [context.Process(target=sign_often, args=(database.url, str(file), 40)) for _ in range(3)]
    for signer in signers:
        signer.start()
    number = 0
    while any(signer.is_alive() for signer in signers):
        ledger.append(facts(f"a/{number}", 3))
        number += 1
    for signer in signers:
        signer.join(timeout=60)
        assert signer.exitcode == 0
    note = high_water.note()
    latest = Checkpointer(database, SIGNER).latest()
    assert note is not None
    assert note == latest
    high_water.watch()
