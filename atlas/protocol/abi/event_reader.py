"""One event compiled to columns: its topics and its data, of many logs at once."""

from dataclasses import dataclass

import numpy as np

from atlas.protocol.abi.compilation import column_names, compile_reader
from atlas.protocol.abi.event import EventType
from atlas.protocol.abi.heap import Heap, Places, Positions
from atlas.protocol.abi.reading import Reading, scattered
from atlas.protocol.abi.statics import WordColumn
from atlas.protocol.abi.tails import TupleReader
from atlas.protocol.abi.types import WordType
from atlas.protocol.abi.verdicts import Verdicts
from atlas.protocol.abi.words import Mask, Words, word_reader
from atlas.protocol.logs import ArrowArray

ROW = "row"


@dataclass(frozen=True)
class EventReader:
    """Reads logs of one event; ``names`` are its columns, in ABI order."""

    event: EventType
    names: tuple[str, ...]
    topics: tuple[WordColumn, ...]
    data: TupleReader

    def read(self, topics: list[Words], data: ArrowArray, *, strict: bool) -> tuple[list[ArrowArray], Verdicts]:
        """A column a parameter, in ABI order, and which logs cannot be read: their values are anything.

        ``topics`` are the indexed parameters' words, ``data`` a binary column without nulls, of one log or more.
        """
        reading = Reading(Heap(data), Verdicts(len(data)), strict)
        rows = np.arange(len(data))
        indexed = [
            reader.read(reading, words[:, None], rows) for reader, words in zip(self.topics, topics, strict=True)
        ]
        plain = self._read_data(reading, rows)
        sources = {True: iter(indexed), False: iter(plain)}
        return [next(sources[parameter.indexed]) for parameter in self.event.parameters], reading.verdicts

    def _read_data(self, reading: Reading, rows: Positions) -> list[ArrowArray]:
        heap = reading.heap
        places = Places(rows, heap.starts, heap.ends)
        fits = self._fits(reading, places)
        arrays, ends = self.data.columns(reading, places.where(fits))
        if reading.strict:
            beyond = ends < places.limits[fits]
            reading.refuse(places.where(fits), beyond, "trailing_data", "the data goes on after the last parameter")
        return arrays if fits.all() else [scattered(array, fits) for array in arrays]

    def _fits(self, reading: Reading, places: Places) -> Mask:
        """Which logs have data of a possible length; the others are refused."""
        sizes, expected = places.limits - places.starts, self.data.minimum_bytes
        fits = sizes >= expected
        reading.refuse(places, ~fits, "short_data", f"less data than the {expected} bytes that the parameters need")
        if self.is_static and reading.strict:
            long = sizes > expected
            reading.refuse(places, long, "trailing_data", f"more data than the {expected} bytes of the parameters")
            fits &= ~long
        return fits

    @property
    def is_static(self) -> bool:
        """Whether the data always has the same length."""
        return all(parameter.kind.words is not None for parameter in self.event.plain)


def compile_event_reader(event: EventType) -> EventReader:
    """The columnar reader of an event."""
    names = column_names((parameter.name for parameter in event.parameters), taken=[ROW])
    named = list(zip(names, event.parameters, strict=True))
    plain = [(name, parameter.kind) for name, parameter in named if not parameter.indexed]
    topics = [
        WordColumn(name, word_reader(parameter.kind_in_log))
        for name, parameter in named
        if parameter.indexed and isinstance(parameter.kind_in_log, WordType)
    ]
    members = tuple((name, compile_reader(kind, name)) for name, kind in plain)
    heads = sum(1 if kind.words is None else kind.words for _, kind in plain)
    data = TupleReader(event.name, members, tuple(name for name, _ in plain), heads)
    return EventReader(event, names, tuple(topics), data)
