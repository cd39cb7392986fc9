"""Assets, their versions, where they came from and what came of them (W1, W5)."""

from atlas.graphql.entities import Entity, Listing, Lookup, final, many, one, value
from atlas.graphql.kinds import AAID, ADDRESS, BIG_INTEGER, BYTES, INTEGER, TEXT, TIME, enumeration
from atlas.graphql.sources import Versions
from atlas.projections.views import provenance
from atlas.protocol.vocabulary import AssetType

ASSET_TYPE = enumeration(AssetType, "What an asset is: nine kinds of content, five of meta assets.")

ASSET = Entity(
    "Asset",
    "A registered piece of AI-made cinema: a character, a scene, a voice, and what belongs to them.",
    Versions("provenance", provenance.ASSETS),
    members=(
        value("aaid", AAID, "The asset's id, the same on every chain and server."),
        value("chain", TEXT, "The chain it is registered on, as a CAIP-2 name."),
        value("registry", ADDRESS, "The registry contract."),
        value("token_id", BIG_INTEGER, "Its ERC-721 token in the registry."),
        value("creator", ADDRESS, "Who registered it."),
        value("owner", ADDRESS, "Who holds its token."),
        value("asset_type", ASSET_TYPE, "What it is."),
        value("version", INTEGER, "Its latest version, counted from 1."),
        value("content_hash", BYTES, "SHA-256 of the latest version's content."),
        value("metadata_hash", BYTES, "Hash of the latest version's metadata document."),
        value("metadata_uri", TEXT, "Where the latest version's metadata document is."),
        value("registered_at", TIME, "When version 1 was registered: the time of its block."),
        value("block_number", BIG_INTEGER, "The block of the registration."),
        value("tx_hash", BYTES, "The transaction of the registration."),
        value("updated_block", BIG_INTEGER, "The block of the latest event that changed it."),
        final("updated_block"),
        many("versions", "AssetVersion", {"aaid": "aaid"}, "All its versions, the first one first."),
        many("sources", "AssetSource", {"aaid": "aaid"}, "The generation records that its versions came out of."),
        many("parents", "Derivative", {"child": "aaid"}, "The assets it derives from, and under which license."),
        many("derivatives", "Derivative", {"parent": "aaid"}, "The assets that derive from it."),
        many("offers", "Offer", {"aaid": "aaid"}, "Licenses that anyone may take."),
        many("licenses", "License", {"aaid": "aaid"}, "Licenses granted on it."),
        many("agreements", "Agreement", {"aaid": "aaid"}, "Licenses on it that were agreed on off chain."),
        many("disputes", "Dispute", {"aaid": "aaid"}, "Disputes over it or over licenses on it."),
        many("prohibitions", "Prohibition", {"aaid": "aaid"}, "Takedowns of it, and what rulings prohibit."),
        many("portraits", "Portrait", {"aaid": "aaid"}, "The real persons that it shows."),
        many("measures", "RecordedMeasure", {"aaid": "aaid"}, "What was done for its distribution to be lawful."),
        many("owners", "Ownership", {"aaid": "aaid"}, "Who owned it from when on."),
        many("pools", "Pool", {"aaid": "aaid"}, "The revenue pools that pay for it."),
        many("manifests", "Manifest", {"aaid": "aaid"}, "The C2PA manifests signed for its versions."),
    ),
)
ASSET_VERSION = Entity(
    "AssetVersion",
    "One version of an asset.",
    Versions("provenance", provenance.ASSET_VERSIONS),
    members=(
        value("aaid", AAID, "The asset."),
        value("version", INTEGER, "The version's number, counted from 1."),
        value("content_hash", BYTES, "SHA-256 of the content."),
        value("metadata_hash", BYTES, "Hash of the metadata document."),
        value("metadata_uri", TEXT, "Where the metadata document is."),
        value("created_at", TIME, "When the version was registered: the time of its block."),
        value("chain", TEXT, "The chain it was registered on, as a CAIP-2 name."),
        value("block_number", BIG_INTEGER, "The block it was registered in."),
        value("tx_hash", BYTES, "The transaction it was registered by."),
        final(),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset that this is a version of."),
        many(
            "sources",
            "AssetSource",
            {"aaid": "aaid", "version": "version"},
            "The generation records that this version came out of.",
        ),
        one("manifest", "Manifest", {"aaid": "aaid", "version": "version"}, "The C2PA manifest signed for it."),
    ),
)
ASSET_SOURCE = Entity(
    "AssetSource",
    "An asset's version came out of a generation record.",
    Versions("provenance", provenance.ASSET_SOURCES),
    members=(
        value("aaid", AAID, "The asset."),
        value("version", INTEGER, "The version of the asset."),
        value("record_id", BYTES, "The generation record's id, as the registry recorded it."),
        value("chain", TEXT, "The chain that recorded it, as a CAIP-2 name."),
        value("block_number", BIG_INTEGER, "The block that recorded it."),
        final(),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset."),
        one("record", "GenerationRecord", {"record_id": "record_id"}, "The record; null until its worker sent it."),
    ),
)
DERIVATIVE = Entity(
    "Derivative",
    "One asset derives from another.",
    Versions("provenance", provenance.DERIVATIVES),
    members=(
        value("child_aaid", AAID, "The asset that derives.", column="child"),
        value("parent_aaid", AAID, "The asset it derives from.", column="parent"),
        value("license_id", BIG_INTEGER, "The license it derives under; 0 where the parent's own owner made it."),
        value("chain", TEXT, "The chain that recorded it, as a CAIP-2 name."),
        value("block_number", BIG_INTEGER, "The block that recorded it."),
        final(),
        one("child", "Asset", {"aaid": "child"}, "The asset that derives."),
        one("parent", "Asset", {"aaid": "parent"}, "The asset it derives from."),
        one(
            "license",
            "License",
            {"chain": "chain", "aaid": "parent", "license_id": "license_id"},
            "The license it derives under; null where the parent's own owner made it.",
        ),
    ),
)
MANIFEST = Entity(
    "Manifest",
    "A C2PA manifest that was signed for one version of an asset.",
    Versions("provenance", provenance.MANIFESTS),
    members=(
        value("aaid", AAID, "The asset."),
        value("version", INTEGER, "The version of the asset."),
        value("media_type", TEXT, "The media type of the signed file."),
        value("source_sha256", BYTES, "SHA-256 of the file as generated: the registered content hash."),
        value("signed_sha256", BYTES, "SHA-256 of the whole signed file."),
        value("size_bytes", BIG_INTEGER, "The signed file's size in bytes."),
        value("manifest_id", TEXT, "The active manifest's label, urn:c2pa:..."),
        value("signer", TEXT, "The common name of the signing certificate."),
        value("signed_at", TIME, "When it was signed."),
        one("asset", "Asset", {"aaid": "aaid"}, "The asset."),
    ),
)

ASSET_ENTITIES = (ASSET, ASSET_VERSION, ASSET_SOURCE, DERIVATIVE, MANIFEST)
ASSET_ROOTS = (
    Lookup(name="asset", entity="Asset", arguments={"aaid": "aaid"}, description="One asset by its id."),
    Listing(name="assets", entity="Asset", description="Registered assets."),
    Listing(name="derivatives", entity="Derivative", description="Which assets derive from which."),
    Listing(name="manifests", entity="Manifest", description="Signed C2PA manifests."),
)
