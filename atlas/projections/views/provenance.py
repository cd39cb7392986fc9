"""View ``provenance``: assets and their versions (W1), generation records (W2), pedigree and manifests (W5)."""

from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import (
    EntityTable,
    bigint,
    binary,
    integer,
    json,
    optional,
    text,
    time,
    uint256,
)
from atlas.projections.view import View
from atlas.projections.views.values import ZERO_ADDRESS, moment, moment_of_ms, require_own_registry
from atlas.protocol.events import (
    AssetRegistered,
    AssetSourced,
    AssetTransfer,
    AssetVersionAdded,
    DerivativeLinked,
    Event,
)
from atlas.protocol.facts import ManifestSigned
from atlas.protocol.generation import GenerationRecord, SignedRecord
from atlas.protocol.ids import derive_aaid
from atlas.protocol.vocabulary import AssetType, from_ordinal

ASSETS = EntityTable(
    "assets",
    key=(binary("aaid"),),
    values=(
        text("chain"),
        binary("registry"),
        uint256("token_id"),
        binary("creator"),
        binary("owner"),
        text("asset_type"),
        integer("version"),
        binary("content_hash"),
        binary("metadata_hash"),
        text("metadata_uri"),
        time("registered_at"),
        bigint("block_number"),  # of the registration
        binary("tx_hash"),  # of the registration
        bigint("updated_block"),  # of the event that made this version of the row
    ),
    indexes=(("owner",), ("creator",), ("content_hash",)),
)
ASSET_VERSIONS = EntityTable(
    "asset_versions",
    key=(binary("aaid"), integer("version")),
    values=(
        binary("content_hash"),
        binary("metadata_hash"),
        text("metadata_uri"),
        time("created_at"),
        text("chain"),
        bigint("block_number"),
        binary("tx_hash"),
    ),
    indexes=(("content_hash",),),
)
ASSET_SOURCES = EntityTable(
    "asset_sources",
    key=(binary("aaid"), integer("version"), binary("record_id")),
    values=(text("chain"), bigint("block_number")),
    indexes=(("record_id",),),
)
DERIVATIVES = EntityTable(
    "derivatives",
    key=(binary("child"), binary("parent")),
    values=(uint256("license_id"), text("chain"), bigint("block_number")),
    indexes=(("parent",),),
)
GENERATION_RECORDS = EntityTable(
    "generation_records",
    key=(binary("record_id"),),
    values=(
        binary("worker"),
        bigint("sequence"),
        text("agent"),
        text("model_name"),
        text("model_version"),
        text("model_provider"),
        text("prompt"),
        text("device"),
        integer("device_count"),
        bigint("runtime_ms"),
        bigint("compute_units"),
        uint256("model_fee_wei"),
        uint256("compute_fee_wei"),
        uint256("protocol_fee_wei"),
        optional(uint256("seed")),
        binary("config_sha256"),
        json("parameters"),
        time("started_at"),
        time("ended_at"),
    ),
    indexes=(("worker", "sequence"),),
)
GENERATION_INPUTS = EntityTable(
    "generation_inputs",
    key=(binary("record_id"), integer("ordinal")),
    values=(text("role"), binary("sha256"), text("media_type"), bigint("size_bytes"), optional(binary("upstream"))),
    indexes=(("sha256",), ("upstream",)),
)
GENERATION_OUTPUTS = EntityTable(
    "generation_outputs",
    key=(binary("record_id"), integer("ordinal")),
    values=(text("role"), binary("sha256"), text("media_type"), bigint("size_bytes")),
    indexes=(("sha256",),),
)
MANIFESTS = EntityTable(
    "manifests",
    key=(binary("aaid"), integer("version")),
    values=(
        text("media_type"),
        binary("source_sha256"),
        binary("signed_sha256"),
        bigint("size_bytes"),
        text("manifest_id"),
        text("signer"),
        time("signed_at"),
    ),
    indexes=(("signed_sha256",), ("source_sha256",)),
)


def asset_registered(event: AssetRegistered, fold: Fold) -> None:
    """A new asset in its first version; it belongs to its creator, to whom the token was just minted."""
    origin = event.origin
    require_own_registry(event.aaid, event.origin, event.token_id)
    fold.create(
        ASSETS,
        event.aaid,
        chain=origin.chain,
        registry=origin.contract,
        token_id=event.token_id,
        creator=event.creator,
        owner=event.creator,
        asset_type=from_ordinal(AssetType, event.asset_type),
        version=1,
        content_hash=event.content_hash,
        metadata_hash=event.metadata_hash,
        metadata_uri=event.metadata_uri,
        registered_at=moment(origin.block_time),
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
        updated_block=origin.block_number,
    )
    _put_version(event, 1, fold)


def version_added(event: AssetVersionAdded, fold: Fold) -> None:
    """A later version of an asset."""
    _require_known(event.aaid, event, fold)
    fold.update(
        ASSETS,
        event.aaid,
        version=event.version,
        content_hash=event.content_hash,
        metadata_hash=event.metadata_hash,
        metadata_uri=event.metadata_uri,
        updated_block=event.origin.block_number,
    )
    _put_version(event, event.version, fold)


def asset_sourced(event: AssetSourced, fold: Fold) -> None:
    """A version of an asset comes out of a generation record, which may be recorded later, or never."""
    _require_known(event.aaid, event, fold)
    origin = event.origin
    fold.put(
        ASSET_SOURCES,
        event.aaid,
        event.version,
        event.record_id,
        chain=origin.chain,
        block_number=origin.block_number,
    )


def derivative_linked(event: DerivativeLinked, fold: Fold) -> None:
    """An asset derives from another."""
    _require_known(event.child, event, fold)
    origin = event.origin
    fold.put(
        DERIVATIVES,
        event.child,
        event.parent,
        license_id=event.license_id,
        chain=origin.chain,
        block_number=origin.block_number,
    )


def asset_transferred(event: AssetTransfer, fold: Fold) -> None:
    """An asset changes hands. Minting says nothing: the registry mints to the creator, then says AssetRegistered."""
    if event.sender == ZERO_ADDRESS:
        return
    origin = event.origin
    aaid = derive_aaid(origin.chain, origin.contract, event.token_id)
    fold.update(ASSETS, aaid, owner=event.recipient, updated_block=origin.block_number)


def record_received(signed: SignedRecord, fold: Fold) -> None:
    """A worker's generation record, whose signature was verified on reading."""
    record = signed.record
    fold.create(
        GENERATION_RECORDS,
        signed.record_id,
        worker=record.worker,
        sequence=record.sequence,
        agent=record.agent,
        model_name=record.model.name,
        model_version=record.model.version,
        model_provider=record.model.provider,
        prompt=record.prompt,
        device=record.compute.device,
        device_count=record.compute.device_count,
        runtime_ms=record.compute.runtime_ms,
        compute_units=record.compute.compute_units,
        model_fee_wei=int(record.cost.model_fee_wei),
        compute_fee_wei=int(record.cost.compute_fee_wei),
        protocol_fee_wei=int(record.cost.protocol_fee_wei),
        seed=record.seed,
        config_sha256=record.config_sha256,
        parameters=dict(record.parameters),
        started_at=moment_of_ms(record.started_at_ms),
        ended_at=moment_of_ms(record.ended_at_ms),
    )
    _put_files(signed.record_id, record, fold)


def manifest_signed(manifest: ManifestSigned, fold: Fold) -> None:
    """A C2PA manifest was signed for one version of an asset; a later one takes its place."""
    fold.put(
        MANIFESTS,
        manifest.aaid,
        manifest.version,
        media_type=manifest.media_type,
        source_sha256=manifest.source_sha256,
        signed_sha256=manifest.signed_sha256,
        size_bytes=manifest.size_bytes,
        manifest_id=manifest.manifest_id,
        signer=manifest.signer,
        signed_at=moment(manifest.signed_at),
    )


def _put_version(event: AssetRegistered | AssetVersionAdded, version: int, fold: Fold) -> None:
    origin = event.origin
    fold.create(
        ASSET_VERSIONS,
        event.aaid,
        version,
        content_hash=event.content_hash,
        metadata_hash=event.metadata_hash,
        metadata_uri=event.metadata_uri,
        created_at=moment(origin.block_time),
        chain=origin.chain,
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
    )


def _put_files(record_id: bytes, record: GenerationRecord, fold: Fold) -> None:
    for ordinal, item in enumerate(record.inputs):
        fold.put(
            GENERATION_INPUTS,
            record_id,
            ordinal,
            role=item.role,
            sha256=item.sha256,
            media_type=item.media_type,
            size_bytes=item.size_bytes,
            upstream=item.record,
        )
    for ordinal, item in enumerate(record.outputs):
        fold.put(
            GENERATION_OUTPUTS,
            record_id,
            ordinal,
            role=item.role,
            sha256=item.sha256,
            media_type=item.media_type,
            size_bytes=item.size_bytes,
        )


def _require_known(aaid: bytes, event: Event, fold: Fold) -> None:
    """Return when the asset is registered, and with the registry that speaks. Raises MissingRow, WrongIdentity."""
    require_own_registry(aaid, event.origin, fold.require(ASSETS, aaid)["token_id"])


PROVENANCE = View(
    name="provenance",
    version=1,
    tables=(
        ASSETS,
        ASSET_VERSIONS,
        ASSET_SOURCES,
        DERIVATIVES,
        GENERATION_RECORDS,
        GENERATION_INPUTS,
        GENERATION_OUTPUTS,
        MANIFESTS,
    ),
    handlers={
        AssetRegistered: asset_registered,
        AssetVersionAdded: version_added,
        AssetSourced: asset_sourced,
        DerivativeLinked: derivative_linked,
        AssetTransfer: asset_transferred,
        SignedRecord: record_received,
        ManifestSigned: manifest_signed,
    },
)
