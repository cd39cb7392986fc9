"""``conflicts``: licenses on an asset that cannot both stand, each with a point that lies in both."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import msgspec
import strawberry
from strawberry.types import Info

from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput
from atlas.graphql.rights.decisions import known_position, rights_of, seconds, told
from atlas.graphql.scalars import Aaid, Address, BigInt, DateTime, JsonObject
from atlas.graphql.types import AsOf, page_size
from atlas.projections.rights import VIEWS
from atlas.projections.views.values import moment
from atlas.rights.decisions import conflicts as engine
from atlas.rights.decisions.conflicts import ConflictBook, all_conflicts
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.state import Grant, as_known
from atlas.rights.errors import RightsError
from atlas.rights.terms.document import parse_terms, terms_bytes


@strawberry.type(description="A dimension of a license's scope, and a name in it.")
class WitnessName:
    """One coordinate of a point."""

    dimension: str = strawberry.field(description="The dimension: territories, media, channels and so on.")
    name: str = strawberry.field(description="A name that lies in both licenses.")


@strawberry.type(description="Two licenses that cannot both stand.")
class Conflict:
    """Two licenses that cannot both stand."""

    position: BigInt | None = strawberry.field(description="The position of the later license; null if it is proposed.")
    other: BigInt = strawberry.field(description="The position of the earlier one.")
    witness: list[WitnessName] = strawberry.field(description="A point that lies in both: a name in every dimension.")
    at: DateTime = strawberry.field(description="An instant at which both are in force.")
    is_certain: bool = strawberry.field(
        description="False where the terms of either are not known, and were taken to reach everything."
    )


@strawberry.input(description="A license that is not granted yet.")
class ProposedGrant:
    """A license that is not granted yet."""

    licensee: Address = strawberry.field(description="Who would hold it.")
    terms: JsonObject = strawberry.field(description="Its terms document.")
    starts_at: DateTime = strawberry.field(description="When it would begin.")
    expires_at: DateTime | None = strawberry.field(default=None, description="When it would have ended, if ever.")
    exclusive: bool = strawberry.field(default=False, description="Whether it would keep others out.")


def conflicts(
    info: Info[RequestContext, None],
    aaid: Annotated[Aaid, told("The asset.")],
    proposed: Annotated[ProposedGrant | None, told("Hold this license against those on record; else them all.")] = None,
    at: Annotated[DateTime | None, told("From when on; now otherwise.")] = None,
    first: Annotated[int | None, told("How many: 100 by default, 1000 at most.")] = None,
    as_of: Annotated[AsOf | None, told("By what the ledger said up to a position.")] = None,
) -> list[Conflict]:
    """The conflicts on an asset, by the later license. Raises BadInput, PositionNotReached."""
    request = info.context
    known = known_position(request.snapshot, VIEWS, as_of)
    rights = rights_of(request.snapshot, aaid, known)
    since = seconds(request.clock() if at is None else at)
    try:
        planned = None if proposed is None else _grant(aaid, proposed, known + 1)
        found = list(islice(_conflicts(rights, planned, since, known), page_size(first)))
    except RightsError as error:
        raise BadInput(error.message, hint=error.hint) from error
    return [_conflict(each, known) for each in found]


CONFLICTS = strawberry.field(
    conflicts,
    name="conflicts",
    description="Licenses on an asset, on chain and off, that an exclusive one of another holder keeps out, each with "
    "a point that lies in both; or those that a proposed license would meet.",
)


def _conflicts(rights: Rights, proposed: Grant | None, since: int, known: int) -> Iterator[engine.Conflict]:
    granted = [as_known(grant, known) for grant in rights.state.grants if grant.position <= known]
    if proposed is None:
        return all_conflicts(granted, at=since, most=len(granted))
    return iter(ConflictBook(granted).conflicts(proposed, at=since, most=len(granted)))


def _grant(aaid: bytes, proposed: ProposedGrant, position: int) -> Grant:
    # The scalar's value is JSON text, as SQL takes it.
    terms = parse_terms(terms_bytes(msgspec.json.decode(str(proposed.terms))))
    return Grant(
        position=position,
        license_id=0,
        asset=aaid,
        licensee=proposed.licensee,
        kind=terms.kind,
        terms=terms,
        starts_at=seconds(proposed.starts_at),
        expires_at=None if proposed.expires_at is None else seconds(proposed.expires_at),
        exclusive=proposed.exclusive,
    )


def _conflict(found: engine.Conflict, known: int) -> Conflict:
    return Conflict(
        position=None if found.grant.position > known else BigInt(found.grant.position),
        other=BigInt(found.other.position),
        witness=[WitnessName(dimension=dimension, name=name) for dimension, name in found.witness.names],
        at=DateTime(moment(found.witness.instant)),
        is_certain=found.is_certain,
    )
