"""Who owned an asset from when on: what a decision about a past day asks, and the asset's present row does not say."""

from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import EntityTable, bigint, binary, time
from atlas.projections.views.values import ZERO_ADDRESS, moment, require_own_registry
from atlas.protocol.events import AssetRegistered, AssetTransfer, Origin
from atlas.protocol.ids import derive_aaid

OWNERSHIPS = EntityTable(
    "ownerships",
    key=(binary("aaid"), bigint("position")),
    values=(binary("owner"), time("starts_at"), bigint("block_number")),
    indexes=(("owner",),),
)


def asset_registered(event: AssetRegistered, fold: Fold) -> None:
    """An asset belongs to its creator first."""
    require_own_registry(event.aaid, event.origin, event.token_id)
    _put(event.aaid, event.creator, event.origin, fold)


def asset_transferred(event: AssetTransfer, fold: Fold) -> None:
    """An asset changes hands; a mint is followed by its registration."""
    if event.sender != ZERO_ADDRESS:
        origin = event.origin
        _put(derive_aaid(origin.chain, origin.contract, event.token_id), event.recipient, origin, fold)


def _put(aaid: bytes, owner: bytes, origin: Origin, fold: Fold) -> None:
    fold.put(
        OWNERSHIPS,
        aaid,
        origin.position,
        owner=owner,
        starts_at=moment(origin.block_time),
        block_number=origin.block_number,
    )
