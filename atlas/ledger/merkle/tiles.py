"""The tree cut into tiles (C2SP tlog-tiles, height 8), as values.

A tile at level L and index N holds up to 256 hashes: the perfect nodes of height 8 * L at the indices 256 * N up to
256 * N + 255, 32 bytes each, from left to right. Level 0 holds the leaf hashes; the root over a full tile is one hash
of the tile above. A tile only ever grows until it is full, so a narrower version of it is a prefix of its bytes.
"""

from collections.abc import Mapping

import msgspec

from atlas.ledger.merkle.rfc6962 import HASH_BYTES, Node, perfect_root, root

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT


class TileName(msgspec.Struct, frozen=True, order=True):
    """The place of a tile."""

    level: int
    index: int


class Tile(msgspec.Struct, frozen=True):
    """A tile and its hashes, 32 bytes each."""

    name: TileName
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes it holds, 1 to 256."""
        return len(self.hashes) // HASH_BYTES


def tile_of(node: Node) -> TileName:
    """The tile from which the hash of a perfect node is computed."""
    level, inner = divmod(node.height, TILE_HEIGHT)
    return TileName(level, node.index >> (TILE_HEIGHT - inner))


def hash_in_tile(node: Node, hashes: bytes) -> bytes:
    """The hash of a perfect node, from the hashes of its tile."""
    inner = node.height % TILE_HEIGHT
    begin = (node.index << inner) % TILE_WIDTH * HASH_BYTES
    return perfect_root(hashes[begin : begin + (HASH_BYTES << inner)])


def split_hashes(hashes: bytes) -> list[bytes]:
    """The single hashes in a run of them."""
    return [hashes[begin : begin + HASH_BYTES] for begin in range(0, len(hashes), HASH_BYTES)]


def width_at(size: int, name: TileName) -> int:
    """How many hashes a tile holds in a tree of ``size`` leaves, 0 when there is no such tile."""
    nodes = size >> (TILE_HEIGHT * name.level)
    return max(0, min(TILE_WIDTH, nodes - name.index * TILE_WIDTH))


def edge_names(size: int) -> list[TileName]:
    """The names of the last, not yet full tiles of a tree of ``size`` leaves, those that the next leaf may change."""
    names: list[TileName] = []
    nodes, level = size, 0
    while nodes:
        if nodes % TILE_WIDTH:
            names.append(TileName(level, nodes // TILE_WIDTH))
        nodes, level = nodes // TILE_WIDTH, level + 1
    return names


def names_above(begin: int, end: int) -> list[TileName]:
    """The names of the tiles above level 0 that leaves from ``begin`` up to, excluding, ``end`` lie below."""
    names: list[TileName] = []
    level = 1
    while end >> (TILE_HEIGHT * level):
        first = (begin >> (TILE_HEIGHT * level)) // TILE_WIDTH
        last = ((end >> (TILE_HEIGHT * level)) - 1) // TILE_WIDTH
        names += [TileName(level, index) for index in range(first, last + 1)]
        level += 1
    return names


class TileBuilder:
    """Grows a tree from ``size`` leaves and its edge tiles, and gives every tile that changes.

    Raises KeyError on construction when a tile of ``edge_names(size)`` is missing from ``edge``.
    """

    def __init__(self, size: int, edge: Mapping[TileName, bytes]) -> None:
        self.size = size
        self._open: dict[int, bytearray] = {name.level: bytearray(edge[name]) for name in edge_names(size)}

    def extend(self, leaf_hashes: bytes) -> list[Tile]:
        """Add leaf hashes, 32 bytes each; returns the tiles that were filled, then those at the edge that changed."""
        changed: dict[TileName, Tile] = {}
        done = 0
        while done < len(leaf_hashes):
            room = TILE_WIDTH * HASH_BYTES - len(self._open.get(0, b""))
            added = leaf_hashes[done : done + room]
            self._add(0, self.size, added, changed)
            self.size += len(added) // HASH_BYTES
            done += len(added)
        for level, hashes in self._open.items():
            name = TileName(level, (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH)
            if hashes:
                changed[name] = Tile(name, bytes(hashes))
        return list(changed.values())

    def root(self) -> bytes:
        """The root of the tree so far: every node of its compact range lies in an open tile."""
        return root(self.size, lambda node: hash_in_tile(node, bytes(self._open[node.height // TILE_HEIGHT])))

    def _add(self, level: int, index: int, added: bytes, changed: dict[TileName, Tile]) -> None:
        """Put hashes from node ``index`` on into their tile, and the root of a full tile into the one above."""
        hashes = self._open.setdefault(level, bytearray())
        hashes += added
        if len(hashes) == TILE_WIDTH * HASH_BYTES:
            name = TileName(level, index // TILE_WIDTH)
            changed[name] = Tile(name, bytes(hashes))
            hashes.clear()
            self._add(level + 1, name.index, perfect_root(changed[name].hashes), changed)
