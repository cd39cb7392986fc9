"""A worker's identity through changes of its key: its rotations, kept beside its spool.

    <spool>/rotations    frames, 4 bytes big-endian length and the envelope of a rotation, oldest first

The file is written before the rotation is spooled: after a crash between the two, the next start spools it.
"""

import os
import time
from pathlib import Path

from atlas.indexer.workers.errors import KeyUnusable, RequestRefused, SpoolDamaged, SpoolError
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.sdk.content import sync_directory
from atlas.indexer.workers.wire import join_frames, split_frames
from atlas.protocol.batches import open_batch, seal_batch
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import GenerationRecord, seal
from atlas.protocol.ids import checksum_address
from atlas.protocol.rotation import MAX_ROTATIONS, KeyRotation, open_rotation, seal_rotation

_FILE = "rotations"


class Identity:
    """Who a worker is, the address of its first key, and the key that signs for it now."""

    def __init__(self, key: WorkerKey, rotations: tuple[bytes, ...] = ()) -> None:
        """Take the present key and how it came to be that. Raises KeyUnusable for another key."""
        changes = [open_rotation(rotation) for rotation in rotations]
        present = changes[-1].next_key if changes else key.address
        if key.address != present:
            raise KeyUnusable(
                f"the worker's key is {checksum_address(present)} since its last change, not {key!r}",
                hint="Start the worker with the key that it was handed over to.",
            )
        self.address = changes[0].worker if changes else key.address
        self.key = key
        self.rotations = rotations

    @classmethod
    def load(cls, spool: Path, key: WorkerKey) -> "Identity":
        """The identity that the spool knows of. Raises SpoolDamaged, SpoolError, KeyUnusable."""
        file = spool / _FILE
        try:
            rotations = tuple(split_frames(file.read_bytes())) if file.exists() else ()
            return cls(key, rotations)
        except (RequestRefused, InvalidEnvelope) as error:
            raise SpoolDamaged(f"{file} is damaged: {error.message}", hint="Restore it from a backup.") from error
        except OSError as error:
            raise SpoolError(f"{file} cannot be read: {error.strerror}") from error

    def unspooled(self, next_sequence: int) -> bytes | None:
        """The last rotation, when it was not spooled yet; it has the number that comes next."""
        if not self.rotations or open_rotation(self.rotations[-1]).sequence != next_sequence:
            return None
        return self.rotations[-1]

    def seal(self, record: GenerationRecord) -> bytes:
        """The envelope of ``record``, signed by the present key, with the proof that it may sign."""
        if not self.rotations:
            return seal(record, self.key.secret)
        (sealed,) = open_batch(seal_batch([record], self.key.secret, self.rotations))
        return sealed.envelope

    def handed_over(self, next_key: WorkerKey, sequence: int) -> "Identity":
        """The identity after the key changes under number ``sequence``. Raises InvalidEnvelope."""
        if len(self.rotations) >= MAX_ROTATIONS:
            raise InvalidEnvelope(
                "bad_rotation", f"a worker changes its key at most {MAX_ROTATIONS} times", hint="Register a new worker."
            )
        rotation = KeyRotation(
            format=1,
            kind="key-rotation",
            worker=self.address,
            sequence=sequence,
            previous_key=self.key.address,
            next_key=next_key.address,
            rotated_at_ms=time.time_ns() // 1_000_000,
        )
        envelope = seal_rotation(rotation, previous_secret=self.key.secret, next_secret=next_key.secret)
        return Identity(next_key, (*self.rotations, envelope))

    def save(self, spool: Path) -> None:
        """Keep the rotations beside the spool, whole or not at all. Raises OSError."""
        temporary = spool / f".{_FILE}"
        with temporary.open("wb") as file:
            file.write(join_frames(self.rotations))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(spool / _FILE)
        sync_directory(spool)
