"""Verifying a part of the log, against the same signature as the whole.

The leaves of the range are recomputed from the stored facts; with the stored tree's hashes of what lies to the left
and to the right they must give the signed root. So a change within the range is always found; a change outside is
not looked for, unless it broke the tree's hashes.
"""

from collections.abc import Callable, Iterator

from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import SignedNote
from atlas.ledger.errors import AlteredFact, RootMismatch, UnknownPosition
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import leaf_hash, ranges_around, root_around
from atlas.ledger.merkle.tiles import TILE_WIDTH, TileName, split_hashes, width_at
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.publication.published import stored_entries
from atlas.ledger.recovery import behind_checkpoint

Progress = Callable[[int, int], None]


def verify_range(
    ledger: Ledger,
    note: SignedNote | bytes,
    ring: KeyRing,
    *,
    first: int,
    last: int,
    progress: Progress | None = None,
) -> None:
    """Return when the facts at positions ``first`` to ``last`` are those under the signed checkpoint in ``note``.

    ``progress`` is called now and then with the position reached and ``last``. Raises UnknownPosition beyond the
    checkpoint, a LedgerCorrupt that names the first position wrong, a NoteError, DatabaseUnreachable.
    """
    checkpoint = ring.open(note).checkpoint
    size = checkpoint.tree_size
    if not 1 <= first <= last <= size:
        raise UnknownPosition(
            f"positions {first} to {last} are not all within the {size} that the checkpoint covers",
            hint=f"Name positions from 1 to {size}, the first before the last, or take a newer checkpoint.",
        )
    if ledger.head() < size:
        raise behind_checkpoint(ledger.database, size, ledger.head())
    tree = Tree(ledger.database)
    around = tree.range_hashes(ranges_around(first - 1, last, size), size)
    leaves = _leaves(ledger, tree, first=first, last=last, size=size, progress=progress)
    root_hash = root_around(first - 1, last, size, leaves, around)
    if root_hash != checkpoint.root_hash:
        raise RootMismatch(
            f"positions {first} to {last} fit the stored tree, but its root over {size} facts is {root_hash.hex()}, "
            f"and {checkpoint.root_hash.hex()} is signed"
        )


def _leaves(
    ledger: Ledger, tree: Tree, *, first: int, last: int, size: int, progress: Progress | None
) -> Iterator[bytes]:
    """The recomputed leaf hashes, each compared with the one in the tree."""
    stored: list[bytes] = []
    for index, entry in enumerate(stored_entries(ledger, after=first - 1, upto=last), start=first - 1):
        if index % TILE_WIDTH == 0 or not stored:
            name = TileName(0, index // TILE_WIDTH)
            stored = split_hashes(tree.tile(name, width_at(size, name)))
            if progress is not None:
                progress(index, last)
        leaf = leaf_hash(entry)
        if leaf != stored[index % TILE_WIDTH]:
            raise AlteredFact(f"the fact at position {index + 1} is not the one in the tree", position=index + 1)
        yield leaf
