"""Obligations beside the price as duties of an ODRL permission, and back.

    report_every_s   atlas:reportUse        odrl:timeInterval eq
    grace_s          atlas:answerForDelay   atlas:graceTime eq
    late_fee_bps     likewise               odrl:percentage eq, of what was due
    when_late        likewise               atlas:whenLate eq atlas:suspend or atlas:terminate

Either duty is written where terms ask for something of it, with the refinements that say what.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from atlas.rights.errors import InvalidTerms
from atlas.rights.odrl.losses import Losses
from atlas.rights.odrl.names import ANSWER_FOR_DELAY, ATLAS, ODRL, REPORT_USE, short
from atlas.rights.odrl.payments import only, percentage, plain, read_percentage
from atlas.rights.odrl.scoping import Json, typed
from atlas.rights.odrl.syntax import IRI, Action, Constraint, Rule
from atlas.rights.odrl.times import read_length, write_length
from atlas.rights.terms.obligations import NO_OBLIGATIONS, Effect, Obligations

_EVERY, _PERCENTAGE = f"{ODRL}timeInterval", f"{ODRL}percentage"
_GRACE, _WHEN_LATE = f"{ATLAS}graceTime", f"{ATLAS}whenLate"
_LENGTHS: Final = {_EVERY: "report_every_s", _GRACE: "grace_s"}
_PARTS: Final[dict[str, dict[str, str]]] = {
    REPORT_USE: {_EVERY: "report_every_s"},
    ANSWER_FOR_DELAY: {_GRACE: "grace_s", _PERCENTAGE: "late_fee_bps", _WHEN_LATE: "when_late"},
}
EFFECTS: Final[dict[Effect, str]] = {
    Effect.SUSPEND: f"{ATLAS}suspend",
    Effect.TERMINATE: f"{ATLAS}terminate",
}
"""What may follow from delay, by the right operand that says it."""
_EFFECT_OF: Final = {iri: effect for effect, iri in EFFECTS.items()}


def write_obligations(obligations: Obligations) -> Iterator[Json]:
    """The duties that state the obligations; none where nothing is asked for."""
    for action, parts in _PARTS.items():
        stated = [
            left for left, field in parts.items() if getattr(obligations, field) != getattr(NO_OBLIGATIONS, field)
        ]
        if stated:
            refinements = [_refinement(left, obligations) for left in stated]
            yield {"action": [{"rdf:value": {"@id": short(action)}, "refinement": refinements}]}


def _refinement(left: str, obligations: Obligations) -> Json:
    if left == _PERCENTAGE:
        right = percentage(obligations.late_fee_bps)
    elif left == _WHEN_LATE:
        right = {"@id": short(EFFECTS[obligations.when_late])}
    else:
        right = typed(write_length(getattr(obligations, _LENGTHS[left])), "duration")
    return {"leftOperand": short(left), "operator": "eq", "rightOperand": right}


def is_obligation(action: Action) -> bool:
    """Whether the duty to do this is an obligation of terms."""
    return action.iri in _PARTS


def read_obligations(duties: tuple[Rule, ...], losses: Losses) -> Obligations:
    """The obligations that duties state, all of which are such duties."""
    found: dict[str, Any] = {}
    for duty in duties:
        (action,) = duty.actions
        parts, name = _PARTS[action.iri], short(action.iri)
        if not action.refinements:
            losses.limit(duty.path, f"the duty {name} does not state what it asks for")
        for each in plain(action.refinements, losses):
            field = parts.get(each.left)
            if field is None or short(each.operator) != "eq":
                losses.limit(each.path, f"{short(each.left)[:100]} {short(each.operator)[:50]} is no part of {name}")
            elif field in found:
                losses.limit(each.path, f"obligations.{field} is stated twice", InvalidTerms)
            else:
                found[field] = _READ[each.left](each, losses)
    return Obligations(**{field: value for field, value in found.items() if value is not None})


def _read_length(constraint: Constraint, losses: Losses) -> int | None:
    text = only(constraint)
    length_s = read_length(text)
    if length_s is None or length_s.denominator != 1 or constraint.unit is not None:
        losses.limit(constraint.path, f"{text[:100]!r} is no length in whole seconds", InvalidTerms)
        return None
    return int(length_s)


def _read_effect(constraint: Constraint, losses: Losses) -> Effect | None:
    text = only(constraint)
    effect = _EFFECT_OF.get(text)
    if effect is None or constraint.right[0].datatype != IRI or constraint.unit is not None:
        losses.limit(constraint.path, f"{text[:100]!r} is nothing that may follow from delay", InvalidTerms)
        return None
    return effect


_READ: Final[dict[str, Callable[[Constraint, Losses], Any]]] = {
    _EVERY: _read_length,
    _GRACE: _read_length,
    _PERCENTAGE: read_percentage,
    _WHEN_LATE: _read_effect,
}
