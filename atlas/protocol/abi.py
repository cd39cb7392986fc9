"""How an event lies in a log, compiled once from its ABI entry (Solidity contract ABI specification).

    topics[0]   keccak256 of the signature, e.g. Transfer(address,address,uint256)
    topics[1:]  the indexed parameters, a 32-byte word each; of a dynamic or composite one only its hash
    data        the other parameters: one 32-byte word each when all are elementary and static,
                else heads and tails, as abi.encode lays them out

Only the canonical form is read: padding is zero, a bool is 0 or 1, tails follow each other without
gaps and overlaps. Solidity's ``emit`` writes that form and no other; a log in another form may be
of another event, and reading it leniently would give a wrong value where a reason is due.

Reading raises UndecodableLog with one of these reasons:

    short_data     fewer bytes of data than the parameters need
    trailing_data  more bytes of data than the parameters take
    non_canonical  the values are readable, but abi.encode would lay them out in other bytes
    bad_value      a word outside its type's range, or text that is not UTF-8 or holds U+0000
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.exceptions import DecodingError, InsufficientDataBytes
from eth_abi.registry import BaseEquals
from eth_abi.registry import registry as eth_abi_registry

from atlas.protocol.errors import UndecodableLog
from atlas.protocol.keccak import keccak256

WORD_BYTES = 32

WordReader = Callable[[bytes], object]
DataReader = Callable[[bytes], tuple[object, ...]]

_STATIC = re.compile(r"(address|bool|uint|int|bytes)([0-9]*)")


@dataclass(frozen=True)
class Parameter:
    """One parameter of an event; ``type`` is canonical, a tuple written as ``(uint256,address)``."""

    name: str
    type: str
    indexed: bool


@dataclass(frozen=True)
class EventLayout:
    """A compiled event: its identity, and a reader for its topics and its data."""

    name: str
    topic: bytes
    parameters: tuple[Parameter, ...]
    places: tuple[int, ...]  # of each parameter, among the indexed ones followed by the others
    topic_readers: tuple[WordReader, ...]
    data_reader: DataReader

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
    """The layout of one ``"type": "event"`` entry of an ABI."""
    parameters = tuple(
        Parameter(item["name"], _canonical_type(item), bool(item["indexed"])) for item in entry["inputs"]
    )
    order = sorted(range(len(parameters)), key=lambda index: not parameters[index].indexed)
    signature = f"{entry['name']}({','.join(parameter.type for parameter in parameters)})"
    return EventLayout(
        name=entry["name"],
        topic=keccak256(signature.encode()),
        parameters=parameters,
        places=tuple(order.index(index) for index in range(len(order))),
        topic_readers=tuple(_word_reader(item.type) or _read_hash for item in parameters if item.indexed),
        data_reader=_data_reader(tuple(item.type for item in parameters if not item.indexed)),
    )


def _canonical_type(item: Mapping[str, Any]) -> str:
    """The type as a signature writes it: JSON calls a struct ``tuple`` and lists its members apart."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_canonical_type(member) for member in item['components'])}){kind.removeprefix('tuple')}"


def _data_reader(types: tuple[str, ...]) -> DataReader:
    readers = [_word_reader(kind) or _TAIL_READERS.get(kind) for kind in types]
    elementary = [reader for reader in readers if reader is not None]
    if len(elementary) < len(types):
        return composite_reader(types)
    if _TAIL_READERS.keys() & set(types):
        return _head_tail_reader(elementary, [kind in _TAIL_READERS for kind in types])
    return _static_reader(elementary)


def _static_reader(readers: Sequence[WordReader]) -> DataReader:
    """One word each, at places known in advance."""
    size = WORD_BYTES * len(readers)
    places = [slice(start, start + WORD_BYTES) for start in range(0, size, WORD_BYTES)]
    words = list(zip(readers, places, strict=True))

    def read(data: bytes) -> tuple[object, ...]:
        if len(data) != size:
            raise _wrong_length(data, size)
        return tuple([read_word(data[place]) for read_word, place in words])

    return read


def _head_tail_reader(readers: Sequence[WordReader], tailed: Sequence[bool]) -> DataReader:
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


def composite_reader(types: tuple[str, ...]) -> DataReader:
    """Arrays and tuples, through eth-abi, whose encoding of the values must be ``data`` again.

    Offsets may point twice at one place until that comparison, so that arrays of dynamic elements can
    take time and memory quadratic in the data. No event of the protocol has such parameters.
    """

    def read(data: bytes) -> tuple[object, ...]:
        try:
            values = _codec.decode(types, data, strict=True)
            encoded = _codec.encode(types, values)
        except InsufficientDataBytes as error:
            raise UndecodableLog("short_data", f"({','.join(types)}): {error}") from error
        except UnicodeDecodeError as error:
            raise UndecodableLog("bad_value", f"text that is not UTF-8: {error}") from error
        except (DecodingError, ValueError, OverflowError) as error:
            raise UndecodableLog("non_canonical", f"({','.join(types)}): {error}") from error
        if encoded != data:
            if data.startswith(encoded):
                raise _wrong_length(data, len(encoded))
            raise UndecodableLog("non_canonical", f"abi.encode lays ({','.join(types)}) out in other bytes")
        return values

    return read


class _RawAddressDecoder(AddressDecoder):
    """An address as its 20 bytes, where eth-abi gives text."""

    decoder_fn = staticmethod(bytes)


def _codec_with_raw_addresses() -> ABICodec:
    registry = eth_abi_registry.copy()
    registry.unregister_decoder("address")
    registry.register_decoder(BaseEquals("address"), _RawAddressDecoder, label="address")
    return ABICodec(registry)


def _wrong_length(data: bytes, size: int) -> UndecodableLog:
    reason = "short_data" if len(data) < size else "trailing_data"
    return UndecodableLog(reason, f"expected {size} bytes of data, got {len(data)}")


def _word_reader(kind: str) -> WordReader | None:
    """The reader of an elementary static type; None for every other type."""
    match = _STATIC.fullmatch(kind)
    if match is None or kind == "bytes":
        return None
    family, size = match[1], int(match[2] or 0)
    if family == "address":
        return _read_address
    if family == "bool":
        return _read_bool
    if family == "bytes":
        return _fixed_bytes_reader(size)
    return _unsigned_reader(size) if family == "uint" else _signed_reader(size)


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


def _unsigned_reader(bits: int) -> WordReader:
    def read(word: bytes) -> int:
        number = int.from_bytes(word, "big")
        if number >> bits:
            raise _bad_word(f"uint{bits}", word)
        return number

    return read


def _signed_reader(bits: int) -> WordReader:
    limit = 1 << bits - 1

    def read(word: bytes) -> int:
        number = int.from_bytes(word, "big", signed=True)
        if not -limit <= number < limit:
            raise _bad_word(f"int{bits}", word)
        return number

    return read


def _fixed_bytes_reader(size: int) -> WordReader:
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


_TAIL_READERS: dict[str, WordReader] = {"string": _read_string, "bytes": _read_bytes}
_codec = _codec_with_raw_addresses()
