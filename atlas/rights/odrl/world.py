"""The state of the world that a policy is judged in: the time, who belongs to what, values, what became of duties.

    {"@context":["http://www.w3.org/ns/odrl.jsonld",{"atlas":"urn:atlas-ledger:odrl:1:", ...}],
     "@graph":[{"@id":"atlas:currentTime","dct:issued":{"@type":"xsd:dateTime","@value":"2026-03-01T00:00:00Z"}},
               {"@id":"ex:alice","partOf":"ex:staff"},
               {"leftOperand":"count","operator":"eq","rightOperand":2},
               {"@type":"report:DutyReport","report:rule":{"@id":"ex:duty"},"report:deonticState":{"@id":"report:Violated"}}]}

A request states values the same way, as ``eq`` constraints of what it asks for. What is not stated is not known;
only membership is closed: who is not said to be part of a collection is not part of it.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from atlas.rights.odrl.jsonld import Document, Literal, Node
from atlas.rights.odrl.names import ATLAS, DCT, ODRL, XSD, short
from atlas.rights.odrl.syntax import IRI, Condition, Constraint, named

REPORT: Final = "https://w3id.org/force/compliance-report#"
"""The compliance report vocabulary of FORCE, which the ODRL test suite's reports are written in."""

_NOW: Final = (f"{ATLAS}currentTime", "http://example.com/request/currentTime")  # ours, and the test suite's


class Deontic(StrEnum):
    """How a duty stands."""

    NON_SET = "NonSet"
    VIOLATED = "Violated"
    FULFILLED = "Fulfilled"


class DutyState(msgspec.Struct, frozen=True):
    """What is on record about a duty."""

    report: str  # the name of the record
    state: Deontic


class Measured(msgspec.Struct, frozen=True):
    """A value of a left operand."""

    value: Literal
    unit: str | None = None


class World(msgspec.Struct, frozen=True):
    """All that is stated."""

    now: Literal | None = None  # an xsd:dateTime
    part_of: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])
    types: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])
    values: Mapping[str, tuple[Measured, ...]] = msgspec.field(default_factory=dict[str, tuple[Measured, ...]])
    duties: Mapping[str, DutyState] = msgspec.field(default_factory=dict[str, DutyState])

    def above(self, name: str) -> frozenset[str]:
        """A thing and all that it is part of, or is a kind of, directly or not."""
        found, pending = {name}, [name]
        while pending:
            last = pending.pop()
            broader = {*self.part_of.get(last, ()), *self.types.get(last, ())} - found
            found |= broader
            pending.extend(broader)
        return frozenset(found)


def read_world(document: Document) -> World:
    """The state of the world in a document."""
    nodes = document.nodes.values()
    return World(
        now=next((time for node in nodes for time in _times(node)), None),
        part_of={node.id: _names(node, f"{ODRL}partOf") for node in nodes if f"{ODRL}partOf" in node.properties},
        types={node.id: node.types for node in nodes if node.types},
        values=_gathered(value for node in nodes for value in _stated(node)),
        duties={rule: state for node in nodes for rule, state in _duties(node)},
    )


def values_in(conditions: tuple[Condition, ...]) -> Mapping[str, tuple[Measured, ...]]:
    """The values that the ``eq`` constraints of a request state."""
    return _gathered(each for condition in conditions for each in _equal(condition))


def _equal(condition: Condition) -> Iterator[tuple[str, Measured]]:
    if isinstance(condition, Constraint):
        if short(condition.operator) == "eq":
            yield from ((condition.left, Measured(value, condition.unit)) for value in condition.right)
    elif condition.operand == "and":
        yield from (each for member in condition.members for each in _equal(member))


def _gathered(stated: Iterator[tuple[str, Measured]]) -> Mapping[str, tuple[Measured, ...]]:
    found: dict[str, tuple[Measured, ...]] = {}
    for left, value in stated:
        found[left] = (*found.get(left, ()), value)
    return found


def _times(node: Node) -> Iterator[Literal]:
    if node.id in _NOW:
        yield from (each for each in node.properties.get(f"{DCT}issued", ()) if isinstance(each, Literal))


def _stated(node: Node) -> Iterator[tuple[str, Measured]]:
    units = _names(node, f"{ODRL}unit")
    if [short(name) for name in _names(node, f"{ODRL}operator")] != ["eq"]:
        return
    for left in _names(node, f"{ODRL}leftOperand"):
        for value in node.properties.get(f"{ODRL}rightOperand", ()):
            literal = value if isinstance(value, Literal) else Literal(value.id, IRI, value.path)
            yield left, Measured(literal, units[0] if units else None)


def _duties(node: Node) -> Iterator[tuple[str, DutyState]]:
    if f"{REPORT}DutyReport" not in node.types:
        return
    states = [name.removeprefix(REPORT) for name in _names(node, f"{REPORT}deonticState")]
    known = [Deontic(state) for state in states if state in frozenset(Deontic)]
    for rule in _names(node, f"{REPORT}rule"):
        yield rule, DutyState(node.id, known[0] if len(known) == 1 else Deontic.NON_SET)


def _names(node: Node, key: str) -> tuple[str, ...]:
    return tuple(map(named, node.properties.get(key, ())))


DATE_TIME: Final = f"{XSD}dateTime"
