"""Import: frames from a file into the ledger, in large batches; what is bad is reported and the rest lands.

A record that is there already is found out by its number, so that an import cut short is simply begun again.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from atlas.indexer.workers.intake.frames import expected_records
from atlas.indexer.workers.intake.importing import Damage, Frame
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.streams import Gap

_BATCH_RECORDS = 4_096
_BATCH_BYTES = 8 << 20
_GAPS_REPORTED = 1_000


class BadFrame(msgspec.Struct, frozen=True):
    """A part of a file that did not land: where it begins, the stable name of the reason, and the reason."""

    offset: int
    code: str
    reason: str


class ImportTally(msgspec.Struct, frozen=True):
    """What became of a file so far; ``gaps`` are numbers that were skipped, the first thousand of them."""

    read_bytes: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    bad: int = 0
    gaps: tuple[Gap, ...] = ()
    elapsed_s: float = 0.0

    @property
    def records(self) -> int:
        """The records that were dealt with."""
        return self.stored + self.duplicates + self.quarantined + self.bad


def import_frames(
    intake: Intake,
    frames: Iterable[Frame | Damage],
    *,
    on_bad: Callable[[BadFrame], None],
    on_progress: Callable[[ImportTally], None],
    clock: Callable[[], float] = time.monotonic,
) -> ImportTally:
    """Take in all frames that can be; ``on_progress`` hears of each batch. Raises DatabaseUnreachable."""
    tally, begun_s = ImportTally(), clock()
    for batch in _batches(frames):
        tally = _take(intake, batch, tally, on_bad)
        tally = msgspec.structs.replace(tally, elapsed_s=clock() - begun_s)
        on_progress(tally)
    return tally


def _take(
    intake: Intake, batch: Sequence[Frame | Damage], tally: ImportTally, on_bad: Callable[[BadFrame], None]
) -> ImportTally:
    bad = [BadFrame(one.offset, "damaged", one.reason) for one in batch if isinstance(one, Damage)]
    frames = [one for one in batch if isinstance(one, Frame)]
    submission = intake.take_all([frame.data for frame in frames])
    bad += [
        BadFrame(frames[refusal.frame].offset, refusal.error.code, refusal.error.message)
        for refusal in submission.refusals
    ]
    for one in sorted(bad, key=lambda one: one.offset):
        on_bad(one)
    duplicates = sum(receipt.duplicate for receipt in submission.receipts)
    last = batch[-1]
    return msgspec.structs.replace(
        tally,
        read_bytes=last.offset + (len(last.data) if isinstance(last, Frame) else last.size_bytes),
        stored=tally.stored + len(submission.receipts) - duplicates,
        duplicates=tally.duplicates + duplicates,
        quarantined=tally.quarantined + submission.quarantined,
        bad=tally.bad + len(bad),
        gaps=(tally.gaps + submission.gaps)[:_GAPS_REPORTED],
    )


def _batches(frames: Iterable[Frame | Damage]) -> Iterator[list[Frame | Damage]]:
    batch: list[Frame | Damage] = []
    records = size_bytes = 0
    for frame in frames:
        batch.append(frame)
        if isinstance(frame, Frame):
            records += expected_records(frame.data)
            size_bytes += len(frame.data)
        if records >= _BATCH_RECORDS or size_bytes >= _BATCH_BYTES or len(batch) >= _BATCH_RECORDS:
            yield batch
            batch, records, size_bytes = [], 0, 0
    if batch:
        yield batch
