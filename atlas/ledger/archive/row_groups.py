"""The row groups of facts.parquet: cut by rows and by bytes, found by position.

A row group ends after ROW_GROUP_FACTS rows, the vector size that DuckDB likes, or before its payloads exceed
ROW_GROUP_BYTES, whichever comes first; one payload alone may. Whoever writes or reads a range has a row group of it in
memory, however large the payloads are. Where each begins is counted from the file's own list of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.compute import call_function

from atlas.ledger.archive.manifests import Range
from atlas.ledger.errors import AlteredArchive
from atlas.ledger.recording.columns import ArrowColumn, ArrowTable

ROW_GROUP_FACTS = 122_880
ROW_GROUP_BYTES = 64 * 1024 * 1024

FACTS_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("stream", pa.binary(16), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("topic", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("payload", pa.binary()),
        pa.field("leaf_hash", pa.binary(32), nullable=False),
    ]
)
_FACTS_OPTIONS: dict[str, Any] = {"use_dictionary": ["topic"]}
PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "write_statistics": True}


def cut(batches: Iterable[ArrowTable]) -> Iterator[ArrowTable]:
    """Tables of no more rows and payload bytes than a row group has, from record batches with a column ``payload``."""
    kept: list[ArrowTable] = []
    rows = size = 0
    for rest in batches:
        while rest.num_rows:
            ends = np.cumsum(_lengths(rest.column("payload")))
            fitting = min(ROW_GROUP_FACTS - rows, int(np.searchsorted(ends, ROW_GROUP_BYTES - size, side="right")))
            taken = fitting or (0 if kept else 1)
            if taken:
                kept.append(rest.slice(0, taken))
                rows, size = rows + taken, size + int(ends[taken - 1])
            rest = rest.slice(taken)  # noqa: PLW2901 (what is left of it)
            if rest.num_rows:
                yield pa.Table.from_batches(kept)
                kept, rows, size = [], 0, 0
    if kept:
        yield pa.Table.from_batches(kept)


def write_facts(path: Path, groups: Iterable[ArrowTable]) -> None:
    """Write tables of FACTS_SCHEMA, each as one row group."""
    with pq.ParquetWriter(path, FACTS_SCHEMA, **PARQUET_OPTIONS, **_FACTS_OPTIONS) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=ROW_GROUP_FACTS)


def read_group(path: Path, part: Range, position: int, columns: Sequence[str]) -> tuple[int, ArrowTable]:
    """The row group of ``part`` with the fact at ``position``, and the position of its first.

    What the file says of its row groups is checked before one is read: what is read by place must be in its place, and
    a few bytes may claim much. Raises FileNotFoundError, AlteredArchive, and what pyarrow raises for a damaged file.
    """
    with pq.ParquetFile(path, read_dictionary=["topic"]) as file:
        metadata = file.metadata
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        if sum(counts) != len(part) or not all(0 < count <= ROW_GROUP_FACTS for count in counts):
            raise AlteredArchive(f"{path.name} of {part.name} has not the row groups of a range", position=part.first)
        ends = list(accumulate(counts, initial=part.first))
        group = next(group for group, end in enumerate(ends[1:]) if position < end)
        table = file.read_row_group(group, columns=list(columns))
    if not _has_columns(table, columns) or table.num_rows != counts[group]:
        raise AlteredArchive(f"{path.name} of {part.name} has not the columns of facts", position=ends[group])
    return ends[group], table


def _has_columns(table: ArrowTable, names: Sequence[str]) -> bool:
    """Whether the columns are those of facts: no reader finds a type, or a null, that there can be none of."""
    expected = [FACTS_SCHEMA.field(name) for name in names]
    return [(one.name, one.type) for one in table.schema] == [(one.name, one.type) for one in expected] and not any(
        table.column(one.name).null_count for one in expected if not one.nullable
    )


def _lengths(payloads: ArrowColumn) -> np.ndarray:
    return call_function("binary_length", [payloads]).fill_null(0).to_numpy(zero_copy_only=False)
