"""What the parts of the compiler share: the state of one compilation, and the SQL they are made of.

Names in the SQL come from the catalog and from response keys, which the GraphQL grammar keeps to
letters, digits and underscores; every value that comes from a request is a bound parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, cast

from graphql import FieldNode, GraphQLObjectType, GraphQLSchema
from psycopg import sql

from atlas.graphql.compiler.bindings import Bound, Leaf, Read, Variables, bind_arguments
from atlas.graphql.compiler.selections import Selection, Selector
from atlas.graphql.entities import Entity
from atlas.graphql.kinds import BIG_INTEGER, Kind
from atlas.graphql.sources import Supplied

Cost: TypeAlias = Callable[[Variables], int]

_MAX_PAIRS = 50  # PostgreSQL functions take 100 arguments


@dataclass(frozen=True)
class Piece:
    """SQL for one JSON value, and how many objects it can hold given the variables of a request."""

    json: sql.Composable
    cost: Cost


class Compilation:
    """The compilation of one root field: its parameters, its views and the aliases it has used."""

    def __init__(
        self, entities: Mapping[str, Entity], schema: GraphQLSchema, selector: Selector, variables: Variables
    ) -> None:
        self.entities = entities
        self.variables = variables
        self.parameters: dict[str, Read] = {}
        self.views: set[str] = set()
        self.as_of: Read | None = None
        self._as_of: sql.Composable | None = None
        self._schema = schema
        self._selector = selector
        self._aliases = 0

    def travel(self, as_of: Bound) -> None:
        """Compile what follows as of the position in the argument ``asOf``, if there is one."""
        position = as_of.get("ledgerPosition") if isinstance(as_of, Mapping) else None
        if isinstance(position, Leaf):
            self.as_of = position.read
            self._as_of = self.parameter(BIG_INTEGER, position.read)

    def rows(self, entity: Entity) -> sql.Composable:
        """The FROM item with the rows of ``entity``."""
        self.views |= entity.source.views
        if isinstance(entity.source, Supplied):
            self.parameters |= dict.fromkeys(entity.source.supplied, _nothing)
        return entity.source.rows(self._as_of)

    def below(self, selection: Selection) -> list[Selection]:
        """The fields selected below ``selection``."""
        return self._selector.of(selection)

    def arguments(self, type_name: str, node: FieldNode) -> dict[str, Bound]:
        """The arguments of the field of ``type_name`` that ``node`` asks for."""
        fields = cast("GraphQLObjectType", self._schema.type_map[type_name]).fields
        return bind_arguments(fields[node.name.value], node, self.variables)

    def member(self, leaf: Bound) -> str | None:
        """The name of the enumeration member in an argument that shapes the SQL."""
        value = leaf.read(self.variables) if isinstance(leaf, Leaf) else None
        return str(value.value) if isinstance(value, Enum) else value

    def alias(self, prefix: str) -> sql.Identifier:
        """A name that no other FROM item of the statement has."""
        self._aliases += 1
        return sql.Identifier(f"{prefix}{self._aliases}")

    def parameter(self, kind: Kind, read: Read, *, many: bool = False) -> sql.Composable:
        """A parameter for a coerced input of ``kind``, or for a list of them."""
        bind = kind.bind
        if many:
            return self.raw_parameter(kind, lambda variables: [bind(item) for item in read(variables)], many=True)
        return self.raw_parameter(kind, lambda variables: bind(read(variables)))

    def raw_parameter(self, kind: Kind, read: Read, *, many: bool = False) -> sql.Composable:
        """A parameter whose value is bound as ``read`` gives it."""
        name = f"v{len(self.parameters)}"  # Names that are supplied count, too.
        self.parameters[name] = read
        if kind.cast is None:
            return sql.Placeholder(name)
        return sql.SQL("{}::{}{}").format(sql.Placeholder(name), kind.cast, sql.SQL("[]" if many else ""))


def column(row: sql.Identifier, name: str) -> sql.Composed:
    """A column of a FROM item."""
    return sql.SQL("{}.{}").format(row, sql.Identifier(name))


def joined(child: sql.Identifier, parent: sql.Identifier, on: Mapping[str, str]) -> sql.Composed:
    """The condition that a child row belongs to a parent row."""
    return every(
        [sql.SQL("{} = {}").format(column(child, ours), column(parent, theirs)) for ours, theirs in on.items()]
    )


def every(conditions: Sequence[sql.Composable]) -> sql.Composed:
    """All conditions hold; true of none."""
    return _combined(sql.SQL(") and ("), conditions, sql.SQL("true"))


def some(conditions: Sequence[sql.Composable]) -> sql.Composed:
    """At least one condition holds; false of none."""
    return _combined(sql.SQL(") or ("), conditions, sql.SQL("false"))


def json_object(values: Mapping[str, sql.Composable]) -> sql.Composable:
    """A JSON object with these keys in this order."""
    pairs = [sql.SQL("{}::text, {}").format(sql.Literal(key), value) for key, value in values.items()]
    objects = [
        sql.SQL("json_build_object({})").format(sql.SQL(", ").join(pairs[start : start + _MAX_PAIRS]))
        for start in range(0, max(1, len(pairs)), _MAX_PAIRS)
    ]
    if len(objects) == 1:
        return objects[0]
    inner = sql.SQL(" || ', ' || ").join(
        sql.SQL("substr(left({each}::text, -1), 2)").format(each=each) for each in objects
    )
    return sql.SQL("('{{' || {} || '}}')::json").format(inner)


def total(own: int, costs: Iterable[Cost]) -> Cost:
    """The cost of an object that weighs ``own`` and holds others."""
    inner = [cost for cost in costs if cost is not free]
    if not inner:
        return lambda _: own
    return lambda variables: own + sum(cost(variables) for cost in inner)


def times(count: Cost, each: Cost) -> Cost:
    """The cost of a list."""
    return lambda variables: count(variables) * each(variables)


def _nothing(_: Variables) -> None:
    """No row is supplied."""


def free(_: Variables) -> int:
    """The cost of a value."""
    return 0


def _combined(separator: sql.SQL, conditions: Sequence[sql.Composable], otherwise: sql.SQL) -> sql.Composed:
    if not conditions:
        return sql.Composed([otherwise])
    return sql.SQL("(({}))").format(separator.join(conditions))
