import msgspec
from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.projector import Projector
from atlas.protocol import facts
from atlas.protocol.facts import ManifestSigned, stream_id, worker_stream
from atlas.protocol.generation import encode_record, record_id, seal
from atlas.protocol.vocabulary import AssetType, ordinal
from tests.projections.chain import ZERO, Block, aaid_of, address, contract_fact, digest
from tests.projections.rows import current, issues, query, undecodable
from tests.protocol.records import KEY, RECORD, WORKER

ALICE, BOB = address("alice"), address("bob")
REGISTRY = address("AssetRegistry")


def registered(
    block: Block, token_id: int = 1, *, aaid: bytes | None = None, asset_type: AssetType = AssetType.SHOT
) -> Fact:
    return block.log(
        "AssetRegistry",
        "AssetRegistered",
        aaid or aaid_of(token_id),
        token_id,
        ALICE,
        ordinal(asset_type),
        digest("content"),
        digest("metadata"),
        "ipfs://metadata",
    )


def record_fact(envelope: bytes, sequence: int = 0) -> Fact:
    return Fact(worker_stream(WORKER), sequence, facts.RECORD_TOPIC, envelope)


def project(ledger: Ledger, projector: Projector, *said: Fact) -> list[int]:
    positions = ledger.append([contract_fact("AssetRegistry"), *said])
    projector.catch_up()
    return positions[1:]


def test_a_registered_asset_belongs_to_its_creator(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(4)
    minted = block.log("AssetRegistry", "Transfer", ZERO, ALICE, 1)
    project(ledger, projector, minted, registered(block))
    (asset,) = current(database, "provenance", "assets")
    assert (asset["aaid"], asset["registry"], asset["token_id"]) == (aaid_of(1), REGISTRY, 1)
    assert (asset["creator"], asset["owner"], asset["asset_type"], asset["version"]) == (ALICE, ALICE, "shot", 1)
    assert (asset["block_number"], asset["updated_block"]) == (4, 4)
    (version,) = current(database, "provenance", "asset_versions")
    assert (version["version"], version["content_hash"]) == (1, digest("content"))
    assert issues(database, "provenance") == []


def test_a_transfer_changes_the_owner_and_keeps_the_history(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    positions = project(
        ledger, projector, registered(Block(4)), Block(5).log("AssetRegistry", "Transfer", ALICE, BOB, 1)
    )
    statement = sql.SQL("select owner, valid_from, valid_to, block_number, updated_block from view_provenance.assets")
    rows = query(database, statement + sql.SQL(" order by valid_from"))
    assert [tuple(row.values()) for row in rows] == [
        (ALICE, positions[0], positions[1], 4, 4),
        (BOB, positions[1], None, 4, 5),
    ]


def test_a_later_version_takes_the_place_of_the_first(database: Database, ledger: Ledger, projector: Projector) -> None:
    added = Block(5).log("AssetRegistry", "AssetVersionAdded", aaid_of(1), 2, digest("new"), digest("meta"), "ipfs://2")
    project(ledger, projector, registered(Block(4)), added)
    (asset,) = current(database, "provenance", "assets")
    assert (asset["version"], asset["content_hash"], asset["metadata_uri"]) == (2, digest("new"), "ipfs://2")
    assert [row["version"] for row in current(database, "provenance", "asset_versions")] == [1, 2]


def test_sources_and_parents_are_linked(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(4)
    project(
        ledger,
        projector,
        registered(block, 1),
        registered(block, 2),
        block.log("AssetRegistry", "AssetSourced", aaid_of(2), 1, digest("record")),
        block.log("AssetRegistry", "DerivativeLinked", aaid_of(2), aaid_of(1), 77),
    )
    (source,) = current(database, "provenance", "asset_sources")
    assert (source["aaid"], source["version"], source["record_id"]) == (aaid_of(2), 1, digest("record"))
    (link,) = current(database, "provenance", "derivatives")
    assert (link["child"], link["parent"], link["license_id"]) == (aaid_of(2), aaid_of(1), 77)


def test_events_of_an_unknown_asset_are_issues(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(4)
    positions = project(
        ledger,
        projector,
        block.log("AssetRegistry", "AssetVersionAdded", aaid_of(1), 2, digest("new"), digest("meta"), ""),
        block.log("AssetRegistry", "Transfer", ALICE, BOB, 1),
        block.log("AssetRegistry", "AssetSourced", aaid_of(1), 1, digest("record")),
    )
    assert issues(database, "provenance") == [(position, "missing-row") for position in positions]
    assert current(database, "provenance", "asset_versions") == []


def test_a_registry_cannot_claim_an_identifier_that_is_not_its_own(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    positions = project(ledger, projector, registered(Block(4), 1, aaid=digest("another")))
    assert issues(database, "provenance") == [(positions[0], "wrong-identity")]
    assert current(database, "provenance", "assets") == []


def test_a_second_registration_changes_nothing(database: Database, ledger: Ledger, projector: Projector) -> None:
    positions = project(ledger, projector, registered(Block(4)), registered(Block(5), asset_type=AssetType.MUSIC))
    assert issues(database, "provenance") == [(positions[1], "duplicate-row")]
    assert [asset["asset_type"] for asset in current(database, "provenance", "assets")] == ["shot"]


def test_a_generation_record_is_read_with_its_files(database: Database, ledger: Ledger, projector: Projector) -> None:
    project(ledger, projector, record_fact(seal(RECORD, KEY)))
    (record,) = current(database, "provenance", "generation_records")
    assert record["record_id"] == record_id(encode_record(RECORD))
    assert (record["worker"], record["agent"], record["seed"]) == (WORKER, "video", 2**64 - 1)
    assert record["protocol_fee_wei"] == 2**256 - 1
    assert record["parameters"] == RECORD.parameters
    assert (record["ended_at"] - record["started_at"]).total_seconds() == 3
    inputs = current(database, "provenance", "generation_inputs")
    assert [(row["ordinal"], row["role"], row["upstream"]) for row in inputs] == [
        (0, "reference", b"\x02" * 32),
        (1, "script", None),
    ]
    assert [row["role"] for row in current(database, "provenance", "generation_outputs")] == ["shot"]


def test_an_envelope_with_a_bad_signature_is_undecodable(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    envelope = seal(RECORD, KEY)
    positions = project(ledger, projector, record_fact(envelope[:-2] + b"\x00" + envelope[-1:]))
    assert undecodable(database, "provenance") == [(positions[0], "wrong_signer")]


def test_a_signed_manifest_is_listed_and_replaced_by_a_later_one(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    manifest = ManifestSigned(
        aaid=aaid_of(1),
        version=1,
        media_type="video/mp4",
        source_sha256=digest("source"),
        signed_sha256=digest("signed"),
        size_bytes=2**40,
        manifest_id="urn:c2pa:1",
        signer="Atlas",
        signed_at=1_700_000_000,
        records=(digest("record"),),
    )
    later = msgspec.structs.replace(manifest, manifest_id="urn:c2pa:2")
    stream = stream_id("manifest")
    project(
        ledger,
        projector,
        Fact(stream, 0, facts.MANIFEST_TOPIC, facts.encode(manifest)),
        Fact(stream, 1, facts.MANIFEST_TOPIC, facts.encode(later)),
        Fact(stream, 2, facts.MANIFEST_TOPIC, b"\xc0"),
    )
    (row,) = current(database, "provenance", "manifests")
    assert (row["manifest_id"], row["signed_sha256"], row["size_bytes"]) == ("urn:c2pa:2", digest("signed"), 2**40)
    assert [reason for _, reason in undecodable(database, "provenance")] == ["malformed-fact"]
