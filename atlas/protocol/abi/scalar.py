"""One log at a time: an event's topics and data as Python values.

What is elementary is read word by word, faster for one log than columns are; lists and tuples through the columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from atlas.protocol.abi.event import EventType, Parameter, parse_event
from atlas.protocol.abi.event_reader import compile_event_reader
from atlas.protocol.abi.types import WORD_BYTES, AbiType, ContentType, WordType
from atlas.protocol.abi.values import python_values
from atlas.protocol.errors import UndecodableLog

WordRead = Callable[[bytes], object]
DataRead = Callable[[bytes], tuple[object, ...]]


@dataclass(frozen=True)
class EventLayout:
    """A compiled event: a reader for its topics and its data."""

    event: EventType
    places: tuple[int, ...]  # of each parameter, among the indexed ones followed by the others
    topic_readers: tuple[WordRead, ...]
    data_reader: DataRead

    @property
    def name(self) -> str:
        """The event's name."""
        return self.event.name

    @property
    def topic(self) -> bytes:
        """The first topic."""
        return self.event.topic

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """In ABI order."""
        return self.event.parameters

    @property
    def indexed_count(self) -> int:
        """How many topics follow the first: what tells ERC-20's Transfer from ERC-721's."""
        return len(self.topic_readers)

    def read(self, topics: Sequence[bytes], data: bytes) -> tuple[object, ...]:
        """The values in ABI order, from a log with this topic and indexed count. Raises UndecodableLog."""
        if any([len(topic) != WORD_BYTES for topic in topics]):  # noqa: C419 - a list is twice as fast here
            raise UndecodableLog("bad_value", f"a topic of {self.name} that is not {WORD_BYTES} bytes long")
        values = [read(topic) for read, topic in zip(self.topic_readers, topics[1:], strict=True)]
        values += self.data_reader(data)
        return tuple([values[place] for place in self.places])


def compile_event(entry: Mapping[str, Any]) -> EventLayout:
    """The layout of one ``"type": "event"`` entry of an ABI. Raises MalformedAbi."""
    event = parse_event(entry)
    order = sorted(range(len(event.parameters)), key=lambda index: not event.parameters[index].indexed)
    return EventLayout(
        event=event,
        places=tuple(order.index(index) for index in range(len(order))),
        topic_readers=tuple(_topic_reader(item.kind) for item in event.indexed),
        data_reader=_data_reader(tuple(item.kind for item in event.plain)),
    )


def _data_reader(kinds: tuple[AbiType, ...]) -> DataRead:
    elementary = [kind for kind in kinds if isinstance(kind, WordType | ContentType)]
    if len(elementary) < len(kinds):
        return composite_reader(kinds)
    readers = [_word_reader(kind) if isinstance(kind, WordType) else _CONTENT[kind.canonical] for kind in elementary]
    if all(isinstance(kind, WordType) for kind in kinds):
        return _static_reader(readers)
    return _head_tail_reader(readers, [isinstance(kind, ContentType) for kind in kinds])


def _static_reader(readers: Sequence[WordRead]) -> DataRead:
    """One word each, at places known in advance."""
    size = WORD_BYTES * len(readers)
    places = [slice(start, start + WORD_BYTES) for start in range(0, size, WORD_BYTES)]
    words = list(zip(readers, places, strict=True))

    def read(data: bytes) -> tuple[object, ...]:
        if len(data) != size:
            raise _wrong_length(data, size)
        return tuple([read_word(data[place]) for read_word, place in words])

    return read


def _head_tail_reader(readers: Sequence[WordRead], tailed: Sequence[bool]) -> DataRead:
    """A word each; of those with a tail, the word is an offset, known too, as canonical tails follow each other."""
    size = WORD_BYTES * len(readers)
    heads = list(zip(range(0, size, WORD_BYTES), readers, tailed, strict=True))

    def read(data: bytes) -> tuple[object, ...]:
        if len(data) < size:
            raise _wrong_length(data, size)
        values: list[object] = []
        tail = size
        for start, read_value, has_tail in heads:
            content = data[start : start + WORD_BYTES]
            if has_tail:
                content, tail = _read_tail(data, content, tail)
            values.append(read_value(content))
        if len(data) != tail:
            raise _wrong_length(data, tail)
        return tuple(values)

    return read


def _read_tail(data: bytes, offset: bytes, start: int) -> tuple[bytes, int]:
    """The bytes of the tail that must start at ``start``, and where the next one starts."""
    if int.from_bytes(offset, "big") != start:
        raise UndecodableLog("non_canonical", f"expected the offset {start}, got 0x{offset.hex()}")
    length_end = start + WORD_BYTES
    content_end = length_end + int.from_bytes(data[start:length_end], "big")
    end = content_end + -content_end % WORD_BYTES
    if len(data) < end:
        raise UndecodableLog("short_data", f"a tail at {start} ends after the {len(data)} bytes of data")
    if any(data[content_end:end]):
        raise UndecodableLog("non_canonical", f"the padding of the tail at {start} is not zero")
    return data[length_end:content_end], end


def composite_reader(kinds: tuple[AbiType, ...]) -> DataRead:
    """Lists and tuples, by the columns of a batch of one log."""
    parameters = tuple(Parameter("", kind, indexed=False) for kind in kinds)
    reader = compile_event_reader(EventType("", parameters, anonymous=True))

    def read(data: bytes) -> tuple[object, ...]:
        columns, verdicts = reader.read([], pa.array([data], pa.binary()), strict=True)
        if verdicts.codes[0]:
            raise UndecodableLog(*verdicts.findings[verdicts.codes[0] - 1])
        return tuple([python_values(kind, column)[0] for kind, column in zip(kinds, columns, strict=True)])

    return read


def _wrong_length(data: bytes, size: int) -> UndecodableLog:
    reason = "short_data" if len(data) < size else "trailing_data"
    return UndecodableLog(reason, f"expected {size} bytes of data, got {len(data)}")


def _topic_reader(kind: AbiType) -> WordRead:
    return _word_reader(kind) if isinstance(kind, WordType) else _read_hash


def _word_reader(kind: WordType) -> WordRead:
    if kind.family == "address":
        return _read_address
    if kind.family == "bool":
        return _read_bool
    if kind.family == "bytes":
        return _fixed_bytes_reader(kind.size_bytes)
    return _unsigned_reader(kind.bits) if kind.family == "uint" else _signed_reader(kind.bits)


def _read_hash(word: bytes) -> bytes:
    return word


def _read_address(word: bytes) -> bytes:
    if word[:12] != bytes(12):
        raise _bad_word("address", word)
    return word[12:]


def _read_bool(word: bytes) -> bool:
    number = int.from_bytes(word, "big")
    if number > 1:
        raise _bad_word("bool", word)
    return number == 1


def _unsigned_reader(bits: int) -> WordRead:
    def read(word: bytes) -> int:
        number = int.from_bytes(word, "big")
        if number >> bits:
            raise _bad_word(f"uint{bits}", word)
        return number

    return read


def _signed_reader(bits: int) -> WordRead:
    limit = 1 << bits - 1

    def read(word: bytes) -> int:
        number = int.from_bytes(word, "big", signed=True)
        if not -limit <= number < limit:
            raise _bad_word(f"int{bits}", word)
        return number

    return read


def _fixed_bytes_reader(size: int) -> WordRead:
    padding = bytes(WORD_BYTES - size)

    def read(word: bytes) -> bytes:
        if word[size:] != padding:
            raise _bad_word(f"bytes{size}", word)
        return word[:size]

    return read


def _read_bytes(content: bytes) -> bytes:
    return content


def _read_string(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UndecodableLog("bad_value", f"text that is not UTF-8: {error}") from error
    if "\x00" in text:  # valid UTF-8, but no text column of PostgreSQL holds it: one log must not stop a view
        raise UndecodableLog("bad_value", "text with the character U+0000")
    return text


def _bad_word(kind: str, word: bytes) -> UndecodableLog:
    return UndecodableLog("bad_value", f"0x{word.hex()} is not a {kind}")


_CONTENT: Mapping[str, WordRead] = {"string": _read_string, "bytes": _read_bytes}
