"""Reading views in tests."""

from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from atlas.ledger.database import Database


def current(database: Database, view: str, table: str) -> list[dict[str, Any]]:
    """The current rows of an entity table, in the order of their keys' creation."""
    return query(
        database,
        sql.SQL("select * from {} where valid_to is null order by valid_from").format(
            sql.Identifier(f"view_{view}", table)
        ),
    )


def balances(database: Database, view: str, table: str) -> dict[tuple[Any, ...], int]:
    """The balance of every account, by its key without chain and contract."""
    rows = query(database, sql.SQL("select * from {}").format(sql.Identifier(f"view_{view}", table)))
    state = ("chain", "contract", "balance", "position", "block_number")
    return {tuple(value for name, value in row.items() if name not in state): int(row["balance"]) for row in rows}


def issues(database: Database, view: str) -> list[tuple[int, str]]:
    rows = query(
        database,
        sql.SQL("select position, reason from projections.issues where view = {} order by position, ordinal").format(
            view
        ),
    )
    return [(row["position"], row["reason"]) for row in rows]


def undecodable(database: Database, view: str) -> list[tuple[int, str]]:
    statement = sql.SQL("select position, reason from projections.undecodable where view = {} order by position")
    return [(row["position"], row["reason"]) for row in query(database, statement.format(view))]


def query(database: Database, statement: sql.SQL | sql.Composed) -> list[dict[str, Any]]:
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement).fetchall()
