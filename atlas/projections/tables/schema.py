"""From table declarations to SQL: creating a view's schema, and rewinding it to a log position.

A view's live schema is ``view_<name>``; ``view_<name>_next`` is one being rebuilt, ``view_<name>_check``
one being compared. Statements come out as ``bytes``, ready for psycopg; every name in them is quoted.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from atlas.projections.tables.declarations import (
    AccountTable,
    Column,
    EntityTable,
    Table,
    bigint,
    integer,
    optional,
    uint256,
)

VALIDITY = (bigint("valid_from"), optional(bigint("valid_to")))
ACCOUNT_STATE = (uint256("balance"), bigint("position"), bigint("block_number"))
POSTING_STATE = (
    bigint("position"),
    integer("ordinal"),
    uint256("delta"),
    uint256("balance"),
    bigint("block_number"),
)


def creation(schema: str, tables: Iterable[Table]) -> Iterator[sql.Composed]:
    """The statements that create ``schema`` with ``tables``."""
    yield sql.SQL("create schema {}").format(sql.Identifier(schema))
    for table in tables:
        yield from (
            _entity_creation(schema, table) if isinstance(table, EntityTable) else _account_creation(schema, table)
        )


def fingerprint(tables: Iterable[Table]) -> bytes:
    """SHA-256 of the statements that create ``tables``: another one means another shape of the view."""
    statements = "\n".join(statement.as_string(None) for statement in creation("view", tables))
    return hashlib.sha256(statements.encode()).digest()


def rewinding(schema: str, tables: Iterable[Table], position: int) -> Iterator[sql.Composed]:
    """The statements that forget every version and posting after ``position``."""
    for table in tables:
        statements = _ENTITY_REWIND if isinstance(table, EntityTable) else _ACCOUNT_REWIND
        names = {
            "table": sql.Identifier(schema, table.name),
            "position": sql.Literal(position),
            "key": names_of(table.key),
            "same_key": same_key("account", "posting", table.key),
            "touched_key": same_key("posting", "touched", table.key),
        }
        if isinstance(table, AccountTable):
            names["postings"] = sql.Identifier(schema, table.postings)
        for statement in statements:
            yield sql.SQL(statement).format(**names)


_ENTITY_REWIND = (
    "delete from {table} where valid_from > {position}",
    "update {table} set valid_to = null where valid_to > {position}",
)
# In this order: the current rows first, while the postings still tell which accounts were touched.
_ACCOUNT_REWIND = (
    """
    update {table} as account
    set balance = posting.balance, position = posting.position, block_number = posting.block_number
    from (select distinct {key} from {postings} where position > {position}) as touched
    cross join lateral (
        select * from {postings} as posting
        where {touched_key} and position <= {position}
        order by position desc, ordinal desc limit 1
    ) as posting
    where {same_key}
    """,
    "delete from {table} where position > {position}",
    "delete from {postings} where position > {position}",
)


def same_key(left: str, right: str, key: Sequence[Column]) -> sql.Composed:
    """The condition that ``left`` and ``right`` have the same key."""
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, column.name), sql.Identifier(right, column.name))
        for column in key
    )


def names_of(columns: Sequence[Column]) -> sql.Composed:
    """The names of ``columns``, separated by commas."""
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)


def _entity_creation(schema: str, table: EntityTable) -> Iterator[sql.Composed]:
    yield _table(schema, table.name, (*table.columns, *VALIDITY), (*table.key, VALIDITY[0]))
    # The current version of a key, and that there is only one.
    yield sql.SQL("create unique index on {} ({}) where valid_to is null").format(
        sql.Identifier(schema, table.name), names_of(table.key)
    )
    # Rows come in the order of positions, so that a rewind finds the last ones in a block-range index.
    yield _block_range_index(schema, table.name, "valid_from")
    # Only versions that have ended are looked for by their end, and most rows of a view never do.
    yield sql.SQL("create index on {} (valid_to) where valid_to is not null").format(sql.Identifier(schema, table.name))
    for columns in table.indexes:
        yield _index(schema, table.name, columns)
    for column in table.contained:
        yield sql.SQL("create index on {} using gin ({} jsonb_path_ops)").format(
            sql.Identifier(schema, table.name), sql.Identifier(column)
        )


def _account_creation(schema: str, table: AccountTable) -> Iterator[sql.Composed]:
    # Room on every page: a current row that is written anew stays where it is, and so do its index entries.
    yield _table(schema, table.name, (*table.key, *ACCOUNT_STATE), table.key) + sql.SQL(" with (fillfactor = 50)")
    yield _table(schema, table.postings, (*table.key, *POSTING_STATE), (*table.key, *POSTING_STATE[:2]))
    yield _block_range_index(schema, table.postings, "position")
    for columns in table.indexes:
        yield _index(schema, table.name, columns)


def _table(schema: str, name: str, columns: Sequence[Column], key: Sequence[Column]) -> sql.Composed:
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {} {}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type.value),
            sql.SQL("null" if column.nullable else "not null"),
        )
        for column in columns
    )
    return sql.SQL("create table {} ({}, primary key ({}))").format(
        sql.Identifier(schema, name), definitions, names_of(key)
    )


def _index(schema: str, table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("create index on {} ({})").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _block_range_index(schema: str, table: str, column: str) -> sql.Composed:
    return sql.SQL("create index on {} using brin ({}) with (autosummarize = on)").format(
        sql.Identifier(schema, table), sql.Identifier(column)
    )
