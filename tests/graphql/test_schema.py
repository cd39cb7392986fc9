"""The schema is documented, its published text is current, and the catalog is about tables that exist."""

from pathlib import Path

import graphql
import pytest

from atlas.graphql import schema as schema_module
from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.catalog.revenue import SCENARIO
from atlas.graphql.catalog.supply import BurnCause
from atlas.graphql.entities import Entity, Final, Link
from atlas.graphql.schema import ApiSchema, sdl
from atlas.graphql.sources import Accounts, Books, Pivot, Versions
from atlas.projections.tables.declarations import Column as TableColumn
from atlas.projections.tables.declarations import ColumnType
from atlas.projections.views import VIEWS
from atlas.protocol.vocabulary import BurnScenario

PUBLISHED = Path(schema_module.__file__).parent / "schema.graphql"
SQL_TYPES = {
    ColumnType.TEXT: {"String", "enum"},
    ColumnType.BYTES: {"Aaid", "Address", "Bytes"},
    ColumnType.INTEGER: {"int"},
    ColumnType.BIGINT: {"BigInt"},
    ColumnType.UINT256: {"BigInt", "String"},
    ColumnType.BOOLEAN: {"bool"},
    ColumnType.TIME: {"DateTime"},
    ColumnType.JSON: {"Json", "JsonObject"},
}


def columns_of(entity: Entity) -> dict[str, TableColumn]:
    """The declared columns of an entity's rows; those that a source makes itself are left out."""
    match entity.source:
        case Versions(table=table):
            return {column.name: column for column in table.columns}
        case Accounts(table=table):
            return {column.name: column for column in table.key}
        case Pivot(accounts=accounts) | Books(accounts=accounts):
            return {column.name: column for column in accounts.table.key if column.name != "book"}
        case _:
            return {}


def test_the_published_schema_is_current() -> None:
    assert PUBLISHED.read_text() == sdl()


def test_the_published_schema_is_valid() -> None:
    assert not graphql.validate_schema(graphql.build_schema(PUBLISHED.read_text()))


def test_every_type_field_and_argument_is_described(schema: ApiSchema) -> None:
    built = graphql.build_schema(schema.as_str())
    for name, kind in built.type_map.items():
        if name.startswith("__") or name in graphql.specified_scalar_types:
            continue
        assert kind.description, name
        if isinstance(kind, graphql.GraphQLObjectType | graphql.GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                assert field.description, f"{name}.{field_name}"
                for argument_name, argument in getattr(field, "args", {}).items():
                    assert argument.description, f"{name}.{field_name}({argument_name})"


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_an_entity_is_about_declared_columns_of_the_same_type(entity: Entity) -> None:
    declared = columns_of(entity)
    for column in entity.columns:
        if column.column in declared:
            found = declared[column.column]
            kind = getattr(column.kind.annotation, "__name__", "")
            kind = {"str": "String"}.get(kind, kind)
            expected = SQL_TYPES[found.type]
            assert kind in expected or ("enum" in expected and column.kind.comparison == "equality"), column.name
            assert column.nullable == found.nullable, column.name
        elif isinstance(entity.source, Versions):
            pytest.fail(f"{entity.name}.{column.name} is no column of {entity.source.table.name}")


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_links_join_columns_that_exist(entity: Entity) -> None:
    names = {column.column for column in entity.columns} | set(columns_of(entity))
    for member in entity.members:
        if isinstance(member, Link):
            target = ENTITIES[member.entity]
            theirs = {column.column for column in target.columns} | set(columns_of(target))
            assert set(member.on) <= theirs
            assert set(member.on.values()) <= names
        if isinstance(member, Final):
            assert member.block in names or isinstance(entity.source, Versions)
            assert "chain" in names


def test_every_listed_entity_can_be_paged_by_its_key() -> None:
    for entity in ENTITIES.values():
        if entity.listed:
            assert [entity.column(name).column for name in entity.key] == list(entity.key)


def test_every_table_that_people_ask_about_is_in_the_catalog() -> None:
    shown = {
        (entity.source.view, entity.source.table.name)
        for entity in ENTITIES.values()
        if isinstance(entity.source, Versions | Accounts)
    } | {("revenue", "accruals"), ("supply", "totals")}
    every = {(view.name, table.name) for view in VIEWS.values() for table in view.tables}
    assert every - shown == {("chains", "contracts"), ("supply", "burn_claims")}


def test_the_causes_of_burns_are_the_scenarios_a_slash_and_the_holder() -> None:
    assert list(BurnCause) == [*BurnScenario, "slash", "direct"]
    assert SCENARIO.annotation is BurnScenario


def test_roots_are_named_as_clients_see_them() -> None:
    assert {"asset", "assets", "generationRecord", "_meta", "ledgerEntry", "supply"} <= set(ROOTS)
