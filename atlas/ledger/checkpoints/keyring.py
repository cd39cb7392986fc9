"""The verifier keys of one log: the current one, and those that it took over from.

A retired key's time ends with the first checkpoint that a later key has signed. At the hand-over both sign the same
checkpoint, so that whoever knows only the old key learns from it which key comes next.
"""

from collections.abc import Iterable

import msgspec

from atlas.ledger.checkpoints.checkpointer import Checkpoint, parse_checkpoint
from atlas.ledger.checkpoints.notes import SignedNote, Verifier, parse_note
from atlas.ledger.errors import RetiredKey, RootMismatch, UnknownSigner, WrongOrigin


class Signed(msgspec.Struct, frozen=True):
    """A checkpoint, and which keys of the ring (0 is the oldest) have signed it."""

    checkpoint: Checkpoint
    keys: tuple[int, ...]


class KeyRing:
    """The keys of the log ``origin``, the oldest first and the current one last; the origin defaults to its name."""

    def __init__(self, current: Verifier, retired: Iterable[Verifier] = (), *, origin: str | None = None) -> None:
        self.verifiers = (*retired, current)
        self.origin = current.name if origin is None else origin

    @property
    def current(self) -> Verifier:
        """The key that signs today."""
        return self.verifiers[-1]

    def open(self, note: SignedNote | bytes) -> Signed:
        """The checkpoint in a note that at least one of the keys has signed.

        Raises MalformedNote, UnknownSigner, BadSignature (also when only one of several does not fit), WrongOrigin.
        """
        parsed = parse_note(note) if isinstance(note, bytes) else note
        named = {(line.name, line.key_id) for line in parsed.signatures}
        keys = tuple(n for n, key in enumerate(self.verifiers) if (key.name, key.key_id) in named)
        if not keys:
            expected = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in self.verifiers)
            signers = ", ".join(f"{line.name}+{line.key_id.hex()}" for line in parsed.signatures)
            raise UnknownSigner(
                f"the note is not signed by {expected}, but by: {signers}", hint="Is this the log's verifier key?"
            )
        for key in keys:
            self.verifiers[key].verify(parsed)
        checkpoint = parse_checkpoint(parsed.text)
        if checkpoint.origin != self.origin:
            raise WrongOrigin(f"a checkpoint of the log {self.origin!r} is expected, not of {checkpoint.origin!r}")
        return Signed(checkpoint, keys)

    def check_times(self, signed: Iterable[Signed]) -> None:
        """Return when no key has signed beyond its time; ``signed`` are all checkpoints known.

        Raises RetiredKey, and RootMismatch when two roots of one size are signed.
        """
        roots: dict[int, bytes] = {}
        sizes: list[list[int]] = [[] for _ in self.verifiers]
        for one in signed:
            size, root_hash = one.checkpoint.tree_size, one.checkpoint.root_hash
            if roots.setdefault(size, root_hash) != root_hash:
                raise RootMismatch(f"two different roots over {size} facts are signed")
            for key in one.keys:
                sizes[key].append(size)
        for key, verifier in enumerate(self.verifiers[:-1]):
            end = min((size for later in sizes[key + 1 :] for size in later), default=None)
            last = max(sizes[key], default=0)
            if end is not None and last > end:
                raise RetiredKey(
                    f"{verifier.name}+{verifier.key_id.hex()} signed a checkpoint over {last} facts, "
                    f"and its time ended at {end}",
                    hint="A retired key must sign no more: find out who holds it.",
                )
