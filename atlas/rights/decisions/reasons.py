"""Decisions, and the trees of reasons that they consist of.

PERMIT         every rule is satisfied: the account owns the asset or holds a grant, and nothing forbids the use
DENY           a rule is violated; a prohibition wins over every grant
UNDETERMINED   no rule is violated, and one could not be judged: something is not known, or not stated
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from atlas.rights.terms.obligations import Effect


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


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One rule or constraint: what it wanted, what it saw, and the reasons it rests on."""

    name: str
    state: State
    wanted: str
    seen: str
    position: int | None = None  # of the fact that it rests on
    children: tuple["Reason", ...] = ()


class GrantFinding(msgspec.Struct, frozen=True, gc=False):
    """What became of one grant, constraint by constraint."""

    position: int
    license_id: int
    outcome: Outcome
    constraints: tuple[Reason, ...]
    chain: tuple[int, ...]  # the positions of this grant and of those it is held under


class Action(StrEnum):
    """What a licensee does to meet a duty under a grant."""

    PAY = "pay"
    SHARE = "share"  # pay a part of every receipt; the royalty statement says what came of it
    REPORT = "report"
    ATTRIBUTE = "attribute"


class DutyState(StrEnum):
    """How one duty stands."""

    PENDING = "pending"  # not fulfilled, and not late: due later, in the time of grace, or with every receipt
    FULFILLED = "fulfilled"
    LATE = "late"  # the time of grace is over, and what was owed is not on record, or not all of it
    REMEDIED = "remedied"  # fulfilled when it was late, the late fee paid


class Duty(msgspec.Struct, frozen=True, gc=False):
    """One duty and how it stands."""

    action: str  # an Action, or a Measure of W27
    rule: str  # the rule or the field of the terms that it comes from
    due_at: int | None  # seconds since 1970; None with every receipt
    amount_wei: int | None = None
    share_bps: int | None = None  # of every receipt
    position: int | None = None  # of the grant that it is owed under
    use: int | None = None  # the position of the recorded use that it is owed for
    state: DutyState = DutyState.PENDING
    late_at: int | None = None  # from after this instant on it is late, unless fulfilled
    fulfilled_at: int | None = None
    outstanding_wei: int | None = None  # still to pay, the late fee included
    effect: Effect = Effect.NONE  # on the licence, when late
    relied_on: tuple[int, ...] = ()  # the positions of the facts that count as its fulfilment


class Remedy(StrEnum):
    """What would bring a permit nearer."""

    LICENSE = "license"  # one that reaches the use then: a new one, a wider one, a renewal
    RELEASE = "release"  # leave of the holder of the exclusive licence
    STATEMENT = "statement"  # the use has to say what the licence limits
    RECORD = "record"  # a fact that the ledger does not have: an owner, terms, a head licence
    AUTHORIZATION = "authorization"  # by the person who is shown
    MEASURE = "measure"  # that the law of the place asks for
    RULING = "ruling"  # that ends the dispute
    LIFTING = "lifting"  # of the prohibition
    DUTY = "duty"  # to be made good


class Missing(msgspec.Struct, frozen=True, gc=False):
    """One thing that a permit takes and that is not there."""

    path: tuple[str, ...]  # the names of the reasons from the top to the one that does not hold
    state: State  # violated, or unknown
    wanted: str
    seen: str
    position: int | None  # of the fact that it rests on, or of the nearest one above it
    grant: int | None  # the position of the account's own grant that it is a constraint of
    remedy: Remedy

    @property
    def name(self) -> str:
        """The rule or constraint that does not hold."""
        return self.path[-1]


class Decision(msgspec.Struct, frozen=True, gc=False):
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
