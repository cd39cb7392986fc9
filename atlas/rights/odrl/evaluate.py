"""Any ODRL policy against a request in a state of the world: how every rule stands, and what follows.

    PERMIT         a permission of a policy that grants is active for all that is asked, and nothing forbids it
    DENY           a prohibition is active, or nothing permits
    UNDETERMINED   a permission, or a prohibition, could not be judged

A rule is active when the target, the party, the action and every constraint match the request, and no duty of it
is violated (a violated duty whose consequences are all fulfilled counts as fulfilled). An offer grants nothing
before it is agreed to. A prohibition wins over permissions unless every policy says ``conflict: perm``; policies
with different strategies leave the conflict undetermined, and so does ``invalid``.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from atlas.rights.decisions.reasons import OUTCOMES, Outcome, State, state_of, worst
from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.compare import Finding, Judge, any_of, combine
from atlas.rights.odrl.names import DCT, PROFILE, lineage, short
from atlas.rights.odrl.syntax import ANNOTATIONS, Action, Others, Policy, Rule, RuleKind, Thing, named
from atlas.rights.odrl.times import read_instant
from atlas.rights.odrl.world import Deontic, World, values_in

GRANTING = frozenset({"Set", "Policy", "Agreement", "Privacy", "Ticket"})
"""The types of policies whose permissions permit."""

_OURS = frozenset({"atlas:currency", "atlas:termsFormat", "atlas:termsHash"})


class Part(StrEnum):
    """What of a rule a premise is about."""

    TARGET = "target"
    PARTY = "party"
    ACTION = "action"
    CONSTRAINT = "constraint"


class Premise(msgspec.Struct, frozen=True):
    """One of the things that have to match for a rule to be active."""

    part: Part
    state: State
    finding: Finding | None = None  # of a constraint


class DutyFinding(msgspec.Struct, frozen=True):
    """How a duty, a remedy or an obligation stands by the record."""

    rule: Rule
    deontic: Deontic
    report: str | None  # the record's name


class RuleFinding(msgspec.Struct, frozen=True):
    """How a rule of a policy stands for one thing that is asked."""

    rule: Rule
    asked: Rule
    state: State  # satisfied: the rule is active
    premises: tuple[Premise, ...]
    duties: tuple[DutyFinding, ...]


class PolicyFinding(msgspec.Struct, frozen=True):
    """How the rules of one policy stand."""

    policy: Policy
    rules: tuple[RuleFinding, ...]
    obligations: tuple[DutyFinding, ...]
    doubts: tuple[str, ...]  # why its permissions cannot be relied on


class Evaluation(msgspec.Struct, frozen=True):
    """The answer, and how each policy stands."""

    outcome: Outcome
    why: tuple[str, ...]
    request: Policy
    policies: tuple[PolicyFinding, ...]
    world: World


def evaluate(policies: Sequence[Policy], request: Policy, world: World) -> Evaluation:
    """Whether ``policies`` together permit what ``request`` asks. Raises InvalidPolicy for a request of nothing."""
    if request.type != "Request" or not request.permissions or request.prohibitions:
        raise InvalidPolicy(
            f"{request.path}: a request is of the type Request and asks for permissions", hint="State permission."
        )
    found = tuple(_judge(policy, request, world) for policy in policies)
    answers = [_answer(found, asked) for asked in request.permissions]
    state = worst(answer for answer, _ in answers)
    why = tuple(dict.fromkeys(reason for answer, reasons in answers if answer is state for reason in reasons))
    return Evaluation(OUTCOMES[state], why, request, found, world)


def _judge(policy: Policy, request: Policy, world: World) -> PolicyFinding:
    issued = [read_instant(named(value)) for value in policy.others.get(f"{DCT}issued", ())]
    is_ours = PROFILE in policy.profiles
    judge = _Rules(world, Judge(world, is_tree=is_ours, issued=issued[0] if len(issued) == 1 else None))
    rules = tuple(
        judge.find(rule, asked) for asked in request.permissions for rule in (*policy.permissions, *policy.prohibitions)
    )
    obligations = tuple(judge.duty(rule) for rule in policy.obligations)
    return PolicyFinding(policy, rules, obligations, tuple(_doubts(policy)))


def _doubts(policy: Policy) -> Iterator[str]:
    for profile in policy.profiles:
        if profile != PROFILE:
            yield f"{policy.path}.profile: the profile {profile} is not known here"
    for parent in policy.inherits:
        yield f"{policy.path}.inheritFrom: what it inherits from {parent} is not known here"
    for key in _unread(policy.others):
        if key not in _OURS:
            yield f"{policy.path}: the property {key} is not known here"


def _answer(found: Sequence[PolicyFinding], asked: Rule) -> tuple[State, tuple[str, ...]]:
    """How one thing that is asked stands: satisfied is permitted."""
    granting = [each for each in found if each.policy.type in GRANTING]
    rules = [rule for each in granting for rule in each.rules if rule.asked is asked]
    permitted = [rule for rule in rules if rule.rule.kind is RuleKind.PERMISSION]
    forbidden = [rule for rule in rules if rule.rule.kind is RuleKind.PROHIBITION]
    allowing = any_of(rule.state for rule in permitted)
    barring = any_of(rule.state for rule in forbidden)
    if allowing is State.VIOLATED:
        active = _named(forbidden, State.SATISFIED, "prohibits it")
        return State.VIOLATED, active or tuple(_unpermitted(found))
    strategies = {each.policy.conflicts for each in granting}
    if barring is not State.VIOLATED and strategies != {("perm",)}:
        is_clear = barring is State.SATISFIED and strategies <= {(), ("prohibit",)} and len(strategies) == 1
        return _barred(State.VIOLATED if is_clear else State.UNKNOWN, forbidden)
    doubts = tuple(doubt for each in granting for doubt in each.doubts)
    if allowing is State.UNKNOWN or doubts:
        return State.UNKNOWN, doubts or _named(permitted, State.UNKNOWN, "may permit it")
    return State.SATISFIED, _named(permitted, State.SATISFIED, "permits it")


def _barred(state: State, rules: Sequence[RuleFinding]) -> tuple[State, tuple[str, ...]]:
    active = _named(rules, State.SATISFIED, "prohibits it")
    return state, active or _named(rules, State.UNKNOWN, "may prohibit it")


def _named(rules: Sequence[RuleFinding], state: State, does: str) -> tuple[str, ...]:
    return tuple(f"{rule.rule.path} {does}" for rule in rules if rule.state is state)


def _unpermitted(found: Sequence[PolicyFinding]) -> Iterator[str]:
    yield "nothing permits it"
    for policy in (each.policy for each in found):
        if policy.type not in GRANTING:
            yield f"{policy.path}: a policy of the type {policy.type} grants nothing"


class _Rules:
    """The rules of one policy in one world."""

    def __init__(self, world: World, judge: Judge) -> None:
        self._world = world
        self._judge = judge

    def find(self, rule: Rule, asked: Rule) -> RuleFinding:
        """How ``rule`` stands for what is asked."""
        premises = tuple(self._premises(rule, asked))
        duties = tuple(self.duty(each) for each in rule.duties)
        states = [each.state for each in premises]
        if rule.kind is RuleKind.PERMISSION:
            states.extend(state_of(each.deontic is not Deontic.VIOLATED) for each in duties)
        if _unread(rule.others):
            states.append(State.UNKNOWN)
        return RuleFinding(rule, asked, worst(states), premises, duties)

    def duty(self, rule: Rule) -> DutyFinding:
        """How a duty stands by the record."""
        record = self._world.duties.get(rule.uid)
        if record is None:
            return DutyFinding(rule, Deontic.NON_SET, None)
        state = record.state
        if state is Deontic.VIOLATED and rule.duties:
            remedied = all(self.duty(each).deontic is Deontic.FULFILLED for each in rule.duties)
            state = Deontic.FULFILLED if remedied else state
        return DutyFinding(rule, state, record.report)

    def _premises(self, rule: Rule, asked: Rule) -> Iterator[Premise]:
        values = msgspec.structs.replace(World(), values=values_in(asked.constraints))
        if rule.targets:
            yield Premise(Part.TARGET, self._meets(rule.targets, asked.targets, values))
        if rule.assignees:
            yield Premise(Part.PARTY, self._meets(rule.assignees, asked.assignees, values))
        if rule.actions:
            yield Premise(Part.ACTION, self._acts(rule, asked, values))
        for condition in rule.constraints:
            finding = self._judge.judge(condition, values)
            yield Premise(Part.CONSTRAINT, finding.state, finding)

    def _meets(self, wanted: Sequence[Thing], asked: Sequence[Thing], values: World) -> State:
        """Everything that is asked for is one of the things wanted, or part of one; what is not stated is not known."""
        if not asked:
            return State.UNKNOWN
        return worst(any_of(self._is(thing, each, values) for thing in wanted) for each in asked)

    def _is(self, thing: Thing, asked: Thing, values: World) -> State:
        above = self._world.above(asked.id)
        if not above & {thing.id, *thing.sources}:
            return State.VIOLATED
        return worst([State.SATISFIED, *(self._judge.judge(each, values).state for each in thing.refinements)])

    def _acts(self, rule: Rule, asked: Rule, values: World) -> State:
        if not asked.actions:
            return State.UNKNOWN
        return worst(
            any_of(self._covers(action, each, rule, values) for action in rule.actions) for each in asked.actions
        )

    def _covers(self, action: Action, asked: Action, rule: Rule, values: World) -> State:
        """Whether what is asked is included in the action; to ask for more is to ask for what is prohibited, too."""
        if action.iri not in lineage(asked.iri):
            is_broader = asked.iri in lineage(action.iri) and rule.kind is RuleKind.PROHIBITION
            return State.UNKNOWN if is_broader else State.VIOLATED
        stated = msgspec.structs.replace(values, values={**values.values, **values_in(asked.refinements)})
        states = [self._judge.judge(each, stated).state for each in action.refinements]
        if _unread(action.others):
            states.append(State.UNKNOWN)
        return combine("and", states) if states else State.SATISFIED


def _unread(others: Others) -> tuple[str, ...]:
    return tuple(short(key) for key in others if key not in ANNOTATIONS)
