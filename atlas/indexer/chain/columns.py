"""Logs as columns: an ``eth_getLogs`` result becomes one Arrow batch of LOG_SCHEMA, field by field.

msgspec finds the needed fields; then each field of all logs is one string, checked and decoded at once: there
is no Python code for each log. What is refused is what the parsing of a single log refuses (``endpoint``).
"""

import binascii
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec.json import Decoder

from atlas.indexer.chain.hexadecimal import INT64_MAX, parse_count, parse_data
from atlas.indexer.chain.source import Log
from atlas.indexer.errors import LyingEndpoint, MalformedResponse
from atlas.protocol.logs import LOG_SCHEMA, ArrowArray, ArrowBatch

MAX_TOPICS = 4
INT32_MAX = 2**31 - 1

_ZERO, _X = ord("0"), ord("x")

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]


# 0x and two digits a byte
_Address = Annotated[str, msgspec.Meta(min_length=42, max_length=42)]
_Hash = Annotated[str, msgspec.Meta(min_length=66, max_length=66)]


class LogAnswer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One log of an ``eth_getLogs`` answer, as text; what has a length has it."""

    address: _Address
    topics: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=MAX_TOPICS)]
    data: str
    block_number: str
    block_hash: _Hash
    transaction_hash: _Hash
    transaction_index: str
    log_index: str
    removed: bool = False


_answers: Decoder[list[LogAnswer]] = Decoder(list[LogAnswer])


def parse_log_columns(result: bytes | msgspec.Raw) -> ArrowBatch:
    """The batch of LOG_SCHEMA in the JSON ``result``, rows in its order. Raises MalformedResponse, LyingEndpoint."""
    try:
        answers = _answers.decode(result)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(f"not a list of logs: {error}", hint="Is this a JSON-RPC endpoint?") from error
    _require_present(answers)
    return _columns(answers)


def to_logs(batch: ArrowBatch) -> list[Log]:
    """The logs of a batch, one by one."""
    *place, topic0, topic1, topic2, topic3, data = (column.to_pylist() for column in batch.columns)
    topics = (
        tuple(topic for topic in each if topic is not None) for each in zip(topic0, topic1, topic2, topic3, strict=True)
    )
    return list(map(Log, *place, topics, data))


def _columns(answers: Sequence[LogAnswer]) -> ArrowBatch:
    topics = [answer.topics for answer in answers]
    columns: list[ArrowArray] = [
        pa.array(_counts([answer.block_number for answer in answers], "blockNumber", INT64_MAX), pa.int64()),
        _fixed([answer.block_hash for answer in answers], "blockHash", 32),
        _fixed([answer.transaction_hash for answer in answers], "transactionHash", 32),
        pa.array(_counts([answer.transaction_index for answer in answers], "transactionIndex", INT32_MAX), pa.int32()),
        pa.array(_counts([answer.log_index for answer in answers], "logIndex", INT32_MAX), pa.int32()),
        _fixed([answer.address for answer in answers], "address", 20),
        *_topic_columns(topics),
        _variable([answer.data for answer in answers], "data"),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LOG_SCHEMA)


def _require_present(answers: Iterable[LogAnswer]) -> None:
    """No log is marked as removed by a reorganisation. Raises LyingEndpoint."""
    for answer in answers:
        if answer.removed:
            raise LyingEndpoint(
                f"a log of block {answer.block_hash} is marked as removed, in an answer about that block",
                hint="The chain moved while the node answered, or the node is at fault: it is asked again.",
            )


class _Known(dict[str, int]):
    """Quantities that were read before: indexes and heights repeat."""

    def __init__(self, field: str, most: int) -> None:
        super().__init__()
        self._field = field
        self._most = most

    def __missing__(self, text: str) -> int:
        value = parse_count(text, self._field)
        if value > self._most:
            raise MalformedResponse(f"{self._field} should be at most {self._most}, not {value}")
        self[text] = value
        return value


def _counts(texts: Sequence[str], field: str, most: int) -> Counts:
    return np.fromiter(map(_Known(field, most).__getitem__, texts), np.int64, len(texts))


def _fixed(texts: Sequence[str], field: str, length: int) -> ArrowArray:
    """A column of values of ``length`` bytes each."""
    packed = _unhexed(texts, field, length)
    return pa.Array.from_buffers(pa.binary(length), len(texts), [None, pa.py_buffer(packed)])


def _unhexed(texts: Sequence[str], field: str, length: int) -> bytes:
    """``texts``, each 0x and (their length says so) ``length`` bytes in hexadecimal, as one run of bytes."""
    try:
        rows = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(len(texts), 2 + 2 * length)
        if not ((rows[:, 0] == _ZERO).all() and (rows[:, 1] == _X).all()):
            raise ValueError("prefix")
        return binascii.unhexlify(rows[:, 2:].tobytes())
    except ValueError as error:
        for text in texts:
            parse_data(text, field, length=length)
        raise AssertionError("unreachable: one of the values was refused above") from error


def _variable(texts: Sequence[str], field: str) -> ArrowArray:
    """A column of values of any length."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = _offsets(lengths)[:-1]
    try:
        digits = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        if len(texts) and (int(lengths.min()) < 2 or bool((lengths & 1).any())):
            raise ValueError("length")
        if not ((digits[starts] == _ZERO).all() and (digits[starts + 1] == _X).all()):
            raise ValueError("prefix")
        packed = binascii.unhexlify(_without_prefixes(digits, lengths, starts))
    except ValueError as error:
        for text in texts:
            parse_data(text, field)
        raise AssertionError("unreachable: one of the values was refused above") from error
    offsets = _offsets(lengths // 2 - 1)
    if offsets[-1] > INT32_MAX:
        raise MalformedResponse(f"{field} of one answer has {offsets[-1]} bytes in all", hint="Ask for fewer blocks.")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(packed)]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers)


def _without_prefixes(digits: Bytes, lengths: Counts, starts: Counts) -> bytes:
    if len(lengths) and (lengths == lengths[0]).all():
        return digits.reshape(len(lengths), -1)[:, 2:].tobytes()
    kept = np.ones(len(digits), np.bool_)
    kept[starts] = False
    kept[starts + 1] = False
    return digits[kept].tobytes()


def _topic_columns(topics: Sequence[tuple[str, ...]]) -> list[ArrowArray]:
    """The columns topic0 to topic3; a log with fewer topics has nulls."""
    counts = np.fromiter(map(len, topics), np.int64, len(topics))
    most = int(counts.max(initial=0))
    packed = np.frombuffer(_unhexed(list(chain.from_iterable(topics)), "topic", 32), np.uint8).reshape(-1, 32)
    if (counts == most).all():
        together = packed.reshape(len(topics), most, 32)
        there = [_packed(np.ascontiguousarray(together[:, place])) for place in range(most)]
        return there + [pa.nulls(len(topics), pa.binary(32))] * (MAX_TOPICS - most)
    first = _offsets(counts)[:-1]
    return [_topic_column(packed, counts, first, place) for place in range(MAX_TOPICS)]


def _topic_column(packed: Bytes, counts: Counts, first: Counts, place: int) -> ArrowArray:
    there = counts > place
    values = np.zeros((len(counts), 32), np.uint8)
    values[there] = packed[first[there] + place]
    return _packed(values, None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little")))


def _packed(values: Bytes, validity: ArrowArray | None = None) -> ArrowArray:
    """A column of the rows of ``values``."""
    return pa.Array.from_buffers(pa.binary(values.shape[1]), len(values), [validity, pa.py_buffer(values)])


def _offsets(lengths: Counts) -> Counts:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
