"""Cosignatures of checkpoints by witnesses (C2SP tlog-cosignature, Ed25519, version 1).

    signature line   "— <witness> <base64 of key id, timestamp and signature>"
    timestamp        8 bytes, big-endian, seconds since 1970
    key id           the first 4 bytes of SHA-256(<name> || 0x0A || 0x04 || public key)
    signed message   "cosignature/v1\\n", "time <timestamp>\\n", the text of the checkpoint
    verifier key     <name>+<key id, 8 hex digits>+<base64 of 0x04 and the public key>

A cosignature says that the witness had seen no larger and no other log of this origin at that time. Table
``ledger.cosignatures(origin, tree_size, root_hash, name, key_id, signature, cosigned_at)`` keeps the newest of each
witness and checkpoint, checked before they are stored.
"""

from datetime import UTC, datetime
from operator import itemgetter

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from atlas.ledger.checkpoints.checkpointer import Checkpoint, parse_checkpoint
from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, check_name, format_key, key_id_of, split_key
from atlas.ledger.database import Database
from atlas.ledger.errors import BadSignature, InvalidKey, UnknownSigner

_COSIGNER = b"\x04"
_TIMESTAMP_BYTES = 8
_SIGNATURE_BYTES = 64
_MAX_TIMESTAMP_S = 2**63 - 1
_OF_CHECKPOINT = b"""
select name, key_id, signature from ledger.cosignatures
where origin = %s and tree_size = %s and root_hash = %s order by cosigned_at, name, key_id
"""
_STORE = b"""
insert into ledger.cosignatures (origin, tree_size, root_hash, name, key_id, signature, cosigned_at)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (origin, tree_size, name, key_id) do update
set root_hash = excluded.root_hash, signature = excluded.signature, cosigned_at = excluded.cosigned_at
"""
_LAST_SIZE = b"select coalesce(max(tree_size), 0) from ledger.cosignatures where origin = %s and name = %s"


class Witness:
    """A witness's public key of 32 bytes under its name. Raises InvalidKey when either is none."""

    def __init__(self, name: str, public_key: bytes) -> None:
        check_name(name)
        if len(public_key) != 32:
            raise InvalidKey(f"an Ed25519 key has 32 bytes, not {len(public_key)}")
        self.name = name
        self.public_key = public_key
        self.key_id = key_id_of(name, _COSIGNER, public_key)

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """The witness in a ``vkey`` line. Raises InvalidKey."""
        name, key_id, public_key = split_key(text.strip(), "<name>+<key id>+<base64>", _COSIGNER)
        witness = cls(name, public_key)
        if witness.key_id != key_id:
            raise InvalidKey(f"the key id is {key_id.hex()}, but name and key give {witness.key_id.hex()}")
        return witness

    def format(self) -> str:
        """The ``vkey`` text, without a newline."""
        return format_key(self.name, self.key_id, _COSIGNER + self.public_key)

    def verify(self, note: SignedNote) -> datetime:
        """When this witness cosigned the checkpoint, latest. Raises UnknownSigner, BadSignature, MalformedNote."""
        return self.newest(note)[0]

    def newest(self, note: SignedNote) -> tuple[datetime, NoteSignature]:
        """The latest cosignature of this witness, and its time; all are verified. Raises as ``verify``."""
        mine = [line for line in note.signatures if line.name == self.name and line.key_id == self.key_id]
        if not mine:
            raise UnknownSigner(f"the checkpoint is not cosigned by {self.name}+{self.key_id.hex()}")
        parse_checkpoint(note.text)
        return max(((self._verify(line, note.text), line) for line in mine), key=itemgetter(0))

    def _verify(self, line: NoteSignature, text: str) -> datetime:
        timestamp_s = int.from_bytes(line.signature[:_TIMESTAMP_BYTES], "big")
        signature = line.signature[_TIMESTAMP_BYTES:]
        if len(signature) != _SIGNATURE_BYTES or timestamp_s > _MAX_TIMESTAMP_S:
            raise BadSignature(f"the cosignature of {self.name} is not a time and 64 bytes")
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public_key)
            key.verify(signature, cosigned_message(text, timestamp_s))
            return datetime.fromtimestamp(timestamp_s, UTC)
        except InvalidSignature as error:
            raise BadSignature(f"the cosignature of {self.name} does not fit the checkpoint") from error
        except (ValueError, OverflowError, OSError) as error:
            raise BadSignature(f"the cosignature of {self.name} has the time {timestamp_s}, which is none") from error


def cosigned_message(text: str, timestamp_s: int) -> bytes:
    """What a witness signs."""
    return f"cosignature/v1\ntime {timestamp_s}\n{text}".encode()


def cosignatures(database: Database, checkpoint: Checkpoint) -> list[NoteSignature]:
    """The stored cosignatures of a checkpoint, oldest first."""
    row = (checkpoint.origin, checkpoint.tree_size, checkpoint.root_hash)
    with database.connection() as connection:
        rows = connection.execute(_OF_CHECKPOINT, row).fetchall()
    return [NoteSignature(name, bytes(key_id), bytes(signature)) for name, key_id, signature in rows]


def store_cosignature(database: Database, note: SignedNote, witness: Witness) -> datetime:
    """Keep the witness's cosignature of a checkpoint that was signed here, once it is verified; its time.

    Raises UnknownSigner, BadSignature, MalformedNote.
    """
    cosigned_at, line = witness.newest(note)
    checkpoint = parse_checkpoint(note.text)
    key = (checkpoint.origin, checkpoint.tree_size, checkpoint.root_hash, witness.name, witness.key_id)
    with database.connection() as connection:
        connection.execute(_STORE, (*key, line.signature, cosigned_at))
    return cosigned_at


def last_cosigned_size(database: Database, origin: str, witness: Witness) -> int:
    """The tree size that the witness cosigned last, as far as is known here; 0 when it never did."""
    with database.connection() as connection:
        return connection.execute(_LAST_SIZE, (origin, witness.name)).fetchall()[0][0]
