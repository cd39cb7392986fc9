"""Rows into PostgreSQL by COPY ... (FORMAT BINARY), and whole columns into a statement as arrays.

The COPY data (PostgreSQL manual, "Binary Format" under COPY), integers big-endian:

    signature  PGCOPY \\n \\377 \\r \\n \\0, flags int32 = 0, header extension length int32 = 0
    each row   int16 = the number of columns, then a cell a column (see ``cells``)
    trailer    int16 = -1
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import psycopg
from psycopg import sql

from atlas.ledger.arrays import Array, array_of, take_arrays
from atlas.projections.tables.cells import OIDS, Cells, Fixed, encode, side_by_side, to_list
from atlas.projections.tables.declarations import Column, ColumnType
from atlas.projections.tables.schema import names_of

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"


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


def array(kind: ColumnType, cells: Cells, count: int) -> Array:
    """A column as the parameter of a statement that says its type: ``%s::bytea[]``."""
    return array_of(
        OIDS[kind], count, cells.tobytes() if isinstance(cells, np.ndarray) else b"".join(to_list(cells, count))
    )


def execute_with_arrays(cursor: psycopg.Cursor, statement: sql.Composed, arrays: Sequence[Array]) -> None:
    """``statement`` with ``arrays`` as its parameters."""
    take_arrays(cursor.adapters)
    cursor.execute(statement, arrays)
