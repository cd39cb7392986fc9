"""A policy as ODRL 2.2 structures it: rules with actions, parties, assets, duties and constraints (its section 2).

Nothing is interpreted here, and nothing is lost: what the information model does not know stays in ``others``,
and every part knows its JSON path. Properties that a policy states once for all its rules (2.7.1) are put into
each rule. Several actions, targets or parties of one rule are alternatives: ODRL reads them as as many rules.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from atlas.rights.odrl.jsonld import Document, Literal, Node, Value, read_document, refuse, step
from atlas.rights.odrl.names import DCT, ODRL, RDF, short

IRI: Final = "@id"
"""The datatype of a right operand that is a name, not a literal."""

POLICY_TYPES: Final = ("Request", "Assertion", "Offer", "Agreement", "Privacy", "Ticket", "Set", "Policy")
"""Those that grant nothing first: a policy of two types is what permits less, and every type is a Policy too."""
LOGICAL: Final = ("and", "or", "xone", "andSequence")
MAX_PARTS: Final = 50_000
"""What a policy may consist of: where mentions are followed, a short document can say endlessly much."""
_MAX_DEPTH: Final = 16
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_DESCRIBING = {
    DCT: "contributor created creator description identifier issued modified publisher source title",
    _SKOS: "definition note prefLabel",
    _RDFS: "comment label seeAlso",
}
ANNOTATIONS: Final = frozenset(f"{space}{name}" for space, names in _DESCRIBING.items() for name in names.split())
"""Properties that describe a thing and limit nothing."""

Others = Mapping[str, tuple[Value, ...]]


class RuleKind(StrEnum):
    """What a rule does; a duty belongs to a rule, an obligation to a policy."""

    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DUTY = "duty"
    CONSEQUENCE = "consequence"
    REMEDY = "remedy"


class Constraint(msgspec.Struct, frozen=True):
    """A left operand, an operator and the right operands."""

    left: str
    operator: str
    right: tuple[Literal, ...]  # IRIs have the datatype ``IRI``
    unit: str | None
    uid: str
    path: str
    others: Others


class Logical(msgspec.Struct, frozen=True):
    """Constraints under ``and``, ``or``, ``xone`` or ``andSequence``."""

    operand: str
    members: tuple["Condition", ...]
    uid: str
    path: str
    others: Others


Condition = Constraint | Logical


class Action(msgspec.Struct, frozen=True):
    """What is done, and how it is narrowed."""

    iri: str
    refinements: tuple[Condition, ...]
    path: str
    others: Others


class Thing(msgspec.Struct, frozen=True):
    """A party or an asset, or a collection of them."""

    id: str
    sources: tuple[str, ...]  # what a collection is made from
    refinements: tuple[Condition, ...]
    path: str


class Rule(msgspec.Struct, frozen=True):
    """A permission, a prohibition, an obligation or a duty."""

    kind: RuleKind
    uid: str
    actions: tuple[Action, ...]
    targets: tuple[Thing, ...]
    assigners: tuple[Thing, ...]
    assignees: tuple[Thing, ...]
    constraints: tuple[Condition, ...]
    duties: tuple["Rule", ...]  # of a permission: its duties; of a prohibition: its remedies; of a duty: consequences
    path: str
    others: Others


class Policy(msgspec.Struct, frozen=True):
    """A policy of any type."""

    type: str  # one of ``POLICY_TYPES``
    uid: str
    profiles: tuple[str, ...]
    conflicts: tuple[str, ...]  # strategies: perm, prohibit, invalid
    inherits: tuple[str, ...]
    permissions: tuple[Rule, ...]
    prohibitions: tuple[Rule, ...]
    obligations: tuple[Rule, ...]
    path: str
    others: Others


def parse(data: bytes) -> Policy:
    """The one policy in a JSON-LD document. Raises InvalidPolicy."""
    return policy_in(read_document(data))


def policy_in(document: Document) -> Policy:
    """The one policy of a document. Raises InvalidPolicy for none, or for several."""
    found = [node for node in document.nodes.values() if _policy_type(node) is not None]
    if len(found) != 1:
        refuse("$", f"expected one policy, got {len(found)}", f"Its @type is one of {', '.join(POLICY_TYPES)}.")
    return _Reader(document).policy(found[0])


def named(value: Value) -> str:
    """The IRI of a value, or its text."""
    return value.id if isinstance(value, Node) else value.text


def _policy_type(node: Node) -> str | None:
    return next((name for name in POLICY_TYPES if f"{ODRL}{name}" in node.types), None)


_SHARED = ("action", "target", "assigner", "assignee")
_OF_POLICY = (*_SHARED, "uid", "profile", "conflict", "inheritFrom", "permission", "prohibition", "obligation")
_OF_RULE = (*_SHARED, "uid", "constraint", "duty", "obligation", "remedy", "consequence")
_OF_CONSTRAINT = ("uid", "leftOperand", "operator", "rightOperand", "rightOperandReference", "unit", "dataType")


def _others(node: Node, known: tuple[str, ...]) -> Others:
    names = {f"{ODRL}{name}" for name in known}
    return {key: values for key, values in node.properties.items() if key not in names}


def _all(node: Node, name: str) -> tuple[Value, ...]:
    return node.properties.get(f"{ODRL}{name}", ())


class _Reader:
    """Follows the mentions of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._parts = 0

    def policy(self, node: Node) -> Policy:
        """A node that has a policy's type."""
        return Policy(
            type=_policy_type(node) or "",
            uid=node.id,
            profiles=tuple(map(named, _all(node, "profile"))),
            conflicts=tuple(short(named(value)) for value in _all(node, "conflict")),
            inherits=tuple(map(named, _all(node, "inheritFrom"))),
            permissions=self._rules(node, "permission", RuleKind.PERMISSION, node, 0),
            prohibitions=self._rules(node, "prohibition", RuleKind.PROHIBITION, node, 0),
            obligations=self._rules(node, "obligation", RuleKind.OBLIGATION, node, 0),
            path=node.path,
            others=_others(node, _OF_POLICY),
        )

    def _rules(self, node: Node, name: str, kind: RuleKind, shared: Node | None, depth: int) -> tuple[Rule, ...]:
        return tuple(self._rule(self._node(value), kind, shared, depth) for value in _all(node, name))

    def _rule(self, node: Node, kind: RuleKind, shared: Node | None, depth: int) -> Rule:
        _bound(depth, node.path)
        below = depth + 1
        both = (node,) if shared is None else (shared, node)
        duties = {
            RuleKind.PERMISSION: (("duty", RuleKind.DUTY), ("obligation", RuleKind.DUTY)),
            RuleKind.PROHIBITION: (("remedy", RuleKind.REMEDY),),
        }.get(kind, (("consequence", RuleKind.CONSEQUENCE),))
        read = {name for name, _ in duties}
        known = tuple(name for name in _OF_RULE if name in read or name not in _DUTY_NAMES)
        return Rule(
            kind=kind,
            uid=node.id,
            actions=tuple(self._action(value, below) for each in both for value in _all(each, "action")),
            targets=tuple(self._thing(value, below) for each in both for value in _all(each, "target")),
            assigners=tuple(self._thing(value, below) for each in both for value in _all(each, "assigner")),
            assignees=tuple(self._thing(value, below) for each in both for value in _all(each, "assignee")),
            constraints=self._conditions(node, "constraint", below),
            duties=tuple(rule for name, under in duties for rule in self._rules(node, name, under, None, below)),
            path=node.path,
            others=_others(node, known),
        )

    def _action(self, value: Value, depth: int) -> Action:
        node = self._node(value)
        values = node.properties.get(f"{RDF}value", ())
        iri = named(values[0]) if len(values) == 1 else node.id
        others = {key: each for key, each in _others(node, ("refinement",)).items() if key != f"{RDF}value"}
        return Action(iri, self._conditions(node, "refinement", depth), node.path, others)

    def _thing(self, value: Value, depth: int) -> Thing:
        node = self._node(value)
        sources = tuple(map(named, _all(node, "source")))
        return Thing(node.id, sources, self._conditions(node, "refinement", depth), value.path)

    def _conditions(self, node: Node, name: str, depth: int) -> tuple[Condition, ...]:
        return tuple(self._condition(self._node(value), depth) for value in _all(node, name))

    def _condition(self, node: Node, depth: int) -> Condition:
        _bound(depth, node.path)
        operands = [name for name in LOGICAL if _all(node, name)]
        if operands:
            if len(operands) > 1 or _all(node, "leftOperand"):
                refuse(node.path, f"one operand is expected, got {', '.join([*operands])} and others")
            members = tuple(self._condition(self._node(value), depth + 1) for value in _all(node, operands[0]))
            return Logical(operands[0], members, node.id, node.path, _others(node, ("uid", operands[0])))
        right = tuple(_operands(_all(node, "rightOperand")))
        references = _all(node, "rightOperandReference")
        others = _others(node, _OF_CONSTRAINT)
        if references:
            others = {**others, f"{ODRL}rightOperandReference": references}
        units = _all(node, "unit")
        return Constraint(
            left=self._one(node, "leftOperand"),
            operator=self._one(node, "operator"),
            right=right,
            unit=named(units[0]) if units else None,
            uid=node.id,
            path=node.path,
            others=others,
        )

    def _one(self, node: Node, name: str) -> str:
        values = _all(node, name)
        if len(values) != 1:
            refuse(step(node.path, name), f"expected one {name}, got {len(values)}")
        return named(values[0])

    def _node(self, value: Value) -> Node:
        self._parts += 1
        if self._parts > MAX_PARTS:
            refuse(value.path, f"a policy of more than {MAX_PARTS:,} parts")
        if isinstance(value, Literal):
            # A name where the context in use did not say that it is one.
            return self._document.found(Node(value.text, value.path, (), {}))
        return self._document.found(value)


_DUTY_NAMES = frozenset({"duty", "obligation", "remedy", "consequence"})


def _operands(values: tuple[Value, ...]) -> Iterator[Literal]:
    for value in values:
        yield value if isinstance(value, Literal) else Literal(value.id, IRI, value.path)


def _bound(depth: int, path: str) -> None:
    if depth > _MAX_DEPTH:
        refuse(path, f"rules and constraints more than {_MAX_DEPTH} deep, or within themselves")
