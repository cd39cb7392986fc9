"""What a bulk handler writes is what its handler writes event by event, in every respect."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.builds import Build
from atlas.projections.projector import Projector
from atlas.projections.view import View
from atlas.projections.views import VIEWS
from benchmarks.backfill.indexed import VIEW as TRANSFERS
from tests.projections.rows import query
from tests.projections.test_reorgs import CHAPTER, told

# The accounts of the benchmark may fall below zero; here they report it.
ACCOUNTS = msgspec.structs.replace(TRANSFERS.tables[1], non_negative=True)
VIEWS_WITH_BULK = (msgspec.structs.replace(TRANSFERS, tables=(TRANSFERS.tables[0], ACCOUNTS)), VIEWS["events"])


def pair(view: View) -> dict[str, View]:
    """The view as it is, and as it would be without its bulk handlers."""
    scalar = msgspec.structs.replace(view, name=f"{view.name}_scalar", bulk={})
    return {view.name: view, scalar.name: scalar}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    watched_first=st.booleans(),
    chapters=st.lists(CHAPTER, min_size=1, max_size=14),
    pages=st.lists(st.sampled_from([1, 3, 50]), min_size=2, max_size=2),
    cut=st.integers(0, 30),
)
def test_rows_and_findings_are_those_of_the_handlers(
    database: Database, ledger: Ledger, watched_first: bool, chapters: list[tuple[str]], pages: list[int], cut: int
) -> None:
    views = {name: view for each in VIEWS_WITH_BULK for name, view in pair(each).items()}
    clear(database, views)
    story = told(chapters, watched_first=watched_first)
    projector = Projector(database, ledger, views)
    for facts, page in zip((story.facts[:cut], story.facts[cut:]), pages, strict=True):
        projector._page_facts = page  # pyright: ignore[reportPrivateUsage]
        ledger.append(facts)
        projector.catch_up()
    for view in VIEWS_WITH_BULK:
        one, other = pair(view)
        assert stored(database, views[one]) == stored(database, views[other])


def stored(database: Database, view: View) -> list[object]:
    """Every row of the view and every finding, without the view's name."""
    tables = ["events"] if view.tables[0].name == "events" else ["transfers", "balances", "balances_postings"]
    found: list[object] = []
    for table in tables:
        rows = query(database, sql.SQL("select * from {}").format(sql.Identifier(view.schema, table)))
        found.append(sorted(str(sorted(row.items())) for row in rows))
    for table in ("undecodable", "issues"):
        rows = query(
            database,
            sql.SQL("select * from {} where view = {}").format(sql.Identifier("projections", table), view.name),
        )
        found.append(sorted(str(sorted((k, v) for k, v in row.items() if k != "view")) for row in rows))
    return found


def clear(database: Database, views: dict[str, View]) -> None:
    with database.connection() as connection, connection.cursor() as cursor:
        cursor.execute("truncate ledger.events, ledger.keys, ledger.tiles")
        cursor.execute("update ledger.head set position = 0")
        for view in views.values():
            Build(view).drop(cursor)
