import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import SignedNote, Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredFact, LedgerCorrupt, MissingFact, RootMismatch, UnknownPosition
from atlas.ledger.log import Ledger
from atlas.ledger.verification.ranges import verify_range
from tests.ledger.examples import facts

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
RING = KeyRing(SIGNER.verifier)
SIZE = 600
RANGES = [(1, 600), (1, 1), (600, 600), (256, 257), (257, 512), (300, 301), (2, 599)]


@pytest.fixture
def note(ledger: Ledger, database: Database) -> SignedNote:
    ledger.append(facts("a", SIZE))
    return Checkpointer(database, SIGNER).checkpoint()


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_an_honest_range_verifies(ledger: Ledger, note: SignedNote, first: int, last: int) -> None:
    ledger.append(facts("later", 5))
    verify_range(ledger, note, RING, first=first, last=last)


@pytest.mark.parametrize("statement", ["payload = 'x'", "topic = 'x'", "version = 7000", "stream = gen_random_uuid()"])
@pytest.mark.parametrize("position", [1, 256, 257, 300, 600])
def test_an_edit_within_the_range_is_found_and_named(
    ledger: Ledger, database: Database, note: SignedNote, statement: str, position: int
) -> None:
    with database.connection() as connection:
        connection.execute(f"update ledger.events set {statement} where position = {position}".encode())
    for first, last in RANGES:
        if first <= position <= last:
            with pytest.raises(AlteredFact) as caught:
                verify_range(ledger, note, RING, first=first, last=last)
            assert caught.value.position == position
        else:
            verify_range(ledger, note, RING, first=first, last=last)


def test_an_edit_with_leaf_and_tile_rewritten_is_still_found(
    ledger: Ledger, database: Database, note: SignedNote
) -> None:
    with database.connection() as connection:
        connection.execute(
            "update ledger.tiles set hashes = overlay(hashes placing sha256('x') from 1) where index = 0"
        )
    with pytest.raises(LedgerCorrupt):
        verify_range(ledger, note, RING, first=1, last=10)
    with pytest.raises(RootMismatch):
        verify_range(ledger, note, RING, first=2, last=10)


def test_a_missing_position_is_named(ledger: Ledger, database: Database, note: SignedNote) -> None:
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position = 300")
    with pytest.raises(MissingFact) as caught:
        verify_range(ledger, note, RING, first=290, last=310)
    assert caught.value.position == 300


@pytest.mark.parametrize(("first", "last"), [(0, 5), (5, 4), (600, 601), (601, 601)])
def test_a_range_beyond_the_checkpoint_is_refused(ledger: Ledger, note: SignedNote, first: int, last: int) -> None:
    with pytest.raises(UnknownPosition):
        verify_range(ledger, note, RING, first=first, last=last)
