"""Whether values satisfy a constraint: satisfied, violated, or unknown, and never a guess (ODRL 2.2, 2.5).

Instants and lengths of time are compared as XML Schema means them, numbers exactly, names by the vocabularies
that terms are written in where they know them (the same algebra that decides on licenses), else by what the
world says is part of what. What has no value, another unit or no common measure is unknown.

    eq neq lt lteq gt gteq      by instant, length or number; eq and neq else by name
    isA, isPartOf, hasPart      by vocabulary, then by what the world says
    isAnyOf, isNoneOf           as eq, or as isPartOf under this profile
    isAllOf                     every right operand is among the values

By this profile ``elapsedTime`` runs from the policy's ``dct:issued``, and a use that states ``atlas:nothing`` as
its modification leaves the work as it is, which every license allows that allows the use.
"""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import floor
from typing import Final

import msgspec

from atlas.rights.decisions.reasons import State, state_of, worst
from atlas.rights.odrl.jsonld import Literal
from atlas.rights.odrl.names import NOTHING, ODRL, OPERANDS, short
from atlas.rights.odrl.scoping import DIMENSION_OF
from atlas.rights.odrl.syntax import ANNOTATIONS, Condition, Constraint, Logical
from atlas.rights.odrl.times import read_instant, read_length, write_length
from atlas.rights.odrl.world import Measured, World
from atlas.rights.terms.extents import Extent, extent
from atlas.rights.terms.scopes import DIMENSIONS

DATE_TIME: Final = f"{ODRL}dateTime"
ELAPSED: Final = f"{ODRL}elapsedTime"
MODIFICATION: Final = OPERANDS["modifications"]

_NUMBER = re.compile(r"[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,3})?")
_LENGTHS = frozenset(f"{ODRL}{name}" for name in ("delayPeriod", "elapsedTime", "meteredTime", "timeInterval"))
_ORDERS: Final[dict[str, Callable[[Fraction, Fraction], bool]]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


class Finding(msgspec.Struct, frozen=True):
    """How a constraint stands, with the value it saw and how its members stand."""

    condition: Condition
    state: State
    seen: tuple[Literal, ...]
    why: str  # in words, where the state is unknown
    members: tuple["Finding", ...] = ()


class Judge:
    """Judges constraints of one policy in one world."""

    def __init__(self, world: World, *, is_tree: bool, issued: Fraction | None = None) -> None:
        self._world = world
        self._is_tree = is_tree
        self._issued = issued

    def judge(self, condition: Condition, values: World) -> Finding:
        """How ``condition`` stands for the ``values`` that the request states, and those of the world."""
        unread = [short(key) for key in condition.others if key not in ANNOTATIONS]
        if isinstance(condition, Logical):
            members = tuple(self.judge(member, values) for member in condition.members)
            state = State.UNKNOWN if unread else combine(condition.operand, [each.state for each in members])
            return Finding(condition, state, (), _unread(unread), members)
        measured = self._values(condition.left, values)
        seen = tuple(each.value for each in measured)
        if unread or not measured:
            return Finding(condition, State.UNKNOWN, seen, _unread(unread) or "no value is stated")
        if any(each.unit != condition.unit for each in measured):
            return Finding(condition, State.UNKNOWN, seen, "the value is in another unit")
        state = self._compare(condition, seen)
        return Finding(condition, state, seen, "" if state is not State.UNKNOWN else "no common measure")

    def _values(self, left: str, values: World) -> tuple[Measured, ...]:
        if left == DATE_TIME:  # the time is the world's: who asks cannot state it
            return () if self._world.now is None else (Measured(self._world.now),)
        stated = (*values.values.get(left, ()), *self._world.values.get(left, ()))
        return stated or (self._elapsed() if left == ELAPSED and self._is_tree else ())

    def _elapsed(self) -> tuple[Measured, ...]:
        """By this profile the time of a license elapses from when it was issued."""
        now = None if self._world.now is None else read_instant(self._world.now.text)
        if now is None or self._issued is None:
            return ()
        return (Measured(Literal(write_length(floor(now - self._issued)), None, "")),) if now >= self._issued else ()

    def _compare(self, constraint: Constraint, seen: Sequence[Literal]) -> State:
        """Where several values are stated, all have to stand alike."""
        name, right = short(constraint.operator), constraint.right
        if not right or (len(right) > 1 and name not in _OF_SEVERAL):
            return State.UNKNOWN
        if name == "isAllOf":
            return worst(any_of(_equal(constraint.left, value, each) for value in seen) for each in right)
        states = {self._hold(constraint.left, name, value, right) for value in seen}
        return states.pop() if len(states) == 1 else State.UNKNOWN

    def _hold(self, left: str, name: str, value: Literal, right: Sequence[Literal]) -> State:
        """One value under one operator; ``right`` has one member where the operator takes one."""
        if self._is_tree and left == MODIFICATION and value.text == NOTHING:
            return State.SATISFIED  # who changes nothing meets no limit on changes
        if name in _ORDERS:
            return worst(_ordered(left, name, value, each) for each in right)
        if name in ("eq", "neq"):
            equal = any_of(_equal(left, value, each) for each in right)
            return equal if name == "eq" else negate(equal)
        if name == "hasPart":
            return any_of(state_of(self._under(left, each, value)) for each in right)
        if name in ("isA", "isPartOf"):
            return any_of(state_of(self._under(left, value, each)) for each in right)
        if name == "isAnyOf":
            return any_of(self._same(left, value, each) for each in right)
        return worst(self._apart(left, value, each) for each in right) if name == "isNoneOf" else State.UNKNOWN

    def _same(self, left: str, value: Literal, right: Literal) -> State:
        if self._is_tree and left in DIMENSION_OF:
            return state_of(self._under(left, value, right))
        return _equal(left, value, right)

    def _apart(self, left: str, value: Literal, right: Literal) -> State:
        """Nothing of the value is among what is excluded: a group that has an excluded country is not apart from it."""
        key = DIMENSION_OF.get(left)
        if (
            self._is_tree
            and key is not None
            and DIMENSIONS[key].knows(value.text)
            and DIMENSIONS[key].knows(right.text)
        ):
            return state_of(DIMENSIONS[key].witness(Extent((right.text,)), Extent((value.text,))) is None)
        return negate(self._same(left, value, right))

    def _under(self, left: str, narrow: Literal, wide: Literal) -> bool:
        """Whether the one is, or is part of, the other."""
        if narrow.text == wide.text or wide.text in self._world.above(narrow.text):
            return True
        key = DIMENSION_OF.get(left)
        if key is None or not (DIMENSIONS[key].knows(narrow.text) and DIMENSIONS[key].knows(wide.text)):
            return False
        return DIMENSIONS[key].covers(extent(wide.text), extent(narrow.text))


_OF_SEVERAL = frozenset({"isAnyOf", "isNoneOf", "isAllOf"})


def describe(condition: Condition) -> str:
    """A constraint in words: ``spatial isAnyOf DE, FR``."""
    if isinstance(condition, Logical):
        return condition.operand
    right = ", ".join(each.text for each in condition.right)
    unit = "" if condition.unit is None else f" {short(condition.unit)}"
    return f"{short(condition.left)} {short(condition.operator)} {right}{unit}"


def combine(operand: str, states: Sequence[State]) -> State:
    """How constraints stand together."""
    if not states:
        return State.UNKNOWN
    if operand == "or":
        return any_of(states)
    if operand == "xone":
        satisfied = states.count(State.SATISFIED)
        if satisfied > 1 or State.UNKNOWN not in states:
            return state_of(satisfied == 1)
        return State.UNKNOWN
    together = worst(states)
    # In sequence: that all hold does not say that they came to hold one after the other.
    return State.UNKNOWN if operand == "andSequence" and together is State.SATISFIED else together


def any_of(states: Iterable[State]) -> State:
    """Satisfied before unknown before violated: how alternatives stand."""
    found = tuple(states)
    if State.SATISFIED in found:
        return State.SATISFIED
    return State.UNKNOWN if State.UNKNOWN in found else State.VIOLATED


def negate(state: State) -> State:
    """What is unknown stays so."""
    return {State.SATISFIED: State.VIOLATED, State.VIOLATED: State.SATISFIED}.get(state, state)


def _ordered(left: str, name: str, value: Literal, right: Literal) -> State:
    one, other = _measure(left, value), _measure(left, right)
    return State.UNKNOWN if one is None or other is None else state_of(_ORDERS[name](one, other))


def _equal(left: str, value: Literal, right: Literal) -> State:
    one, other = _measure(left, value), _measure(left, right)
    if one is not None and other is not None:
        return state_of(one == other)
    if left == DATE_TIME or left in _LENGTHS:
        return State.UNKNOWN
    return state_of(value.text == right.text)


def _measure(left: str, value: Literal) -> Fraction | None:
    if left == DATE_TIME:
        return read_instant(value.text)
    if left in _LENGTHS:
        return read_length(value.text)
    return Fraction(value.text) if _NUMBER.fullmatch(value.text) else None


def _unread(keys: Sequence[str]) -> str:
    return f"{', '.join(keys)[:200]} is not known here" if keys else ""
