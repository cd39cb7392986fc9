"""What the log shows to everybody: its latest checkpoint, and the tiles and entries which that checkpoint covers.

Nothing is shown that no checkpoint speaks for: what has been shown may be kept in caches for ever, and only what is
signed can never become something else. Entries are computed from the stored facts and compared with the tree first,
so that a changed fact is an error here and never an answer.
"""

from collections.abc import Iterator

from atlas.ledger.checkpoints.checkpointer import parse_checkpoint
from atlas.ledger.checkpoints.cosignatures import cosignatures
from atlas.ledger.checkpoints.notes import SignedNote, parse_note
from atlas.ledger.errors import AlteredCheckpoint, AlteredFact, MissingFact, NotPublished
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.rfc6962 import leaf_hash
from atlas.ledger.merkle.tiles import TILE_WIDTH, TileName, split_hashes, width_at
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.publication.resources import TileResource, encode_bundle

PAGE_FACTS = 1_000
# A payload may have 16 MB, and several bundles are read at once.
BUNDLE_PAGE_FACTS = 16
_LATEST = b"select tree_size, note from ledger.checkpoints where origin = %s order by tree_size desc limit 1"
_OF_SIZE = b"select note from ledger.checkpoints where origin = %s and tree_size = %s order by signed_at, key_id"
_COSIGNED = b"""
select tree_size from ledger.cosignatures where origin = %s
group by tree_size having count(distinct name) >= %s order by tree_size desc limit 1
"""


class Publication:
    """The published part of the log ``origin``; needs no key.

    Where ``cosignatures_required`` is above 0, the latest checkpoint that so many witnesses have cosigned is the
    latest. Every method raises DatabaseUnreachable.
    """

    def __init__(self, ledger: Ledger, origin: str, *, cosignatures_required: int = 0) -> None:
        self._ledger = ledger
        self._tree = Tree(ledger.database)
        self._cosignatures_required = cosignatures_required
        self.origin = origin

    def checkpoint(self) -> SignedNote:
        """The latest checkpoint with every signature and cosignature of it. Raises NotPublished before the first."""
        return self.checkpoint_of(self.size())

    def checkpoint_of(self, tree_size: int) -> SignedNote:
        """The checkpoint over the first ``tree_size`` facts. Raises NotPublished when none was signed."""
        with self._ledger.database.connection() as connection:
            rows = connection.execute(_OF_SIZE, (self.origin, tree_size)).fetchall()
        if not rows:
            raise NotPublished(
                f"no checkpoint over {tree_size} facts was signed", hint="Name the size of a signed checkpoint."
            )
        first, *others = (parse_note(bytes(note)) for (note,) in rows)
        signatures = list(first.signatures)
        for other in others:
            if other.text != first.text:
                raise AlteredCheckpoint(f"two checkpoints over {tree_size} facts are stored, and they differ")
            signatures += (signature for signature in other.signatures if signature not in signatures)
        signatures += cosignatures(self._ledger.database, parse_checkpoint(first.text))
        return SignedNote(first.text, tuple(signatures))

    def size(self) -> int:
        """How many facts the latest checkpoint covers. Raises NotPublished before the first."""
        with self._ledger.database.connection() as connection:
            if self._cosignatures_required:
                row = connection.execute(_COSIGNED, (self.origin, self._cosignatures_required)).fetchone()
            else:
                row = connection.execute(_LATEST, (self.origin,)).fetchone()
        if row is None:
            raise NotPublished(f"no checkpoint of {self.origin} is published yet", hint="Is `sign` or `up` running?")
        return row[0]

    def read(self, resource: TileResource) -> bytes:
        """The bytes of a tile or an entry bundle. Raises NotPublished, LedgerCorrupt when they are not as signed."""
        name = TileName(resource.level or 0, resource.index)
        covered = width_at(self.size(), name)
        if resource.width > covered:
            raise NotPublished(
                f"{resource.format()} is not covered by the latest checkpoint", hint="Fetch the checkpoint first."
            )
        hashes = self._tree.tile(name, resource.width)
        return hashes if resource.level is not None else self._bundle(resource, split_hashes(hashes))

    def _bundle(self, resource: TileResource, leaves: list[bytes]) -> bytes:
        after = resource.index * TILE_WIDTH
        upto = after + resource.width
        entries = list(stored_entries(self._ledger, after=after, upto=upto, page_facts=BUNDLE_PAGE_FACTS))
        for position, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), start=after + 1):
            if leaf_hash(entry) != leaf:
                raise AlteredFact(f"the fact at position {position} is not the one in the tree", position=position)
        return encode_bundle(entries)


def stored_entries(ledger: Ledger, *, after: int, upto: int, page_facts: int = PAGE_FACTS) -> Iterator[bytes]:
    """The entries of the facts at positions above ``after`` up to and including ``upto``. Raises MissingFact.

    So many facts, with their payloads, are in memory at once.
    """
    expected = after + 1
    while expected <= upto:
        page = list(ledger.facts(after=expected - 1, upto=upto, limit=page_facts))
        if [fact.position for fact in page] != list(range(expected, expected + len(page))) or not page:
            found = {fact.position for fact in page}
            missing = next(position for position in range(expected, upto + 1) if position not in found)
            raise MissingFact(f"position {missing} is missing from the log", position=missing)
        for fact in page:
            yield fact.entry().encode()
        expected += len(page)
