"""The write-back rows of one entity table: handlers read and write here, a batch reaches PostgreSQL by COPY.

A put at position ``p`` is the key's version from ``p`` on. Several puts at one position are one version; a
put of what the row already is, is none. Versions that the batch ends are closed by one statement.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import psycopg
from psycopg import sql

from atlas.projections.tables.cells import NULL, encode, longest
from atlas.projections.tables.copying import encode_rows, execute_with_arrays, rows_of, write_rows
from atlas.projections.tables.declarations import EntityTable, Value, bigint
from atlas.projections.tables.lookup import keys_as_arrays, keys_as_table, loaded, select_rows
from atlas.projections.tables.running import Integers
from atlas.projections.tables.schema import VALIDITY, names_of, same_key
from atlas.projections.tables.storable import RowCheck, require_indexable

Key: TypeAlias = tuple[Value, ...]
Values: TypeAlias = tuple[Value, ...]
Version: TypeAlias = tuple[int, Values]

MAX_KNOWN_ROWS = 50_000
"""How many current rows are remembered between batches."""


class EntityRows:
    """The rows of ``table`` in ``schema``; ``empty`` says that the stored table has none yet."""

    def __init__(self, schema: str, table: EntityTable, *, empty: bool) -> None:
        self.table = table
        self._identifier = sql.Identifier(schema, table.name)
        self._columns = (*table.columns, *VALIDITY)
        self._check = RowCheck(table.columns, table.indexed)
        self._check_key = RowCheck(table.key, table.indexed)
        self._complete = empty
        self._known: dict[Key, Values | None] = {}
        self._pending: dict[Key, list[Version]] = {}
        self._position = 0
        self._touched: list[Key] = []
        self._inserted: list[bytes] = []

    def get(self, cursor: psycopg.Cursor, key: Key) -> Values | None:
        """The current values of ``key``, or None when it has no row. Raises UnstorableValue for what is no key."""
        pending = self._pending.get(key)
        if pending:
            return pending[-1][1]
        if key not in self._known:
            self._check_key(key)
            self._known[key] = None if self._complete else self._select(cursor, key)
        return self._known[key]

    def put(self, position: int, key: Key, values: Values) -> None:
        """``values`` are what ``key`` is from ``position`` on. Raises UnstorableValue."""
        self._check((*key, *values))
        if position != self._position:
            self._position = position
            self._touched.clear()
        versions = self._pending.setdefault(key, [])
        if versions and versions[-1][0] == position:
            versions.pop()
        versions.append((position, values))
        self._touched.append(key)

    def rows(self, positions: Integers, columns: Mapping[str, object]) -> bytes:
        """A row a position, its key, by column, as ``insert`` takes them. Raises UnstorableValue."""
        table = self.table
        assert table.key == (bigint("position"),), f"{table.name} is not keyed by position"
        assert columns.keys() == set(table.value_names), f"{table.name} has the columns {table.value_names}"
        keys = encode(table.key[0], positions)
        cells = [encode(column, columns[column.name]) for column in table.values]
        for column, each in zip(table.values, cells, strict=True):
            if column.name in table.indexed:
                require_indexable(column, longest(each))
        return rows_of(len(self._columns), [keys, *cells, keys, NULL], len(positions))

    def insert(self, rows: bytes) -> None:
        """Rows whose keys nothing else has."""
        self._inserted.append(rows)

    def undo(self, position: int) -> None:
        """Take back what the fact at ``position``, the last one to put anything, has put."""
        if position != self._position:
            return
        for key in self._touched:
            versions = self._pending.get(key, [])
            if versions and versions[-1][0] == position:
                versions.pop()
            if not versions:
                self._pending.pop(key, None)
        self._touched.clear()

    def forget(self) -> None:
        """Drop everything remembered: the stored rows have changed beneath."""
        self._known.clear()
        self._pending.clear()
        self._touched.clear()
        self._inserted.clear()
        self._complete = False

    def flush(self, cursor: psycopg.Cursor) -> None:
        """Write the pending versions and close those that they end."""
        if self._inserted:
            write_rows(cursor, self._identifier, self._columns, self._inserted)
            self._inserted.clear()
        if not self._pending:
            return
        self._prefetch(cursor)
        closed: list[tuple[Value, ...]] = []
        rows: list[tuple[Value, ...]] = []
        for key, versions in self._pending.items():
            stored = self._known[key]
            if stored is None and len(versions) == 1:  # most often: a new key
                ((position, values),) = versions
                rows.append((*key, *values, position, None))
                self._known[key] = values
                continue
            changes = list(_changes(stored, versions))
            if changes:
                if stored is not None:
                    closed.append((*key, changes[0][0]))
                rows.extend(_rows(key, changes))
                self._known[key] = changes[-1][1]
        self._close(cursor, closed)
        # In the order of positions, as the block-range index over valid_from expects.
        rows.sort(key=lambda row: row[-2])  # pyright: ignore[reportArgumentType, reportCallIssue]
        if rows:
            write_rows(cursor, self._identifier, self._columns, [encode_rows(self._columns, rows)])
        self._pending.clear()
        self._trim()

    def _trim(self) -> None:
        if len(self._known) > MAX_KNOWN_ROWS:
            self._known.clear()
            self._complete = False

    def _select(self, cursor: psycopg.Cursor, key: Key) -> Values | None:
        statement = sql.SQL("select {} from {} where ({}) = ({}) and valid_to is null").format(
            names_of(self.table.values),
            self._identifier,
            names_of(self.table.key),
            sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(column.type.value)) for column in self.table.key),
        )
        row = cursor.execute(statement, key).fetchone()
        return None if row is None else loaded(self.table.values, row)

    def _prefetch(self, cursor: psycopg.Cursor) -> None:
        """Learn the stored rows of all pending keys, by one statement."""
        unknown = [key for key in self._pending if key not in self._known]
        self._known.update(dict.fromkeys(unknown))
        if not unknown or self._complete:
            return
        width = len(self.table.key)
        current = sql.SQL("stored.valid_to is null")
        for row in select_rows(cursor, self._identifier, self.table.key, self.table.values, unknown, current):
            self._known[row[:width]] = row[width:]

    def _close(self, cursor: psycopg.Cursor, closed: Sequence[tuple[Value, ...]]) -> None:
        if not closed:
            return
        ended = (*self.table.key, VALIDITY[1])
        statement = sql.SQL(
            "update {} as stored set valid_to = ended.valid_to from {} where {} and stored.valid_to is null"
        ).format(self._identifier, keys_as_table(ended, "ended"), same_key("stored", "ended", self.table.key))
        execute_with_arrays(cursor, statement, keys_as_arrays(ended, closed))


def _changes(stored: Values | None, versions: Iterable[Version]) -> Iterator[Version]:
    """The versions that differ from the one before them."""
    current = stored
    for position, values in versions:
        if values != current:
            yield position, values
            current = values


def _rows(key: Key, versions: Sequence[Version]) -> Iterator[tuple[Value, ...]]:
    """Versions as stored rows: each ends where the next begins, the last is open."""
    for (position, values), (ended, _) in pairwise(versions):
        yield (*key, *values, position, ended)
    position, values = versions[-1]
    yield (*key, *values, position, None)
