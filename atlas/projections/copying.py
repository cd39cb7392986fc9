"""Rows into PostgreSQL by COPY ... (FORMAT BINARY), and whole columns into a statement as arrays.

The COPY data (PostgreSQL manual, "Binary Format" under COPY), integers big-endian:

    signature  PGCOPY \\n \\377 \\r \\n \\0, flags int32 = 0, header extension length int32 = 0
    each row   int16 = the number of columns, then a cell a column (see ``cells``)
    trailer    int16 = -1

An array as a parameter: int32 dimensions = 1, int32 nulls = 1, int32 type, int32 length, int32 first index = 1, cells.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from atlas.projections.cells import OIDS, Cells, Fixed, encode, side_by_side, to_list
from atlas.projections.schema import names_of
from atlas.projections.tables import Column, ColumnType

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_MAY_HAVE_NULLS = 1


def write_rows(cursor: psycopg.Cursor, table: sql.Identifier, columns: Sequence[Column], rows: Iterable[bytes]) -> None:
    """COPY ``rows``, as ``encode_rows`` and ``rows_of`` make them, into ``columns`` of ``table``."""
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(table, names_of(columns))
    with cursor.copy(statement) as copy:
        copy.write(_SIGNATURE)
        for piece in rows:
            copy.write(piece)
        copy.write(_TRAILER)


def encode_rows(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> bytes:
    """COPY data of ``rows``, at least one, each a value a column. Raises UnstorableValue."""
    values = map(list, zip(*rows, strict=True))
    return rows_of(
        len(columns), [encode(column, each) for column, each in zip(columns, values, strict=True)], len(rows)
    )


def rows_of(columns: int, cells: Sequence[Cells], count: int) -> bytes:
    """COPY data of ``count`` rows of so many columns, some of whose ``cells`` may be joined already."""
    runs: list[Fixed | list[bytes]] = []
    run: list[Fixed | bytes] = [struct.pack(">h", columns)]
    for column in cells:
        if isinstance(column, list):
            runs += [side_by_side(run, count)] if run else []
            runs.append(column)
            run = []
        else:
            run.append(column)
    runs += [side_by_side(run, count)] if run else []
    if len(runs) == 1 and not isinstance(runs[0], list):
        return runs[0].tobytes()
    return b"".join(chain.from_iterable(zip(*(to_list(each, count) for each in runs), strict=True)))


class ArrayParameter:
    """A column as the parameter of a statement that says its type: ``%s::bytea[]``."""

    def __init__(self, kind: ColumnType, cells: Cells, count: int) -> None:
        content = cells.tobytes() if isinstance(cells, np.ndarray) else b"".join(to_list(cells, count))
        self.content = struct.pack(">iiIii", 1, _MAY_HAVE_NULLS, OIDS[kind], count, 1) + content


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:  # noqa: ANN401 - as the base class has it
        return obj.content


def execute_with_arrays(cursor: psycopg.Cursor, statement: sql.Composed, arrays: Sequence[ArrayParameter]) -> None:
    """``statement`` with ``arrays`` as its parameters."""
    cursor.adapters.register_dumper(ArrayParameter, _ArrayDumper)
    cursor.execute(statement, arrays)
