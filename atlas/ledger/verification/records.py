"""Checking the rows beside the facts: the head's, those of archived ranges, checkpoints, cosignatures.

What nothing is signed for is checked for fitting what is: the head's row to the partitions, the archived ranges to one
another, a stored checkpoint's columns to its note, a cosignature's to its checkpoint and its own time. What no reading
of the log can tell is whether an older checkpoint or a cosignature was deleted, when a row was written
(``signed_at``, ``archived_at``), and whether the log was halted once (``halted``).
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from atlas.ledger.checkpoints.checkpointer import parse_checkpoint
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.keyring import KeyRing, Signed
from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, parse_note
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredCheckpoint, AlteredHead, MisplacedFact, NoteError, UnknownPosition
from atlas.ledger.merkle.tree import Tree

# One statement, one snapshot: the log may be archived and dropped meanwhile.
_HEAD = b"""
select (select count(*) from ledger.head), head.position, head.partitioned, head.dropped, head.partition_facts,
       (select min(position) from ledger.events where position between 1 and head.dropped),
       (select count(*) from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = 'ledger.events'::regclass and relname ~ '^events_[0-9]+$'),
       (select coalesce(array_agg(array[first, last] order by first), '{}') from ledger.archives)
from ledger.head
"""
_CHECKPOINTS = b"select origin, key_id, tree_size, root_hash, note from ledger.checkpoints order by tree_size, key_id"
_STRANGERS = b"select tree_size, root_hash from ledger.checkpoints where origin = %s and key_id <> all(%s)"
_COSIGNATURES = b"""
select cosignatures.origin, cosignatures.tree_size, name, cosignatures.key_id, signature, cosigned_at,
       (select min(note) from ledger.checkpoints
        where checkpoints.origin = cosignatures.origin and checkpoints.tree_size = cosignatures.tree_size
          and checkpoints.root_hash = cosignatures.root_hash)
from ledger.cosignatures order by cosignatures.tree_size, name
"""


def check_head(database: Database) -> None:
    """Return when the head's row and the archived ranges fit the partitions. Raises AlteredHead, MisplacedFact."""
    with database.connection() as connection:
        rows = connection.execute(_HEAD).fetchall()
    if len(rows) != 1:
        raise AlteredHead(f"ledger.head has {len(rows)} rows, and has one from its creation on")
    _, position, partitioned, dropped, size, kept, partitions, archived = rows[0]
    if kept is not None:
        raise MisplacedFact(f"position {kept} is in the database, and its partition was dropped", position=kept)
    reached = 0
    for first, last in archived:
        if (first, last) != (reached + 1, reached + size) or last > position:
            raise AlteredHead(
                f"{first} to {last} is recorded as archived, and {reached + 1} to {reached + size} comes next",
                position=reached + 1,
            )
        reached = last
    if dropped % size or dropped > reached:
        raise AlteredHead(f"{dropped} facts are dropped, of {reached} that are archived", position=reached + 1)
    if partitioned % size or partitioned < position or partitions != (partitioned - dropped) // size:
        raise AlteredHead(
            f"there are {partitions} partitions of {size} facts, for positions {dropped + 1} to {partitioned}"
        )


def stored_checkpoints(database: Database, ring: KeyRing) -> list[Signed]:
    """The stored checkpoints that a key of the ring has signed. Raises AlteredCheckpoint when one is not as signed."""
    with database.connection() as connection:
        rows = connection.execute(_CHECKPOINTS).fetchall()
    ours = {key.key_id for key in ring.verifiers}
    signed: list[Signed] = []
    for origin, key_id, tree_size, root_hash, note in rows:
        try:
            parsed = parse_note(bytes(note))
            checkpoint = parse_checkpoint(parsed.text)
            if origin == ring.origin and bytes(key_id) in ours:
                signed.append(ring.open(parsed))
        except NoteError as error:
            raise AlteredCheckpoint(f"the stored checkpoint over {tree_size} facts is refused: {error}") from error
        named = (checkpoint.origin, checkpoint.tree_size, checkpoint.root_hash)
        signers = {line.key_id for line in parsed.signatures}
        if named != (origin, tree_size, bytes(root_hash)) or bytes(key_id) not in signers:
            raise AlteredCheckpoint(f"the columns of the stored checkpoint over {tree_size} facts are not its note's")
    return signed


def check_strangers(database: Database, ring: KeyRing) -> None:
    """Return when no stored checkpoint of this log by another key has another root. Raises AlteredCheckpoint."""
    tree = Tree(database)
    key_ids = [key.key_id for key in ring.verifiers]
    with database.connection() as connection:
        rows = connection.execute(_STRANGERS, (ring.origin, key_ids)).fetchall()
    for tree_size, root_hash in rows:
        if not _is_root(tree, tree_size, bytes(root_hash)):
            raise AlteredCheckpoint(f"a checkpoint over {tree_size} facts is stored that is not one of the log")


def check_cosignatures(database: Database, witnesses: Iterable[Witness]) -> None:
    """Return when each stored cosignature is one of a stored checkpoint; those of ``witnesses`` are verified.

    Raises AlteredCheckpoint.
    """
    known = {(witness.name, witness.key_id): witness for witness in witnesses}
    with database.connection() as connection:
        rows = connection.execute(_COSIGNATURES).fetchall()
    for _, tree_size, name, key_id, signature, cosigned_at, note in rows:
        what = f"the cosignature of {name} over {tree_size} facts"
        if note is None:
            raise AlteredCheckpoint(f"{what} is one of no stored checkpoint")
        if _time(bytes(signature)) != cosigned_at:
            raise AlteredCheckpoint(f"{what} has another time than its row")
        witness = known.get((name, bytes(key_id)))
        if witness is None:
            continue
        line = NoteSignature(name, bytes(key_id), bytes(signature))
        try:
            witness.verify(SignedNote(parse_note(bytes(note)).text, (line,)))
        except NoteError as error:
            raise AlteredCheckpoint(f"{what} is refused: {error.message}") from error


def _is_root(tree: Tree, size: int, root_hash: bytes) -> bool:
    try:
        return tree.root(size) == root_hash
    except UnknownPosition:
        return False


def _time(signature: bytes) -> datetime | None:
    """When a cosignature says that it was made."""
    try:
        return datetime.fromtimestamp(int.from_bytes(signature[:8], "big"), UTC)
    except (ValueError, OverflowError, OSError):
        return None
