import re

import pytest

from atlas.projections.tables.declarations import (
    AccountTable,
    Column,
    ColumnType,
    EntityTable,
    Table,
    binary,
    optional,
    table_names,
    text,
    uint256,
)
from atlas.projections.tables.schema import creation, fingerprint
from atlas.projections.views import VIEWS

ASSETS = EntityTable("assets", key=(binary("aaid"),), values=(text("kind"), optional(text("note"))))
BALANCES = AccountTable("balances", key=(text("chain"), binary("holder")))


EVERY_TABLE = [(view.name, table) for view in VIEWS.values() for table in view.tables]


def test_an_entity_table_lists_its_key_before_its_values() -> None:
    assert [column.name for column in ASSETS.columns] == ["aaid", "kind", "note"]
    assert ASSETS.value_names == ("kind", "note")
    assert ASSETS.values[1] == Column("note", ColumnType.TEXT, nullable=True)


def test_an_account_table_has_a_table_of_postings_beside_it() -> None:
    assert table_names(BALANCES) == ("balances", "balances_postings")
    assert table_names(ASSETS) == ("assets",)


def test_another_shape_has_another_fingerprint() -> None:
    wider = EntityTable("assets", key=ASSETS.key, values=(*ASSETS.values, uint256("price_wei")))
    assert fingerprint([ASSETS]) == fingerprint([ASSETS])
    assert len({fingerprint([ASSETS]), fingerprint([wider]), fingerprint([ASSETS, BALANCES])}) == 3


def test_names_are_quoted() -> None:
    statements = [statement.as_string(None) for statement in creation('we"ird', [ASSETS])]
    assert statements[0] == 'create schema "we""ird"'
    assert all("we" not in re.sub(r'"(?:[^"]|"")*"', "", statement) for statement in statements)


@pytest.mark.parametrize(("view", "table"), EVERY_TABLE, ids=lambda value: getattr(value, "name", value))
def test_declared_names_are_lower_case_and_distinct(view: str, table: Table) -> None:
    columns = table.columns if isinstance(table, EntityTable) else table.key
    names = [column.name for column in columns]
    assert len(set(names)) == len(names), view
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in (table.name, *names))
    reserved = {"valid_from", "valid_to"} if isinstance(table, EntityTable) else {"balance", "position", "delta"}
    assert not reserved & set(names)
    assert all(set(index) <= set(names) for index in table.indexes)
    assert not any(column.nullable for column in table.key)


def test_every_view_follows_something_and_is_listed_under_its_name() -> None:
    assert all(view.topics and name == view.name for name, view in VIEWS.items())
    assert VIEWS["supply"].contracts == {"AtlasToken", "FeeSettlement", "StakeManager", "CheckpointAnchor"}
    assert VIEWS["chains"].topics == ("chain.contract", "chain.finalized", "chain.header", "chain.reorged")
