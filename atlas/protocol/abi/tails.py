"""Readers of dynamic types: content, lists and tuples with something dynamic in them.

    string, bytes   length word, the bytes, zeros up to a whole word
    T[]             length word, then as T[length]
    T[k], tuple     heads: a static value itself, or the offset of a dynamic one, from the first head on; then tails

Canonical, as ``abi.encode`` writes it: tails follow the heads and each other in order, without gaps or overlaps.
So the first offset is the size of the heads, and every next one is where the tail before it ends. In a list, where
tails are as many as the data says, each must end exactly where the next begins, which is known before any is read:
values never take more than their data did, whatever the words in it say.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from atlas.protocol.abi.heap import Places, Positions, small_numbers
from atlas.protocol.abi.reading import Reader, Reading, StaticReader, TailReader, read_tails
from atlas.protocol.abi.types import WORD_BYTES
from atlas.protocol.abi.words import Mask, Words
from atlas.protocol.logs import ArrowArray

_PADDING: Words = np.array(
    [np.frombuffer((bytes(used) + b"\xff" * WORD_BYTES)[:WORD_BYTES], np.uint64) for used in range(WORD_BYTES)]
)
"""By how many bytes of a last word are used: ones where its padding is."""


@dataclass(frozen=True)
class ContentReader:
    """Bytes, or text, which must be UTF-8 without U+0000."""

    label: str
    is_text: bool
    minimum_bytes = WORD_BYTES

    def read(self, reading: Reading, places: Places) -> tuple[ArrowArray, Positions]:
        """A binary or string column, and where the padding ends."""
        starts = places.starts + WORD_BYTES
        sizes = read_counts(self.label, reading, places, 1, padded=reading.strict)
        ends = starts + (sizes + WORD_BYTES - 1) // WORD_BYTES * WORD_BYTES
        if reading.strict:
            self._require_padding(reading, places, sizes, ends)
        content = reading.heap.slices(starts, starts + sizes)
        return (self._text(reading, places, content) if self.is_text else content), ends

    def _require_padding(self, reading: Reading, places: Places, sizes: Positions, ends: Positions) -> None:
        used = sizes % WORD_BYTES
        partial = used != 0
        last = reading.heap.blocks(ends[partial] - WORD_BYTES, 1)[:, 0] & _PADDING[used[partial]]
        dirty = np.bitwise_or.reduce(last, axis=1) != 0
        reading.refuse(places.where(partial), dirty, "non_canonical", f"the padding of {self.label} is not zero")

    def _text(self, reading: Reading, places: Places, content: ArrowArray) -> ArrowArray:
        try:
            text = content.cast(pa.string())
        except pa.ArrowInvalid:
            decoded = [_text_or_none(value) for value in content.to_pylist()]
            text = pa.array(decoded, pa.string()).fill_null("")
            invalid = np.array([value is None for value in decoded])
            reading.refuse(places, invalid, "bad_value", f"{self.label} is not UTF-8")
        # Valid UTF-8, but no text column of PostgreSQL holds it: one log must not stop a view.
        reading.refuse(places, _with_zero_byte(text), "bad_value", f"{self.label} has the character U+0000")
        return text


@dataclass(frozen=True)
class ListReader:
    """T[], or T[k] of a dynamic T."""

    label: str
    item: Reader
    length: int | None

    @property
    def minimum_bytes(self) -> int:
        """The length word, or the offsets."""
        return WORD_BYTES * (1 if self.length is None else self.length)

    def read(self, reading: Reading, places: Places) -> tuple[ArrowArray, Positions]:
        """A list column, and where the last element of each ends."""
        if self.length is None:
            frames = places.starts + WORD_BYTES
            item_bytes = WORD_BYTES * (self.item.words if isinstance(self.item, StaticReader) else 1)
            counts = read_counts(self.label, reading, places, item_bytes)
        else:
            frames, counts = places.starts, np.full(len(places), self.length)
        values, ends = self._items(reading, Places(places.rows, frames, places.limits), counts)
        if self.length is not None:
            return pa.FixedSizeListArray.from_arrays(values, self.length), ends
        bounds = np.zeros(len(counts) + 1, np.int32)
        np.cumsum(counts, out=bounds[1:])
        return pa.ListArray.from_arrays(pa.array(bounds), values), ends

    def _items(self, reading: Reading, frames: Places, counts: Positions) -> tuple[ArrowArray, Positions]:
        bounds = np.cumsum(counts)
        inner = np.arange(bounds[-1] if len(bounds) else 0) - np.repeat(bounds - counts, counts)
        items = Places(*(np.repeat(each, counts) for each in (frames.rows, frames.starts, frames.limits)))
        if isinstance(self.item, StaticReader):
            size = WORD_BYTES * self.item.words
            block = reading.heap.blocks(items.starts + inner * size, self.item.words)
            return self.item.read(reading, block, items.rows), frames.starts + counts * size
        is_last = inner == np.repeat(counts, counts) - 1
        values, item_ends = self._tails(self.item, reading, items, inner, is_last, np.repeat(counts, counts))
        ends = frames.starts.copy()
        ends[counts > 0] = item_ends[is_last]
        return values, ends

    def _tails(
        self, item: TailReader, reading: Reading, items: Places, inner: Positions, is_last: Mask, counts: Positions
    ) -> tuple[ArrowArray, Positions]:
        offsets = small_numbers(reading.heap.blocks(items.starts + WORD_BYTES * inner, 1)[:, 0])
        starts = items.starts + offsets
        inside = (offsets >= 0) & (starts <= items.limits)
        reading.refuse(items, ~inside, "short_data", f"an offset in {self.label} points after the data")
        detail = f"the elements of {self.label} do not follow each other"
        if not reading.strict:
            behind = offsets >= WORD_BYTES * counts
            reading.refuse(items, ~behind, "non_canonical", detail)
            return read_tails(item, reading, Places(items.rows, starts, items.limits), inside & behind, self.label)
        limits = np.where(is_last, items.limits, np.append(starts[1:], 0))
        in_order = (starts <= limits) & (limits <= items.limits) & (offsets % WORD_BYTES == 0)
        sound = inside & in_order & ((inner > 0) | (offsets == WORD_BYTES * counts))
        reading.refuse(items, ~sound, "non_canonical", detail)
        values, ends = read_tails(item, reading, Places(items.rows, starts, limits), sound, self.label)
        reading.refuse(items, ~is_last & (ends != limits), "non_canonical", detail)
        return values, ends


@dataclass(frozen=True)
class TupleReader:
    """Members with their heads next to each other: a dynamic tuple, or the parameters of an event."""

    label: str
    members: tuple[tuple[str, Reader], ...]
    names: tuple[str, ...]
    head_words: int

    @property
    def minimum_bytes(self) -> int:
        """The heads."""
        return WORD_BYTES * self.head_words

    def read(self, reading: Reading, places: Places) -> tuple[ArrowArray, Positions]:
        """A struct column, and where the last tail of each ends."""
        arrays, ends = self.columns(reading, places)
        return pa.StructArray.from_arrays(arrays, names=self.names), ends

    def columns(self, reading: Reading, places: Places) -> tuple[list[ArrowArray], Positions]:
        """A column a member, and where the last tail of each tuple ends."""
        arrays: list[ArrowArray] = []
        ends, at = places.starts + self.minimum_bytes, 0
        heads = reading.heap.blocks(places.starts, self.head_words)
        for label, member in self.members:
            if isinstance(member, StaticReader):
                arrays.append(member.read(reading, heads[:, at : at + member.words], places.rows))
                at += member.words
            else:
                array, ends = self._tail(label, member, reading, places, heads[:, at], ends)
                arrays.append(array)
                at += 1
        return arrays, ends

    def _tail(
        self, label: str, member: TailReader, reading: Reading, places: Places, head: Words, ends: Positions
    ) -> tuple[ArrowArray, Positions]:
        offsets = small_numbers(head)
        starts = places.starts + offsets
        inside = (offsets >= 0) & (starts <= places.limits)
        sound = starts == ends
        if not reading.strict:
            reading.refuse(places, ~inside, "short_data", f"the offset of {label} points after the data")
            sound = inside & (offsets >= self.minimum_bytes)
        reading.refuse(places, ~sound, "non_canonical", f"{label} does not follow what is before it")
        return read_tails(member, reading, Places(places.rows, starts, places.limits), sound, label)


def read_counts(label: str, reading: Reading, places: Places, item_bytes: int, *, padded: bool = False) -> Positions:
    """The length words; 0 where so many items would end after the data, whose log is refused."""
    counts = small_numbers(reading.heap.blocks(places.starts, 1)[:, 0])
    room = places.limits - places.starts - WORD_BYTES
    if padded:
        room -= room % WORD_BYTES
    short = (counts < 0) | (counts > room // item_bytes)
    if reading.refuse_short(places, short, label):
        counts[short] = 0
    if (excess := reading.excessive(places, counts * item_bytes)) is not None:
        reading.refuse(places, excess, "excessive", f"{label} reads the same data many times")
        counts[excess] = 0
    return counts


def _text_or_none(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _with_zero_byte(text: ArrowArray) -> Mask:
    found = np.zeros(len(text), np.bool_)
    _, bounds_buffer, content = text.buffers()
    if content is not None and len(text):
        bounds = np.frombuffer(bounds_buffer, np.int32, len(text) + 1, 4 * text.offset)
        zeros = np.flatnonzero(np.frombuffer(content, np.uint8)[bounds[0] : bounds[-1]] == 0) + bounds[0]
        found[np.searchsorted(bounds, zeros, side="right") - 1] = True
    return found
