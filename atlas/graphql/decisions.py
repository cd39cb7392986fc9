"""``canUse``: may this account use this asset there and then? The rights engine decides over rows of the views."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import strawberry
from psycopg import sql
from strawberry.types import Info

from atlas.graphql.bindings import Variables
from atlas.graphql.catalog.assets import ASSET, DERIVATIVE
from atlas.graphql.catalog.licensing import LICENSE
from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput
from atlas.graphql.scalars import Aaid, Address, BigInt, DateTime
from atlas.graphql.snapshot import Snapshot
from atlas.graphql.sources import Source
from atlas.graphql.types import AsOf
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights import reasons, state
from atlas.rights.decide import decide, explain
from atlas.rights.errors import RightsError
from atlas.rights.index import Rights
from atlas.rights.terms import Terms, terms_from_uri
from atlas.rights.uses import Use

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

strawberry.enum(reasons.Outcome, description="The answer to a use.")
strawberry.enum(reasons.State, name="ConstraintState", description="How one constraint stands.")


@strawberry.type(description="One condition of a decision: what it wanted and what it saw.")
class Constraint:
    """One condition of a decision, those it rests on left to the lines of ``reasons``."""

    name: str = strawberry.field(description="The condition.")
    wanted: str = strawberry.field(description="What it wanted.")
    seen: str = strawberry.field(description="What it saw.")
    state: reasons.State = strawberry.field(description="How it stands.")


@strawberry.type(description="What became of one license of the account, constraint by constraint.")
class GrantFinding:
    """What became of one license."""

    position: BigInt = strawberry.field(description="The ledger position of the fact that granted it.")
    license_id: BigInt = strawberry.field(description="The license's number on its chain.")
    outcome: reasons.Outcome = strawberry.field(description="The answer by this license alone.")
    constraints: list[Constraint] = strawberry.field(description="Its constraints.")


@strawberry.type(description="Whether a use is permitted, with its reasons.")
class Decision:
    """Whether a use is permitted."""

    outcome: reasons.Outcome = strawberry.field(description="The answer.")
    owner: Constraint = strawberry.field(description="Whether the account owns the asset, and so needs no license.")
    grants: list[GrantFinding] = strawberry.field(
        description="The account's licenses on the asset, and what each says."
    )
    reasons: list[str] = strawberry.field(description="The whole tree as lines of text, indented.")


def can_use(
    info: Info[RequestContext, None],
    aaid: Annotated[Aaid, strawberry.argument(description="The asset.")],
    account: Annotated[Address, strawberry.argument(description="Who would use it.")],
    territory: Annotated[str, strawberry.argument(description="Where: ISO 3166-1 alpha-2, or * for everywhere.")],
    media: Annotated[str, strawberry.argument(description="In what: film, series, advertising, game and so on.")],
    at: Annotated[DateTime | None, strawberry.argument(description="When; now otherwise.")] = None,
    kind: Annotated[LicenseKind | None, strawberry.argument(description="Only under licenses of this kind.")] = None,
    as_of: Annotated[AsOf | None, strawberry.argument(description="By what the ledger said at a moment.")] = None,
) -> Decision:
    """The decision on a use. Raises BadInput, PositionNotReached."""
    request = info.context
    instant = request.clock() if at is None else cast("datetime", at)
    use = Use(aaid, account, territory, media, kind)
    position = None if as_of is None else as_of.ledger_position
    facts = _Facts(request.snapshot, position).read(aaid)
    try:
        decision = decide(use, Rights(facts), state.At((instant - _EPOCH) // _SECOND, _NEWEST))
    except RightsError as error:
        raise BadInput(error.message, hint=error.hint) from error
    return _decision(decision)


CAN_USE = strawberry.field(
    can_use,
    name="canUse",
    description="May this account use this asset there and then? By its owner and the licenses on record.",
)


class _Facts:
    """The rows that decide, now or as of a position."""

    def __init__(self, snapshot: Snapshot, position: int | None) -> None:
        if position is not None:
            snapshot.require(ASSET.source.views | LICENSE.source.views, position)
        self._snapshot = snapshot
        self._position = position

    def read(self, aaid: bytes) -> state.RightsState:
        """The facts about the asset and what it derives from. Raises BadInput for an asset that is not registered."""
        derivations = self._rows(_DERIVATIONS, DERIVATIVE.source, {"aaid": aaid})
        assets = [aaid, *(cast("bytes", row[1]) for row in derivations)]
        owners = self._rows(_OWNERS, ASSET.source, {"assets": assets})
        if aaid not in {row[0] for row in owners}:
            raise BadInput("no such asset is registered", hint="Check the AAID, and the chain that it comes from.")
        licenses = self._rows(_GRANTS, LICENSE.source, {"assets": assets})
        # The view keeps the owner of now; who owned an asset before is not asked of it.
        return state.RightsState(
            ownerships=tuple(state.Ownership(asset, owner, 0, position) for asset, owner, position in owners),
            grants=tuple(_grant(row) for row in licenses),
            derivations=tuple(_derivation(row, licenses) for row in derivations),
        )

    def _rows(self, query: str, source: Source, parameters: Variables) -> list[tuple[Any, ...]]:
        as_of = None if self._position is None else sql.Placeholder("position")
        statement = sql.SQL(cast("Any", query)).format(rows=source.rows(as_of))
        return self._snapshot.rows(statement.as_string(None), {**parameters, "position": self._position})


_NEWEST = 2**63 - 1
"""The rows are those of the position asked for; nothing among them is younger."""

_OWNERS = "select aaid, owner, valid_from from {rows} as asset where aaid = any(%(assets)s)"

_DERIVATIONS = """
with recursive link as (select * from {rows} as current),
line as (
    select child, parent, license_id, chain, valid_from from link where child = %(aaid)s
    union
    select link.child, link.parent, link.license_id, link.chain, link.valid_from
    from link join line on link.child = line.parent
)
select child, parent, license_id, chain, valid_from from line
"""

# A license's first version is the one that its grant made; later ones are its revocation.
_GRANTS = """
select (select min(first.valid_from) from view_licensing.licenses as first
        where first.chain = license.chain and first.registry = license.registry
          and first.license_id = license.license_id) as granted,
       license_id, chain, aaid, licensee, kind, terms_uri, terms_hash, starts_at, expires_at, revoked_at, exclusive
from {rows} as license
where aaid = any(%(assets)s)
order by granted
"""


def _grant(row: tuple[Any, ...]) -> state.Grant:
    position, license_id, _, aaid, licensee, kind, uri, terms_hash, starts_at, expires_at, revoked_at, exclusive = row
    return state.Grant(
        position=position,
        license_id=int(license_id),
        asset=aaid,
        licensee=licensee,
        kind=LicenseKind(kind),
        terms=_terms(uri, terms_hash),
        starts_at=(starts_at - _EPOCH) // _SECOND,
        expires_at=None if expires_at is None else (expires_at - _EPOCH) // _SECOND,
        revoked_at=None if revoked_at is None else (revoked_at - _EPOCH) // _SECOND,
        exclusive=exclusive,
    )


def _derivation(row: tuple[Any, ...], licenses: Sequence[tuple[Any, ...]]) -> state.Derivation:
    """A link names its license by chain and number; where two registries have such a one, which it was is unknown."""
    child, parent, license_id, chain, position = row
    named = [each[0] for each in licenses if each[1:4] == (license_id, chain, parent)]
    grant = named[0] if len(named) == 1 else None
    return state.Derivation(child, parent, position, grant, by_owner=license_id == 0)


def _terms(uri: str, terms_hash: bytes) -> Terms | None:
    """The terms that the license's URI carries; None when they are not known or not what was agreed."""
    try:
        return terms_from_uri(uri, terms_hash)
    except RightsError:
        return None


def _decision(decision: reasons.Decision) -> Decision:
    return Decision(
        outcome=decision.outcome,
        owner=_constraint(decision.owner),
        grants=[
            GrantFinding(
                position=BigInt(finding.position),
                license_id=BigInt(finding.license_id),
                outcome=finding.outcome,
                constraints=[_constraint(each) for each in finding.constraints],
            )
            for finding in decision.grants
        ],
        reasons=list(explain(decision)),
    )


def _constraint(constraint: reasons.Reason) -> Constraint:
    return Constraint(name=constraint.name, wanted=constraint.wanted, seen=constraint.seen, state=constraint.state)
