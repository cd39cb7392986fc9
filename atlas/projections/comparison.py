"""Two builds of a view, row by row: is what is stored the fold of the log?"""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from atlas.projections.builds import Build
from atlas.projections.errors import ViewDiffers
from atlas.projections.tables.declarations import Column, bigint, binary, integer, table_names, text
from atlas.projections.tables.schema import names_of

_MAX_ROW_CHARACTERS = 500
_ENGINE_TABLES: dict[str, tuple[Column, ...]] = {
    "contracts": (text("chain"), binary("address"), bigint("position"), text("abi"), bigint("start_block")),
    "orphans": (binary("stream"),),
    "undecodable": (bigint("position"), text("reason"), text("detail")),
    "issues": (bigint("position"), integer("ordinal"), text("reason"), text("detail")),
}


def require_equal(cursor: psycopg.Cursor, stored: Build, folded: Build) -> None:
    """Return when ``stored`` and ``folded`` have the same rows. Raises ViewDiffers with the first difference."""
    for (table, left), (_, right) in zip(_contents(stored), _contents(folded), strict=True):
        for side, only, other in (("stored", left, right), ("missing", right, left)):
            row = _first_difference(cursor, only, other)
            if row is not None:
                raise ViewDiffers(stored.name, table, row, side)


def _contents(build: Build) -> Iterator[tuple[str, sql.Composed]]:
    """The name of each table, and a query of all its rows."""
    for table in build.view.tables:
        for name in table_names(table):
            yield name, sql.SQL("select * from {}").format(sql.Identifier(build.schema, name))
    for name, columns in _ENGINE_TABLES.items():
        statement = sql.SQL("select {} from {} where view = {}")
        yield name, statement.format(names_of(columns), sql.Identifier("projections", name), sql.Literal(build.name))


def _first_difference(cursor: psycopg.Cursor, only: sql.Composed, other: sql.Composed) -> str | None:
    statement = sql.SQL("select left(difference::text, {}) from ({} except all {} order by 1 limit 1) as difference")
    row = cursor.execute(statement.format(_MAX_ROW_CHARACTERS, only, other)).fetchone()
    return None if row is None else row[0]
