"""A second implementation of the API, as plain as can be: rows in lists, graphql-core to walk the query.

It shares the catalog's names with the API, and nothing else: no SQL beyond ``select *``, no compiler.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import graphql
import psycopg
from psycopg.rows import dict_row

from atlas.graphql import kinds
from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.entities import Column, Entity, Final, Listing, Lookup, Many, Member, One
from atlas.graphql.sources import Accounts, Books, Pivot, Statement, Undecodable, Versions
from atlas.protocol.money import format_atlas

Row = dict[str, Any]


class Oracle:
    """Answers queries over the database behind ``connection``."""

    def __init__(self, connection: psycopg.Connection, sdl: str) -> None:
        self._connection = connection
        self._schema = graphql.build_schema(sdl)
        self._position: int | None = None
        self._cache: dict[tuple[str, int | None], list[Row]] = {}

    def answer(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of the answer to a valid query."""
        result = graphql.execute_sync(
            self._schema, graphql.parse(query), variable_values=dict(variables or {}), field_resolver=self._resolve
        )
        assert not result.errors, result.errors
        return result.data

    def rows(self, entity: Entity, position: int | None = None) -> list[Row]:
        """All rows of an entity, by ``select *`` and Python."""
        key = (entity.name, position)
        if key not in self._cache:
            self._cache[key] = self._source_rows(entity.source, position)
        return self._cache[key]

    def _resolve(self, source: Any, info: graphql.GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if source is None:
            return self._root(info.field_name, arguments)
        if "entity" not in source:
            return source[info.field_name]
        entity, row, position = source["entity"], source["row"], source["position"]
        member: Member = entity.by_name[info.field_name]
        if isinstance(member, Column):
            return write(member, row[member.column])
        if isinstance(member, Final):
            chains = [each for each in self.rows(ENTITIES["Chain"], position) if each["chain"] == row["chain"]]
            return any((each["finalized_number"] or -1) >= row[member.block] for each in chains)
        link = cast("Any", member)
        target = ENTITIES[link.entity]
        matching = [
            each
            for each in self.rows(target, position)
            if all(each[ours] is not None and each[ours] == row[theirs] for ours, theirs in link.on.items())
        ]
        if isinstance(member, One):
            matching.sort(key=_key(list(target.key)))
            return _object(target, matching[0], position) if matching else None
        if isinstance(member, Many):
            return _connection(target, matching, position, arguments)
        return [_object(target, each, position) for each in sorted(matching, key=_key(list(target.key)))]

    def _root(self, name: str, arguments: dict[str, Any]) -> Any:
        root = ROOTS[name]
        entity = ENTITIES[root.entity]
        as_of = arguments.pop("asOf", None)
        position = None if as_of is None else int(as_of["ledgerPosition"])
        rows = self.rows(entity, position)
        if isinstance(root, Listing):
            return _connection(entity, rows, position, arguments)
        if isinstance(root, Lookup):
            columns = [entity.column(column) for column in root.arguments.values()]
            rows = [row for row in rows if all(row[c.column] == read(c, arguments[c.graphql_name]) for c in columns)]
        return _object(entity, rows[0], position) if rows else None

    def _source_rows(self, source: Any, position: int | None) -> list[Row]:  # noqa: C901 - one case a source
        match source:
            case Versions(view=view, table=table):
                rows = self._all(f"view_{view}.{table.name}")
                if position is None:
                    return [row for row in rows if row["valid_to"] is None]
                return [row for row in rows if row["valid_from"] <= position < (row["valid_to"] or float("inf"))]
            case Accounts(view=view, table=table):
                if position is None:
                    return self._all(f"view_{view}.{table.name}")
                latest: dict[tuple[Any, ...], Row] = {}
                for row in sorted(self._all(f"view_{view}.{table.postings}"), key=_key(["position", "ordinal"])):
                    if row["position"] <= position:
                        latest[tuple(row[column.name] for column in table.key)] = row
                return list(latest.values())
            case Pivot(accounts=accounts, columns=columns):
                return _pivot(self._source_rows(accounts, position), accounts, columns)
            case Books(accounts=accounts, prefix=prefix, column=column):
                rows = self._source_rows(accounts, position)
                return [{**row, column: row["book"][len(prefix) :]} for row in rows if row["book"].startswith(prefix)]
            case Undecodable(view=view):
                rows = [row for row in self._all("projections.undecodable") if row["view"] == view]
                return rows if position is None else [row for row in rows if row["position"] <= position]
            case Statement(query=query):
                return self._query(query.as_string(None))
            case _:
                raise AssertionError(source)

    def _all(self, table: str) -> list[Row]:
        return self._query(f"select * from {table}")

    def _query(self, statement: str) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return [
                {name: int(value) if type(value).__name__ == "Decimal" else value for name, value in row.items()}
                for row in cursor.execute(statement.encode()).fetchall()
            ]


def _pivot(rows: list[Row], accounts: Accounts, columns: Mapping[str, str]) -> list[Row]:
    names = [column.name for column in accounts.table.key if column.name != "book"]
    grouped: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        entry = grouped.setdefault(
            key, {**dict(zip(names, key, strict=True)), **dict.fromkeys(columns, 0), "position": 0, "block_number": 0}
        )
        for column, book in columns.items():
            if row["book"] == book:
                entry[column] = row["balance"]
        for name in ("position", "block_number"):
            entry[name] = max(entry[name], row[name])
    return list(grouped.values())


def _object(entity: Entity, row: Row, position: int | None) -> Row:
    return {"entity": entity, "row": row, "position": position}


def _key(names: list[str]) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: tuple(row[name] for name in names)


def _connection(entity: Entity, rows: list[Row], position: int | None, arguments: dict[str, Any]) -> Row:
    order = arguments.get("orderBy")
    names = ([column_of(entity, order).column] if order else []) + list(entity.key)
    names = list(dict.fromkeys(names))
    rows = [row for row in rows if matches(entity, row, arguments.get("where") or {})]
    rows = sorted(rows, key=_key(names), reverse=arguments.get("orderDirection") == "desc")
    cursors = [cursor(entity, order, names, row) for row in rows]
    after = arguments.get("after")
    start = cursors.index(after) + 1 if after is not None else 0
    first = arguments.get("first") or 100
    page, marks = rows[start : start + first], cursors[start : start + first]
    nodes = [_object(entity, row, position) for row in page]
    return {
        "nodes": nodes,
        "edges": [{"cursor": mark, "node": node} for mark, node in zip(marks, nodes, strict=True)],
        "totalCount": len(rows),
        "pageInfo": {
            "hasNextPage": len(rows) > start + first,
            "hasPreviousPage": after is not None,
            "startCursor": marks[0] if marks else None,
            "endCursor": marks[-1] if marks else None,
        },
    }


def cursor(entity: Entity, order: str | None, names: list[str], row: Row) -> str:
    """The cursor of a row, as the API documents it."""
    array = json.dumps([f"{entity.name}.{order or 'key'}", *(_page(row[name]) for name in names)], ensure_ascii=False)
    return base64.urlsafe_b64encode(array.encode()).decode().rstrip("=")


def _page(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)


def column_of(entity: Entity, graphql_name: str) -> Column:
    """The column behind a field."""
    return cast("Column", entity.by_name[graphql_name])


def matches(entity: Entity, row: Row, where: Mapping[str, Any]) -> bool:
    """Whether a row meets every condition."""
    return all(_condition(entity, row, name, value) for name, value in where.items())


def _condition(entity: Entity, row: Row, name: str, value: Any) -> bool:
    if name in ("and", "or"):
        return (all if name == "and" else any)(matches(entity, row, each) for each in value)
    field, _, suffix = name.partition("_")
    column = column_of(entity, field)
    ours = row[column.column]
    if suffix in ("in", "not_in"):
        return (ours in [read(column, each) for each in value]) is (suffix == "in")
    theirs = read(column, value)
    if suffix in ("", "not"):
        return (ours == theirs) is (suffix == "")
    if ours is None:
        return False
    return {
        "gt": lambda: ours > theirs,
        "gte": lambda: ours >= theirs,
        "lt": lambda: ours < theirs,
        "lte": lambda: ours <= theirs,
        "contains": lambda: theirs in ours,
        "starts_with": lambda: ours.startswith(theirs),
    }[suffix]()


def read(column: Column, value: Any) -> Any:
    """An input as the database's value."""
    if value is None:
        return None
    if column.kind in (kinds.AAID, kinds.ADDRESS, kinds.BYTES):
        return bytes.fromhex(value.removeprefix("aaid:").removeprefix("0x"))
    if column.kind is kinds.BIG_INTEGER:
        return int(value)
    if column.kind is kinds.TIME:
        return datetime.fromisoformat(value)
    if column.kind not in (kinds.TEXT, kinds.INTEGER, kinds.BOOLEAN):
        return value.lower()
    return value


def write(column: Column, value: Any) -> Any:
    """A value of the database as clients see it."""
    if value is None:
        return None
    if column.kind is kinds.ATLAS:
        return format_atlas(int(value))
    if column.kind is kinds.AAID:
        return f"aaid:{value.hex()}"
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if column.kind is kinds.BIG_INTEGER:
        return str(value)
    if column.kind is kinds.TIME:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if column.kind in (kinds.TEXT, kinds.INTEGER, kinds.BOOLEAN, kinds.JSON, kinds.JSON_OBJECT):
        return value
    return value.upper()
