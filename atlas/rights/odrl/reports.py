"""An evaluation as compliance reports, in JSON-LD and in the vocabulary of FORCE.

Each policy has a report, in it each rule one, in it each premise one; what could not be judged has the state
``atlas:Undetermined``, which that vocabulary lacks. Reports have names made from what they are about, so that
the same evaluation gives the same document. Beside what that vocabulary asks for, ``atlas:outcome`` is the answer.
"""

from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from atlas.rights.decisions.reasons import State
from atlas.rights.odrl.compare import Finding
from atlas.rights.odrl.evaluate import DutyFinding, Evaluation, Part, PolicyFinding, Premise, RuleFinding
from atlas.rights.odrl.jsonld import Literal
from atlas.rights.odrl.names import INLINE_CONTEXT, ODRL_CONTEXT
from atlas.rights.odrl.syntax import IRI, Logical, RuleKind
from atlas.rights.odrl.world import REPORT, Deontic

Json = dict[str, Any]

_CONTEXT: Final = [ODRL_CONTEXT, {**INLINE_CONTEXT, "report": REPORT}]
_UNDETERMINED: Final = {"@id": "atlas:Undetermined"}
_TYPES: Final = {
    RuleKind.PERMISSION: "report:PermissionReport",
    RuleKind.PROHIBITION: "report:ProhibitionReport",
}
_PREMISES: Final = {
    Part.TARGET: "report:TargetReport",
    Part.PARTY: "report:PartyReport",
    Part.ACTION: "report:ActionReport",
    Part.CONSTRAINT: "report:ConstraintReport",
}
_encoder = msgspec.json.Encoder(order="sorted")


def encode_reports(evaluation: Evaluation) -> bytes:
    """The reports as canonical JSON."""
    return _encoder.encode(reports(evaluation))


def reports(evaluation: Evaluation) -> Json:
    """The reports as a JSON-LD object: one in ``@graph`` for each policy."""
    found = [_policy(each, evaluation) for each in evaluation.policies]
    return {"@context": _CONTEXT, "@graph": found}


def _policy(found: PolicyFinding, evaluation: Evaluation) -> Json:
    policy, request = found.policy.uid, evaluation.request.uid
    name = f"{policy} {request}"
    rules = [_rule(rule, name) for rule in found.rules] + [_duty(duty, name) for duty in found.obligations]
    report: Json = {
        "@id": _name(name),
        "@type": "report:PolicyReport",
        "atlas:outcome": evaluation.outcome.value,
        "report:policy": {"@id": policy},
        "report:policyRequest": {"@id": request},
        "report:ruleReport": rules,
    }
    if evaluation.world.now is not None:
        report["dct:created"] = _literal(evaluation.world.now)
    return report


def _rule(found: RuleFinding, name: str) -> Json:
    here = f"{name} {found.rule.uid} {found.asked.uid}"
    return {
        "@id": _name(here),
        "@type": _TYPES[found.rule.kind],
        "report:attemptState": {"@id": "report:Attempted"},
        "report:rule": {"@id": found.rule.uid},
        "report:ruleRequest": {"@id": found.asked.uid},
        "report:activationState": _state(found.state, "Active", "Inactive"),
        **_several("report:premiseReport", [_premise(each, here) for each in found.premises]),
        **_several("report:conditionReport", [_duty(each, here) for each in found.duties]),
    }


def _premise(premise: Premise, name: str) -> Json:
    if premise.finding is not None:
        return _finding(premise.finding, name)
    return {
        "@id": _name(f"{name} {premise.part}"),
        "@type": _PREMISES[premise.part],
        "report:satisfactionState": _state(premise.state, "Satisfied", "Unsatisfied"),
    }


def _finding(found: Finding, name: str) -> Json:
    condition = found.condition
    report: Json = {
        "@id": _name(f"{name} {condition.uid}"),
        "@type": _PREMISES[Part.CONSTRAINT],
        "report:constraint": {"@id": condition.uid},
        "report:satisfactionState": _state(found.state, "Satisfied", "Unsatisfied"),
    }
    if isinstance(condition, Logical):
        members = [_finding(each, name) for each in found.members]
        return {
            **report,
            "report:constraintLogicalOperand": {"@id": f"odrl:{condition.operand}"},
            **_several("report:premiseReport", members),
        }
    return {
        **report,
        "report:constraintOperator": {"@id": condition.operator},
        **_several("report:constraintLeftOperand", [_literal(each) for each in found.seen]),
        **_several("report:constraintRightOperand", [_literal(each) for each in condition.right]),
    }


def _duty(found: DutyFinding, name: str) -> Json:
    return {
        "@id": found.report or _name(f"{name} {found.rule.uid}"),
        "@type": "report:DutyReport",
        "report:rule": {"@id": found.rule.uid},
        "report:deonticState": {"@id": f"report:{found.deontic.value}"},
        "report:performanceState": {"@id": _PERFORMED[found.deontic]},
    }


_PERFORMED: Final = {
    Deontic.FULFILLED: "report:Performed",
    Deontic.VIOLATED: "report:Unperformed",
    Deontic.NON_SET: "report:Unknown",
}


def _state(state: State, satisfied: str, violated: str) -> Json:
    if state is State.UNKNOWN:
        return _UNDETERMINED
    return {"@id": f"report:{satisfied if state is State.SATISFIED else violated}"}


def _literal(value: Literal) -> Json:
    if value.datatype == IRI:
        return {"@id": value.text}
    return {"@value": value.text} if value.datatype is None else {"@type": value.datatype, "@value": value.text}


def _several(key: str, values: list[Json]) -> Json:
    return {key: values} if values else {}


def _name(about: str) -> str:
    return uuid5(NAMESPACE_URL, f"{REPORT}{about}").urn
