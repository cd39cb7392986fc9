"""The stored tree: tiles that follow the log, and proofs from them.

    ledger.tiles(level, index, width, hashes)   see tiles.py

Leaf i (from 0) is the fact at position i + 1; the size of a tree is the position of its last fact. Integration takes
leaf hashes from the log in the order of positions, in batches of a transaction each, under an advisory lock: any
process may run it at any time, and one does the work. Proofs read a handful of tiles and no leaf.
"""

from collections.abc import Iterable

import psycopg

from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredTree, MissingFact, UnknownPosition
from atlas.ledger.merkle import rfc6962 as merkle
from atlas.ledger.merkle.rfc6962 import Node, perfect_nodes
from atlas.ledger.merkle.tiles import (
    Tile,
    TileBuilder,
    TileName,
    edge_names,
    hash_in_tile,
    names_above,
    tile_of,
    width_at,
)

INTEGRATION_LOCK = 0x61746C61_73000002
BATCH_LEAVES = 65_536

# No flush to the disk of its own: what a crash takes from the tree follows from the log again. A checkpoint's commit
# does wait for the disk, and what was written before goes there with it.
_BEGIN = b"select pg_advisory_xact_lock(%s), set_config('synchronous_commit', 'off', true)"
_SIZE = b"select index * 256 + width from ledger.tiles where level = 0 order by index desc limit 1"
_TILES = b"""
select tiles.level, tiles.index, tiles.hashes
from unnest(%b::smallint[], %b::bigint[]) as wanted (level, index) join ledger.tiles using (level, index)
"""
# One value for all of them, which costs a fraction of as many rows.
_LEAVES = b"""
select count(*), coalesce(max(position), %(size)s), coalesce(string_agg(leaf_hash, ''::bytea order by position), '')
from ledger.events where position > %(size)s and position <= %(size)s + %(limit)s
"""
_GAP = b"""
select min(expected) from generate_series(%(size)s + 1, %(last)s) as expected
where not exists (select from ledger.events where position = expected)
"""
_STORE = b"""
insert into ledger.tiles (level, index, width, hashes)
select * from unnest(%b::smallint[], %b::bigint[], %b::smallint[], %b::bytea[])
on conflict (level, index) do update set width = excluded.width, hashes = excluded.hashes
"""


class Tree:
    """The Merkle tree of the log in ``database``. Every method raises DatabaseUnreachable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        """How many facts are integrated: the tree can prove up to this position."""
        with self._database.connection() as connection:
            return _size(connection)

    def integrate(self) -> int:
        """Bring the tree up to the log; returns its size. Waits while another process integrates.

        Raises MissingFact when a position is missing from the log, AlteredTree when a tile is.
        """
        while True:
            with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
                cursor.execute(_BEGIN, (INTEGRATION_LOCK,))
                size, added = _integrate_batch(cursor)
            if added < BATCH_LEAVES:
                return size

    def root(self, size: int) -> bytes:
        """The root hash over the first ``size`` facts. Raises UnknownPosition above the integrated size."""
        return merkle.root(size, self._hashes(size, perfect_nodes(0, size)).__getitem__)

    def inclusion_proof(self, position: int, size: int) -> list[bytes]:
        """The proof that the fact at ``position`` is among the first ``size`` facts. Raises UnknownPosition."""
        ranges = merkle.inclusion_ranges(position - 1, size)
        return merkle.inclusion_proof(position - 1, size, self._hashes(size, _nodes(ranges)).__getitem__)

    def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that the log at ``new_size`` begins with the log at ``old_size``. Raises UnknownPosition."""
        ranges = merkle.consistency_ranges(old_size, new_size)
        return merkle.consistency_proof(old_size, new_size, self._hashes(new_size, _nodes(ranges)).__getitem__)

    def tile(self, name: TileName, width: int) -> bytes:
        """The first ``width`` hashes of a tile, 32 bytes each. Raises UnknownPosition when it is not that wide."""
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            hashes = _read_tiles(cursor, [name]).get(name, b"")
        if not 1 <= width <= len(hashes) // merkle.HASH_BYTES:
            raise UnknownPosition(
                f"tile {name.index} of level {name.level} has {len(hashes) // merkle.HASH_BYTES} hashes, not {width}"
            )
        return hashes[: width * merkle.HASH_BYTES]

    def range_hashes(self, ranges: Iterable[tuple[int, int]], size: int) -> dict[tuple[int, int], bytes]:
        """The hashes of ranges of leaves as they stand in the tree of ``size``. Raises UnknownPosition."""
        ranges = list(ranges)
        hashes = self._hashes(size, _nodes(ranges))
        return {(begin, end): merkle.range_hash(begin, end, hashes.__getitem__) for begin, end in ranges}

    def tiles(self, begin: int, end: int) -> list[Tile]:
        """The tiles above the leaves from ``begin`` up to ``end``, as wide as they are in a tree of ``end`` leaves.

        Raises UnknownPosition above the integrated size, AlteredTree when one is missing.
        """
        if end > self.size():
            raise UnknownPosition(f"the tree has {self.size()} leaves, not {end}")
        names = names_above(begin, end)
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            stored = _read_tiles(cursor, names)
        for name in names:
            _check_width(name, stored.get(name, b""), end)
        return [Tile(name, stored[name][: width_at(end, name) * merkle.HASH_BYTES]) for name in names]

    def _hashes(self, size: int, nodes: Iterable[Node]) -> dict[Node, bytes]:
        """The hashes of perfect nodes within the first ``size`` leaves, from one query."""
        nodes = list(nodes)
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            integrated = _size(connection)
            if not 0 <= size <= integrated:
                raise UnknownPosition(
                    f"the tree has {integrated} leaves, not {size}", hint="Integrate the log first, or ask for less."
                )
            tiles = _read_tiles(cursor, {tile_of(node) for node in nodes})
        for name in map(tile_of, nodes):
            _check_width(name, tiles.get(name, b""), size)
        return {node: hash_in_tile(node, tiles[tile_of(node)]) for node in nodes}


def _nodes(ranges: Iterable[tuple[int, int]]) -> list[Node]:
    return [node for begin, end in ranges for node in perfect_nodes(begin, end)]


def _size(connection: psycopg.Connection) -> int:
    row = connection.execute(_SIZE).fetchone()
    return 0 if row is None else row[0]


def _read_tiles(cursor: psycopg.Cursor, names: Iterable[TileName]) -> dict[TileName, bytes]:
    names = list(names)
    cursor.execute(_TILES, ([name.level for name in names], [name.index for name in names]))
    return {TileName(level, index): hashes for level, index, hashes in cursor.fetchall()}


def _check_width(name: TileName, hashes: bytes, size: int) -> None:
    expected, width = width_at(size, name), len(hashes) // merkle.HASH_BYTES
    if width < expected:
        raise AlteredTree(
            f"tile {name.index} of level {name.level} has {width} hashes, at least {expected} were integrated"
        )


def _integrate_batch(cursor: psycopg.Cursor) -> tuple[int, int]:
    """Integrate up to BATCH_LEAVES; returns the new size and how many were added."""
    size = _size(cursor.connection)
    edge = _read_tiles(cursor, edge_names(size))
    for name in edge_names(size):
        _check_width(name, edge.get(name, b""), size)
    hashes = _leaves(cursor, size)
    builder = TileBuilder(size, edge)
    _store(cursor, builder.extend(hashes))
    return builder.size, builder.size - size


def _leaves(cursor: psycopg.Cursor, size: int) -> bytes:
    """The leaf hashes that come after the first ``size``, up to BATCH_LEAVES of them."""
    cursor.execute(_LEAVES, {"size": size, "limit": BATCH_LEAVES})
    count, last, hashes = cursor.fetchall()[0]
    if last != size + count:
        cursor.execute(_GAP, {"size": size, "last": last})
        (missing,) = cursor.fetchall()[0]
        raise MissingFact(f"position {missing} is missing from the log", position=missing)
    if len(hashes) != count * merkle.HASH_BYTES:
        raise AlteredTree(f"a leaf hash from position {size + 1} to {last} has not {merkle.HASH_BYTES} bytes")
    return hashes


def _store(cursor: psycopg.Cursor, tiles: list[Tile]) -> None:
    if tiles:
        names = [tile.name for tile in tiles]
        cursor.execute(
            _STORE,
            (
                [name.level for name in names],
                [name.index for name in names],
                [tile.width for tile in tiles],
                [tile.hashes for tile in tiles],
            ),
        )
