"""Decisions of the rights engine as GraphQL types: the answer, the tree of its reasons, duties, what is missing."""

from typing import Annotated

import strawberry

from atlas.graphql.catalog.licensing import LicenseSource
from atlas.graphql.scalars import BigInt, Bytes, DateTime
from atlas.projections.views.values import moment
from atlas.rights.decisions import reasons
from atlas.rights.decisions.explaining import explain, write_missing
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.missing import missing

strawberry.enum(reasons.Outcome, description="The answer to a use.")
strawberry.enum(reasons.State, name="ConstraintState", description="How one constraint stands.")
strawberry.enum(reasons.DutyState, description="How one duty stands.")
strawberry.enum(reasons.Remedy, name="PermitRemedy", description="What would bring a permit nearer.")


@strawberry.type(description="One condition of a decision: what it wanted, what it saw, and the conditions beneath it.")
class Constraint:
    """One condition of a decision."""

    name: str = strawberry.field(description="The condition.")
    wanted: str = strawberry.field(description="What it wanted.")
    seen: str = strawberry.field(description="What it saw.")
    state: reasons.State = strawberry.field(description="How it stands.")
    position: BigInt | None = strawberry.field(description="The ledger position of the fact that it rests on, if any.")
    children: list[Annotated["Constraint", strawberry.lazy("atlas.graphql.rights.reasons")]] = strawberry.field(
        description="The conditions that it consists of."
    )


@strawberry.type(description="What became of one license of the account, constraint by constraint.")
class GrantFinding:
    """What became of one license."""

    position: BigInt = strawberry.field(description="The ledger position of the fact that granted it.")
    license_id: BigInt = strawberry.field(
        description="The license's number on its chain; of an agreement off chain, its id as a number."
    )
    source: LicenseSource = strawberry.field(description="Where it was granted.")
    agreement_id: Bytes | None = strawberry.field(description="The id of an agreement off chain; null on chain.")
    outcome: reasons.Outcome = strawberry.field(description="The answer by this license alone.")
    constraints: list[Constraint] = strawberry.field(description="Its constraints.")
    chain: list[BigInt] = strawberry.field(description="The positions of it and of the licenses that it is held under.")


@strawberry.type(description="What is owed for a permitted use, and how that stands.")
class Duty:
    """What is owed for a permitted use."""

    action: str = strawberry.field(description="What to do: pay, share, report, attribute, or a measure of the law.")
    rule: str = strawberry.field(description="The rule, or the field of the terms, that it comes from.")
    state: reasons.DutyState = strawberry.field(description="How it stands.")
    due_at: DateTime | None = strawberry.field(description="When it is due; null with every receipt.")
    late_at: DateTime | None = strawberry.field(description="From after when it is late, unless fulfilled.")
    fulfilled_at: DateTime | None = strawberry.field(description="When it was fulfilled, if it was.")
    amount_wei: BigInt | None = strawberry.field(description="How much, where it is a payment.")
    outstanding_wei: BigInt | None = strawberry.field(description="What is still to pay, a late fee included.")
    share_bps: int | None = strawberry.field(description="The share of every receipt, in basis points.")
    position: BigInt | None = strawberry.field(description="The position of the license that it is owed under.")


@strawberry.type(description="One thing that a permit takes and that is not there.")
class Missing:
    """One thing that a permit takes."""

    path: list[str] = strawberry.field(description="The names of the reasons from the top to the one that fails.")
    state: reasons.State = strawberry.field(description="Violated, or unknown.")
    wanted: str = strawberry.field(description="What is wanted.")
    seen: str = strawberry.field(description="What is there.")
    position: BigInt | None = strawberry.field(description="The position of the fact that it rests on, if any.")
    grant: BigInt | None = strawberry.field(description="The position of the account's license that it is about.")
    remedy: reasons.Remedy = strawberry.field(description="What would bring a permit nearer.")
    text: str = strawberry.field(description="All that in one line.")


@strawberry.type(description="Whether a use is permitted, with its reasons.")
class Decision:
    """Whether a use is permitted."""

    outcome: reasons.Outcome = strawberry.field(description="The answer.")
    at: DateTime = strawberry.field(description="The moment of use that was decided on.")
    known_position: BigInt = strawberry.field(
        description="By what the ledger said up to here; ask again with it as `asOf`, and the answer is the same."
    )
    owner: Constraint = strawberry.field(description="Whether the account owns the asset, and so needs no license.")
    grants: list[GrantFinding] = strawberry.field(
        description="The account's licenses on the asset, on chain and off, and what each says."
    )
    rules: list[Constraint] = strawberry.field(
        description="What has to hold beside: no takedown, no pending dispute, lineage, portraits, the law."
    )
    relied_on: list[BigInt] = strawberry.field(description="The ledger positions of the facts that permit the use.")
    missing: list[Missing] = strawberry.field(description="What a permit would take; empty where the use is permitted.")
    duties: list[Duty] = strawberry.field(description="What is owed for the use, where it is permitted.")
    reasons: list[str] = strawberry.field(description="The whole tree as lines of text, indented.")


def decision_type(decision: reasons.Decision, rights: Rights, at: int, known_position: int) -> Decision:
    """A decision at the second ``at``, as clients see it."""
    return Decision(
        outcome=decision.outcome,
        at=DateTime(moment(at)),
        known_position=BigInt(known_position),
        owner=_constraint(decision.owner),
        grants=[_finding(finding, rights) for finding in decision.grants],
        rules=[_constraint(rule) for rule in decision.rules],
        relied_on=[BigInt(position) for position in decision.relied_on],
        missing=[missing_type(each) for each in missing(decision)],
        duties=[_duty(duty) for duty in decision.duties],
        reasons=list(explain(decision)),
    )


def _finding(finding: reasons.GrantFinding, rights: Rights) -> GrantFinding:
    # What no registry recorded has a licensor that the engine checks: it was agreed on off chain.
    is_agreement = rights.by_position[finding.position].licensor is not None
    return GrantFinding(
        position=BigInt(finding.position),
        license_id=BigInt(finding.license_id),
        source=LicenseSource.OFF_CHAIN if is_agreement else LicenseSource.CHAIN,
        agreement_id=Bytes(finding.license_id.to_bytes(32)) if is_agreement else None,
        outcome=finding.outcome,
        constraints=[_constraint(each) for each in finding.constraints],
        chain=[BigInt(position) for position in finding.chain],
    )


def _duty(duty: reasons.Duty) -> Duty:
    return Duty(
        action=duty.action,
        rule=duty.rule,
        state=duty.state,
        due_at=_moment(duty.due_at),
        late_at=_moment(duty.late_at),
        fulfilled_at=_moment(duty.fulfilled_at),
        amount_wei=_number(duty.amount_wei),
        outstanding_wei=_number(duty.outstanding_wei),
        share_bps=duty.share_bps,
        position=_number(duty.position),
    )


def missing_type(each: reasons.Missing) -> Missing:
    """What is missing, as clients see it."""
    return Missing(
        path=list(each.path),
        state=each.state,
        wanted=each.wanted,
        seen=each.seen,
        position=_number(each.position),
        grant=_number(each.grant),
        remedy=each.remedy,
        text=write_missing(each),
    )


def _moment(seconds: int | None) -> DateTime | None:
    return None if seconds is None else DateTime(moment(seconds))


def _number(number: int | None) -> BigInt | None:
    return None if number is None else BigInt(number)


def _constraint(reason: reasons.Reason) -> Constraint:
    return Constraint(
        name=reason.name,
        wanted=reason.wanted,
        seen=reason.seen,
        state=reason.state,
        position=_number(reason.position),
        children=[_constraint(each) for each in reason.children],
    )
