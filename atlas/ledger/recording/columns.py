"""Facts as Arrow tables: the columns of ``Ledger.table``, and PostgreSQL's types in Arrow's."""

from typing import Any, TypeAlias

import pyarrow as pa

# A pyarrow.Table or a column of one: pyarrow carries no type information.
ArrowTable: TypeAlias = Any
ArrowColumn: TypeAlias = Any

TABLE_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64()),
        pa.field("stream", pa.binary(16)),
        pa.field("version", pa.int64()),
        pa.field("topic", pa.string()),
        pa.field("payload", pa.binary()),
    ]
)


def stream_bytes(column: ArrowColumn) -> ArrowColumn:
    """A column of arrow.uuid as the 16 bytes below it."""
    return column.cast(pa.binary(16)) if isinstance(column.type, pa.BaseExtensionType) else column
