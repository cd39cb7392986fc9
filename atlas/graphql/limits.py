"""How much one request may ask for, checked before any SQL runs.

Fragments make a short document long: each of thirty fragments that spreads the next one twice asks for
a billion fields. So a fragment is weighed once and its weight is used wherever it is spread; weights are
plain integers, and a document is refused before anything walks its expanded form.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from atlas.graphql.errors import LimitExceeded


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server.

    ``cost`` counts the objects that an answer could hold at most; ``conditions`` the names and values in the
    variables that shape the SQL: a list of keys is one value, so that asking for many by their keys is no matter.
    """

    body_bytes: int = 64 * 1024
    body_timeout_s: float = 10.0
    tokens: int = 1000
    depth: int = 16
    aliases: int = 50
    root_fields: int = 20
    fields: int = 2000
    conditions: int = 1000
    cost: int = 500_000
    statement_timeout_ms: int = 5000


@dataclass(frozen=True)
class Weight:
    """What a selection set asks for once its fragments are spread; introspection fields count as one."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    widest: int = 0  # fields of the set itself

    def beside(self, other: "Weight") -> "Weight":
        """Both, in one selection set."""
        return Weight(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.fields + other.fields,
            self.widest + other.widest,
        )


class _Scale:
    """Weighs selection sets; a fragment that spreads itself weighs nothing there: validation refuses it."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._weighed: dict[str, Weight] = {}

    def weigh(self, selected: SelectionSetNode) -> Weight:
        weight = Weight()
        for node in selected.selections:
            if isinstance(node, FieldNode):
                weight = weight.beside(self._field(node))
            elif isinstance(node, FragmentSpreadNode):
                weight = weight.beside(self._fragment(node.name.value))
            else:
                weight = weight.beside(self.weigh(getattr(node, "selection_set")))  # noqa: B009
        return weight

    def _field(self, node: FieldNode) -> Weight:
        alias = 1 if node.alias else 0
        if node.selection_set is None or node.name.value.startswith("__"):
            return Weight(1, alias, 1, 1)
        inner = self.weigh(node.selection_set)
        return Weight(inner.depth + 1, inner.aliases + alias, inner.fields + 1, 1)

    def _fragment(self, name: str) -> Weight:
        if name not in self._weighed:
            self._weighed[name] = Weight()
            if name in self._fragments:
                self._weighed[name] = self.weigh(self._fragments[name].selection_set)
        return self._weighed[name]


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Return when every operation of ``document`` is within ``limits``. Raises LimitExceeded."""
    scale = _Scale(document)
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            weight = scale.weigh(operation.selection_set)
            _check(
                (
                    ("levels deep", weight.depth, limits.depth),
                    ("aliases", weight.aliases, limits.aliases),
                    ("root fields", weight.widest, limits.root_fields),
                    ("fields", weight.fields, limits.fields),
                )
            )


def check_conditions(shape: Hashable, limits: Limits) -> None:
    """Return when the variables of this shape (see ``bindings``) are within the limit. Raises LimitExceeded."""
    found = _size(shape)
    if found > limits.conditions:
        raise LimitExceeded(
            f"the variables hold {found} names and values of conditions, and {limits.conditions} is the most allowed",
            hint="Ask for many keys with one `..._in`, or split it into several requests.",
        )


def check_cost(cost: int, limits: Limits) -> None:
    """Return when an answer can hold at most as many objects as the limit. Raises LimitExceeded."""
    if cost > limits.cost:
        raise LimitExceeded(
            f"the answer could hold {cost} objects, and {limits.cost} is the most allowed",
            hint="Ask for fewer with `first`, at every level.",
        )


def _size(shape: Hashable) -> int:
    """How many names and values a shape has; the depth of variables is bounded where they are coerced."""
    return sum(map(_size, shape)) if isinstance(shape, tuple) and shape else 1


def _check(measures: Iterable[tuple[str, int, int]]) -> None:
    for what, found, allowed in measures:
        if found > allowed:
            raise LimitExceeded(
                f"the document has {found if found < 10**9 else 'over a billion'} {what}, "
                f"and {allowed} is the most allowed",
                hint="Split it into several requests.",
            )
