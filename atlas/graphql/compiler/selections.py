"""What a selection set asks for, once fragments are spread and @skip and @include are applied.

GraphQL specification, section 6.3.2 (CollectFields): fields with the same response key are one field,
whose sub-selections are taken together. The API has no interfaces or unions, and validation refuses
a fragment on another type, so every fragment that reaches this module applies.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from graphql.execution import get_directive_values
from graphql.execution.values import VariableValues


@dataclass(frozen=True)
class Selection:
    """One field of the answer: ``key`` is its name there, ``nodes`` are the places that ask for it."""

    key: str
    nodes: tuple[FieldNode, ...]

    @property
    def name(self) -> str:
        """The field's name in the schema."""
        return self.nodes[0].name.value

    @property
    def node(self) -> FieldNode:
        """Where it is asked for first; validation made sure that the arguments agree."""
        return self.nodes[0]


class Selector:
    """Reads the selection sets of one operation."""

    def __init__(self, document: DocumentNode, variables: VariableValues) -> None:
        self._variables = variables
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def roots(self, operation: OperationDefinitionNode) -> list[Selection]:
        """The root fields, in the order of the answer."""
        return self._collect([operation.selection_set])

    def of(self, selection: Selection) -> list[Selection]:
        """The fields selected below ``selection``, in the order of the answer."""
        return self._collect(node.selection_set for node in selection.nodes if node.selection_set)

    def _collect(self, sets: Iterable[SelectionSetNode]) -> list[Selection]:
        visited: set[str] = set()
        grouped: dict[str, list[FieldNode]] = {}
        for each in sets:
            for node in self._fields(each, visited):
                key = node.alias.value if node.alias else node.name.value
                grouped.setdefault(key, []).append(node)
        return [Selection(key, tuple(nodes)) for key, nodes in grouped.items()]

    def _fields(self, selected: SelectionSetNode, visited: set[str]) -> Iterator[FieldNode]:
        for node in selected.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in visited:
                    visited.add(node.name.value)
                    yield from self._fields(self._fragments[node.name.value].selection_set, visited)
            else:
                yield from self._fields(getattr(node, "selection_set"), visited)  # noqa: B009

    def _included(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])
