"""Strawberry types out of the catalog: objects, connections, edges, filters and orders.

Types refer to each other by name, so every annotation is a string that is looked up in one namespace.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from keyword import iskeyword
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.tools import create_type
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from atlas.graphql.entities import Column, Entity, Final, Listing, Lookup, Many, Member, One, Parts, Root, Single
from atlas.graphql.errors import LimitExceeded
from atlas.graphql.filters import Filter, filters, orders
from atlas.graphql.scalars import BigInt

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


def page_size(first: int | None) -> int:
    """How many items of a list are asked for. Raises LimitExceeded."""
    asked = DEFAULT_PAGE if first is None else first
    if not 1 <= asked <= LARGEST_PAGE:
        raise LimitExceeded(f"`first` is from 1 to {LARGEST_PAGE}, got {asked}", hint="Go on with `after` for more.")
    return asked


@strawberry.enum(description="Ascending or descending.")
class OrderDirection(Enum):
    """Ascending or descending, named as The Graph names them."""

    asc = "asc"
    desc = "desc"


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo; lists are read forward only."""

    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether the page was asked for with `after`.")
    start_cursor: str | None = strawberry.field(description="The cursor of the page's first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of its last item: pass it as `after` to go on.")


@strawberry.input(description="A moment in the ledger's history.")
class AsOf:
    """Time travel; every root field takes one."""

    ledger_position: BigInt = strawberry.field(
        description="Answer as the views stood after this position of the ledger."
    )


class Namespace:
    """The types made so far, by name; annotations are evaluated in it."""

    def __init__(self) -> None:
        self.types: dict[str, Any] = {"OrderDirection": OrderDirection, "PageInfo": PageInfo, "AsOf": AsOf}

    def annotation(self, text: str) -> StrawberryAnnotation:
        """An annotation that may name types which are made later."""
        return StrawberryAnnotation(text, namespace=self.types)

    def of(self, kind: object, *, nullable: bool = False, many: bool = False) -> StrawberryAnnotation:
        """An annotation of a column's type."""
        name = f"kind_{getattr(kind, '__name__', str(kind))}"
        self.types[name] = kind
        return self.annotation(("list[{}]" if many else "{}").format(name) + (" | None" if nullable else ""))

    def field(
        self,
        name: str,
        annotation: StrawberryAnnotation,
        description: str,
        *,
        optional: bool = False,
        arguments: Iterable[StrawberryArgument] = (),
    ) -> StrawberryField:
        """A field called ``name`` by clients; an ``optional`` one is an input that may be left out."""
        made = StrawberryField(
            python_name=f"{name}_" if iskeyword(name) else name,
            graphql_name=name,
            type_annotation=annotation,
            description=description,
            **({"default": strawberry.UNSET} if optional else {}),
        )
        made.arguments = list(arguments)
        return made

    def argument(self, name: str, annotation: StrawberryAnnotation, description: str) -> StrawberryArgument:
        """An argument called ``name`` by clients."""
        return StrawberryArgument(
            python_name=name, graphql_name=name, type_annotation=annotation, description=description
        )

    def make(self, name: str, description: str, fields: list[StrawberryField], *, is_input: bool = False) -> None:
        """Make a type and know it by its name."""
        annotations = {field.graphql_name: field.type_annotation for field in fields}
        cls: Any = create_type(name, fields, is_input=is_input, description=description)
        for field in cls.__strawberry_definition__.fields:
            # What could not be evaluated yet was replaced by a placeholder; the schema evaluates it later.
            field.type_annotation = annotations[field.graphql_name]
        self.types[name] = cls


def make_types(entities: Mapping[str, Entity]) -> Namespace:
    """Every Strawberry type of the catalog."""
    namespace = Namespace()
    for entity in entities.values():
        if entity.listed:
            _make_list_inputs(namespace, entity)
    for entity in entities.values():
        if entity.listed:
            _make_connection(namespace, entity)
    for entity in entities.values():
        fields = [_member_field(namespace, member) for member in entity.members]
        namespace.make(entity.name, entity.description, fields)
    return namespace


def root_field(namespace: Namespace, root: Root, entities: Mapping[str, Entity]) -> StrawberryField:
    """The field of Query for a root that SQL answers."""
    as_of = namespace.argument(
        "asOf", namespace.annotation("AsOf | None"), "Answer as of a moment in the past; the latest state otherwise."
    )
    arguments: list[StrawberryArgument] = []
    match root:
        case Listing():
            annotation = namespace.annotation(f"{root.entity}Connection")
            arguments = _list_arguments(namespace, root.entity)
        case Lookup():
            annotation = namespace.annotation(f"{root.entity} | None")
            arguments = _lookup_arguments(namespace, root, entities[root.entity])
        case _:
            nullable = isinstance(root, Single) and root.nullable
            annotation = namespace.annotation(f"{root.entity} | None" if nullable else root.entity)
    if entities[root.entity].source.views:
        arguments = [*arguments, as_of]
    return namespace.field(root.graphql_name, annotation, root.description, arguments=arguments)


def _lookup_arguments(namespace: Namespace, root: Lookup, entity: Entity) -> list[StrawberryArgument]:
    columns = {name: entity.column(column) for name, column in root.arguments.items()}
    return [
        namespace.argument(column.graphql_name, namespace.of(column.kind.annotation), column.description)
        for column in columns.values()
    ]


def _list_arguments(namespace: Namespace, entity: str) -> list[StrawberryArgument]:
    described: tuple[tuple[str, str, str], ...] = (
        ("first", "int | None", f"How many: {DEFAULT_PAGE} by default, {LARGEST_PAGE} at most."),
        ("after", "str | None", "Go on after this cursor, taken from the same list in the same order."),
        ("where", f"{entity}Where | None", "Which ones: all conditions must hold."),
        ("orderBy", f"{entity}OrderBy | None", "What to order by; the key otherwise."),
        ("orderDirection", "OrderDirection | None", "Ascending by default."),
    )
    return [namespace.argument(name, namespace.annotation(text), description) for name, text, description in described]


def _member_field(namespace: Namespace, member: Member) -> StrawberryField:
    arguments: list[StrawberryArgument] = []
    match member:
        case Column(kind=kind, nullable=nullable):
            annotation = namespace.of(kind.annotation, nullable=nullable)
        case Final():
            annotation = namespace.annotation("bool")
        case One(entity=entity):
            annotation = namespace.annotation(f"{entity} | None")
        case Parts(entity=entity):
            annotation = namespace.annotation(f"list[{entity}]")
        case Many(entity=entity):
            annotation = namespace.annotation(f"{entity}Connection")
            arguments = _list_arguments(namespace, entity)
        case _:
            raise TypeError(f"no GraphQL field for a {type(member).__name__}")
    return namespace.field(member.graphql_name, annotation, member.description, arguments=arguments)


def _make_list_inputs(namespace: Namespace, entity: Entity) -> None:
    name = f"{entity.name}Where"
    fields = [_filter_field(namespace, each) for each in filters(entity).values()]
    for word, description in (("and", "All of these hold."), ("or", "At least one of these holds.")):
        fields.append(namespace.field(word, namespace.annotation(f"list[{name}] | None"), description, optional=True))
    namespace.make(name, f"Conditions on {entity.name}; all that are given must hold.", fields, is_input=True)
    order: Any = Enum(f"{entity.name}OrderBy", {each: each for each in orders(entity)})
    namespace.types[f"{entity.name}OrderBy"] = strawberry.enum(
        order, description=f"What lists of {entity.name} can be ordered by."
    )


def _filter_field(namespace: Namespace, each: Filter) -> StrawberryField:
    annotation = namespace.of(each.column.kind.annotation, nullable=True, many=each.many)
    return namespace.field(each.graphql_name, annotation, each.description, optional=True)


def _make_connection(namespace: Namespace, entity: Entity) -> None:
    name = entity.name
    edge = [
        namespace.field("cursor", namespace.annotation("str"), "Where the item stands in the list."),
        namespace.field("node", namespace.annotation(name), "The item."),
    ]
    connection = [
        namespace.field("nodes", namespace.annotation(f"list[{name}]"), "The items."),
        namespace.field("edges", namespace.annotation(f"list[{name}Edge]"), "The items, each with its cursor."),
        namespace.field("pageInfo", namespace.annotation("PageInfo"), "Where the page stands in the list."),
        namespace.field("totalCount", namespace.annotation("int"), "How many items all pages have together."),
    ]
    namespace.make(f"{name}Edge", f"A {name} and its cursor.", edge)
    namespace.make(f"{name}Connection", f"A page of {name} items.", connection)
