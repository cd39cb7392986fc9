"""Decisions, and the trees of reasons that they consist of.

PERMIT         every rule is satisfied: the account owns the asset or holds a grant, and nothing forbids the use
DENY           a rule is violated; a prohibition wins over every grant
UNDETERMINED   no rule is violated, and one could not be judged: something is not known, or not stated
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The answer to a use."""

    PERMIT = "permit"
    DENY = "deny"
    UNDETERMINED = "undetermined"


class State(StrEnum):
    """How one rule or constraint stands."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


OUTCOMES = {State.SATISFIED: Outcome.PERMIT, State.VIOLATED: Outcome.DENY, State.UNKNOWN: Outcome.UNDETERMINED}


class Reason(msgspec.Struct, frozen=True):
    """One rule or constraint: what it wanted, what it saw, and the reasons it rests on."""

    name: str
    state: State
    wanted: str
    seen: str
    position: int | None = None  # of the fact that it rests on
    children: tuple["Reason", ...] = ()


class GrantFinding(msgspec.Struct, frozen=True):
    """What became of one grant, constraint by constraint."""

    position: int
    license_id: int
    outcome: Outcome
    constraints: tuple[Reason, ...]
    chain: tuple[int, ...]  # the positions of this grant and of those it is held under


class Duty(msgspec.Struct, frozen=True):
    """What is owed for a permitted use."""

    action: str
    rule: str  # the rule or the field of the terms that it comes from
    due_at: int | None  # seconds since 1970; None with every receipt
    amount_wei: int | None = None
    position: int | None = None  # of the grant that it is owed under


class Decision(msgspec.Struct, frozen=True):
    """The answer and the tree of its reasons."""

    outcome: Outcome
    owner: Reason
    grants: tuple[GrantFinding, ...]  # the account's own, by position
    rules: tuple[Reason, ...]  # all that has to hold beside the account's title
    duties: tuple[Duty, ...]  # owed for the use, where it is permitted
    relied_on: tuple[int, ...]  # the positions of the facts that permit it

    @property
    def permitted_by(self) -> tuple[int, ...]:
        """The ledger positions of the grants that give title to the use; empty for the owner, who needs none."""
        return tuple(finding.position for finding in self.grants if finding.outcome is Outcome.PERMIT)

    @property
    def missing(self) -> tuple[str, ...]:
        """What a permit would take: each leaf that does not hold; of several grants, those of the nearest one."""
        if self.outcome is Outcome.PERMIT:
            return ()
        return tuple(_describe(leaf) for reason in (*self.rules, *self._title()) for leaf in _open_leaves(reason))

    def _title(self) -> tuple[Reason, ...]:
        if self.owner.state is State.SATISFIED or self.permitted_by:
            return ()
        if self.owner.children:  # the owner, kept out by an exclusive license of another
            return (self.owner,)
        if not self.grants:
            return (Reason("license", State.VIOLATED, "a license for the account", "none on record"),)
        nearest = min(self.grants, key=lambda finding: sum(1 for each in finding.constraints if _is_open(each)))
        return nearest.constraints


def worst(states: Iterable[State]) -> State:
    """Violated before unknown before satisfied: how a conjunction stands."""
    found = tuple(states)
    if State.VIOLATED in found:
        return State.VIOLATED
    return State.UNKNOWN if State.UNKNOWN in found else State.SATISFIED


def standing(reasons: Sequence[Reason]) -> State:
    """How the conjunction of reasons stands."""
    return worst([reason.state for reason in reasons])


def state_of(holds: bool) -> State:
    """Satisfied or violated."""
    return State.SATISFIED if holds else State.VIOLATED


def explain(decision: Decision) -> tuple[str, ...]:
    """The decision as lines of text: the outcome, then each rule and grant and what it wanted, indented."""
    lines = [decision.outcome.value, *_lines(decision.owner, 1)]
    for finding in decision.grants:
        lines.append(f"  license {finding.license_id}, position {finding.position}: {finding.outcome.value}")
        lines.extend(line for constraint in finding.constraints for line in _lines(constraint, 2))
    lines.extend(line for reason in decision.rules for line in _lines(reason, 1))
    lines.extend(f"  duty {_describe_duty(duty)}" for duty in decision.duties)
    lines.extend(f"  missing {each}" for each in decision.missing)
    return tuple(lines)


def _is_open(reason: Reason) -> bool:
    return reason.state is not State.SATISFIED


def _open_leaves(reason: Reason) -> Iterator[Reason]:
    if not _is_open(reason):
        return
    below = [leaf for child in reason.children for leaf in _open_leaves(child)]
    yield from below or [reason]


def _lines(reason: Reason, depth: int) -> Iterator[str]:
    yield "  " * depth + _describe(reason)
    for child in reason.children:
        yield from _lines(child, depth + 1)


def _describe(reason: Reason) -> str:
    text = f"{reason.name} {reason.state.value}: wanted {reason.wanted}, saw {reason.seen}"
    return text if reason.position is None else f"{text} (position {reason.position})"


def _describe_duty(duty: Duty) -> str:
    due = "with every receipt" if duty.due_at is None else f"at {duty.due_at}"
    amount = "" if duty.amount_wei is None else f", {duty.amount_wei} wei"
    return f"{duty.action}{amount}, due {due} ({duty.rule})"
