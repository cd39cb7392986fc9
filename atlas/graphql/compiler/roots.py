"""A root field and everything selected below it, as one SQL statement that returns the JSON.

Each object becomes ``json_build_object``, each list ``json_agg`` over a correlated subquery, so that the
database answers the whole tree at once and its bytes go to the client as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from atlas.graphql.compiler.bindings import Bound, Leaf, Read, Variables
from atlas.graphql.compiler.compilation import (
    Compilation,
    Cost,
    Piece,
    column,
    every,
    free,
    joined,
    json_object,
    times,
    total,
)
from atlas.graphql.compiler.connections import compile_connection
from atlas.graphql.compiler.selections import Selection
from atlas.graphql.entities import Column, Entity, Final, Link, Listing, Lookup, Many, One, Parts, Root
from atlas.graphql.sources import Supplied

PARTS_COST = 10  # objects that a list of parts is taken to hold


@dataclass(frozen=True)
class Plan:
    """A compiled root field.

    ``statement`` returns one row with one JSON column, or no row for null. ``parameters`` read their values
    from a request's variables and may raise BadInput or LimitExceeded; so may ``cost``. ``as_of`` reads the
    ledger position that the answer is about, None for the latest. ``key`` reads what a lookup asks for, by column;
    ``supplied`` are the parameters of a row that may be elsewhere.
    """

    statement: str
    parameters: Mapping[str, Read]
    views: frozenset[str]
    cost: Cost
    as_of: Read | None
    key: Mapping[str, Read]
    supplied: tuple[str, ...]

    def bind(self, variables: Variables) -> dict[str, object]:
        """The values of the statement's parameters. Raises BadInput."""
        return {name: read(variables) for name, read in self.parameters.items()}


def compile_root(compilation: Compilation, root: Root, selection: Selection) -> Plan:
    """The plan of one root field. Raises BadInput."""
    arguments = compilation.arguments("Query", selection.node)
    compilation.travel(arguments.get("asOf"))
    objects = _Objects(compilation)
    entity = compilation.entities[root.entity]
    if isinstance(root, Listing):
        piece = compile_connection(compilation, entity, selection, arguments, objects.compile)
        statement = sql.SQL("select {}").format(piece.json)
    else:
        row = compilation.alias("r")
        piece = objects.compile(entity, selection, row)
        statement = sql.SQL("select {} from {} as {} where {}").format(
            piece.json, compilation.rows(entity), row, every(_key(compilation, root, entity, row, arguments))
        )
    return Plan(
        statement.as_string(None),
        compilation.parameters,
        frozenset(compilation.views),
        piece.cost,
        compilation.as_of,
        _asked(root, entity, arguments),
        entity.source.supplied if isinstance(entity.source, Supplied) else (),
    )


def _asked(root: Root, entity: Entity, arguments: Mapping[str, Bound]) -> dict[str, Read]:
    """What the arguments of a lookup give, by column."""
    names = root.arguments.values() if isinstance(root, Lookup) else ()
    bound = {name: arguments[entity.column(name).graphql_name] for name in names}
    return {name: value.read for name, value in bound.items() if isinstance(value, Leaf)}


def _key(
    compilation: Compilation, root: Root, entity: Entity, row: sql.Identifier, arguments: Mapping[str, Bound]
) -> list[sql.Composable]:
    """The conditions that the arguments of a lookup stand for."""
    conditions: list[sql.Composable] = []
    for name in root.arguments.values() if isinstance(root, Lookup) else ():
        ours = entity.column(name)
        value = arguments[ours.graphql_name]
        if isinstance(value, Leaf):
            parameter = compilation.parameter(ours.kind, value.read)
            conditions.append(sql.SQL("{} = {}").format(column(row, name), parameter))
    return conditions


class _Objects:
    """Compiles the fields of one row; the fields that are lists lead back here for each of theirs."""

    def __init__(self, compilation: Compilation) -> None:
        self._compilation = compilation

    def compile(self, entity: Entity, selection: Selection, row: sql.Identifier) -> Piece:
        """The JSON object of the row of ``entity`` under the alias ``row``."""
        pieces = {each.key: self._field(entity, each, row) for each in self._compilation.below(selection)}
        json = json_object({key: piece.json for key, piece in pieces.items()})
        return Piece(json, total(1, [piece.cost for piece in pieces.values()]))

    def _field(self, entity: Entity, selection: Selection, row: sql.Identifier) -> Piece:
        if selection.name == "__typename":
            return Piece(sql.Literal(entity.name), free)
        match entity.by_name[selection.name]:
            case Column(column=name, kind=kind):
                return Piece(kind.write(column(row, name)), free)
            case Final(block=block):
                return Piece(self._final(row, block), free)
            case One() as link:
                return self._one(link, selection, row)
            case Parts() as link:
                return self._parts(link, selection, row)
            case Many() as link:
                return self._many(entity, link, selection, row)
            case member:
                raise TypeError(f"no SQL for a {type(member).__name__}")

    def _final(self, row: sql.Identifier, block: str) -> sql.Composable:
        chain = self._compilation.alias("c")
        return sql.SQL(
            "coalesce((select {chain}.finalized_number >= {block} from {rows} as {chain} "
            "where {chain}.chain = {row}.chain), false)"
        ).format(
            chain=chain,
            block=column(row, block),
            rows=self._compilation.rows(self._compilation.entities["Chain"]),
            row=row,
        )

    def _one(self, link: Link, selection: Selection, row: sql.Identifier) -> Piece:
        entity, target = self._compilation.entities[link.entity], self._compilation.alias("r")
        body = self.compile(entity, selection, target)
        # Where the link does not hold the whole key, as a license does that is named without its registry, the first.
        first = sql.SQL(" order by {} limit 1").format(sql.SQL(", ").join(column(target, name) for name in entity.key))
        json = sql.SQL("(select {} from {} as {} where {}{})").format(
            body.json,
            self._compilation.rows(entity),
            target,
            joined(target, row, link.on),
            sql.SQL("") if link.on.keys() >= set(entity.key) else first,
        )
        return Piece(json, body.cost)

    def _parts(self, link: Link, selection: Selection, row: sql.Identifier) -> Piece:
        entity, target = self._compilation.entities[link.entity], self._compilation.alias("r")
        body = self.compile(entity, selection, target)
        json = sql.SQL("(select coalesce(json_agg({} order by {}), '[]'::json) from {} as {} where {})").format(
            body.json,
            sql.SQL(", ").join(column(target, name) for name in entity.key),
            self._compilation.rows(entity),
            target,
            joined(target, row, link.on),
        )
        return Piece(json, times(lambda _: PARTS_COST, body.cost))

    def _many(self, entity: Entity, link: Link, selection: Selection, row: sql.Identifier) -> Piece:
        return compile_connection(
            self._compilation,
            self._compilation.entities[link.entity],
            selection,
            self._compilation.arguments(entity.name, selection.node),
            self.compile,
            join=lambda target: joined(target, row, link.on),
        )
