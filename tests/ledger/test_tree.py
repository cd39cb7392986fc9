import threading

import pytest

from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredTree, MissingFact, UnknownPosition
from atlas.ledger.log import Ledger
from atlas.ledger.merkle import rfc6962 as merkle
from atlas.ledger.merkle.tiles import TileName
from atlas.ledger.merkle.tree import Tree
from tests.ledger.examples import facts
from tests.ledger.test_merkle import naive_root


@pytest.fixture
def tree(database: Database) -> Tree:
    return Tree(database)


def leaves(database: Database) -> list[bytes]:
    with database.connection() as connection:
        rows = connection.execute("select leaf_hash from ledger.events order by position").fetchall()
    return [bytes(row[0]) for row in rows]


def test_the_tree_of_an_empty_log_is_the_empty_tree(tree: Tree) -> None:
    assert (tree.integrate(), tree.size()) == (0, 0)
    assert tree.root(0) == merkle.EMPTY_ROOT


def test_every_root_and_proof_from_the_tiles_is_right(ledger: Ledger, tree: Tree, database: Database) -> None:
    # The tree grows through sizes beside and at the seams of tiles.
    for step in (1, 2, 252, 1, 1, 255, 300):
        ledger.append(facts(f"step {ledger.head()}", step))
        assert tree.integrate() == tree.size() == ledger.head()
    hashes = leaves(database)
    size = len(hashes)
    for old in (1, 2, 255, 256, 257, 511, 512, 513, size):
        assert tree.root(old) == naive_root(hashes[:old])
        for position in {1, (old + 1) // 2, old}:
            proof = tree.inclusion_proof(position, old)
            merkle.verify_inclusion(hashes[position - 1], position - 1, old, tree.root(old), proof)
        merkle.verify_consistency(old, size, tree.root(old), tree.root(size), tree.consistency_proof(old, size))


def test_integration_in_batches_is_integration_at_once(
    ledger: Ledger, tree: Tree, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas.ledger.merkle.tree.BATCH_LEAVES", 100)
    ledger.append(facts("a", 1000))
    assert tree.integrate() == 1000
    assert tree.root(1000) == naive_root(leaves(database))


def test_several_may_integrate_at_once(ledger: Ledger, tree: Tree, database: Database) -> None:
    def append_and_integrate(name: str) -> None:
        for number in range(5):
            ledger.append(facts(f"{name}/{number}", 70))
            tree.integrate()

    threads = [threading.Thread(target=append_and_integrate, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    size = tree.integrate()
    assert size == ledger.head() == 4 * 5 * 70
    assert tree.root(size) == naive_root(leaves(database))


def test_only_integration_does_not_wait_for_the_disk(ledger: Ledger, tree: Tree, database: Database) -> None:
    ledger.append(facts("a", 3))
    assert tree.integrate() == 3
    with database.connection() as connection:
        assert connection.execute("show synchronous_commit").fetchall() == [("on",)]


def test_what_is_not_integrated_is_not_proven(ledger: Ledger, tree: Tree) -> None:
    ledger.append(facts("a", 3))
    tree.integrate()
    ledger.append(facts("b", 3))
    for ask in (lambda: tree.root(4), lambda: tree.inclusion_proof(1, 4), lambda: tree.consistency_proof(1, 4)):
        with pytest.raises(UnknownPosition, match="3 leaves"):
            ask()
    for ask in (lambda: tree.inclusion_proof(0, 3), lambda: tree.inclusion_proof(4, 3), lambda: tree.root(-1)):
        with pytest.raises(UnknownPosition):
            ask()


def test_a_tile_is_served_as_wide_as_it_once_was(ledger: Ledger, tree: Tree, database: Database) -> None:
    ledger.append(facts("a", 300))
    tree.integrate()
    hashes = leaves(database)
    assert tree.tile(TileName(0, 0), 256) == b"".join(hashes[:256])
    assert tree.tile(TileName(0, 1), 10) == b"".join(hashes[256:266])
    assert tree.tile(TileName(1, 0), 1) == naive_root(hashes[:256])
    for name, width in ((TileName(0, 1), 45), (TileName(0, 2), 1), (TileName(1, 0), 2), (TileName(0, 0), 0)):
        with pytest.raises(UnknownPosition):
            tree.tile(name, width)


def test_a_gap_in_the_log_stops_integration(ledger: Ledger, tree: Tree, database: Database) -> None:
    ledger.append(facts("a", 5))
    with database.connection() as connection:
        connection.execute("delete from ledger.events where position = 3")
    with pytest.raises(MissingFact) as caught:
        tree.integrate()
    assert caught.value.position == 3


def test_a_missing_tile_stops_proofs_and_integration(ledger: Ledger, tree: Tree, database: Database) -> None:
    ledger.append(facts("a", 600))
    tree.integrate()
    with database.connection() as connection:
        connection.execute("delete from ledger.tiles where level = 1")
    with pytest.raises(AlteredTree, match="tile 0 of level 1"):
        tree.root(600)
    ledger.append(facts("b", 1))
    with pytest.raises(AlteredTree):
        tree.integrate()
