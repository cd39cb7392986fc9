"""A scope as constraints of an ODRL permission, and back.

    territories   odrl:spatial            isAnyOf the names included, isNoneOf the names excepted
    media         odrl:media              the same; so channels (odrl:deliveryChannel), languages (odrl:language),
                                          industries (odrl:industry), works, projects, series, formats, modifications
    period        odrl:dateTime           gteq the start, lt the end: half-open
    duration_s    odrl:elapsedTime        lt; from the agreement's start
    max_uses      odrl:count              lteq
    max_exposure  odrl:meteredTime        lteq
    depth         atlas:sublicenseDepth   lteq; without it sub-licensing has no bound

An open dimension has no constraint. What terms leave out is a constraint on the permission and no prohibition:
a prohibition would reach uses that other licenses allow. Instants are whole seconds, so that ``lteq`` and ``gt``
have a half-open equal, and fractions of a second are rounded to the whole second that says the same.

By this profile a name under ``isAnyOf`` stands for all that is narrower; without it, for itself alone, as in ODRL.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from atlas.rights.errors import InvalidTerms, UnsupportedPolicy
from atlas.rights.odrl.losses import Losses
from atlas.rights.odrl.names import ATLAS, NOTHING, ODRL, OPERANDS, short
from atlas.rights.odrl.syntax import IRI, Condition, Constraint, Logical
from atlas.rights.odrl.times import read_instant, read_length, write_instant, write_length
from atlas.rights.terms.extents import EVERYTHING, Extent, extent
from atlas.rights.terms.scopes import DIMENSIONS, Period, Scope, extent_of
from atlas.rights.terms.vocabularies import ANY

DEPTH: Final = f"{ATLAS}sublicenseDepth"
DIMENSION_OF: Final = {operand: key for key, operand in OPERANDS.items()}
"""The dimension of a scope that a left operand is about."""
OPEN: Final = Scope(modifications=EVERYTHING, sublicense_depth=None, attribution=True)
"""What no constraint at all says."""
INCLUDING: Final = ("eq", "isA", "isAnyOf", "isPartOf")
EXCLUDING: Final = ("neq", "isNoneOf")

_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_ONE_OPERAND = frozenset({"eq", "neq", "isA", "isPartOf"})
Json = dict[str, Any]


def typed(text: str, datatype: str) -> Json:
    """A literal with a datatype of XML Schema."""
    return {"@type": f"xsd:{datatype}", "@value": text}


def write_scope(scope: Scope) -> list[Json]:
    """The constraints that say what ``scope`` limits; attribution and exclusivity are duties."""
    found = [each for key in DIMENSIONS for each in write_extent(key, extent_of(scope, key))]
    found.extend(_write_period(scope.period))
    if scope.duration_s is not None:
        found.append(_constraint("elapsedTime", "lt", typed(write_length(scope.duration_s), "duration")))
    if scope.max_uses is not None:
        found.append(_constraint("count", "lteq", typed(str(scope.max_uses), "integer")))
    if scope.max_exposure_s is not None:
        found.append(_constraint("meteredTime", "lteq", typed(write_length(scope.max_exposure_s), "duration")))
    if scope.sublicense_depth is not None:
        found.append(_constraint(short(DEPTH), "lteq", typed(str(scope.sublicense_depth), "integer")))
    return found


def write_extent(key: str, value: Extent) -> Iterator[Json]:
    """What is included of one dimension, and what is excepted."""
    operand = short(OPERANDS[key])
    if not value.of:
        yield _constraint(operand, "isAnyOf", [{"@id": short(NOTHING)}])
    elif value.of != (ANY,):
        yield _constraint(operand, "isAnyOf", list(value.of))
    if value.without:
        yield _constraint(operand, "isNoneOf", list(value.without))


def _write_period(period: Period) -> Iterator[Json]:
    if period.starts_at is not None:
        yield _constraint("dateTime", "gteq", typed(write_instant(period.starts_at), "dateTime"))
    if period.ends_at is not None:
        yield _constraint("dateTime", "lt", typed(write_instant(period.ends_at), "dateTime"))


def _constraint(left: str, operator: str, right: Json | list[Any]) -> Json:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def read_scope(conditions: tuple[Condition, ...], losses: Losses, *, is_tree: bool) -> Scope:
    """The scope that constraints state; ``is_tree`` is whether the policy has this profile."""
    reader = _Reader(losses, is_tree)
    for condition in conditions:
        reader.read(condition)
    return reader.scope()


class _Reader:
    """Narrows an open scope by one constraint after another."""

    def __init__(self, losses: Losses, is_tree: bool) -> None:
        self._losses = losses
        self._is_tree = is_tree
        self._including: dict[str, Extent] = {}
        self._excluding: dict[str, set[str]] = {}
        self._limits: dict[str, int] = {}
        self._starts: list[int] = []
        self._ends: list[int] = []

    def read(self, condition: Condition) -> None:
        """Take a constraint in, or report it."""
        self._losses.others(condition.others)
        if isinstance(condition, Logical):
            if condition.operand != "and":
                self._losses.limit(condition.path, f"alternatives ({condition.operand}) have no place in a scope")
            else:
                for member in condition.members:
                    self.read(member)
        elif condition.unit is not None:
            self._losses.limit(condition.path, f"the unit {short(condition.unit)[:100]} has no place here")
        elif condition.left in DIMENSION_OF:
            self._read_names(DIMENSION_OF[condition.left], condition)
        elif condition.left in _QUANTITIES:
            self._read_quantity(condition)
        else:
            known = ", ".join(sorted(map(short, (*DIMENSION_OF, *_QUANTITIES))))
            reason = f"the left operand {short(condition.left)[:200]} is not supported"
            self._losses.limit(condition.path, reason, hint=f"Terms are limited by {known}.")

    def scope(self) -> Scope:
        """What has been read."""
        period = Period(max(self._starts, default=None), min(self._ends, default=None))
        found: dict[str, Any] = {"period": period, "sublicense_depth": OPEN.sublicense_depth, **self._limits}
        for key in DIMENSIONS:
            included = self._including.get(key, EVERYTHING)
            without = {*included.without, *self._excluding.get(key, ())}
            found[key] = Extent(included.of, tuple(sorted(without)))
        return Scope(**found)

    def _read_names(self, key: str, constraint: Constraint) -> None:
        operator, names = short(constraint.operator), tuple(each.text for each in constraint.right)
        if not names or (operator in _ONE_OPERAND and len(names) != 1):
            self._losses.limit(constraint.path, f"{operator} with {len(names)} right operands")
        elif operator in EXCLUDING:
            if self._known(key, constraint) and self._exact(key, constraint, operator):
                self._excluding.setdefault(key, set()).update(names)
        elif operator not in INCLUDING:
            self._losses.limit(constraint.path, f"the operator {operator[:50]} does not compare {key}")
        elif names == (NOTHING,) and constraint.right[0].datatype == IRI:
            self._including[key] = Extent(())
        elif self._known(key, constraint) and self._exact(key, constraint, operator):
            read = extent(*names)
            before = self._including.get(key)
            self._including[key] = read if before is None else DIMENSIONS[key].meet(before, read)

    def _known(self, key: str, constraint: Constraint) -> bool:
        unknown = [each for each in constraint.right if not DIMENSIONS[key].knows(each.text)]
        for each in unknown:
            self._losses.limit(each.path, f"{key} cannot name {each.text[:100]!r}", InvalidTerms)
        return not unknown

    def _exact(self, key: str, constraint: Constraint, operator: str) -> bool:
        """Whether the names stand for what is narrower too, or have nothing narrower."""
        if operator in ("isA", "isPartOf") or (operator in ("isAnyOf", "isNoneOf") and self._is_tree):
            return True
        broad = [each for each in constraint.right if not DIMENSIONS[key].is_narrowest(each.text)]
        for each in broad:
            reason = f"{operator} {each.text[:100]!r} means this name and none narrower, and terms mean both"
            self._losses.limit(each.path, reason, hint="Write isPartOf, or isAnyOf and isNoneOf under this profile.")
        return not broad

    def _read_quantity(self, constraint: Constraint) -> None:
        operator = short(constraint.operator)
        field, parse, operators = _QUANTITIES[constraint.left]
        value = parse(constraint.right[0].text) if len(constraint.right) == 1 else None
        if operator not in operators or value is None:
            what = ", ".join(each.text[:100] for each in constraint.right)
            reason = f"{short(constraint.left)} {operator[:50]} {what!r} cannot be said in terms"
            self._losses.limit(constraint.path, reason, InvalidTerms if value is None else UnsupportedPolicy)
            return
        bound = operators[operator](value)
        if field == "starts_or_ends":
            (self._starts if operator in ("gt", "gteq") else self._ends).append(bound)
        else:
            self._limits[field] = min(bound, self._limits.get(field, bound))


def _whole(text: str) -> Fraction | None:
    return Fraction(int(text)) if _INTEGER.fullmatch(text) else None


def _next(value: Fraction) -> int:
    """The first whole number above."""
    return floor(value) + 1


def _before(value: Fraction) -> int:
    """The last whole number below."""
    return ceil(value) - 1


_Operators = dict[str, Callable[[Fraction], int]]
_UP_TO: Final[_Operators] = {"lteq": floor, "lt": _before}
_UNTIL: Final[_Operators] = {"lt": ceil, "lteq": _next}
_QUANTITIES: Final[dict[str, tuple[str, Callable[[str], Fraction | None], _Operators]]] = {
    f"{ODRL}dateTime": ("starts_or_ends", read_instant, {**_UNTIL, "gteq": ceil, "gt": _next}),
    f"{ODRL}elapsedTime": ("duration_s", read_length, _UNTIL),
    f"{ODRL}count": ("max_uses", _whole, _UP_TO),
    f"{ODRL}meteredTime": ("max_exposure_s", read_length, _UP_TO),
    DEPTH: ("sublicense_depth", _whole, _UP_TO),
}
