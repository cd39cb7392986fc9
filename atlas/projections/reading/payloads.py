"""Payloads of ``chain.log`` facts, read by column.

All payloads of a page are walked at once, a field after the other: NumPy moves every payload's cursor past the
field and keeps what it held. Only canonical bytes of ordinary logs pass (headers and integers in their shortest
form, hashes of 32 bytes, at most four topics, numbers below 2**53); a payload that does not is left to
``atlas.protocol.facts.decode``, whose verdict is the one that counts.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from atlas.protocol.facts import ChainLog
from atlas.protocol.logs import TOPIC_COLUMNS, ArrowArray, ArrowBatch

Integers: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]
Cells: TypeAlias = npt.NDArray[Any]
"""Values of one width, as bytes."""

_FIELDS_OF_LOG = 10
_HASH_BYTES, _ADDRESS_BYTES = 32, 20
_MAX_TOPICS = len(TOPIC_COLUMNS)
_PADDING = bytes(1024)  # more than all fields before the data take, so that no cursor leaves the buffer
_BIN8, _BIN16, _BIN32 = 0xC4, 0xC5, 0xC6
_FIXED_STR, _FIXED_STR_LENGTH, _ARRAY = 0xA0, 0x1F, 0x90
_LARGEST = 2**53

# By the first byte of an unsigned integer: how many bytes it takes (0: it is none), and the least that needs them.
_UINT_BYTES = np.zeros(256, np.int64)
_UINT_BYTES[:0x80] = 1
_UINT_BYTES[[0xCC, 0xCD, 0xCE, 0xCF]] = (2, 3, 5, 9)
_UINT_LEAST = np.zeros(256, np.uint64)
_UINT_LEAST[[0xCC, 0xCD, 0xCE, 0xCF]] = (1 << 7, 1 << 8, 1 << 16, 1 << 32)
_UINT_SHIFT = np.zeros(256, np.uint64)
_UINT_SHIFT[[0xCC, 0xCD, 0xCE, 0xCF]] = (56, 48, 32, 0)


@dataclass(frozen=True)
class LogColumns:
    """Logs of one chain by column; ``rows`` are their places among the payloads that were read."""

    chain: str
    rows: Integers
    block_numbers: Integers
    block_hashes: Cells
    block_times: Integers
    tx_hashes: Cells
    log_indexes: Integers
    addresses: Cells
    batch: ArrowBatch  # topics and data

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Integers) -> "LogColumns":
        """The logs at ``places``, in that order."""
        if len(places) == len(self):
            return self
        return replace(
            self,
            rows=self.rows[places],
            block_numbers=self.block_numbers[places],
            block_hashes=self.block_hashes[places],
            block_times=self.block_times[places],
            tx_hashes=self.tx_hashes[places],
            log_indexes=self.log_indexes[places],
            addresses=self.addresses[places],
            batch=self.batch.take(pa.array(places)),
        )


def read_payloads(payloads: ArrowArray) -> tuple[list[LogColumns], list[int]]:
    """The logs in a binary column without nulls, chain by chain, and the rows that must be read one by one."""
    walk = _Walk(payloads)
    found: list[LogColumns] = []
    refused = np.ones(len(payloads), np.bool_)
    for chain, rows in walk.chains():
        logs, read = walk.logs(chain, rows)
        refused[rows[read]] = False
        if len(logs):
            found.append(logs)
    return found, np.flatnonzero(refused).tolist()


def columns_of(log: ChainLog, row: int) -> LogColumns | None:
    """One log as columns, whatever its numbers are; None when its topics are not four words at most."""
    if len(log.topics) > _MAX_TOPICS or any(len(topic) != _HASH_BYTES for topic in log.topics):
        return None
    topics = [*log.topics, *[None] * (_MAX_TOPICS - len(log.topics))]
    columns = [*(pa.array([topic], pa.binary(_HASH_BYTES)) for topic in topics), pa.array([log.data], pa.binary())]
    return LogColumns(
        chain=log.chain,
        rows=np.array([row]),
        block_numbers=np.array([log.block_number], object),
        block_hashes=np.array([log.block_hash], object),
        block_times=np.array([log.block_time], object),
        tx_hashes=np.array([log.tx_hash], object),
        log_indexes=np.array([log.log_index], object),
        addresses=np.array([log.address], object),
        batch=pa.RecordBatch.from_arrays(columns, names=[*TOPIC_COLUMNS, "data"]),
    )


class _Walk:
    """Every payload's cursor, and the buffer that they walk through."""

    def __init__(self, payloads: ArrowArray) -> None:
        offsets = np.frombuffer(payloads.buffers()[1], np.int32)[payloads.offset : payloads.offset + len(payloads) + 1]
        content = payloads.buffers()[2]
        start = int(offsets[0])
        held = b"" if content is None else memoryview(content)[start : int(offsets[-1])]
        self._content = np.frombuffer(b"".join((held, _PADDING)), np.uint8)
        self._starts = offsets[:-1].astype(np.int64) - start
        self._ends = offsets[1:].astype(np.int64) - start
        self._at = self._starts
        self._good: Mask = np.ones(len(self._starts), np.bool_)

    def chains(self) -> Iterator[tuple[str, Integers]]:
        """The names of chains that payloads begin with, and the rows of each."""
        left = np.flatnonzero(self._ends - self._starts > 2)
        while len(left):
            start = int(self._starts[left[0]])
            length = int(self._content[start + 1]) & _FIXED_STR_LENGTH
            prefix = self._content[start : start + 2 + length].tobytes()
            same = self._cells(self._starts[left], len(prefix)) == np.void(prefix)
            if prefix[:1] == bytes([_ARRAY | _FIELDS_OF_LOG]) and prefix[1] == _FIXED_STR | length:
                with suppress(UnicodeDecodeError):  # facts.decode says so
                    yield prefix[2:].decode(), left[same]
            left = left[~same]

    def logs(self, chain: str, rows: Integers) -> tuple[LogColumns, Mask]:
        """The logs of ``rows``, whose chain has been read, and which of the rows they are."""
        self._at = self._starts[rows] + 2 + len(chain.encode())
        self._good = np.ones(len(rows), np.bool_)
        number = self._uint()
        block_hash = self._fixed(_HASH_BYTES)
        block_time = self._uint()
        tx_hash = self._fixed(_HASH_BYTES)
        self._uint()  # the transaction's index
        log_index = self._uint()
        address = self._fixed(_ADDRESS_BYTES)
        topics, counts = self._topics()
        lengths = self._data_lengths()
        self._good &= self._at + lengths == self._ends[rows]
        good = self._good
        batch = self._batch([topic[good] for topic in topics], counts[good], self._at[good], lengths[good])
        return LogColumns(
            chain=chain,
            rows=rows[good],
            block_numbers=number[good],
            block_hashes=block_hash[good],
            block_times=block_time[good],
            tx_hashes=tx_hash[good],
            log_indexes=log_index[good],
            addresses=address[good],
            batch=batch,
        ), good

    def _cells(self, at: Integers, size: int) -> Cells:
        """The ``size`` bytes at each of ``at``."""
        return self._windows(np.dtype(f"V{size}"))[at]

    def _windows(self, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        """A value of ``kind`` at every byte of the buffer."""
        count = len(self._content) - kind.itemsize + 1
        return np.ndarray(count, kind, self._content.data, strides=(1,))

    def _uint(self) -> Integers:
        first = self._content[self._at]
        values = self._windows(np.dtype(">u8"))[self._at + 1].astype(np.uint64) >> _UINT_SHIFT[first]
        values = np.where(first < 0x80, first, values)
        self._good &= (_UINT_BYTES[first] > 0) & (values >= _UINT_LEAST[first]) & (values < _LARGEST)
        self._at = self._at + _UINT_BYTES[first]
        return values.astype(np.int64)

    def _fixed(self, size: int) -> Cells:
        self._good &= (self._content[self._at] == _BIN8) & (self._content[self._at + 1] == size)
        values = self._cells(self._at + 2, size)
        self._at = self._at + 2 + size
        return values

    def _topics(self) -> tuple[list[Cells], Integers]:
        """Up to four topics, of logs with less anything for the others, and how many each log has."""
        counts = self._content[self._at].astype(np.int64) - _ARRAY
        self._good &= (counts >= 0) & (counts <= _MAX_TOPICS)
        self._at = self._at + 1
        topics: list[Cells] = []
        for number in range(_MAX_TOPICS):
            present = counts > number
            header = (self._content[self._at] == _BIN8) & (self._content[self._at + 1] == _HASH_BYTES)
            self._good &= header | ~present
            topics.append(self._cells(self._at + 2, _HASH_BYTES))
            self._at = self._at + np.where(present, 2 + _HASH_BYTES, 0)
        return topics, counts

    def _data_lengths(self) -> Integers:
        """How long the data is; the cursors then stand at its first byte."""
        header = self._content[self._at]
        following = self._windows(np.dtype(">u4"))[self._at + 1].astype(np.int64)
        short, middle, long = header == _BIN8, header == _BIN16, header == _BIN32
        lengths = following >> np.where(short, 24, np.where(middle, 16, 0))
        least = np.where(short, 0, np.where(middle, 1 << 8, 1 << 16))
        self._good &= (short | middle | long) & (lengths >= least)
        self._at = self._at + np.where(short, 2, np.where(middle, 3, 5))
        return lengths

    def _batch(self, topics: list[Cells], counts: Integers, starts: Integers, lengths: Integers) -> ArrowBatch:
        arrays = [_cells_to_arrow(topic, counts > number) for number, topic in enumerate(topics)]
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        if len(lengths) and lengths[0] and (lengths == lengths[0]).all():
            content = self._cells(starts, int(lengths[0])).tobytes()
        else:
            places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
            content = self._content[places].tobytes()
        data = pa.Array.from_buffers(
            pa.binary(), len(lengths), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
        )
        return pa.RecordBatch.from_arrays([*arrays, data], names=[*TOPIC_COLUMNS, "data"])


def _cells_to_arrow(cells: Cells, present: Mask) -> ArrowArray:
    validity = None if present.all() else pa.array(present).buffers()[1]
    kind = pa.binary(cells.dtype.itemsize)
    return pa.Array.from_buffers(kind, len(cells), [validity, pa.py_buffer(cells.tobytes())])
