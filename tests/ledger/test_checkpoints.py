import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.checkpoints.checkpointer import Checkpoint, Checkpointer, open_checkpoint, parse_checkpoint
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    LedgerBehindCheckpoint,
    MalformedNote,
    RootMismatch,
    UnknownSigner,
    WrongOrigin,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import EMPTY_ROOT
from atlas.ledger.merkle.tree import Tree
from tests.ledger.examples import facts

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))


@pytest.fixture
def checkpointer(database: Database) -> Checkpointer:
    return Checkpointer(database, SIGNER)


def test_a_checkpoint_has_the_lines_of_the_specification() -> None:
    text = Checkpoint("example.com/behind-the-sofa", 20852163, bytes(32)).text()
    assert text == f"example.com/behind-the-sofa\n20852163\n{'A' * 43}=\n"


@given(
    st.integers(0, 2**62),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1)),
)
def test_a_checkpoint_reads_back(size: int, root_hash: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root_hash, tuple(extensions))
    assert parse_checkpoint(checkpoint.text()) == checkpoint


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n5\n",
        f"\n5\n{ROOT}\n",
        f"{ORIGIN}\n05\n{ROOT}\n",
        f"{ORIGIN}\n-5\n{ROOT}\n",
        f"{ORIGIN}\n+5\n{ROOT}\n",
        f"{ORIGIN}\n 5\n{ROOT}\n",
        f"{ORIGIN}\n٥\n{ROOT}\n",
        f"{ORIGIN}\n{10**19}\n{ROOT}\n",
        f"{ORIGIN}\n5\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n5\nAAAA\n",
        f"{ORIGIN}\n5\n{ROOT}\n\nextension\n",
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint(text)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    note = SIGNER.sign(Checkpoint("log.example.org/another", 1, bytes(32)).text())
    with pytest.raises(WrongOrigin, match="another"):
        open_checkpoint(note, SIGNER.verifier)
    assert open_checkpoint(note, SIGNER.verifier, origin="log.example.org/another").tree_size == 1


def test_a_checkpoint_of_another_key_is_refused() -> None:
    note = Signer.generate(ORIGIN).sign(Checkpoint(ORIGIN, 1, bytes(32)).text())
    with pytest.raises(UnknownSigner):
        open_checkpoint(note.encode(), SIGNER.verifier)


def test_an_empty_log_has_a_checkpoint(checkpointer: Checkpointer) -> None:
    checkpoint = open_checkpoint(checkpointer.checkpoint(), SIGNER.verifier)
    assert checkpoint == Checkpoint(ORIGIN, 0, EMPTY_ROOT)


def test_a_checkpoint_speaks_of_the_whole_log_and_is_kept(
    ledger: Ledger, database: Database, checkpointer: Checkpointer
) -> None:
    assert checkpointer.latest() is None
    ledger.append(facts("a", 300))
    first = checkpointer.checkpoint()
    ledger.append(facts("b", 1))
    second = checkpointer.checkpoint()
    tree = Tree(database)
    assert open_checkpoint(first.encode(), SIGNER.verifier) == Checkpoint(ORIGIN, 300, tree.root(300))
    assert open_checkpoint(second.encode(), SIGNER.verifier) == Checkpoint(ORIGIN, 301, tree.root(301))
    assert checkpointer.latest() == second
    assert checkpointer.latest(upto=300) == first
    assert checkpointer.latest(upto=299) is None


def test_an_unchanged_log_gives_the_checkpoint_of_before(ledger: Ledger, checkpointer: Checkpointer) -> None:
    ledger.append(facts("a", 3))
    assert checkpointer.checkpoint() == checkpointer.checkpoint()


def test_nothing_is_signed_that_contradicts_what_was_signed(
    ledger: Ledger, database: Database, checkpointer: Checkpointer
) -> None:
    ledger.append(facts("a", 10))
    first = checkpointer.checkpoint()
    with database.connection() as connection:
        connection.execute("update ledger.events set leaf_hash = sha256('other') where position = 4")
        connection.execute("delete from ledger.tiles")
    ledger.append(facts("b", 1))
    with pytest.raises(RootMismatch):
        checkpointer.checkpoint()
    assert checkpointer.latest() == first


def test_nothing_is_signed_for_a_log_that_has_shrunk(
    ledger: Ledger, database: Database, checkpointer: Checkpointer
) -> None:
    ledger.append(facts("a", 10))
    checkpointer.checkpoint()
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position > 5")
        connection.execute("update ledger.head set position = 5")
        connection.execute("delete from ledger.tiles")
    with pytest.raises(LedgerBehindCheckpoint, match="over 10 facts"):
        checkpointer.checkpoint()


def test_a_new_key_starts_its_own_checkpoints(ledger: Ledger, database: Database, checkpointer: Checkpointer) -> None:
    ledger.append(facts("a", 3))
    checkpointer.checkpoint()
    successor = Checkpointer(database, Signer.generate(ORIGIN))
    assert successor.latest() is None
    successor.checkpoint()
    assert checkpointer.latest() != successor.latest()


def test_another_process_that_signs_more_meanwhile_is_no_contradiction(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(facts("a", 3))
    integrate = Tree.integrate

    def overtaken(tree: Tree) -> int:
        size = integrate(tree)
        monkeypatch.undo()
        ledger.append(facts("b", 3))
        Checkpointer(database, SIGNER).checkpoint()
        return size

    monkeypatch.setattr(Tree, "integrate", overtaken)
    assert open_checkpoint(checkpointer.checkpoint(), SIGNER.verifier).tree_size == 3
    assert open_checkpoint(checkpointer.checkpoint(), SIGNER.verifier).tree_size == 6
