"""Logs by column that read as a sequence of logs: each is made when it is looked at."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from atlas.indexer.chain.columns import MAX_TOPICS, to_logs
from atlas.indexer.chain.source import Log
from atlas.protocol.logs import LOG_SCHEMA, ArrowArray, ArrowBatch, values_of

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


class Logs(Sequence[Log]):
    """The rows of ``batch``, a batch of LOG_SCHEMA."""

    def __init__(self, batch: ArrowBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return self.batch.num_rows

    def __iter__(self) -> Iterator[Log]:
        return iter(to_logs(self.batch))

    @overload
    def __getitem__(self, place: int) -> Log: ...
    @overload
    def __getitem__(self, place: slice) -> "Logs": ...
    def __getitem__(self, place: int | slice) -> "Log | Logs":
        rows = range(len(self))[place]
        if isinstance(rows, int):
            return to_logs(self.batch.slice(rows, 1))[0]
        return Logs(self.batch.slice(rows.start, len(rows))) if rows.step == 1 else self.take(np.array(rows, np.int64))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)  # pyright: ignore[reportUnknownArgumentType]

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @cached_property
    def numbers(self) -> Integers:
        """The height of each log's block."""
        return self.batch.column(0).to_numpy()

    @cached_property
    def indexes(self) -> Integers:
        """The place of each log in its block."""
        return self.batch.column(4).to_numpy().astype(np.int64)

    @property
    def block_hashes(self) -> ArrowArray:
        """The hash of each log's block."""
        return self.batch.column(1)

    @property
    def addresses(self) -> ArrowArray:
        """Who emitted each."""
        return self.batch.column(5)

    @property
    def topics(self) -> list[ArrowArray]:
        """Four columns; null where a log has fewer topics."""
        return [self.batch.column(6 + place) for place in range(MAX_TOPICS)]

    def where(self, mask: Mask) -> "Logs":
        """Those at which ``mask`` is true."""
        return self if mask.all() else Logs(self.batch.filter(pa.array(mask)))

    def take(self, rows: Integers) -> "Logs":
        """Those at ``rows``, in that order."""
        return Logs(self.batch.take(pa.array(rows)))


def by_column(logs: Sequence[Log]) -> Logs:
    """The same logs by column."""
    if isinstance(logs, Logs):
        return logs
    columns: list[Any] = [
        [getattr(log, name) for log in logs]
        for name in ("block_number", "block_hash", "tx_hash", "tx_index", "log_index", "address")
    ]
    columns += [[log.topics[n] if len(log.topics) > n else None for log in logs] for n in range(MAX_TOPICS)]
    columns.append([log.data for log in logs])
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, LOG_SCHEMA, strict=True)]
    return Logs(pa.RecordBatch.from_arrays(arrays, schema=LOG_SCHEMA))


def joined(parts: Sequence[Logs]) -> Logs:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    return Logs(pa.concat_batches([part.batch for part in parts])) if parts else by_column([])


def is_one_of(column: ArrowArray, values: Collection[bytes]) -> Mask:
    """Which values of a column of fixed width are among ``values``."""
    fitting = [value for value in values if len(value) == column.type.byte_width]
    if not fitting:
        return np.zeros(len(column), np.bool_)
    found = pc.is_in(column, value_set=pa.array(fitting, column.type))  # pyright: ignore
    return found.to_numpy(zero_copy_only=False)


def distinct(column: ArrowArray) -> list[bytes]:
    """The values of a column, each once."""
    return values_of(column.unique())
