"""What a handler sees of its view: rows to read and write, accounts to post to, contracts to look up.

Everything a handler writes belongs to the position of the fact it handles, and is taken back as a whole
when the handler refuses the fact.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import psycopg

from atlas.projections.errors import DuplicateRow, MissingRow
from atlas.projections.reading.contracts import Contracts
from atlas.projections.reading.decoded import EventBatch, Inserted, Written
from atlas.projections.tables.accounts import Accounts
from atlas.projections.tables.declarations import AccountTable, EntityTable, Table, Value
from atlas.projections.tables.entities import EntityRows
from atlas.projections.tables.findings import Findings
from atlas.projections.tables.running import Postings

Row: TypeAlias = Mapping[str, Any]
"""The value columns of a row, by name."""


class Stores:
    """The write-back stores of a view build's tables, and the log position that they stand at."""

    def __init__(self, schema: str, tables: tuple[Table, ...], position: int, contracts: Contracts) -> None:
        self.position = position
        self.contracts = contracts
        self.rows = {
            table.name: EntityRows(schema, table, empty=position == 0)
            for table in tables
            if isinstance(table, EntityTable)
        }
        self.accounts = {
            table.name: Accounts(schema, table, empty=position == 0)
            for table in tables
            if isinstance(table, AccountTable)
        }

    def forget(self, contracts: Contracts) -> None:
        """The stored tables were rewound: remember nothing but ``contracts``."""
        self.contracts = contracts
        for rows in self.rows.values():
            rows.forget()
        for accounts in self.accounts.values():
            accounts.forget()

    def flush(self, cursor: psycopg.Cursor, findings: Findings) -> None:
        """Write everything pending but the current rows of accounts."""
        for rows in self.rows.values():
            rows.flush(cursor)
        for accounts in self.accounts.values():
            accounts.flush(cursor, findings.issue)
        findings.flush(cursor)

    def settle(self, cursor: psycopg.Cursor) -> None:
        """Write the current rows of accounts: once a transaction, and before stored rows are looked at."""
        for accounts in self.accounts.values():
            accounts.settle(cursor)


class Fold:
    """A view's tables, as the handler of the fact at ``position``, set before each, reads and writes them."""

    def __init__(self, cursor: psycopg.Cursor, stores: Stores, findings: Findings) -> None:
        self.position = 0
        self._cursor = cursor
        self._rows = stores.rows
        self._accounts = stores.accounts
        self._findings = findings
        self.contracts = stores.contracts

    def get(self, table: EntityTable, *key: Value) -> Row | None:
        """The current row of ``key``, None when there is none."""
        values = self._rows[table.name].get(self._cursor, key)
        return None if values is None else dict(zip(table.value_names, values, strict=True))

    def put(self, table: EntityTable, *key: Value, **values: Value) -> None:
        """The row of ``key`` is now ``values``, every value column by name. Raises UnstorableValue."""
        ordered = tuple(map(values.__getitem__, table.value_names))
        assert len(ordered) == len(values), f"{table.name} has no column {values.keys() - set(table.value_names)}"
        self._rows[table.name].put(self.position, key, ordered)

    def create(self, table: EntityTable, *key: Value, **values: Value) -> None:
        """As ``put``, for a key without a row. Raises DuplicateRow, UnstorableValue."""
        if self._rows[table.name].get(self._cursor, key) is not None:
            raise DuplicateRow(f"{table.name} already has a row {shown(key)}")
        self.put(table, *key, **values)

    def update(self, table: EntityTable, *key: Value, **changes: Value) -> None:
        """Change some columns of the row of ``key``. Raises MissingRow, UnstorableValue."""
        self.put(table, *key, **{**self.require(table, *key), **changes})

    def require(self, table: EntityTable, *key: Value) -> Row:
        """The current row of ``key``. Raises MissingRow."""
        row = self.get(table, *key)
        if row is None:
            raise MissingRow(f"{table.name} has no row {shown(key)}")
        return row

    def post(self, table: AccountTable, *key: Value, delta: int, block_number: int) -> None:
        """Add ``delta`` to the account ``key``, by an event of block ``block_number``; zero posts nothing."""
        self._accounts[table.name].post(self.position, key, delta, block_number)

    def write(self, batch: EventBatch, written: Iterable[Written]) -> None:
        """Write what a bulk handler makes of ``batch``: all of it, or nothing where it raises UnstorableValue."""
        rows: list[tuple[EntityRows, bytes]] = []
        postings: list[tuple[Accounts, Postings]] = []
        for each in written:
            if isinstance(each, Inserted):
                store = self._rows[each.table.name]
                rows.append((store, store.rows(batch.positions, each.columns)))
            else:
                accounts = self._accounts[each.table.name]
                made = accounts.postings(batch.positions, each.key, each.deltas, batch.block_numbers)
                postings.append((accounts, made))
        for store, encoded in rows:
            store.insert(encoded)
        for accounts, made in postings:
            accounts.post_all(made)

    def report(self, reason: str, detail: str) -> None:
        """Keep an issue with this fact, which is applied all the same."""
        self._findings.issue(self.position, reason, detail)

    def undo(self) -> None:
        """Take back what was written for the current fact."""
        for rows in self._rows.values():
            rows.undo(self.position)
        for accounts in self._accounts.values():
            accounts.undo(self.position)


def shown(key: tuple[Value, ...]) -> str:
    """A key as people read it: bytes as 0x and hexadecimal digits."""
    return " ".join(f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for value in key)
