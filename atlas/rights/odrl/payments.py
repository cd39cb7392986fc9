"""A price as duties of an ODRL permission, and back.

    flat_wei       atlas:payFlat            odrl:payAmount eq, in the unit atlas:wei
    per_use_wei, annual_wei, buyout_wei, minimum_guarantee_wei    likewise
    share_bps      atlas:shareRevenue       odrl:percentage eq: 525 basis points are "5.25"
    performance    atlas:sharePerformance   likewise
    ceiling_wei    atlas:payTotal lteq, in the unit atlas:wei, on each of the duties that it bounds together

Amounts are whole numbers of the currency's smallest unit; one with a point is refused. They are written as
xsd:decimal: JSON-LD processors turn an xsd:integer into a JSON number, which most programs round above 2^53.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from atlas.rights.errors import CurrencyMismatch, InvalidTerms
from atlas.rights.odrl.losses import Losses
from atlas.rights.odrl.names import ATLAS, ODRL, PAYMENTS, short
from atlas.rights.odrl.scoping import Json, typed
from atlas.rights.odrl.syntax import Action, Condition, Constraint, Rule
from atlas.rights.terms.prices import GROWING, RATES, Price

WEI: Final = f"{ATLAS}wei"
TOTAL: Final = f"{ATLAS}payTotal"

_PART_OF: Final = {action: part for part, action in PAYMENTS.items()} | {
    f"{ODRL}compensate": "flat_wei",
    f"{ODRL}pay": "flat_wei",
}
_WHOLE = re.compile(r"0|[1-9][0-9]{0,77}")
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,20})?")


def write_price(price: Price) -> list[Json]:
    """The duties that state the parts of a price."""
    return [_duty(part, price) for part in PAYMENTS if getattr(price, part) is not None]


def _duty(part: str, price: Price) -> Json:
    refinements = [_share(price, part) if part in RATES else _amount(f"{ODRL}payAmount", "eq", getattr(price, part))]
    if part in GROWING and price.ceiling_wei is not None:
        refinements.append(_amount(TOTAL, "lteq", price.ceiling_wei))
    return {"action": [{"rdf:value": {"@id": short(PAYMENTS[part])}, "refinement": refinements}]}


def _amount(left: str, operator: str, amount_wei: int) -> Json:
    value = typed(str(amount_wei), "decimal")
    return {"leftOperand": short(left), "operator": operator, "rightOperand": value, "unit": {"@id": short(WEI)}}


def _share(price: Price, part: str) -> Json:
    return {"leftOperand": "percentage", "operator": "eq", "rightOperand": percentage(getattr(price, part))}


def percentage(share_bps: int) -> Json:
    """Basis points as a literal: 525 are "5.25"."""
    whole, rest = divmod(share_bps, 100)
    return typed(f"{whole}.{rest:02}" if rest else str(whole), "decimal")


def read_price(duties: tuple[Rule, ...], losses: Losses) -> Price | None:
    """The price that duties state; None where none of them is a payment. Attribution is read elsewhere."""
    parts: dict[str, int] = {}
    ceilings: list[int] = []
    for duty in duties:
        part, ceiling = _read_part(duty, losses)
        if part is None:
            continue
        name, value = part
        if name in parts:
            losses.limit(duty.path, f"price.{name} is stated twice", InvalidTerms)
        parts[name] = value
        if ceiling is not None:
            parts["ceiling_wei"] = ceiling
        if name in GROWING:
            ceilings.append(-1 if ceiling is None else ceiling)
    if len(set(ceilings)) > 1:
        losses.limit(duties[0].path, "the parts of one price have one ceiling")
    return Price(**parts) if parts else None


def is_payment(action: Action) -> bool:
    """Whether the duty to do this is a part of a price."""
    return action.iri in _PART_OF


def _read_part(duty: Rule, losses: Losses) -> tuple[tuple[str, int] | None, int | None]:
    (action,) = duty.actions
    part = _PART_OF[action.iri]
    wanted = f"{ODRL}percentage" if part in RATES else f"{ODRL}payAmount"
    value: int | None = None
    ceiling: int | None = None
    for each in plain(action.refinements, losses):
        if each.left == wanted and short(each.operator) == "eq" and value is None:
            value = read_percentage(each, losses) if part in RATES else _read_amount(each, losses)
            if value is None:
                return None, None
        elif each.left == TOTAL and short(each.operator) == "lteq" and part in GROWING and ceiling is None:
            ceiling = _read_amount(each, losses)
        else:
            losses.limit(each.path, f"{short(each.left)[:100]} {short(each.operator)[:50]} is no part of {part}")
    if value is None:
        losses.limit(duty.path, f"the duty {short(action.iri)} does not state its {short(wanted)}")
        return None, None
    return (part, value), ceiling


def plain(conditions: tuple[Condition, ...], losses: Losses) -> Iterator[Constraint]:
    """The constraints of which all hold; others are lost."""
    for condition in conditions:
        losses.others(condition.others)
        if isinstance(condition, Constraint):
            yield condition
        else:
            losses.limit(condition.path, f"alternatives ({condition.operand}) have no place in a duty")


def _read_amount(constraint: Constraint, losses: Losses) -> int | None:
    if constraint.unit != WEI:
        unit = "no unit" if constraint.unit is None else short(constraint.unit)[:100]
        losses.limit(constraint.path, f"an amount in {unit}, expected {short(WEI)}", CurrencyMismatch)
        return None
    text = only(constraint)
    if _WHOLE.fullmatch(text) is None:
        losses.limit(constraint.path, f"{text[:100]!r} is no whole number of wei", InvalidTerms)
        return None
    return int(text)


def read_percentage(constraint: Constraint, losses: Losses) -> int | None:
    """The basis points that a constraint states; None, and a loss, where it states none."""
    text = only(constraint)
    share_bps = Fraction(text) * 100 if _PERCENT.fullmatch(text) else None
    if share_bps is None or share_bps.denominator != 1 or constraint.unit is not None:
        losses.limit(constraint.path, f"{text[:100]!r} is no percentage in whole basis points", InvalidTerms)
        return None
    return int(share_bps)


def only(constraint: Constraint) -> str:
    """The text of the one right operand; empty where there is none, or several."""
    values: list[Any] = [each.text for each in constraint.right]
    return values[0] if len(values) == 1 else ""
