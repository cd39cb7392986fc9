"""What keeps a use out, or lets it in, beside licences: takedowns, portraits, measures, counted uses, met duties.

A row that can end says itself when, and from which ledger position that is known: readers judge both times by it.
"""

from typing import Any

from atlas.projections.errors import MissingRow
from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import (
    EntityTable,
    Value,
    bigint,
    binary,
    boolean,
    integer,
    json,
    optional,
    text,
    time,
    uint256,
)
from atlas.projections.view import Handler
from atlas.projections.views.values import moment
from atlas.protocol.decisions import (
    NOBODY,
    DutyFulfilled,
    MeasureRecorded,
    PortraitAuthorized,
    PortraitDeclared,
    PortraitWithdrawn,
    TakedownLifted,
    TakedownOrdered,
    UseRecorded,
    decision_id,
)
from atlas.rights.proceedings import require_author
from atlas.rights.terms.extents import extent

_ENDS = (optional(time("ended_at")), optional(bigint("ended_position")))
_REACH = (optional(binary("account")), json("territories"), json("media"))

PROHIBITIONS = EntityTable(
    "prohibitions",
    key=(binary("cause_id"), integer("round")),  # a takedown, or a dispute and its ruling, counted from 0
    values=(
        binary("aaid"),
        text("cause"),
        *_REACH,
        binary("author"),
        text("evidence_uri"),
        binary("evidence_sha256"),
        time("starts_at"),
        bigint("position"),
        *_ENDS,
    ),
    indexes=(("aaid",),),
)
PORTRAITS = EntityTable(
    "portraits",
    key=(binary("portrait_id"),),
    values=(binary("aaid"), binary("person"), binary("guardian"), time("declared_at"), bigint("position")),
    indexes=(("aaid",), ("person",)),
)
AUTHORIZATIONS = EntityTable(
    "authorizations",
    key=(binary("authorization_id"),),
    values=(
        binary("portrait_id"),
        binary("aaid"),
        binary("person"),
        *_REACH,
        time("starts_at"),
        bigint("position"),
        *_ENDS,
    ),
    indexes=(("aaid",), ("portrait_id",)),
)
MEASURES = EntityTable(
    "measures",
    key=(binary("measure_id"),),
    values=(
        binary("aaid"),
        text("measure"),
        json("territories"),
        boolean("passed"),
        binary("author"),
        text("evidence_uri"),
        binary("evidence_sha256"),
        time("taken_at"),
        bigint("position"),
    ),
    indexes=(("aaid",),),
)
USES = EntityTable(
    "uses",
    key=(binary("use_id"),),
    values=(
        bigint("grant_position"),
        bigint("count"),
        bigint("exposure_s"),
        binary("reference"),
        time("used_at"),
        bigint("position"),
    ),
    indexes=(("grant_position",),),
)

FULFILMENTS = EntityTable(
    "fulfilments",
    key=(binary("fulfilment_id"),),
    values=(
        bigint("grant_position"),
        text("action"),
        uint256("amount_wei"),
        optional(time("reported_until")),
        optional(bigint("use_position")),
        time("fulfilled_at"),
        bigint("position"),
    ),
    indexes=(("grant_position",),),
)


def takedown_ordered(takedown: TakedownOrdered, fold: Fold) -> None:
    """From here on the asset may not be used where the takedown reaches."""
    fold.create(
        PROHIBITIONS,
        takedown.matter,
        0,
        aaid=takedown.asset,
        cause=takedown.cause,
        **reach(takedown.against, takedown.territories, takedown.media),
        author=takedown.author,
        evidence_uri=takedown.evidence_uri,
        evidence_sha256=takedown.evidence_sha256,
        starts_at=moment(takedown.recorded_at),
        position=fold.position,
        ended_at=None,
        ended_position=None,
    )


def takedown_lifted(lifted: TakedownLifted, fold: Fold) -> None:
    """The takedown ends."""
    end = moment(lifted.recorded_at)
    fold.update(PROHIBITIONS, lifted.takedown, 0, ended_at=end, ended_position=fold.position)


def portrait_declared(declared: PortraitDeclared, fold: Fold) -> None:
    """A use of the asset needs the person's leave from here on."""
    fold.create(
        PORTRAITS,
        declared.matter,
        aaid=declared.asset,
        person=declared.person,
        guardian=declared.guardian,
        declared_at=moment(declared.recorded_at),
        position=fold.position,
    )


def portrait_authorized(authorized: PortraitAuthorized, fold: Fold) -> None:
    """The person gives leave, for the time that the authorization names."""
    portrait = fold.require(PORTRAITS, authorized.portrait)
    require_author(authorized.author, {"guardian": portrait["guardian"]})
    fold.create(
        AUTHORIZATIONS,
        decision_id(authorized),
        portrait_id=authorized.portrait,
        aaid=portrait["aaid"],
        person=portrait["person"],
        **reach(authorized.account, authorized.territories, authorized.media),
        starts_at=moment(authorized.starts_at),
        position=fold.position,
        ended_at=moment(authorized.ends_at) if authorized.ends_at else None,
        ended_position=fold.position if authorized.ends_at else None,
    )


def portrait_withdrawn(withdrawn: PortraitWithdrawn, fold: Fold) -> None:
    """The leave ends, unless it had ended before."""
    row = fold.require(AUTHORIZATIONS, withdrawn.authorization)
    if row["portrait_id"] != withdrawn.portrait:
        raise MissingRow("the authorization is one for another portrait")
    require_author(withdrawn.author, {"guardian": fold.require(PORTRAITS, withdrawn.portrait)["guardian"]})
    end = moment(withdrawn.recorded_at)
    if row["ended_at"] is None or end < row["ended_at"]:
        fold.update(AUTHORIZATIONS, withdrawn.authorization, ended_at=end, ended_position=fold.position)


def measure_recorded(measure: MeasureRecorded, fold: Fold) -> None:
    """A measure was taken for the asset, or failed."""
    fold.create(
        MEASURES,
        measure.matter,
        aaid=measure.asset,
        measure=measure.measure,
        territories=names(measure.territories),
        passed=measure.passed,
        author=measure.author,
        evidence_uri=measure.evidence_uri,
        evidence_sha256=measure.evidence_sha256,
        taken_at=moment(measure.taken_at),
        position=fold.position,
    )


def use_recorded(use: UseRecorded, fold: Fold) -> None:
    """A use counts against a grant."""
    fold.create(
        USES,
        use.matter,
        grant_position=use.grant,
        count=use.count,
        exposure_s=use.exposure_s,
        reference=use.reference,
        used_at=moment(use.used_at),
        position=fold.position,
    )


def duty_fulfilled(fulfilled: DutyFulfilled, fold: Fold) -> None:
    """The licensee did what the terms ask."""
    fold.create(
        FULFILMENTS,
        fulfilled.matter,
        grant_position=fulfilled.grant,
        action=fulfilled.action,
        amount_wei=int(fulfilled.amount_wei),
        reported_until=moment(fulfilled.until) if fulfilled.until else None,
        use_position=fulfilled.use or None,
        fulfilled_at=moment(fulfilled.fulfilled_at),
        position=fold.position,
    )


def reach(account: bytes, territories: tuple[str, ...], media: tuple[str, ...]) -> dict[str, Value]:
    """The columns that say whom, where and in what something concerns; nobody in particular is everybody."""
    return {
        "account": None if account == NOBODY else account,
        "territories": names(territories),
        "media": names(media),
    }


def names(listed: tuple[str, ...]) -> dict[str, Any]:
    """An extent as the columns hold it, in canonical order."""
    return {"of": list(extent(*listed).of)}


SAFETY_TABLES = (PROHIBITIONS, PORTRAITS, AUTHORIZATIONS, MEASURES, USES, FULFILMENTS)
SAFETY_HANDLERS: dict[type, Handler] = {
    TakedownOrdered: takedown_ordered,
    TakedownLifted: takedown_lifted,
    PortraitDeclared: portrait_declared,
    PortraitAuthorized: portrait_authorized,
    PortraitWithdrawn: portrait_withdrawn,
    MeasureRecorded: measure_recorded,
    UseRecorded: use_recorded,
    DutyFulfilled: duty_fulfilled,
}
