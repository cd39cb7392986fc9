"""What the intake answers: what became of a submission, record by record."""

import msgspec

from atlas.indexer.workers.errors import IntakeError
from atlas.indexer.workers.intake.streams import Gap
from atlas.protocol.errors import InvalidEnvelope

Refused = InvalidEnvelope | IntakeError


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """A stored record: whose, its number, its id, its position in the log; ``duplicate`` if it was there before."""

    worker: bytes
    sequence: int
    record_id: bytes
    position: int
    duplicate: bool


class Refusal(msgspec.Struct, frozen=True):
    """A record that was not stored, its place in the submission, that of its frame, and why.

    A batch that does not open is refused as a whole, under the place of its first record.
    """

    index: int
    error: Refused
    frame: int = 0


class Submission(msgspec.Struct, frozen=True):
    """What became of a submission: stored records in order, refused ones, gaps left open, and how many were put apart.

    Unless asked to go on, the intake stops at the first refusal; records after it were not looked at.
    """

    receipts: tuple[Receipt, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    gaps: tuple[Gap, ...] = ()
    quarantined: int = 0

    @property
    def refusal(self) -> Refusal | None:
        """The first refusal."""
        return self.refusals[0] if self.refusals else None
