"""View ``licensing``: offers and the licenses granted under them (W3), and all else that decides who may use what.

Agreements off chain, disputes, takedowns, portraits, measures, counted uses and past owners have modules beside this.
"""

from typing import Any

from atlas.projections.fold import Fold
from atlas.projections.reading.facts import reason_of
from atlas.projections.tables.declarations import (
    EntityTable,
    bigint,
    binary,
    boolean,
    json,
    optional,
    text,
    time,
    uint256,
)
from atlas.projections.view import View
from atlas.projections.views.agreements import AGREEMENT_HANDLERS, AGREEMENTS
from atlas.projections.views.disputes import DISPUTE_HANDLERS, DISPUTE_TABLES
from atlas.projections.views.ownership import OWNERSHIPS, asset_registered, asset_transferred
from atlas.projections.views.safety import SAFETY_HANDLERS, SAFETY_TABLES
from atlas.projections.views.values import moment
from atlas.protocol.events import (
    AssetRegistered,
    AssetTransfer,
    LicenseGranted,
    LicenseRevoked,
    OfferPublished,
    OfferWithdrawn,
)
from atlas.protocol.vocabulary import LicenseKind, from_ordinal
from atlas.rights.errors import InvalidTerms
from atlas.rights.terms.document import terms_document, terms_from_uri

ON_CHAIN = "chain"
OFFERS = EntityTable(
    "offers",
    key=(text("chain"), binary("registry"), uint256("offer_id")),
    values=(
        binary("aaid"),
        binary("licensor"),
        text("kind"),
        binary("terms_hash"),
        text("terms_uri"),
        uint256("price_wei"),
        bigint("duration_s"),
        boolean("exclusive"),
        text("status"),
        bigint("block_number"),  # of the publication
        bigint("updated_block"),  # of the event that made this version of the row
        bigint("position"),  # of the publication
        optional(bigint("withdrawn_position")),
    ),
    indexes=(("aaid",), ("licensor",)),
)
LICENSES = EntityTable(
    "licenses",
    key=(text("chain"), binary("registry"), uint256("license_id")),
    values=(
        uint256("offer_id"),
        binary("aaid"),
        binary("licensor"),
        binary("licensee"),
        text("kind"),
        binary("terms_hash"),
        text("terms_uri"),
        optional(json("terms")),
        time("starts_at"),
        optional(time("expires_at")),
        boolean("exclusive"),
        text("source"),
        text("status"),
        optional(time("revoked_at")),
        optional(binary("reason_hash")),
        bigint("block_number"),  # of the grant
        bigint("updated_block"),  # of the event that made this version of the row
        bigint("position"),  # of the grant
        optional(bigint("revoked_position")),
    ),
    indexes=(("aaid",), ("licensee",), ("licensor",), ("chain", "registry", "offer_id"), ("position",)),
)


def offer_published(event: OfferPublished, fold: Fold) -> None:
    """Anyone may take this license."""
    origin = event.origin
    fold.create(
        OFFERS,
        origin.chain,
        origin.contract,
        event.offer_id,
        aaid=event.aaid,
        licensor=event.licensor,
        kind=from_ordinal(LicenseKind, event.kind),
        terms_hash=event.terms_hash,
        terms_uri=event.terms_uri,
        price_wei=event.price,
        duration_s=event.duration,
        exclusive=event.exclusive,
        status="open",
        block_number=origin.block_number,
        updated_block=origin.block_number,
        position=origin.position,
        withdrawn_position=None,
    )


def offer_withdrawn(event: OfferWithdrawn, fold: Fold) -> None:
    """The offer can no longer be taken."""
    origin = event.origin
    fold.update(
        OFFERS,
        origin.chain,
        origin.contract,
        event.offer_id,
        status="withdrawn",
        updated_block=origin.block_number,
        withdrawn_position=origin.position,
    )


def license_granted(event: LicenseGranted, fold: Fold) -> None:
    """A license is in force."""
    origin = event.origin
    fold.create(
        LICENSES,
        origin.chain,
        origin.contract,
        event.license_id,
        offer_id=event.offer_id,
        aaid=event.aaid,
        licensor=event.licensor,
        licensee=event.licensee,
        kind=from_ordinal(LicenseKind, event.kind),
        terms_hash=event.terms_hash,
        terms_uri=event.terms_uri,
        terms=_terms(event, fold),
        starts_at=moment(event.starts_at),
        expires_at=moment(event.expires_at) if event.expires_at else None,
        exclusive=event.exclusive,
        source=ON_CHAIN,
        status="granted",
        revoked_at=None,
        reason_hash=None,
        block_number=origin.block_number,
        updated_block=origin.block_number,
        position=origin.position,
        revoked_position=None,
    )


def license_revoked(event: LicenseRevoked, fold: Fold) -> None:
    """The license ends with this block."""
    origin = event.origin
    fold.update(
        LICENSES,
        origin.chain,
        origin.contract,
        event.license_id,
        status="revoked",
        revoked_at=moment(origin.block_time),
        reason_hash=event.reason_hash,
        updated_block=origin.block_number,
        revoked_position=origin.position,
    )


def _terms(event: LicenseGranted, fold: Fold) -> dict[str, Any] | None:
    """The terms that the grant carries, where it carries those whose hash it names; others are reported."""
    try:
        terms = terms_from_uri(event.terms_uri, event.terms_hash)
    except InvalidTerms as error:
        fold.report(reason_of(error), f"license {event.license_id}: {error.message}")
        return None
    return None if terms is None else terms_document(terms)


LICENSING = View(
    name="licensing",
    version=5,
    tables=(OFFERS, LICENSES, AGREEMENTS, *DISPUTE_TABLES, *SAFETY_TABLES, OWNERSHIPS),
    handlers={
        OfferPublished: offer_published,
        OfferWithdrawn: offer_withdrawn,
        LicenseGranted: license_granted,
        LicenseRevoked: license_revoked,
        AssetRegistered: asset_registered,
        AssetTransfer: asset_transferred,
        **AGREEMENT_HANDLERS,
        **DISPUTE_HANDLERS,
        **SAFETY_HANDLERS,
    },
)
