"""Arguments of a field, split into what shapes the SQL and what is only bound to it.

A plan is compiled once for a document and used for many requests, so an argument must not become its
value too early. ``bind`` keeps lists of objects, objects and null as they are, because the SQL depends
on them, and turns every leaf into a ``Leaf`` that reads its value from the variables of a request.
``shape`` is what two requests must have in common to share a plan.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    type_from_ast,
)
from graphql.type import specified_scalar_types
from graphql.utilities import coerce_input_literal

Variables: TypeAlias = Mapping[str, Any]
InputType: TypeAlias = (
    "GraphQLScalarType | GraphQLEnumType | GraphQLInputObjectType | GraphQLList[Any] | GraphQLNonNull[Any]"
)
Read: TypeAlias = Callable[[Variables], Any]


@dataclass(frozen=True)
class Leaf:
    """A scalar, an enumeration's member, or a list of either, read from a request's variables."""

    read: Read


Bound: TypeAlias = "Leaf | Mapping[str, Bound] | Sequence[Bound] | None"


def bind_arguments(field: GraphQLField, node: FieldNode, variables: Variables) -> dict[str, Bound]:
    """The arguments that ``node`` gives to ``field``, by name; those left out are absent."""
    given: dict[str, Bound] = {}
    for argument in node.arguments or ():
        name = argument.name.value
        if not _missing(argument.value, variables):
            given[name] = bind(argument.value, field.args[name].type, variables)
    return given


def bind(node: ValueNode, kind: InputType, variables: Variables) -> Bound:
    """A validated literal or variable as a bound value of the input type ``kind``."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return _from_variable(variables[name], kind, lambda request: request[name])
    if isinstance(node, NullValueNode):
        return None
    kind = cast("InputType", get_nullable_type(kind))
    if is_list_type(kind):
        items = list(node.values) if isinstance(node, ListValueNode) else [node]
        return _bind_list(items, kind.of_type, variables)
    if is_input_object_type(kind):
        return {
            field.name.value: bind(field.value, kind.fields[field.name.value].type, variables)
            for field in cast("ObjectValueNode", node).fields
            if not _missing(field.value, variables)
        }
    constant = coerce_input_literal(node, kind)
    return Leaf(lambda _: constant)


def shape(operation: OperationDefinitionNode, schema: GraphQLSchema, variables: Variables) -> Hashable:
    """What the SQL of ``operation`` depends on: which variables are given, their objects, flags and members."""
    kinds = {
        each.variable.name.value: type_from_ast(schema, each.type) for each in operation.variable_definitions or ()
    }
    return tuple((name, _shape(variables[name], kind)) for name, kind in kinds.items() if name in variables)


def _missing(node: ValueNode, variables: Variables) -> bool:
    return isinstance(node, VariableNode) and node.name.value not in variables


def _bind_list(items: list[ValueNode], kind: InputType, variables: Variables) -> Bound:
    bound = [bind(item, kind, variables) for item in items]
    if is_input_object_type(get_named_type(kind)):
        return bound
    reads = [item.read for item in bound if isinstance(item, Leaf)]
    return Leaf(lambda request: [read(request) for read in reads])


def _from_variable(value: object, kind: InputType, read: Read) -> Bound:
    if value is None:
        return None
    kind = cast("InputType", get_nullable_type(kind))
    named = get_named_type(kind)
    if not is_input_object_type(named):
        return Leaf(read)
    if is_list_type(kind):
        items = cast("list[object]", value if isinstance(value, list) else [value])
        inner = kind.of_type
        return [_from_variable(item, inner, _item(read, place)) for place, item in enumerate(items)]
    return _from_object(cast("Mapping[str, object]", value), named, read)


def _from_object(value: Mapping[str, object], kind: GraphQLInputObjectType, read: Read) -> Bound:
    return {
        name: _from_variable(value[out], kind.fields[name].type, _item(read, out))
        for name, out in _out_names(kind).items()
        if out in value
    }


def _out_names(kind: GraphQLInputObjectType) -> dict[str, str]:
    return {name: field.out_name or name for name, field in kind.fields.items()}


def _item(read: Read, key: str | int) -> Read:
    return lambda request: read(request)[key]


def _shape(value: object, kind: object) -> Hashable:
    if value is None:
        return None
    if isinstance(value, Mapping):
        named = cast("GraphQLInputObjectType", get_named_type(cast("InputType", kind)))
        names = {field.out_name or name: field for name, field in named.fields.items()}
        return tuple((key, _shape(item, names[key].type)) for key, item in cast("Variables", value).items())
    if isinstance(value, list):
        items = cast("list[object]", value)
        is_object = is_input_object_type(get_named_type(cast("InputType", kind)))
        return tuple(_shape(item, kind) for item in items) if is_object or _is_closed(kind) else "list"
    return value if _is_closed(kind) else "leaf"


def _is_closed(kind: object) -> bool:
    named = get_named_type(cast("InputType", kind))
    return is_enum_type(named) or named is specified_scalar_types["Boolean"]
