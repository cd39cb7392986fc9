from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.merkle.rfc6962 import HASH_BYTES, Node, leaf_hash, perfect_nodes
from atlas.ledger.merkle.tiles import (
    TILE_WIDTH,
    Tile,
    TileBuilder,
    TileName,
    edge_names,
    hash_in_tile,
    tile_of,
    width_at,
)
from tests.ledger.test_merkle import naive_root

LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def store(tiles: dict[TileName, bytes], changed: list[Tile]) -> None:
    tiles.update({tile.name: tile.hashes for tile in changed})


def built(*sizes: int) -> dict[TileName, bytes]:
    """The tiles of a tree that was grown through ``sizes``, each time from what was stored."""
    tiles: dict[TileName, bytes] = {}
    done = 0
    for size in sizes:
        store(tiles, TileBuilder(done, tiles).extend(b"".join(LEAVES[done:size])))
        done = size
    return tiles


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=5).map(sorted))
def test_growing_in_steps_gives_the_tiles_of_growing_at_once(sizes: list[int]) -> None:
    assert built(*sizes) == built(sizes[-1])


@given(st.integers(0, 1500))
def test_every_tile_has_the_width_that_the_size_says(size: int) -> None:
    tiles = built(size)
    for name, hashes in tiles.items():
        assert len(hashes) == HASH_BYTES * width_at(size, name)
    assert sum(len(hashes) for name, hashes in tiles.items() if name.level == 0) == HASH_BYTES * size
    assert {name for name, hashes in tiles.items() if len(hashes) < HASH_BYTES * TILE_WIDTH} == set(edge_names(size))


@given(st.integers(0, 1500))
def test_the_builder_has_the_root_of_the_definition(size: int) -> None:
    builder = TileBuilder(0, {})
    builder.extend(b"".join(LEAVES[:size]))
    assert builder.root() == naive_root(LEAVES[:size])


@given(st.integers(1, 1500), st.data())
def test_a_perfect_node_is_found_in_its_tile(size: int, data: st.DataObject) -> None:
    tiles = built(size)
    begin = data.draw(st.integers(0, size - 1))
    for node in perfect_nodes(begin, size):
        expected = naive_root(LEAVES[node.index << node.height : (node.index + 1) << node.height])
        assert hash_in_tile(node, tiles[tile_of(node)]) == expected


def test_a_third_level_begins_at_65536_leaves() -> None:
    tiles = built(65_535, 65_536, 70_000)
    assert max(name.level for name in tiles) == 2
    assert hash_in_tile(Node(16, 0), tiles[TileName(2, 0)]) == naive_root(LEAVES[:65_536])
    builder = TileBuilder(70_000, tiles)
    assert builder.root() == naive_root(LEAVES)
