"""Connections as SQL: the conditions, the order, the page and what is asked of it.

A page is cut by its key, one row longer than asked for, before anything below it is computed:

    (select json_build_object('nodes', json_agg(...) filter (where p2.place <= <first>), ...)
     from (select r1.*, row_number() over (order by ...) as place from <rows> as r1
           where <join, filters, cursor> order by ... limit <first> + 1) as p2 having true)

HAVING makes it one row also when nothing selected is an aggregate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from psycopg import sql

from atlas.graphql.compiler.bindings import Bound, Leaf, Read
from atlas.graphql.compiler.compilation import (
    Compilation,
    Cost,
    Piece,
    column,
    every,
    free,
    json_object,
    some,
    times,
    total,
)
from atlas.graphql.compiler.cursors import cursor_of, read_cursor
from atlas.graphql.compiler.selections import Selection
from atlas.graphql.entities import Column, Entity
from atlas.graphql.errors import BadInput
from atlas.graphql.filters import filters, orders
from atlas.graphql.kinds import INTEGER
from atlas.graphql.types import DEFAULT_PAGE, page_size

ObjectOf: TypeAlias = Callable[[Entity, Selection, sql.Identifier], Piece]

COUNT_COST = 100  # what counting a whole list weighs, in objects


@dataclass(frozen=True)
class _Order:
    """What a list is ordered by: the key comes last, so that no two rows are equal."""

    scope: str
    columns: Sequence[Column]
    descending: bool

    def by(self, row: sql.Identifier) -> sql.Composable:
        """The ORDER BY list."""
        direction = sql.SQL(" desc" if self.descending else " asc")
        return sql.SQL(", ").join(column(row, each.column) + direction for each in self.columns)


@dataclass(frozen=True)
class _Page:
    """A page of ``entity`` under the alias ``row``, whose column ``place`` counts from 1; ``first`` is its length."""

    entity: Entity
    row: sql.Identifier
    order: _Order
    length: Cost
    first: sql.Composable
    continued: bool

    @property
    def cursor(self) -> sql.Composable:
        """The cursor of a row."""
        return cursor_of(self.order.scope, self.order.columns, self.row)

    def collect(self, each: sql.Composable) -> sql.Composable:
        """A JSON array of one value a row."""
        return sql.SQL(
            "coalesce(json_agg({each} order by {row}.place) filter (where {row}.place <= {first}), '[]'::json)"
        ).format(each=each, row=self.row, first=self.first)

    def end(self, *, last: bool) -> sql.Composable:
        """The cursor of the first or the last row; null of an empty page."""
        return sql.SQL(
            "(array_agg({cursor} order by {row}.place {way}) filter (where {row}.place <= {first}))[1]"
        ).format(cursor=self.cursor, row=self.row, way=sql.SQL("desc" if last else "asc"), first=self.first)


def compile_connection(
    compilation: Compilation,
    entity: Entity,
    selection: Selection,
    arguments: Mapping[str, Bound],
    object_of: ObjectOf,
    *,
    join: Callable[[sql.Identifier], sql.Composable] | None = None,
) -> Piece:
    """The connection over the rows of ``entity`` that ``join`` (given the rows' alias) keeps. Raises BadInput."""
    row = compilation.alias("r")
    kept = every([*([join(row)] if join else []), *_where(compilation, entity, row, arguments.get("where"))])
    order = _order(compilation, entity, arguments)
    length = _length(arguments.get("first"))
    after = _after(compilation, order, arguments.get("after"), row)
    first = compilation.parameter(INTEGER, length)
    page = _Page(entity, compilation.alias("p"), order, length, first, continued=bool(after))
    rows = compilation.rows(entity)
    count = Piece(sql.SQL("(select count(*) from {} as {} where {})").format(rows, row, kept), lambda _: COUNT_COST)
    pieces = {
        each.key: count if each.name == "totalCount" else _field(compilation, page, each, object_of)
        for each in compilation.below(selection)
    }
    json = sql.SQL(
        "(select {json} from (select {row}.*, row_number() over (order by {order}) as place "
        "from {rows} as {row} where {kept} order by {order} limit {first} + 1) as {page} having true)"
    ).format(
        json=json_object({key: piece.json for key, piece in pieces.items()}),
        row=row,
        order=order.by(row),
        rows=rows,
        kept=every([kept, *after]),
        first=page.first,
        page=page.row,
    )
    return Piece(json, total(0, [piece.cost for piece in pieces.values()]))


def _field(compilation: Compilation, page: _Page, selection: Selection, object_of: ObjectOf) -> Piece:
    """One field of the connection itself."""
    if selection.name == "nodes":
        node = object_of(page.entity, selection, page.row)
        return Piece(page.collect(node.json), times(page.length, node.cost))
    if selection.name == "edges":
        edge = _edge(compilation, page, selection, object_of)
        return Piece(page.collect(edge.json), times(page.length, edge.cost))
    if selection.name == "pageInfo":
        return Piece(_page_info(compilation, page, selection), free)
    return Piece(sql.Literal(f"{page.entity.name}Connection"), free)


def _edge(compilation: Compilation, page: _Page, selection: Selection, object_of: ObjectOf) -> Piece:
    values: dict[str, sql.Composable] = {}
    costs: list[Cost] = []
    for each in compilation.below(selection):
        if each.name == "node":
            node = object_of(page.entity, each, page.row)
            costs.append(node.cost)
            values[each.key] = node.json
        elif each.name == "cursor":
            values[each.key] = page.cursor
        else:
            values[each.key] = sql.Literal(f"{page.entity.name}Edge")
    return Piece(json_object(values), total(1, costs))


def _page_info(compilation: Compilation, page: _Page, selection: Selection) -> sql.Composable:
    values: Mapping[str, sql.Composable] = {
        "hasNextPage": sql.SQL("count(*) > {}").format(page.first),
        "hasPreviousPage": sql.SQL("true" if page.continued else "false"),
        "startCursor": page.end(last=False),
        "endCursor": page.end(last=True),
        "__typename": sql.Literal("PageInfo"),
    }
    return json_object({each.key: values[each.name] for each in compilation.below(selection)})


def _where(compilation: Compilation, entity: Entity, row: sql.Identifier, where: Bound) -> list[sql.Composable]:
    if not isinstance(where, Mapping):
        return []
    return [_condition(compilation, entity, row, name, value) for name, value in where.items()]


def _condition(
    compilation: Compilation, entity: Entity, row: sql.Identifier, name: str, value: Bound
) -> sql.Composable:
    if name in ("and", "or"):
        groups = [every(_where(compilation, entity, row, each)) for each in cast("Sequence[Bound]", value or ())]
        return every(groups) if name == "and" or value is None else some(groups)
    each = filters(entity)[name]
    ours = column(row, each.column.column)
    if isinstance(value, Leaf):
        return each.condition(ours, compilation.parameter(each.column.kind, value.read, many=each.many))
    if not each.takes_null:
        raise BadInput(f"`{name}: null` has no meaning", hint="Leave the condition out.")
    return each.null_condition(ours)


def _order(compilation: Compilation, entity: Entity, arguments: Mapping[str, Bound]) -> _Order:
    keys = [entity.column(name) for name in entity.key]
    chosen = compilation.member(arguments.get("orderBy"))
    columns = keys if chosen is None else [orders(entity)[chosen]]
    columns = [*columns, *(key for key in keys if key not in columns)]
    descending = compilation.member(arguments.get("orderDirection")) == "desc"
    return _Order(f"{entity.name}.{chosen or 'key'}", columns, descending)


def _length(first: Bound) -> Read:
    """Reads how many rows are asked for."""
    if not isinstance(first, Leaf):
        return lambda _: DEFAULT_PAGE
    read = first.read

    return lambda variables: page_size(read(variables))


def _after(compilation: Compilation, order: _Order, after: Bound, row: sql.Identifier) -> list[sql.Composable]:
    """The condition that a row comes after the cursor; none without one."""
    if not isinstance(after, Leaf):
        return []
    read = after.read

    def value(place: int) -> Read:
        return lambda variables: read_cursor(read(variables), order.scope, order.columns)[place]

    ours = sql.SQL(", ").join(column(row, each.column) for each in order.columns)
    theirs = sql.SQL(", ").join(
        compilation.raw_parameter(each.kind, value(place)) for place, each in enumerate(order.columns)
    )
    return [sql.SQL("({}) {} ({})").format(ours, sql.SQL("<" if order.descending else ">"), theirs)]
