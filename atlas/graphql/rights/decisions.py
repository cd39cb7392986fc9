"""``canUse``: may this account use this asset there and then? The rights engine decides over rows of the views."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import strawberry
from strawberry.types import Info

from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput
from atlas.graphql.rights.reasons import Decision, decision_type
from atlas.graphql.scalars import Aaid, Address, BigInt, DateTime
from atlas.graphql.snapshot import Snapshot
from atlas.graphql.types import AsOf
from atlas.projections.rights import VIEWS, Query, reached, read_rights
from atlas.protocol.ids import format_aaid
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.state import At, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.errors import RightsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONCE, _NO_TIME = BigInt(1), BigInt(0)


def told(description: str) -> Any:  # noqa: ANN401 (Strawberry's annotations are of any type)
    """What an argument is, for the schema."""
    return strawberry.argument(description=description)


def can_use(
    info: Info[RequestContext, None],
    aaid: Annotated[Aaid, told("The asset.")],
    account: Annotated[Address, told("Who would use it.")],
    territory: Annotated[str, told("Where: ISO 3166-1 alpha-2, a group such as EU@2020-02-01, or * for everywhere.")],
    media: Annotated[str, told("In what: film, series, advertising, game and so on, or narrower.")],
    at: Annotated[DateTime | None, told("When; now otherwise.")] = None,
    kind: Annotated[LicenseKind | None, told("Only under licenses of this kind.")] = None,
    channel: Annotated[str | None, told("On which channel or platform; * for all.")] = None,
    work: Annotated[str | None, told("In which work.")] = None,
    project: Annotated[str | None, told("In which project.")] = None,
    series: Annotated[str | None, told("In which series.")] = None,
    language: Annotated[str | None, told("In which language: BCP 47, like pt-BR.")] = None,
    format: Annotated[str | None, told("In which ad format.")] = None,  # noqa: A002 (the argument's name)
    industry: Annotated[str | None, told("For which industry.")] = None,
    modification: Annotated[str | None, told("Changed how: adapt, dub and so on; as it is otherwise.")] = None,
    count: Annotated[BigInt, told("How many uses it is.")] = _ONCE,
    exposure_s: Annotated[BigInt, told("How long it is on screen, in seconds.")] = _NO_TIME,
    distributed: Annotated[bool, told("Whether a public sees it: the law of the place applies then.")] = True,
    as_of: Annotated[AsOf | None, told("By what the ledger said up to a position.")] = None,
) -> Decision:
    """The decision on a use. Raises BadInput, PositionNotReached."""
    request = info.context
    use = Use(
        asset=aaid,
        account=account,
        territory=territory,
        media=media,
        kind=kind,
        channel=channel,
        work=work,
        project=project,
        series=series,
        language=language,
        format=format,
        industry=industry,
        modification=modification,
        count=count,
        exposure_s=exposure_s,
        distributed=distributed,
    )
    instant = request.clock() if at is None else at
    known = known_position(request.snapshot, VIEWS, as_of)
    rights = rights_of(request.snapshot, aaid, known)
    moment = At(seconds(instant), known)
    try:
        decision = decide(use, rights, moment)
    except RightsError as error:
        raise BadInput(error.message, hint=error.hint) from error
    return decision_type(decision, rights, *moment)


CAN_USE = strawberry.field(
    can_use,
    name="canUse",
    description="May this account use this asset there and then? By its owner, the licenses on record, on chain and "
    "off, and all that forbids it; with every reason.",
)


def seconds(moment: datetime | DateTime) -> int:
    """A moment in seconds since 1970, rounded down."""
    return (cast("datetime", moment) - _EPOCH) // timedelta(seconds=1)


def query_of(snapshot: Snapshot) -> Query:
    """What the readers of views ask a snapshot by."""
    return cast("Query", snapshot.rows)


def known_position(snapshot: Snapshot, views: Iterable[str], as_of: AsOf | None) -> int:
    """The position asked for, else the last that all ``views`` have folded. Raises PositionNotReached, ViewNotReady."""
    names = sorted(views)
    if as_of is not None:
        snapshot.require(names, as_of.ledger_position)
        return as_of.ledger_position
    return reached(query_of(snapshot), names)


def rights_of(snapshot: Snapshot, aaid: bytes, known: int) -> Rights:
    """What is on record about an asset. Raises BadInput for one that is not registered."""
    return Rights(facts_of(snapshot, (aaid,), known))


def facts_of(snapshot: Snapshot, assets: Iterable[bytes], known: int) -> RightsState:
    """What is on record about assets, and what they derive from. Raises BadInput for one that is not registered."""
    asked = tuple(assets)
    facts = read_rights(query_of(snapshot), asked, known)
    registered = {each.asset for each in facts.ownerships if each.position <= known}
    unknown = next((each for each in asked if each not in registered), None)
    if unknown is not None:
        raise BadInput(
            f"no such asset is registered: {format_aaid(unknown)}",
            hint="Check the AAID, and the chain that it comes from.",
        )
    return facts
