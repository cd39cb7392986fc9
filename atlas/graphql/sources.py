"""Where an entity's rows are: what stands in a FROM clause, now or as of a ledger position.

Views version their rows by position in two shapes. Entities are tables whose row versions hold from
``valid_from`` until before ``valid_to`` (the current one has none). Running accounts have one current
row a key, and postings that carry the balance after each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from psycopg import sql

from atlas.projections.tables.declarations import AccountTable, Column, EntityTable


class Source(Protocol):
    """Rows of one shape, at every ledger position."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique."""
        ...

    @property
    def views(self) -> frozenset[str]:
        """The views the rows come from, by name: ``provenance`` for schema ``view_provenance``."""
        ...

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """A FROM item without its alias: the current rows, or those as of the position ``as_of``."""
        ...


def _names(columns: Iterable[Column]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)


@dataclass(frozen=True)
class Versions:
    """An entity's table: one row a version."""

    view: str
    table: EntityTable

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique."""
        return tuple(column.name for column in self.table.key)

    @property
    def views(self) -> frozenset[str]:
        """The view that the table belongs to."""
        return frozenset({self.view})

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """The versions that are current, or that were at ``as_of``."""
        table = sql.Identifier(f"view_{self.view}", self.table.name)
        if as_of is None:
            return sql.SQL("(select * from {} where valid_to is null)").format(table)
        return sql.SQL(
            "(select * from {table} where valid_from <= {as_of} and (valid_to is null or valid_to > {as_of}))"
        ).format(table=table, as_of=as_of)


@dataclass(frozen=True)
class Accounts:
    """A running account's table: one row a key, with ``balance``, ``position`` and ``block_number`` of its latest."""

    view: str
    table: AccountTable

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique."""
        return tuple(column.name for column in self.table.key)

    @property
    def views(self) -> frozenset[str]:
        """The view that the table belongs to."""
        return frozenset({self.view})

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """One row a key, with the balance now or after its last posting up to ``as_of``."""
        schema = f"view_{self.view}"
        if as_of is None:
            return sql.SQL("{}").format(sql.Identifier(schema, self.table.name))
        return sql.SQL(
            "(select distinct on ({key}) {key}, balance, position, block_number from {postings} "
            "where position <= {as_of} order by {key}, position desc, ordinal desc)"
        ).format(key=_names(self.table.key), postings=sql.Identifier(schema, self.table.postings), as_of=as_of)


@dataclass(frozen=True)
class Pivot:
    """Accounts whose key ends in a book, turned into one row with a column for each book of interest."""

    accounts: Accounts
    columns: Mapping[str, str]  # the column's name -> the book

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique."""
        return tuple(name for name in self.accounts.key if name != "book")

    @property
    def views(self) -> frozenset[str]:
        """The view of the accounts."""
        return self.accounts.views

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """One row for each key without its book; a book with no posting stands at zero."""
        balances = sql.SQL(", ").join(
            sql.SQL("coalesce(max(balance) filter (where book = {}), 0) as {}").format(
                sql.Literal(book), sql.Identifier(column)
            )
            for column, book in self.columns.items()
        )
        return sql.SQL(
            "(select {key}, {balances}, max(position) as position, max(block_number) as block_number "
            "from {accounts} as account group by {key})"
        ).format(
            key=_names(column for column in self.accounts.table.key if column.name != "book"),
            balances=balances,
            accounts=self.accounts.rows(as_of),
        )


@dataclass(frozen=True)
class Books:
    """The accounts whose book begins with ``prefix``; what follows it is their ``column``."""

    accounts: Accounts
    prefix: str
    column: str

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique."""
        return (*(name for name in self.accounts.key if name != "book"), self.column)

    @property
    def views(self) -> frozenset[str]:
        """The view of the accounts."""
        return self.accounts.views

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """One row an account, its book without the prefix."""
        return sql.SQL(
            "(select *, substr(book, {start}) as {column} from {accounts} as account where starts_with(book, {prefix}))"
        ).format(
            start=sql.Literal(len(self.prefix) + 1),
            column=sql.Identifier(self.column),
            accounts=self.accounts.rows(as_of),
            prefix=sql.Literal(self.prefix),
        )


@dataclass(frozen=True)
class Undecodable:
    """What a view could not read: one row a position, which stays what it is."""

    view: str
    key = ("position",)

    @property
    def views(self) -> frozenset[str]:
        """The view that could not read it."""
        return frozenset({self.view})

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """The findings, or those up to the position ``as_of``."""
        found = sql.SQL("select position, reason, detail from projections.undecodable where view = {}").format(
            sql.Literal(self.view)
        )
        if as_of is None:
            return sql.SQL("({})").format(found)
        return sql.SQL("({} and position <= {})").format(found, as_of)


@dataclass(frozen=True)
class Statement:
    """A query of our own that no position changes, such as the state of the log itself."""

    query: sql.Composable
    key: tuple[str, ...]

    @property
    def views(self) -> frozenset[str]:
        """None: it does not depend on a view."""
        return frozenset()

    def rows(self, as_of: sql.Composable | None) -> sql.Composable:
        """The query's rows."""
        return sql.SQL("({})").format(self.query)


@dataclass(frozen=True)
class Supplied(Statement):
    """A query of our own over rows of the database, and at most one that is elsewhere.

    The latter's values are the parameters ``supplied``, all null as long as it is not needed.
    """

    supplied: tuple[str, ...]
