import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpoint, Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing, Signed
from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    BadSignature,
    InvalidKey,
    LedgerBehindCheckpoint,
    RetiredKey,
    RootMismatch,
    UnknownSigner,
    WrongOrigin,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.publication.published import Publication
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts

ORIGIN = "log.example.org/ledger"
OLD = Signer(ORIGIN, bytes(range(32)))
NEW = Signer(ORIGIN, bytes(range(1, 33)))
RING = KeyRing(NEW.verifier, [OLD.verifier])
TEXT = Checkpoint(ORIGIN, 5, bytes(32)).text()


def signed(size: int, *keys: int, root_hash: bytes = bytes(32)) -> Signed:
    return Signed(Checkpoint(ORIGIN, size, root_hash), keys)


def test_a_note_of_either_key_opens_and_says_which() -> None:
    assert RING.open(OLD.sign(TEXT)).keys == (0,)
    assert RING.open(NEW.sign(TEXT).encode()).keys == (1,)
    both = SignedNote(TEXT, (*NEW.sign(TEXT).signatures, *OLD.sign(TEXT).signatures))
    assert RING.open(both).keys == (0, 1)


def test_one_bad_signature_among_several_is_refused() -> None:
    bad = NoteSignature(ORIGIN, OLD.verifier.key_id, bytes(64))
    with pytest.raises(BadSignature):
        RING.open(SignedNote(TEXT, (*NEW.sign(TEXT).signatures, bad)))


def test_a_stranger_s_note_and_another_origin_are_refused() -> None:
    with pytest.raises(UnknownSigner):
        RING.open(Signer.generate(ORIGIN).sign(TEXT))
    with pytest.raises(WrongOrigin):
        RING.open(NEW.sign(Checkpoint("another", 5, bytes(32)).text()))


def test_each_key_is_believed_for_its_time() -> None:
    RING.check_times([signed(1, 0), signed(5, 0, 1), signed(9, 1)])
    RING.check_times([signed(1, 0), signed(9, 1)])
    RING.check_times([signed(9, 0)])
    with pytest.raises(RetiredKey, match="over 6 facts"):
        RING.check_times([signed(6, 0), signed(5, 0, 1), signed(9, 1)])


def test_two_roots_of_one_size_are_refused() -> None:
    with pytest.raises(RootMismatch):
        RING.check_times([signed(5, 0), signed(5, 1, root_hash=bytes(31) + b"1")])


def test_after_a_hand_over_the_whole_log_verifies_and_the_old_key_signs_no_more(
    ledger: Ledger, database: Database
) -> None:
    old = Checkpointer(database, OLD)
    ledger.append(facts("a", 10))
    old.checkpoint()
    ledger.append(facts("b", 10))
    both = old.hand_over(NEW)
    assert RING.open(both) == Signed(Checkpoint(ORIGIN, 20, RING.open(both).checkpoint.root_hash), (0, 1))
    assert Publication(ledger, ORIGIN).checkpoint() == both
    ledger.append(facts("c", 10))
    with pytest.raises(RetiredKey):
        old.checkpoint()
    with pytest.raises(RetiredKey):
        Checkpointer(database, NEW).checkpoint()
    note = Checkpointer(database, NEW, [OLD.verifier]).checkpoint()
    assert RING.open(note).keys == (1,)
    verify_ledger(ledger, note, NEW.verifier, retired=[OLD.verifier])
    verify_ledger(ledger, both, NEW.verifier, retired=[OLD.verifier])


def test_a_retired_key_that_signs_on_is_found(ledger: Ledger, database: Database) -> None:
    ledger.append(facts("a", 10))
    Checkpointer(database, OLD).hand_over(NEW)
    ledger.append(facts("b", 10))
    Checkpointer(database, NEW, [OLD.verifier]).checkpoint()
    root_hash = Tree(database).root(20)
    stray = OLD.sign(Checkpoint(ORIGIN, 20, root_hash).text())
    with database.connection() as connection:
        connection.execute(
            "insert into ledger.checkpoints (origin, key_id, tree_size, root_hash, note) values (%s, %s, 20, %s, %s)",
            (ORIGIN, OLD.verifier.key_id, root_hash, stray.encode()),
        )
    note = Checkpointer(database, NEW, [OLD.verifier]).checkpoint()
    with pytest.raises(RetiredKey, match="over 20 facts"):
        verify_ledger(ledger, note, NEW.verifier, retired=[OLD.verifier])


def test_a_new_key_does_not_sign_for_a_log_that_the_old_one_saw_longer(ledger: Ledger, database: Database) -> None:
    ledger.append(facts("a", 10))
    Checkpointer(database, OLD).checkpoint()
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position > 5")
        connection.execute("update ledger.head set position = 5")
        connection.execute("delete from ledger.tiles")
    with pytest.raises(LedgerBehindCheckpoint):
        Checkpointer(database, NEW, [OLD.verifier]).checkpoint()


def test_only_a_new_key_of_the_same_log_takes_over(database: Database) -> None:
    for successor in (OLD, Signer.generate("another.example.org")):
        with pytest.raises(InvalidKey):
            Checkpointer(database, OLD).hand_over(successor)
