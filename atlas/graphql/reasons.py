"""Decisions of the rights engine as GraphQL types: the answer, the tree of its reasons, duties, what is missing."""

from typing import Annotated

import strawberry

from atlas.graphql.catalog.licensing import LicenseSource
from atlas.graphql.scalars import BigInt, Bytes, DateTime
from atlas.projections.views.values import moment
from atlas.rights import reasons
from atlas.rights.index import Rights
from atlas.rights.reasons import explain

strawberry.enum(reasons.Outcome, description="The answer to a use.")
strawberry.enum(reasons.State, name="ConstraintState", description="How one constraint stands.")


@strawberry.type(description="One condition of a decision: what it wanted, what it saw, and the conditions beneath it.")
class Constraint:
    """One condition of a decision."""

    name: str = strawberry.field(description="The condition.")
    wanted: str = strawberry.field(description="What it wanted.")
    seen: str = strawberry.field(description="What it saw.")
    state: reasons.State = strawberry.field(description="How it stands.")
    position: BigInt | None = strawberry.field(description="The ledger position of the fact that it rests on, if any.")
    children: list[Annotated["Constraint", strawberry.lazy("atlas.graphql.reasons")]] = strawberry.field(
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


@strawberry.type(description="What is owed for a permitted use.")
class Duty:
    """What is owed for a permitted use."""

    action: str = strawberry.field(description="What to do.")
    rule: str = strawberry.field(description="The rule, or the field of the terms, that it comes from.")
    due_at: DateTime | None = strawberry.field(description="When it is due; null with every receipt.")
    amount_wei: BigInt | None = strawberry.field(description="How much, where it is a payment.")
    position: BigInt | None = strawberry.field(description="The position of the license that it is owed under.")


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
    missing: list[str] = strawberry.field(description="What a permit would take; empty where the use is permitted.")
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
        missing=list(decision.missing),
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
        due_at=None if duty.due_at is None else DateTime(moment(duty.due_at)),
        amount_wei=None if duty.amount_wei is None else BigInt(duty.amount_wei),
        position=None if duty.position is None else BigInt(duty.position),
    )


def _constraint(reason: reasons.Reason) -> Constraint:
    return Constraint(
        name=reason.name,
        wanted=reason.wanted,
        seen=reason.seen,
        state=reason.state,
        position=None if reason.position is None else BigInt(reason.position),
        children=[_constraint(each) for each in reason.children],
    )
