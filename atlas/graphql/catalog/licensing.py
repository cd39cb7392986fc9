"""Offers and the licenses granted under them (W3)."""

from enum import StrEnum

from atlas.graphql.entities import Entity, Listing, Lookup, amount, final, many, one, value
from atlas.graphql.kinds import AAID, ADDRESS, BIG_INTEGER, BOOLEAN, BYTES, JSON, TEXT, TIME, enumeration
from atlas.graphql.sources import Versions
from atlas.projections.views import licensing
from atlas.protocol.vocabulary import LicenseKind


class OfferStatus(StrEnum):
    """Whether an offer can be taken."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"


class LicenseStatus(StrEnum):
    """What became of a license; one that ran out stays granted, see ``expiresAt``."""

    GRANTED = "granted"
    REVOKED = "revoked"


class LicenseSource(StrEnum):
    """Where a license was granted."""

    CHAIN = "chain"
    OFF_CHAIN = "off_chain"


SOURCE = enumeration(LicenseSource, "Where a license was granted: on a chain, or by a signed agreement off chain.")
LICENSE_STATUS = enumeration(
    LicenseStatus, "What became of a license; one that ran out stays granted, see `expiresAt`."
)
LICENSE_KIND = enumeration(LicenseKind, "The six kinds of license.")
_OFFER = {"chain": "chain", "registry": "registry", "offer_id": "offer_id"}

OFFER = Entity(
    "Offer",
    "A license that anyone may take at a price.",
    Versions("licensing", licensing.OFFERS),
    members=(
        value("chain", TEXT, "The chain it is published on, as a CAIP-2 name."),
        value("registry", ADDRESS, "The license registry that keeps it."),
        value("offer_id", BIG_INTEGER, "The offer's number in its registry."),
        value("aaid", AAID, "The asset it is for."),
        value("licensor", ADDRESS, "Who offers."),
        value("kind", LICENSE_KIND, "The kind of license."),
        value("terms_hash", BYTES, "keccak256 of the terms document."),
        value("terms_uri", TEXT, "Where the terms document is."),
        *amount("price", "What taking it costs"),
        value("duration_s", BIG_INTEGER, "How long the license lasts, in seconds; 0 is perpetual."),
        value("exclusive", BOOLEAN, "Whether the license is exclusive."),
        value("status", enumeration(OfferStatus, "Whether an offer can be taken."), "Whether it can be taken."),
        value("block_number", BIG_INTEGER, "The block it was published in."),
        value("updated_block", BIG_INTEGER, "The block of the latest event that changed it."),
        final("updated_block"),
        value("position", BIG_INTEGER, "The ledger position of the publication."),
        value("withdrawn_position", BIG_INTEGER, "That of its withdrawal, if it was withdrawn.", nullable=True),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset it is for."),
        many("licenses", "License", _OFFER, "The licenses granted under it."),
    ),
)
LICENSE = Entity(
    "License",
    "A license in force from `startsAt` until before `expiresAt`, unless revoked.",
    Versions("licensing", licensing.LICENSES),
    members=(
        value("chain", TEXT, "The chain it was granted on, as a CAIP-2 name."),
        value("registry", ADDRESS, "The license registry that keeps it."),
        value("license_id", BIG_INTEGER, "The license's number in its registry."),
        value("offer_id", BIG_INTEGER, "The offer it was taken from; 0 where the licensor granted it directly."),
        value("aaid", AAID, "The asset."),
        value("licensor", ADDRESS, "Who granted it."),
        value("licensee", ADDRESS, "Who may use the asset."),
        value("kind", LICENSE_KIND, "The kind of license."),
        value("terms_hash", BYTES, "keccak256 of the terms document."),
        value("terms_uri", TEXT, "Where the terms document is."),
        value("terms", JSON, "The terms document, where its URI carries it and its hash matches.", nullable=True),
        value("starts_at", TIME, "When it begins."),
        value("expires_at", TIME, "When it has ended; null is perpetual.", nullable=True),
        value("exclusive", BOOLEAN, "Whether nobody else may hold such a license."),
        value("source", SOURCE, "Where it was granted."),
        value("status", LICENSE_STATUS, "Whether it was revoked."),
        value("revoked_at", TIME, "When it was revoked, if it was.", nullable=True),
        value("reason_hash", BYTES, "Hash of the reason it was revoked for, if it was.", nullable=True),
        value("block_number", BIG_INTEGER, "The block it was granted in."),
        value("updated_block", BIG_INTEGER, "The block of the latest event that changed it."),
        final("updated_block"),
        value("position", BIG_INTEGER, "The ledger position of the grant."),
        value("revoked_position", BIG_INTEGER, "The position from which on its revocation is known.", nullable=True),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset."),
        one("offer", "Offer", _OFFER, "The offer it was taken from, if any."),
        many("sublicenses", "Agreement", {"under": "position"}, "What was agreed off chain under it."),
        many("uses", "RecordedUse", {"grant_position": "position"}, "The uses that count against it."),
        many("fulfilments", "Fulfilment", {"grant_position": "position"}, "The duties that were met under it."),
        many("disputes", "Dispute", {"grant_position": "position"}, "The disputes over it."),
    ),
)

LICENSING_ENTITIES = (OFFER, LICENSE)
LICENSING_ROOTS = (
    Listing(name="offers", entity="Offer", description="License offers."),
    Lookup(
        name="license",
        entity="License",
        arguments={"chain": "chain", "registry": "registry", "license_id": "license_id"},
        description="One license by its chain, registry and number.",
    ),
    Listing(name="licenses", entity="License", description="Granted licenses."),
)
