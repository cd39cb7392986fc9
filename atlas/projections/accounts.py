"""The running accounts of one table: handlers post deltas, a batch reaches PostgreSQL by COPY.

Posting reads nothing. When the batch is flushed, the balances of the accounts it touches are learned by
one statement, each posting gets its running balance, and each account's current row is upserted once.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import TypeAlias

import psycopg
from psycopg import sql

from atlas.projections.copying import NUMERIC_LIMIT, RowFormat, write_rows
from atlas.projections.lookup import keys_as_table, select_rows, transposed
from atlas.projections.schema import ACCOUNT_STATE, POSTING_STATE, names_of
from atlas.projections.tables import AccountTable, Value

Key: TypeAlias = tuple[Value, ...]
Posting: TypeAlias = tuple[Key, int, int, int]
"""Key, position, delta, block number."""
Report: TypeAlias = Callable[[int, str, str], None]
"""Keeps a finding: position, reason, detail."""

MAX_KNOWN_ACCOUNTS = 500_000
"""How many balances are remembered between batches."""


class _Account:
    """A current row: the balance, and the last posting's position, ordinal and block."""

    __slots__ = ("balance", "block_number", "ordinal", "position", "prefix")

    def __init__(self, prefix: str, balance: int) -> None:
        self.prefix = prefix  # the key as COPY text, made once
        self.balance = balance
        self.position = 0
        self.ordinal = 0
        self.block_number = 0


class Accounts:
    """The accounts of ``table`` in ``schema``; ``empty`` says that the stored table has none yet."""

    def __init__(self, schema: str, table: AccountTable, *, empty: bool) -> None:
        self.table = table
        self._identifier = sql.Identifier(schema, table.name)
        self._postings_identifier = sql.Identifier(schema, table.postings)
        self._key_format = RowFormat(table.key)
        self._complete = empty
        self._known: dict[Key, _Account] = {}
        self._pending: list[Posting] = []
        self._bulk: list[Posting] = []

    def post(self, position: int, key: Key, delta: int, block_number: int) -> None:
        """Add ``delta`` to the account ``key``; nothing for zero. Raises UnstorableValue for a key out of range."""
        if delta:
            if key not in self._known:
                self._key_format.check(key)
            self._pending.append((key, position, delta, block_number))

    def postings(
        self, positions: list[int], key: Iterable[object], deltas: list[int], block_numbers: list[int]
    ) -> list[Posting]:
        """A posting a position, by column, as ``post_all`` takes them. Raises UnstorableValue."""
        columns = [column if isinstance(column, list) else [column] * len(positions) for column in key]
        keys: list[Key] = list(zip(*columns, strict=True))
        for each in set(keys) - self._known.keys():
            self._key_format.check(each)
        return [posting for posting in zip(keys, positions, deltas, block_numbers, strict=True) if posting[2]]

    def post_all(self, postings: list[Posting]) -> None:
        """Add to accounts, at positions where nothing else does."""
        self._bulk += postings

    def undo(self, position: int) -> None:
        """Take back the postings of the fact at ``position``."""
        while self._pending and self._pending[-1][1] == position:
            self._pending.pop()

    def forget(self) -> None:
        """Drop everything remembered: the stored rows have changed beneath."""
        self._known.clear()
        self._pending.clear()
        self._bulk.clear()
        self._complete = False

    def flush(self, cursor: psycopg.Cursor, report: Report) -> None:
        """Write the pending postings and the accounts' new balances."""
        if self._bulk:
            # Postings of one position keep their order.
            self._pending = sorted(self._pending + self._bulk, key=itemgetter(1))
            self._bulk.clear()
        if not self._pending:
            return
        self._prefetch(cursor)
        touched: dict[Key, _Account] = {}
        columns = (*self.table.key, *POSTING_STATE)
        lines = list(self._run(touched, report))
        if lines:
            write_rows(cursor, self._postings_identifier, columns, lines)
            self._upsert(cursor, touched)
        self._pending.clear()
        if len(self._known) > MAX_KNOWN_ACCOUNTS:
            self._known.clear()
            self._complete = False

    def _run(self, touched: dict[Key, _Account], report: Report) -> Iterator[str]:
        """The pending postings with their running balances, as COPY lines; ``touched`` collects the accounts."""
        known = self._known
        for key, position, delta, block_number in self._pending:
            account = known[key]
            balance = account.balance + delta
            if not -NUMERIC_LIMIT < balance < NUMERIC_LIMIT:
                report(position, "overflow", f"{self._name(key)} would have the balance {balance}")
                continue
            if balance < 0 <= account.balance and self.table.non_negative:
                report(position, "negative-balance", f"{self._name(key)} fell to {balance}")
            account.ordinal = account.ordinal + 1 if account.position == position else 0
            account.position, account.balance, account.block_number = position, balance, block_number
            touched[key] = account
            yield f"{account.prefix}\t{position}\t{account.ordinal}\t{delta}\t{balance}\t{block_number}"

    def _prefetch(self, cursor: psycopg.Cursor) -> None:
        """Learn the stored balances of all pending accounts, by one statement."""
        unknown = list(dict.fromkeys(key for key, *_ in self._pending if key not in self._known))
        for key in unknown:
            self._known[key] = _Account(self._key_format.line(key), 0)
        if not unknown or self._complete:
            return
        width = len(self.table.key)
        everything = sql.SQL("true")
        for row in select_rows(cursor, self._identifier, self.table.key, ACCOUNT_STATE[:1], unknown, everything):
            balance = row[width]
            assert isinstance(balance, int)
            self._known[row[:width]].balance = balance

    def _upsert(self, cursor: psycopg.Cursor, touched: dict[Key, _Account]) -> None:
        columns = (*self.table.key, *ACCOUNT_STATE)
        statement = sql.SQL(
            "insert into {} ({}) select * from {} on conflict ({}) do update set balance = excluded.balance,"
            " position = excluded.position, block_number = excluded.block_number"
        ).format(self._identifier, names_of(columns), keys_as_table(columns, "new"), names_of(self.table.key))
        rows = [(*key, account.balance, account.position, account.block_number) for key, account in touched.items()]
        cursor.execute(statement, transposed(rows, len(columns)))

    def _name(self, key: Key) -> str:
        values = (f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for value in key)
        return f"{self.table.name} {' '.join(values)}"
