"""What the readers of one decoding share: the data, the verdicts, and how strict to be."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import pyarrow as pa

from atlas.protocol.abi.heap import Heap, Places, Positions
from atlas.protocol.abi.verdicts import Verdicts
from atlas.protocol.abi.words import Mask, Words
from atlas.protocol.logs import ArrowArray

_EXPANSION = 8


@dataclass(frozen=True)
class Reading:
    """One event's logs while they are decoded."""

    heap: Heap
    verdicts: Verdicts
    strict: bool

    def refuse(self, places: Places, mask: Mask, reason: str, detail: str) -> bool:
        """Refuse the logs of the masked places; whether there are any."""
        refused = bool(mask.any())
        if refused:
            self.verdicts.refuse(places.rows[mask], reason, detail)
        return refused

    def refuse_short(self, places: Places, mask: Mask, label: str) -> bool:
        """Refuse the logs of masked places that end too early; whether there are any."""
        if not mask.any():
            return False
        at_end = places.limits == self.heap.ends[places.rows]
        self.refuse(places, mask & ~at_end, "non_canonical", f"{label} goes on where what follows it begins")
        self.refuse(places, mask & at_end, "short_data", f"{label} goes on after the end of the data")
        return True

    def excessive(self, places: Places, sizes: Positions | int) -> Mask | None:
        """Which places belong to logs whose values would take many times their data; None when none does.

        Only lenient layouts may have several offsets point at one tail: a log's every parameter could then read its
        whole data once for each word of it, and each level of nesting as often again.
        """
        if self.strict:
            return None
        weights = np.broadcast_to(np.asarray(sizes, np.float64), len(places))
        taken = np.bincount(places.rows, weights, minlength=len(self.heap))
        excess = taken > _EXPANSION * (self.heap.ends - self.heap.starts)
        return excess[places.rows] if excess.any() else None


@runtime_checkable
class StaticReader(Protocol):
    """Reads a type that takes the same number of words in every log."""

    @property
    def words(self) -> int:
        """How many words a value takes."""
        ...

    def read(self, reading: Reading, block: Words, rows: Positions) -> ArrowArray:
        """The values in ``block``, (count, words, 4), of logs ``rows``."""
        ...


@runtime_checkable
class TailReader(Protocol):
    """Reads a dynamic type, which an offset in the heads points at."""

    @property
    def minimum_bytes(self) -> int:
        """What every value takes at least."""
        ...

    def read(self, reading: Reading, places: Places) -> tuple[ArrowArray, Positions]:
        """The values at ``places``, each with at least the minimum of bytes, and where each ends."""
        ...


Reader: TypeAlias = StaticReader | TailReader


def read_tails(
    reader: TailReader, reading: Reading, places: Places, sound: Mask, label: str
) -> tuple[ArrowArray, Positions]:
    """What ``reader`` reads at the ``sound`` places with enough bytes; null at the others, whose logs are refused."""
    short = places.limits - places.starts < reader.minimum_bytes
    reading.refuse_short(places, sound & short, label)
    sound = sound & ~short
    if (excess := reading.excessive(places, reader.minimum_bytes)) is not None:
        reading.refuse(places, excess, "excessive", f"{label} reads the same data many times")
        sound &= ~excess
    if sound.all():
        return reader.read(reading, places)
    array, ends = reader.read(reading, places.where(sound))
    all_ends = places.limits.copy()
    all_ends[sound] = ends
    return scattered(array, sound), all_ends


def scattered(array: ArrowArray, mask: Mask) -> ArrowArray:
    """The values at the places of the mask, null at the others."""
    return array.take(pa.array(np.cumsum(mask) - 1, mask=~mask))
