"""Logs of a chain as Arrow record batches: the columns that readers of logs fill and that ABIs decode.

A log has as many topics as its first non-null ones of ``topic0`` to ``topic3``. A batch holds less than 2 GiB of
``data``; more logs are more batches.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# A pyarrow.RecordBatch or one of its columns: pyarrow carries no type information.
ArrowBatch: TypeAlias = Any
ArrowArray: TypeAlias = Any

TOPIC_COLUMNS = ("topic0", "topic1", "topic2", "topic3")

LOG_SCHEMA = pa.schema(
    [
        pa.field("block_number", pa.int64(), nullable=False),
        pa.field("block_hash", pa.binary(32), nullable=False),
        pa.field("tx_hash", pa.binary(32), nullable=False),
        pa.field("tx_index", pa.int32(), nullable=False),
        pa.field("log_index", pa.int32(), nullable=False),
        pa.field("address", pa.binary(20), nullable=False),
        *(pa.field(name, pa.binary(32)) for name in TOPIC_COLUMNS),
        pa.field("data", pa.binary(), nullable=False),
    ]
)


def cells_of(column: ArrowArray) -> npt.NDArray[Any]:
    """A column of values of one width as NumPy has them: bytes; of nulls, any."""
    size = column.type.byte_width
    content = column.buffers()[1]
    if content is None:
        return np.zeros(len(column), f"V{size}")
    return np.frombuffer(content.slice(column.offset * size, len(column) * size), f"V{size}")


def values_of(column: ArrowArray) -> list[bytes]:
    """The values of a column of one width that has no nulls: many times as fast as Arrow's own."""
    return cells_of(column).tolist()
