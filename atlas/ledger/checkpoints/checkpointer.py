"""Checkpoints: the log's size and root hash, signed (C2SP tlog-checkpoint).

    <origin>\\n                      the log's name, also the customary name of its key
    <tree size>\\n                   decimal, the position of the last fact covered
    <root hash>\\n                   base64 of 32 bytes
    <extension>\\n ...               none are written here, and those of others are kept

Table ``ledger.checkpoints(origin, key_id, tree_size, root_hash, note, signed_at)`` keeps each one that was signed.
"""

import base64
import re
from collections.abc import Callable, Iterable

import msgspec

from atlas.ledger.checkpoints.keys import SigningKey
from atlas.ledger.checkpoints.notes import SignedNote, Verifier, decode_base64, parse_note
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    InvalidKey,
    MalformedNote,
    RetiredKey,
    RootMismatch,
    WrongOrigin,
)
from atlas.ledger.merkle.rfc6962 import HASH_BYTES
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.recovery import behind_checkpoint, require_appending

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LATEST = b"""
select note from ledger.checkpoints
where origin = %s and key_id = %s and tree_size <= %s order by tree_size desc limit 1
"""
_STORE = b"""
insert into ledger.checkpoints (origin, key_id, tree_size, root_hash, note) values (%s, %s, %s, %s, %s)
on conflict (origin, key_id, tree_size) do update set note = excluded.note
where length(excluded.note) > length(checkpoints.note)
"""
_ANY_SIZE = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True):
    """The first ``tree_size`` facts of the log ``origin`` hash to ``root_hash``, 32 bytes."""

    origin: str
    tree_size: int
    root_hash: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The lines that are signed."""
        root = base64.b64encode(self.root_hash).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.tree_size, root, *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the text of a note. Raises MalformedNote unless the form is exact."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise MalformedNote("a checkpoint has an origin, a tree size and a root hash, and no empty line")
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise MalformedNote(f"a tree size is a decimal number without leading zeros, not {size[:40]!r}")
    root_hash = decode_base64(root, "a root hash")
    if len(root_hash) != HASH_BYTES:
        raise MalformedNote(f"a root hash has {HASH_BYTES} bytes, not {len(root_hash)}")
    return Checkpoint(origin, int(size), root_hash, tuple(extensions))


def open_checkpoint(note: SignedNote | bytes, verifier: Verifier, *, origin: str | None = None) -> Checkpoint:
    """The checkpoint in a note that ``verifier`` has signed; ``origin`` defaults to the verifier's name.

    Raises MalformedNote, UnknownSigner, BadSignature, WrongOrigin.
    """
    parsed = parse_note(note) if isinstance(note, bytes) else note
    verifier.verify(parsed)
    checkpoint = parse_checkpoint(parsed.text)
    expected = verifier.name if origin is None else origin
    if checkpoint.origin != expected:
        raise WrongOrigin(f"a checkpoint of the log {expected!r} is expected, not of {checkpoint.origin!r}")
    return checkpoint


def latest_note(database: Database, key: Verifier, *, upto: int = _ANY_SIZE) -> SignedNote | None:
    """The stored note of ``key`` of the largest tree size, not above ``upto``; None when there is none."""
    with database.connection() as connection:
        row = connection.execute(_LATEST, (key.name, key.key_id, upto)).fetchone()
    return None if row is None else parse_note(bytes(row[0]))


class Checkpointer:
    """Signs the log's checkpoints; its key's name is the log's origin, ``retired`` are the keys before it.

    It signs nothing that contradicts what the database says was signed before, by it or by a key before it: a
    signature is for ever. A database restored from an older copy has forgotten its latest signatures: so ``keep``
    gets each note before it is published, and raises when it must not be (high_water.py).
    """

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        retired: Iterable[Verifier] = (),
        *,
        keep: Callable[[SignedNote], None] | None = None,
    ) -> None:
        self._database = database
        self._tree = Tree(database)
        self._key = key
        self._retired = tuple(retired)
        self._keep = keep
        self.origin = key.verifier.name

    @property
    def verifier(self) -> Verifier:
        """With which its notes are verified."""
        return self._key.verifier

    @property
    def retired(self) -> tuple[Verifier, ...]:
        """The keys before this one, oldest first."""
        return self._retired

    def checkpoint(self) -> SignedNote:
        """Integrate the log, and sign and store what it has become; an unchanged log gives the note signed before.

        Raises RootMismatch or LedgerBehindCheckpoint when the log does not extend the last checkpoint, RetiredKey
        when this key has handed over to another, and then signs nothing; a log that is behind is halted
        (recovery.py), and one that is halted gets no new checkpoint: AppendingHalted. Raises SigningFailed,
        DatabaseUnreachable, and what ``keep`` does.
        """
        # In this order: whoever signs meanwhile signs for more than was integrated here.
        last = self.latest()
        before = [open_checkpoint(note, key) for key in self._retired if (note := latest_note(self._database, key))]
        size = self._tree.integrate()
        for signed in before:
            self._require_extension(signed, size)
        if last is not None:
            previous = open_checkpoint(last, self.verifier)
            self._require_extension(previous, size)
            self._require_in_office(last)
            if previous.tree_size == size:
                if self._keep is not None:
                    self._keep(last)
                return last
        return self._sign(Checkpoint(self.origin, size, self._tree.root(size)))

    def hand_over(self, successor: SigningKey) -> SignedNote:
        """Sign the log as it is now together with the key that comes next; this key signs no more afterwards.

        Raises InvalidKey when the successor has another name or is the same key, and what ``checkpoint`` raises.
        """
        verifier = successor.verifier
        if verifier.name != self.origin or verifier.key_id == self.verifier.key_id:
            raise InvalidKey(
                f"a new key with the name {self.origin} is expected, not {verifier.format()}",
                hint="Make one with `atlas-ledger keys next`.",
            )
        note = self.checkpoint()
        both = SignedNote(note.text, (*note.signatures, *successor.sign(note.text).signatures))
        for key in (self.verifier, verifier):
            self._store(key, parse_checkpoint(note.text), both)
        return both

    def checkpoint_at(self, size: int) -> SignedNote:
        """The signed checkpoint over exactly the first ``size`` facts, signed now unless it was before.

        One of the time of a retired key is kept with what it is asked for, not among the stored checkpoints, where it
        would say that this key had taken over then. Raises UnknownPosition above the log, and as ``checkpoint``.
        """
        self.checkpoint()
        for key in (self.verifier, *self._retired):
            stored = latest_note(self._database, key, upto=size)
            if stored is not None and open_checkpoint(stored, key).tree_size == size:
                return stored
        checkpoint = Checkpoint(self.origin, size, self._tree.root(size))
        if any(self._signed_above(key, size) for key in self._retired):
            return self._key.sign(checkpoint.text())
        return self._sign(checkpoint)

    def latest(self, *, upto: int = _ANY_SIZE) -> SignedNote | None:
        """The stored note of the largest tree size, not above ``upto``; None when there is none."""
        return latest_note(self._database, self.verifier, upto=upto)

    def _signed_above(self, key: Verifier, size: int) -> bool:
        note = latest_note(self._database, key)
        return note is not None and open_checkpoint(note, key).tree_size > size

    def _require_extension(self, previous: Checkpoint, size: int) -> None:
        if previous.tree_size > size:
            raise behind_checkpoint(self._database, previous.tree_size, size)
        root_hash = self._tree.root(previous.tree_size)
        if root_hash != previous.root_hash:
            raise RootMismatch(
                f"the root over {previous.tree_size} facts was signed as {previous.root_hash.hex()}, "
                f"and is {root_hash.hex()} now"
            )

    def _require_in_office(self, last: SignedNote) -> None:
        known = {key.key_id for key in (self.verifier, *self._retired)}
        for line in last.signatures:
            if line.name == self.origin and line.key_id not in known:
                raise RetiredKey(
                    f"the key {line.name}+{line.key_id.hex()} has signed together with "
                    f"{self.verifier.key_id.hex()}, and one of the two has handed over to the other",
                    hint="Configure the newer key, and list the older one in ledger.retired_keys.",
                )

    def _sign(self, checkpoint: Checkpoint) -> SignedNote:
        # What others hold a signature for may be another history: an operator decides first.
        require_appending(self._database)
        note = self._key.sign(checkpoint.text())
        if self._keep is not None:
            self._keep(note)
        self._store(self.verifier, checkpoint, note)
        return note

    def _store(self, key: Verifier, checkpoint: Checkpoint, note: SignedNote) -> None:
        row = (checkpoint.origin, key.key_id, checkpoint.tree_size, checkpoint.root_hash, note.encode())
        with self._database.connection() as connection:
            connection.execute(_STORE, row)
