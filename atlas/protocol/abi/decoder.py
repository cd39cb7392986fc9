"""Logs to columns: which event each log of a batch is, and every event's parameters as Arrow arrays.

A log is told by its first topic and its number of topics: ERC-20's and ERC-721's Transfer share the first. A log
that is no event by them is an anonymous event with its number of topics, if that reads it. Where an ABI has several
events under one key (another parameter indexed, another anonymous event), the one that reads the log is it.
Every other log is listed with a reason: those of ``atlas.protocol.abi``, and

    anonymous      a log without topics
    unknown_event  the ABI has no event with this first topic
    shape          it has, but with another number of indexed parameters; or a topic follows a missing one
    ambiguous      several events of the ABI read it
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from atlas.protocol.abi.batch import LogBatch
from atlas.protocol.abi.event import EventType, parse_events
from atlas.protocol.abi.event_reader import ROW, EventReader, compile_event_reader
from atlas.protocol.abi.heap import Positions
from atlas.protocol.abi.verdicts import Verdicts
from atlas.protocol.abi.words import Mask, Words
from atlas.protocol.errors import MalformedAbi
from atlas.protocol.logs import ArrowArray, ArrowBatch

Readers: TypeAlias = tuple[EventReader, ...]

UNDECODABLE_SCHEMA = pa.schema([(ROW, pa.int32()), ("reason", pa.string()), ("detail", pa.string())])
_MAX_TOPICS = 4
_REFUSED = (
    ("anonymous", "a log without topics names no event"),
    ("unknown_event", "the ABI has no event with this first topic"),
    ("shape", "the ABI's event with this first topic has another number of topics"),
)
_ANONYMOUS, _UNKNOWN, _SHAPE = -1, -2, -3


@dataclass(frozen=True)
class EventColumns:
    """The logs of one event: ``columns`` are ``row``, their rows in the batch, and then a column a parameter."""

    event: EventType
    columns: ArrowBatch


@dataclass(frozen=True)
class Decoded:
    """A decoded batch: each of its rows is once in ``events`` or in ``undecodable`` (UNDECODABLE_SCHEMA)."""

    events: tuple[EventColumns, ...]
    undecodable: ArrowBatch


@dataclass(frozen=True)
class AbiDecoder:
    """The events of one ABI, compiled."""

    name: str
    events: tuple[EventType, ...]
    strict: bool
    by_topic: Mapping[tuple[bytes, int], Readers]
    anonymous: Mapping[int, Readers]

    def decode(self, logs: ArrowBatch) -> Decoded:
        """The events of ``logs``, a batch with at least the topics and the data of LOG_SCHEMA.

        Whatever a log holds, it is decoded or listed. Raises TypeError for a batch with other columns.
        """
        batch, verdicts = LogBatch(logs), Verdicts(len(logs))
        found: list[EventColumns] = []
        for readers, rows in self._named(batch, verdicts):
            read = _read_logs(readers, batch, rows, strict=self.strict)
            verdicts.adopt(read.rows, read.refusals)
            found += read.settle(verdicts)
        for count, readers in self.anonymous.items():
            rows = np.flatnonzero((verdicts.codes != 0) & (batch.topic_counts == count))
            found += _read_logs(readers, batch, rows, strict=self.strict).settle(verdicts) if len(rows) else []
        return Decoded(tuple(found), _undecodable(verdicts))

    def _named(self, batch: LogBatch, verdicts: Verdicts) -> Iterator[tuple[Readers, Positions | None]]:
        """The events that have logs by topic and shape, with their rows, None for all; other logs are refused."""
        places, topics = batch.first_topics()
        known = {topic for topic, _ in self.by_topic}
        groups = list(self.by_topic)
        numbers = {key: number for number, key in enumerate(groups)}
        table = np.full((len(topics) + 1, _MAX_TOPICS + 2), _SHAPE)  # the last column: GAP
        table[-1, 0] = _ANONYMOUS
        for place, topic in enumerate(topics):
            if topic in known:
                for count in range(1, _MAX_TOPICS + 1):
                    table[place, count] = numbers.get((topic, count), _SHAPE)
            else:
                table[place] = _UNKNOWN
        for number, rows in _split(table[places, batch.topic_counts]):
            if number < 0:
                verdicts.refuse(np.arange(len(batch)) if rows is None else rows, *_REFUSED[-number - 1])
            else:
                yield self.by_topic[groups[number]], rows


def compile_abi(name: str, abi: Iterable[Mapping[str, Any]], *, strict: bool = True) -> AbiDecoder:
    """The decoder of a JSON ABI's events. Raises MalformedAbi, also for an ABI without events.

    ``strict`` reads the canonical form only, see ``atlas.protocol.abi``; values are in range either way.
    """
    events = parse_events(abi)
    if not events:
        raise MalformedAbi(f"the ABI {name} has no events")
    return compile_events(name, events, strict=strict)


def compile_events(name: str, events: Iterable[EventType], *, strict: bool) -> AbiDecoder:
    """As ``compile_abi``, of events that have been parsed."""
    readers = [compile_event_reader(event) for event in events]
    by_topic: defaultdict[tuple[bytes, int], Readers] = defaultdict(tuple)
    anonymous: defaultdict[int, Readers] = defaultdict(tuple)
    for reader in readers:
        event = reader.event
        if event.anonymous:
            anonymous[event.topic_count] += (reader,)
        else:
            by_topic[event.topic, event.topic_count] += (reader,)
    return AbiDecoder(name, tuple(reader.event for reader in readers), strict, dict(by_topic), dict(anonymous))


def _split(numbers: Positions) -> Iterator[tuple[int, Positions | None]]:
    """The rows of each number, None where it is the only one."""
    if (numbers == numbers[:1]).all():
        yield from [(int(number), None) for number in numbers[:1]]
        return
    order = np.argsort(numbers.astype(np.int16), kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    for start, rows in zip(starts, np.split(order, starts[1:]), strict=True):
        yield int(ordered[start]), rows


@dataclass(frozen=True)
class _Read:
    """What each of ``readers`` reads of logs ``rows``, and why the first of them does not read some."""

    rows: Positions
    readers: Readers
    arrays: tuple[list[ArrowArray], ...]
    readable: tuple[Mask, ...]
    refusals: Verdicts

    def settle(self, verdicts: Verdicts) -> Iterator[EventColumns]:
        """A log that one of the readers reads is its event; one that several read is refused."""
        counts = np.sum(self.readable, axis=0)
        verdicts.codes[self.rows[counts > 0]] = 0
        verdicts.refuse(self.rows[counts > 1], "ambiguous", "several events of the ABI read it")
        for reader, arrays, readable in zip(self.readers, self.arrays, self.readable, strict=True):
            alone = readable & (counts == 1)
            if alone.any():
                yield _columns(reader, arrays, self.rows, alone)


def _read_logs(readers: Readers, batch: LogBatch, rows: Positions | None, *, strict: bool) -> _Read:
    """What the readers read of one log or more, of all with None."""
    data = batch.data_of(rows)
    reads = [reader.read(_topics(reader, batch, rows), data, strict=strict) for reader in readers]
    arrays, verdicts = zip(*reads, strict=True)
    places = np.arange(len(batch)) if rows is None else rows
    return _Read(places, readers, arrays, tuple(each.codes == 0 for each in verdicts), verdicts[0])


def _topics(reader: EventReader, batch: LogBatch, rows: Positions | None) -> list[Words]:
    first = 0 if reader.event.anonymous else 1
    return [batch.topic_words(first + number, rows) for number in range(len(reader.topics))]


def _columns(reader: EventReader, arrays: Sequence[ArrowArray], rows: Positions, mask: Mask) -> EventColumns:
    columns = [pa.array(rows.astype(np.int32)), *arrays]
    if not mask.all():
        kept = pa.array(mask)
        columns = [column.filter(kept) for column in columns]
    return EventColumns(reader.event, pa.RecordBatch.from_arrays(columns, names=[ROW, *reader.names]))


def _undecodable(verdicts: Verdicts) -> ArrowBatch:
    rows = np.flatnonzero(verdicts.codes)
    findings = pa.array(verdicts.codes[rows] - 1)
    reasons, details = ([finding[part] for finding in verdicts.findings] for part in (0, 1))
    columns = [
        pa.array(rows.astype(np.int32)),
        *(pa.array(each, pa.string()).take(findings) for each in (reasons, details)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=UNDECODABLE_SCHEMA)
