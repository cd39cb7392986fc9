"""The filters of a list: which inputs ``where`` has for an entity, and the SQL each one becomes.

Names follow The Graph: ``owner``, ``owner_not``, ``owner_in``, ``priceWei_gte``, ``metadataUri_contains``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from psycopg import sql

from atlas.graphql.entities import Column, Entity

_EQUALITY: Mapping[str, str] = {
    "": "{column} = {value}",
    "_not": "{column} is distinct from {value}",
    "_in": "{column} = any({value})",
    "_not_in": "({column} = any({value})) is not true",
}
_ORDER: Mapping[str, str] = {
    "_gt": "{column} > {value}",
    "_gte": "{column} >= {value}",
    "_lt": "{column} < {value}",
    "_lte": "{column} <= {value}",
}
_TEXT: Mapping[str, str] = {
    "_contains": "strpos({column}, {value}) > 0",
    "_starts_with": "starts_with({column}, {value})",
}
_OPERATORS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "equality": _EQUALITY,
    "order": {**_EQUALITY, **_ORDER},
    "text": {**_EQUALITY, **_ORDER, **_TEXT},
    "containment": {"_contains": "{column} @> {value}"},
}
_MEANINGS: Mapping[str, str] = {
    "": "equals this",
    "_not": "differs from this",
    "_in": "is one of these",
    "_not_in": "is none of these",
    "_gt": "is greater than this",
    "_gte": "is this or greater",
    "_lt": "is less than this",
    "_lte": "is this or less",
    "_contains": "contains this",
    "_starts_with": "starts with this",
}


@dataclass(frozen=True)
class Filter:
    """One input of ``where``: a column and an operator, named by its suffix."""

    column: Column
    suffix: str

    @property
    def graphql_name(self) -> str:
        """The name that clients use."""
        return f"{self.column.graphql_name}{self.suffix}"

    @property
    def many(self) -> bool:
        """Whether it takes a list."""
        return self.suffix.endswith("_in")

    @property
    def description(self) -> str:
        """What it keeps, in words."""
        return f"`{self.column.graphql_name}` {_MEANINGS[self.suffix]}."

    @property
    def takes_null(self) -> bool:
        """Whether null has a meaning: the value is absent, or is present."""
        return self.column.nullable and self.suffix in ("", "_not")

    def condition(self, column: sql.Composable, value: sql.Composable) -> sql.Composable:
        """The SQL that keeps a row."""
        template = _OPERATORS[self.column.kind.comparison][self.suffix]
        return sql.SQL(template).format(column=column, value=value)  # pyright: ignore[reportArgumentType]

    def null_condition(self, column: sql.Composable) -> sql.Composable:
        """The SQL that keeps a row when the value is null."""
        return sql.SQL("{} is not null" if self.suffix else "{} is null").format(column)


@cache
def filters(entity: Entity) -> Mapping[str, Filter]:
    """The filters of an entity, by the names that clients use."""
    every = [Filter(column, suffix) for column in entity.columns for suffix in _OPERATORS[column.kind.comparison]]
    return {each.graphql_name: each for each in every}


@cache
def orders(entity: Entity) -> Mapping[str, Column]:
    """The columns that a list can be ordered by, by the names that clients use: none of them is ever null."""
    return {each.graphql_name: each for each in entity.columns if each.kind.orderable and not each.nullable}
