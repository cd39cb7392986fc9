"""Proofs as files that are checked offline, with nothing but the log's verifier key.

Inclusion (C2SP tlog-proof; the extra data is the entry, see entries.py):

    c2sp.org/tlog-proof@v1
    extra <base64 of the entry>
    index <position - 1>
    <base64 of a hash> ...               from the leaf's sibling to the root's child

    <signed checkpoint>

Consistency (the request body of C2SP tlog-witness):

    old <tree size>
    <base64 of a hash> ...

    <signed checkpoint of the larger tree>
"""

import base64
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from atlas.ledger.checkpoints.checkpointer import Checkpoint, parse_checkpoint
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import SignedNote, decode_base64, parse_note
from atlas.ledger.errors import InvalidProof, MalformedNote, MalformedProof
from atlas.ledger.merkle.rfc6962 import HASH_BYTES, leaf_hash, verify_consistency, verify_inclusion
from atlas.ledger.recording.entries import Entry, decode_entry

MAX_PROOF_BYTES = 1_000_000
_MAX_HASHES = 63
_HEADER = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class InclusionProof(msgspec.Struct, frozen=True):
    """That ``entry`` is the leaf ``index`` (position - 1) of the tree of the checkpoint in ``note``."""

    entry: bytes
    index: int
    hashes: tuple[bytes, ...]
    note: SignedNote

    def encode(self) -> bytes:
        """The canonical file."""
        head = [_HEADER, f"extra {_text(self.entry)}", f"index {self.index}", *map(_text, self.hashes)]
        return "\n".join([*head, "", ""]).encode() + self.note.encode()

    def check(self, ring: KeyRing) -> tuple[Entry, Checkpoint]:
        """The entry that is proven, and the checkpoint it is proven in. Raises InvalidProof, InvalidFact, NoteError."""
        checkpoint = ring.open(self.note).checkpoint
        verify_inclusion(
            leaf_hash(self.entry), self.index, checkpoint.tree_size, checkpoint.root_hash, list(self.hashes)
        )
        return decode_entry(self.entry), checkpoint


class ConsistencyProof(msgspec.Struct, frozen=True):
    """That the tree of the checkpoint in ``note`` begins with a tree of ``old_size`` leaves."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: SignedNote

    def encode(self) -> bytes:
        """The canonical file."""
        return "\n".join([f"old {self.old_size}", *map(_text, self.hashes), "", ""]).encode() + self.note.encode()

    def check(self, old_note: SignedNote | bytes, ring: KeyRing) -> tuple[Checkpoint, Checkpoint]:
        """The older checkpoint and the newer one, which extends it. Raises InvalidProof, NoteError."""
        old, new = ring.open(old_note).checkpoint, ring.open(self.note).checkpoint
        if old.tree_size != self.old_size:
            raise InvalidProof(
                f"the proof begins at {self.old_size} facts, and the older checkpoint covers {old.tree_size}",
                hint="Ask for a proof from the size of the checkpoint that you hold.",
            )
        verify_consistency(old.tree_size, new.tree_size, old.root_hash, new.root_hash, list(self.hashes))
        return old, new


AnyProof = TypeVar("AnyProof", InclusionProof, ConsistencyProof)


def parse_inclusion_proof(data: bytes) -> InclusionProof:
    """The proof in a file, not checked. Raises MalformedProof, MalformedNote unless the form is exact."""
    lines, note = _split(data)
    if len(lines) < 3 or lines[0] != _HEADER or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise MalformedProof(
            f"an inclusion proof begins with the lines {_HEADER!r}, 'extra …' and 'index …'",
            hint="Proofs of other logs may lack the extra line, which holds the entry here.",
        )
    entry = _bytes(lines[1].removeprefix("extra "), "the entry")
    proof = InclusionProof(entry, _number(lines[2].removeprefix("index ")), _hashes(lines[3:]), note)
    return _canonical(proof, data)


def parse_consistency_proof(data: bytes) -> ConsistencyProof:
    """The proof in a file, not checked. Raises MalformedProof, MalformedNote unless the form is exact."""
    lines, note = _split(data)
    if not lines[0].startswith("old "):
        raise MalformedProof("a consistency proof begins with the line 'old <tree size>'")
    return _canonical(ConsistencyProof(_number(lines[0].removeprefix("old ")), _hashes(lines[1:]), note), data)


def _canonical(proof: AnyProof, data: bytes) -> AnyProof:
    if proof.encode() != data:
        raise MalformedProof("the bytes of this proof are not in canonical form")
    return proof


def _split(data: bytes) -> tuple[list[str], SignedNote]:
    """The lines before the first empty one, and the checkpoint after it."""
    if len(data) > MAX_PROOF_BYTES:
        raise MalformedProof(f"a proof has at most {MAX_PROOF_BYTES} bytes, not {len(data)}")
    head, separator, note = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise MalformedProof("a proof is UTF-8 text") from error
    if not separator:
        raise MalformedProof("a proof has an empty line before its checkpoint")
    parsed = parse_note(note)
    parse_checkpoint(parsed.text)
    return lines, parsed


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > _MAX_HASHES:
        raise MalformedProof(f"a proof has at most {_MAX_HASHES} hashes, not {len(lines)}")
    hashes = tuple(_bytes(line, "a hash") for line in lines)
    if any(len(value) != HASH_BYTES for value in hashes):
        raise MalformedProof(f"each hash of a proof has {HASH_BYTES} bytes")
    return hashes


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise MalformedProof(f"a decimal number without leading zeros is expected, not {text[:40]!r}")
    return int(text)


def _bytes(text: str, what: str) -> bytes:
    try:
        return decode_base64(text, what)
    except MalformedNote as error:
        raise MalformedProof(error.message) from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
