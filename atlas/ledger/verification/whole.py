"""Reading the whole log again and comparing it with what was signed.

Every leaf is recomputed from the stored columns and compared with the stored leaf hash; the tree is grown from the
leaves and compared with the stored tiles, as it grows; its root is compared with the checkpoint given and, on the way,
with every stored checkpoint of the same key. What is found first is named, by position where that can be told:

    a column of a fact edited                          AlteredFact
    a fact deleted, or moved away                      MissingFact
    a fact at a position the log does not have         MisplacedFact
    edited, inserted or swapped, with the leaf hash    AlteredTree
    the tiles rewritten as well                        RootMismatch, between two checkpoints
    a stored checkpoint edited                         AlteredCheckpoint
    cut off below a checkpoint                         LedgerBehindCheckpoint, and the log is halted (recovery.py)
    a payload taken out without a recorded decision    AlteredFact
    a key edited, inserted or deleted                  AlteredKey
    the head's row, or which ranges are archived       AlteredHead
    a file of the archive gone, or changed             MissingArchive, AlteredArchive
    a view, function, trigger or partition that lies   AlteredSchema

What comes after the checkpoint is checked too, but nothing signed speaks for it yet. The log is streamed: memory is
bounded by the driver's batches of some 16 MB.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import psycopg

from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.keyring import KeyRing, Signed
from atlas.ledger.checkpoints.notes import SignedNote, Verifier
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AlteredKey,
    AlteredTree,
    MisplacedFact,
    MissingFact,
    RootMismatch,
)
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import HASH_BYTES
from atlas.ledger.merkle.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, TileBuilder, TileName, width_at
from atlas.ledger.recovery import behind_checkpoint
from atlas.ledger.verification.archived import check_range
from atlas.ledger.verification.leaves import Leaves, archived_ranges
from atlas.ledger.verification.records import check_cosignatures, check_head, check_strangers, stored_checkpoints
from atlas.ledger.verification.schema import check_schema

Progress = Callable[[int, int], None]

# One statement, one snapshot: appends go on meanwhile.
_BOUNDS = b"""
select head.position,
       least((select min(position) from ledger.events where position < 1),
             (select min(position) from ledger.events where position > head.position))
from ledger.head
"""
_UNKEYED = b"""
select min(events.position) from ledger.events where events.position <= %s and not exists (
    select from ledger.keys
    where keys.stream = events.stream and keys.version = events.version and keys.position = events.position
)
"""
_KEYS = b"select count(*) from ledger.keys where position <= %s"
# One statement, one snapshot. A key that leads beyond the log would keep its fact from ever being recorded.
_KEY_BEYOND = b"select min(keys.position) from ledger.keys, ledger.head where keys.position > head.position"
_STRAY_KEY = b"""
select min(position) from (
    select position from ledger.keys where position <= %s group by position having count(*) > 1 or position < 1
) as stray
"""
_LEVELS = b"select level, count(*), sum(width)::bigint from ledger.tiles group by level"
_TILES = b"""
select tiles.level, tiles.index, tiles.width, tiles.hashes
from unnest(%b::smallint[], %b::bigint[]) as wanted (level, index) join ledger.tiles using (level, index)
"""


def verify_ledger(
    ledger: Ledger,
    note: SignedNote | bytes,
    verifier: Verifier,
    *,
    retired: Sequence[Verifier] = (),
    witnesses: Sequence[Witness] = (),
    progress: Progress | None = None,
) -> None:
    """Return when every stored byte of the log is as the signed checkpoint in ``note`` says.

    ``retired`` are the log's earlier keys, oldest first; each is believed for its time. Cosignatures of ``witnesses``
    are verified. ``progress`` is called now and then with the position reached and the head. Raises a LedgerCorrupt
    that names the first thing wrong, a NoteError when the note itself or an archived one is refused,
    DatabaseUnreachable.
    """
    ring = KeyRing(verifier, retired)
    signed = stored_checkpoints(ledger.database, ring)
    roots = _signed_roots([ring.open(note), *signed], ring)
    stored = _StoredTree(ledger.database)
    head = _checked_head(ledger.database, stored.size, max(roots))
    check_head(ledger.database)
    leaves_of = Leaves(ledger)
    builder = TileBuilder(0, {})
    _check_root(builder, roots)
    for leaves in leaves_of.pages(head):
        for part in _cut(leaves, builder.size, roots):
            stored.compare(builder.extend(part))
            _check_root(builder, roots)
        if progress is not None:
            progress(builder.size, head)
    _check_integrated(stored.size, signed)
    _check_keys(ledger.database, head)
    for part in archived_ranges(ledger, upto=head):
        check_range(ledger, ring, part)
    check_strangers(ledger.database, ring)
    check_cosignatures(ledger.database, witnesses)
    check_schema(ledger.database)


def _signed_roots(signed: Sequence[Signed], ring: KeyRing) -> dict[int, bytes]:
    """Root hashes by tree size: of the checkpoint given and of every stored one that a key of the ring signed."""
    ring.check_times(signed)
    return {one.checkpoint.tree_size: one.checkpoint.root_hash for one in signed}


def _check_integrated(size: int, signed: Sequence[Signed]) -> None:
    """Return when the tree covers what was signed here, which is integrated before. Raises AlteredTree."""
    covered = max((one.checkpoint.tree_size for one in signed), default=0)
    if size < covered:
        raise AlteredTree(f"the tree covers {size} facts, and a checkpoint over {covered} is stored", position=size + 1)


def _checked_head(database: Database, integrated: int, signed: int) -> int:
    """The head, when the log's positions fit it and everything integrated and signed."""
    with database.connection() as connection:
        row = connection.execute(_BOUNDS).fetchone()
    if row is None:
        raise MissingFact("the row of ledger.head is gone, which is created with the table")
    head, outside = row
    if signed > head:
        raise behind_checkpoint(database, signed, head)
    if outside is not None:
        raise MisplacedFact(f"a fact is stored at position {outside}, and the log has 1 to {head}", position=outside)
    if integrated > head:
        raise AlteredTree(f"the tree covers {integrated} facts, and the log has {head}", position=head + 1)
    return head


def _check_keys(database: Database, head: int) -> None:
    """Return when each fact's stream and version leads to it, and nothing else is a key. Raises AlteredKey."""
    with database.connection() as connection:
        ((position,),) = connection.execute(_UNKEYED, (head,)).fetchall()
        if position is not None:
            raise AlteredKey(f"the key of the fact at position {position} does not lead to it", position=position)
        ((keys,),) = connection.execute(_KEYS, (head,)).fetchall()
        if keys != head:
            ((position,),) = connection.execute(_STRAY_KEY, (head,)).fetchall()
            raise AlteredKey(f"the log has {head} facts, and {keys} keys", position=position)
        ((position,),) = connection.execute(_KEY_BEYOND).fetchall()
        if position is not None:
            raise AlteredKey(f"a key leads to position {position}, which is beyond the log", position=position)


def _cut(leaves: bytes, size: int, roots: Mapping[int, bytes]) -> Iterator[bytes]:
    """The leaves in parts that end where a root is signed."""
    count = len(leaves) // HASH_BYTES
    cuts = sorted(signed - size for signed in roots if size < signed < size + count)
    for begin, end in zip([0, *cuts], [*cuts, count], strict=True):
        yield leaves[begin * HASH_BYTES : end * HASH_BYTES]


def _check_root(builder: TileBuilder, roots: Mapping[int, bytes]) -> None:
    signed = roots.get(builder.size)
    if signed is not None and builder.root() != signed:
        good = max((size for size in roots if size < builder.size), default=0)
        raise RootMismatch(
            f"the first {builder.size} facts hash to {builder.root().hex()}, and {signed.hex()} is signed; "
            f"the first {good} are as signed, so the change lies at position {good + 1} to {builder.size}",
            position=good + 1,
        )


class _StoredTree:
    """The stored tiles, as far as they reach: appends and integration may go on meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.connection() as connection:
            levels = {level: (count, total) for level, count, total in connection.execute(_LEVELS).fetchall()}
        self.size = levels.get(0, (0, 0))[1]
        for level in range(max(levels, default=0) + 2):
            nodes = self.size >> (TILE_HEIGHT * level)
            expected = (-(-nodes // TILE_WIDTH), nodes)
            if levels.get(level, (0, 0)) != expected:
                raise AlteredTree(
                    f"level {level} of a tree over {self.size} facts has {expected[0]} tiles with {nodes} hashes, "
                    f"not {levels.get(level, (0, 0))}"
                )

    def compare(self, tiles: list[Tile]) -> None:
        """Return when the stored tiles agree with these, as far as both reach. Raises AlteredTree."""
        with self._database.connection() as connection, connection.cursor(binary=True) as cursor:
            stored = _read(cursor, [tile.name for tile in tiles])
        for tile in sorted(tiles, key=lambda tile: tile.name):
            self._compare(tile, stored.get(tile.name, b""))

    def _compare(self, tile: Tile, stored: bytes) -> None:
        required = min(tile.width, width_at(self.size, tile.name)) * HASH_BYTES
        shared = min(len(stored), len(tile.hashes))
        if shared >= required and stored[:shared] == tile.hashes[:shared]:
            return
        wrong = next(
            (place for place in range(tile.width) if _hash_at(stored, place) != _hash_at(tile.hashes, place)),
            0,
        )
        position = ((tile.name.index * TILE_WIDTH + wrong) << (TILE_HEIGHT * tile.name.level)) + 1
        raise AlteredTree(
            f"hash {wrong} of tile {tile.name.index} at level {tile.name.level} is not that of the facts from position "
            f"{position}: the facts or the tile were changed",
            position=position,
        )


def _hash_at(hashes: bytes, place: int) -> bytes:
    return hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES]


def _read(cursor: psycopg.Cursor, names: list[TileName]) -> dict[TileName, bytes]:
    cursor.execute(_TILES, ([name.level for name in names], [name.index for name in names]))
    rows = cursor.fetchall()
    return {TileName(level, index): hashes[: width * HASH_BYTES] for level, index, width, hashes in rows}
