"""The running accounts of one table: handlers post deltas, by event or by column, and batches reach PostgreSQL by COPY.

Posting reads nothing. When a page is flushed, the balances of accounts that are not known yet are learned by one
statement, and each posting is written with its running balance. When the transaction settles, each account that it
touched has its current row written once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from atlas.projections.errors import UnstorableValue
from atlas.projections.tables.amounts import Amounts, Limbs, carried, of_integers, widened
from atlas.projections.tables.cells import Cells, encode, integers, longest, numeric, to_list
from atlas.projections.tables.copying import array, execute_with_arrays, rows_of, write_rows
from atlas.projections.tables.declarations import AccountTable, Column, ColumnType, Value
from atlas.projections.tables.lookup import keys_as_table, select_rows
from atlas.projections.tables.running import Integers, Postings, Run, chained, run
from atlas.projections.tables.schema import ACCOUNT_STATE, POSTING_STATE, names_of
from atlas.projections.tables.storable import RowCheck, require_indexable
from atlas.protocol.logs import values_of

Key: TypeAlias = tuple[Value, ...]
Report: TypeAlias = Callable[[int, str, str], None]
"""Keeps a finding: position, reason, detail."""

MAX_KNOWN_ACCOUNTS = 500_000
"""How many balances are remembered between batches."""

_FIRST_ROOM = 1_024


class _Known:
    """The accounts that are remembered, each at a place: its key, and its current row by column."""

    def __init__(self) -> None:
        self.places: dict[Key, int] = {}
        self.keys: list[Key] = []
        self.cells: list[bytes] = []  # of each key, joined
        self.loaded = 0  # of the places before this one the stored rows are known
        self.balances: Limbs = np.zeros((1, _FIRST_ROOM), np.int64)
        self.positions = np.zeros(_FIRST_ROOM, np.int64)
        self.block_numbers = np.zeros(_FIRST_ROOM, np.int64)
        self.is_stored = np.zeros(_FIRST_ROOM, np.bool_)

    def add(self, keys: Sequence[Key], cells: Sequence[bytes]) -> None:
        """New accounts, at the next places."""
        self.places.update(zip(keys, range(len(self.keys), len(self.keys) + len(keys)), strict=True))
        self.keys += keys
        self.cells += cells
        if len(self.keys) > len(self.positions):
            more = max(len(self.keys), 2 * len(self.positions)) - len(self.positions)
            self.balances = np.pad(self.balances, ((0, 0), (0, more)))
            self.positions = np.pad(self.positions, (0, more))
            self.block_numbers = np.pad(self.block_numbers, (0, more))
            self.is_stored = np.pad(self.is_stored, (0, more))

    def balances_of(self, places: Integers) -> Amounts:
        """What they stand at."""
        return carried(self.balances[:, places])

    def set_balances(self, places: Integers, balances: Amounts) -> None:
        """What they stand at now."""
        self.balances = widened(self.balances, len(balances.limbs))
        self.balances[:, places] = widened(balances.limbs, len(self.balances))


class Accounts:
    """The accounts of ``table`` in ``schema``; ``empty`` says that the stored table has none yet."""

    def __init__(self, schema: str, table: AccountTable, *, empty: bool) -> None:
        self.table = table
        self._identifier = sql.Identifier(schema, table.name)
        self._postings_identifier = sql.Identifier(schema, table.postings)
        self._check = RowCheck(table.key, [column.name for column in table.key])
        self._complete = empty
        self._known = _Known()
        self._pending: list[tuple[Key, int, int, int]] = []  # key, position, delta, block number
        self._bulk: list[Postings] = []
        self._touched: list[Integers] = []  # places whose current rows are to be written

    def post(self, position: int, key: Key, delta: int, block_number: int) -> None:
        """Add ``delta`` to the account ``key``; nothing for zero. Raises UnstorableValue for a key out of range."""
        if delta:
            if key not in self._known.places:
                self._check(key)
            _require_bigint(block_number)
            self._pending.append((key, position, delta, block_number))

    def postings(
        self, positions: Integers, key: Iterable[object], deltas: Amounts | list[int], block_numbers: Integers
    ) -> Postings:
        """A posting a position, by column, as ``post_all`` takes them. Raises UnstorableValue."""
        amounts = deltas if isinstance(deltas, Amounts) else of_integers(deltas)
        made = Postings(self._places_by_column(key, len(positions)), positions, amounts, _bigints(block_numbers))
        zero = amounts.is_zero()
        return made.take(np.flatnonzero(~zero)) if zero.any() else made

    def post_all(self, postings: Postings) -> None:
        """Add to accounts, at positions where nothing else does."""
        self._bulk.append(postings)

    def undo(self, position: int) -> None:
        """Take back the postings of the fact at ``position``."""
        while self._pending and self._pending[-1][1] == position:
            self._pending.pop()

    def forget(self) -> None:
        """Drop everything remembered: the stored rows have changed beneath."""
        self._known = _Known()
        self._pending.clear()
        self._bulk.clear()
        self._touched.clear()
        self._complete = False

    def flush(self, cursor: psycopg.Cursor, report: Report) -> None:
        """Write the pending postings."""
        postings = self._collected()
        if not len(postings):
            return
        self._load(cursor)
        made = self._run(postings, report)
        if not len(made.postings):
            return
        columns = (*self.table.key, *POSTING_STATE)
        write_rows(cursor, self._postings_identifier, columns, [self._posting_rows(made)])
        known, closing = self._known, made.postings.take(made.ends)
        known.set_balances(made.accounts, made.balances.take(made.ends))
        known.positions[made.accounts] = closing.positions
        known.block_numbers[made.accounts] = closing.block_numbers
        self._touched.append(made.accounts)

    def settle(self, cursor: psycopg.Cursor) -> None:
        """Write the current rows of the accounts that were touched."""
        if self._touched:
            places = np.unique(np.concatenate(self._touched))
            is_stored = self._known.is_stored[places]
            self._insert(cursor, places[~is_stored])
            self._update(cursor, places[is_stored])
            self._touched.clear()
        if len(self._known.keys) > MAX_KNOWN_ACCOUNTS:
            self._known = _Known()
            self._complete = False

    def _collected(self) -> Postings:
        """All that is pending. Each position is posted at in one of the two ways."""
        parts = self._bulk
        if self._pending:
            keys, positions, deltas, block_numbers = map(list, zip(*self._pending, strict=True))
            parts = [
                Postings(self._places(keys), np.array(positions), of_integers(deltas), np.array(block_numbers)),
                *parts,
            ]
        self._pending, self._bulk = [], []
        return chained(parts) if parts else Postings(np.zeros(0), np.zeros(0), of_integers([]), np.zeros(0))

    def _run(self, postings: Postings, report: Report) -> Run:
        """The postings with their running balances, without those that no balance could hold."""
        places, account = np.unique(postings.places, return_inverse=True)
        # In the order of the keys, as the index over the postings has them.
        cells = self._known.cells
        order = np.array(sorted(range(len(places)), key=[cells[place] for place in places.tolist()].__getitem__))
        ranks = np.empty(len(places), np.int64)
        ranks[order] = np.arange(len(places))
        places, account = places[order], ranks[account]
        openings = self._known.balances_of(places)
        made = run(postings, places, account, openings)
        findings: list[tuple[int, int, str, str]] = []
        refused = made.overflows(openings)
        if refused:
            findings += self._described(made, refused, "overflow", "would have the balance")
            kept = np.setdiff1d(np.arange(len(postings)), list(refused))
            account = made.account[kept]
            remaining, account = np.unique(account, return_inverse=True)
            places, openings = places[remaining], openings.take(remaining)
            made = run(made.postings.take(kept), places, account, openings)
        if self.table.non_negative:
            falls = made.falls(openings)
            balances = dict(zip(falls.tolist(), made.balances.take(falls).to_ints(), strict=True))
            findings += self._described(made, balances, "negative-balance", "fell to")
        for position, _, reason, detail in sorted(findings):
            report(position, reason, detail)
        return made

    def _described(
        self, made: Run, balances: dict[int, int], reason: str, verb: str
    ) -> Iterable[tuple[int, int, str, str]]:
        """Position, ordinal, reason and detail of what is to be reported about these postings."""
        for row, balance in balances.items():
            name = self._name(self._known.keys[int(made.postings.places[row])])
            position, ordinal = int(made.postings.positions[row]), int(made.ordinals[row])
            yield position, ordinal, reason, f"{name} {verb} {balance}"

    def _posting_rows(self, made: Run) -> bytes:
        postings = made.postings
        cells: list[Cells] = [
            self._key_cells(made.accounts, made.account),
            integers(postings.positions, ColumnType.BIGINT),
            integers(made.ordinals, ColumnType.INTEGER),
            numeric(postings.deltas),
            numeric(made.balances),
            integers(postings.block_numbers, ColumnType.BIGINT),
        ]
        return rows_of(len(self.table.key) + len(POSTING_STATE), cells, len(postings))

    def _key_cells(self, places: Integers, rows: Integers | None = None) -> Cells:
        """The keys at ``places``; with ``rows``, for each of them the key at that one of the places."""
        listed = [self._known.cells[place] for place in places.tolist()]
        width = len(listed[0])
        if all([len(cells) == width for cells in listed]):  # noqa: C419 - a list is faster here
            content = np.frombuffer(b"".join(listed), np.uint8).reshape(-1, width)
            return content if rows is None else content[rows]
        return listed if rows is None else [listed[row] for row in rows.tolist()]

    def _places_by_column(self, key: Iterable[object], count: int) -> Integers:
        """The place of each row's account; of the same keys once."""
        numbers, values = np.zeros(count, np.int64), [()]
        for column in key:
            found, each = _distinct(column)
            if each is None:
                values = [(*value, found[0]) for value in values]
                continue
            kinds, numbers = np.unique(numbers * len(found) + each, return_inverse=True)
            values = [(*values[kind // len(found)], found[kind % len(found)]) for kind in kinds.tolist()]
        return self._places(values)[numbers]

    def _places(self, keys: Sequence[Key]) -> Integers:
        known = self._known
        unknown = list(dict.fromkeys(key for key in keys if key not in known.places))
        if unknown:
            columns = zip(self.table.key, map(list, zip(*unknown, strict=True)), strict=True)
            cells = [self._indexed_cells(column, values) for column, values in columns]
            known.add(unknown, list(map(b"".join, zip(*cells, strict=True))))
        return np.array([known.places[key] for key in keys], np.int64)

    def _indexed_cells(self, column: Column, values: list[Any]) -> list[bytes]:
        cells = encode(column, values)
        require_indexable(column, longest(cells))
        return to_list(cells, len(values))

    def _load(self, cursor: psycopg.Cursor) -> None:
        """Learn the stored balances of the accounts that are new here, by one statement."""
        known, width = self._known, len(self.table.key)
        unknown = known.keys[known.loaded :]
        known.loaded = len(known.keys)
        if not unknown or self._complete:
            return
        everything = sql.SQL("true")
        rows = select_rows(cursor, self._identifier, self.table.key, ACCOUNT_STATE[:1], unknown, everything)
        places = np.array([known.places[row[:width]] for row in rows], np.int64)
        balances: list[Any] = [row[width] for row in rows]
        known.set_balances(places, of_integers(balances))
        known.is_stored[places] = True

    def _insert(self, cursor: psycopg.Cursor, places: Integers) -> None:
        if len(places):
            columns = (*self.table.key, *ACCOUNT_STATE)
            rows = rows_of(len(columns), [self._key_cells(places), *self._state_cells(places)], len(places))
            write_rows(cursor, self._identifier, columns, [rows])
            self._known.is_stored[places] = True

    def _update(self, cursor: psycopg.Cursor, places: Integers) -> None:
        if not len(places):
            return
        columns = (*self.table.key, *ACCOUNT_STATE)
        statement = sql.SQL(
            "insert into {} ({}) select * from {} on conflict ({}) do update set balance = excluded.balance,"
            " position = excluded.position, block_number = excluded.block_number"
        ).format(self._identifier, names_of(columns), keys_as_table(columns, "new"), names_of(self.table.key))
        named = zip(*(self._known.keys[place] for place in places.tolist()), strict=True)
        cells = [encode(column, list(values)) for column, values in zip(self.table.key, named, strict=True)]
        cells += self._state_cells(places)
        arrays = [array(column.type, each, len(places)) for column, each in zip(columns, cells, strict=True)]
        execute_with_arrays(cursor, statement, arrays)

    def _state_cells(self, places: Integers) -> list[Cells]:
        """The columns of ACCOUNT_STATE."""
        return [
            numeric(self._known.balances_of(places)),
            integers(self._known.positions[places], ColumnType.BIGINT),
            integers(self._known.block_numbers[places], ColumnType.BIGINT),
        ]

    def _name(self, key: Key) -> str:
        values = (f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for value in key)
        return f"{self.table.name} {' '.join(values)}"


def _distinct(column: object) -> tuple[list[Any], Integers | None]:
    """The values of a column, each once, and which each row has; None: all the same one."""
    if isinstance(column, pa.Array):
        encoded = cast("Any", column).dictionary_encode()
        found = encoded.dictionary
        values = values_of(found) if pa.types.is_fixed_size_binary(found.type) else found.to_pylist()
        return values, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if isinstance(column, Amounts):
        column = column.to_ints()
    elif isinstance(column, np.ndarray):
        column = column.tolist()
    if not isinstance(column, list):
        return [column], None
    listed = cast("list[Any]", column)
    numbers = {value: number for number, value in enumerate(dict.fromkeys(listed))}
    return list(numbers), np.array([numbers[value] for value in listed], np.int64)


def _bigints(values: Integers) -> Integers:
    """Block numbers as they are stored. Raises UnstorableValue."""
    if values.dtype == np.object_:
        for value in values.tolist():
            _require_bigint(value)
    return values.astype(np.int64)


def _require_bigint(block_number: int) -> None:
    if block_number >= 2**63:
        raise UnstorableValue(f"block_number must be below 2**63, not {block_number}")
