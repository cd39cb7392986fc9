"""Payloads of ``chain.log`` facts, written by column: the bytes that ``facts.encode`` makes of each ``ChainLog``.

Logs whose fields are encoded alike (as many bytes for each number, as many topics, the same header before the data)
are rows of one array, filled column by column. msgpack takes the shortest form of a number and of a length:

    number     one byte below 2**7, else 0xcc, 0xcd, 0xce or 0xcf and 1, 2, 4 or 8 bytes, big-endian
    bytes      0xc4, 0xc5 or 0xc6, the length in 1, 2 or 4 bytes, and the content
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas.protocol.facts import ChainLog, encode
from atlas.protocol.logs import TOPIC_COLUMNS, ArrowArray, ArrowBatch, cells_of

Bytes: TypeAlias = npt.NDArray[np.uint8]
Numbers: TypeAlias = npt.NDArray[np.int64]

_UINT_FROM = np.array([1 << 7, 1 << 8, 1 << 16, 1 << 32])  # the least number that takes each longer form
_UINT_MARK = (b"", b"\xcc", b"\xcd", b"\xce", b"\xcf")
_UINT_TYPE = ("u1", "u1", ">u2", ">u4", ">u8")
_BIN_FROM = np.array([1 << 8, 1 << 16])
_BIN_MARK = (b"\xc4", b"\xc5", b"\xc6")
_BIN_TYPE = ("u1", ">u2", ">u4")
_ARRAY = 0x90
_FORMS = 5  # more than any field has


def log_payloads(chain: str, block_times: Numbers, logs: ArrowBatch) -> list[bytes]:
    """The payload of each row of ``logs`` (LOG_SCHEMA); ``block_times`` in seconds since 1970, none negative."""
    columns = _Columns(chain, block_times, logs)
    kinds, kind = np.unique(columns.forms, return_inverse=True)
    if len(kinds) == 1:
        return columns.payloads(np.arange(len(kind)))
    payloads = [b""] * len(kind)
    for number in range(len(kinds)):
        rows = np.flatnonzero(kind == number)
        for row, payload in zip(rows.tolist(), columns.payloads(rows), strict=True):
            payloads[row] = payload
    return payloads


class _Columns:
    """The fields of logs, and which form each takes in each row."""

    def __init__(self, chain: str, block_times: Numbers, logs: ArrowBatch) -> None:
        start = encode(ChainLog(chain, 0, b"", 0, b"", 0, 0, b"", (), b""))
        self._start = start[: 1 + _text_bytes(chain)]
        number, tx_index, log_index = (logs[name].to_numpy() for name in ("block_number", "tx_index", "log_index"))
        self._numbers = [column.astype(np.int64) for column in (number, block_times, tx_index, log_index)]
        self._hashes = [_bytes(logs[name]) for name in ("block_hash", "tx_hash", "address")]
        self._topics = [_bytes(logs[name]) for name in TOPIC_COLUMNS]
        valid = [logs[name].is_valid().to_numpy(zero_copy_only=False) for name in TOPIC_COLUMNS]
        self._counts = np.array(valid, np.int64).sum(axis=0)
        self._data = logs["data"]
        self._offsets = np.frombuffer(self._data.buffers()[1], np.int32)[self._data.offset :][: len(logs) + 1]
        self._lengths = np.diff(self._offsets).astype(np.int64)
        self._number_forms = [np.searchsorted(_UINT_FROM, column, side="right") for column in self._numbers]
        self._data_forms = np.searchsorted(_BIN_FROM, self._lengths, side="right")
        self.forms = self._data_forms
        for form in (*self._number_forms, self._counts):
            self.forms = self.forms * _FORMS + form

    def payloads(self, rows: Numbers) -> list[bytes]:
        """Of rows with the same forms."""
        numbers = [self._number(place, rows) for place in range(len(self._numbers))]
        block_hash, tx_hash, address = (_content(cells[rows]) for cells in self._hashes)
        count = int(self._counts[rows[0]])
        lengths, form = self._lengths[rows], int(self._data_forms[rows[0]])
        parts = [
            _constant(self._start, rows),
            *(numbers[0], block_hash, numbers[1], tx_hash, numbers[2], numbers[3], address),
            _constant(bytes([_ARRAY + count]), rows),
            *(_content(self._topics[place][rows]) for place in range(count)),
            _constant(_BIN_MARK[form], rows),
            _as_bytes(lengths.astype(_BIN_TYPE[form])),
        ]
        if (lengths == lengths[0]).all():
            return _split(np.concatenate([*parts, self._equal_data(rows, int(lengths[0]))], axis=1))
        heads = _split(np.concatenate(parts, axis=1))
        content, offsets = memoryview(self._data.buffers()[2] or b""), self._offsets.tolist()
        return [head + content[offsets[row] : offsets[row + 1]] for head, row in zip(heads, rows.tolist(), strict=True)]

    def _number(self, place: int, rows: Numbers) -> Bytes:
        form = int(self._number_forms[place][rows[0]])
        values = _as_bytes(self._numbers[place][rows].astype(_UINT_TYPE[form]))
        return np.concatenate([_constant(_UINT_MARK[form], rows), values], axis=1)

    def _equal_data(self, rows: Numbers, length: int) -> Bytes:
        if not length:
            return np.empty((len(rows), 0), np.uint8)
        content = np.frombuffer(self._data.buffers()[2], np.uint8)
        return np.lib.stride_tricks.sliding_window_view(content, length)[self._offsets[rows]]


def _text_bytes(text: str) -> int:
    """How many bytes msgpack takes for ``text``, which is shorter than 256 bytes."""
    length = len(text.encode())
    return length + (1 if length < 32 else 2)


def _bytes(column: ArrowArray) -> Bytes:
    return cells_of(column).view(np.uint8).reshape(len(column), column.type.byte_width)


def _content(cells: Bytes) -> Bytes:
    """Values of one width, below 256 bytes, as msgpack writes bytes."""
    return np.concatenate([_constant(_BIN_MARK[0] + bytes([cells.shape[1]]), cells), cells], axis=1)


def _constant(value: bytes, rows: npt.NDArray[Any]) -> Bytes:
    return np.broadcast_to(np.frombuffer(value, np.uint8), (len(rows), len(value)))


def _as_bytes(values: npt.NDArray[Any]) -> Bytes:
    return values.reshape(-1, 1).view(np.uint8)


def _split(rows: Bytes) -> list[bytes]:
    content, width = rows.tobytes(), rows.shape[1]
    return [content[start : start + width] for start in range(0, len(content), width)]
