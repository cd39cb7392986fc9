from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from eventsourcing.postgres import PostgresFactory

from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.schema import MIGRATIONS
from atlas.protocol import facts
from atlas.protocol.errors import MalformedFact
from atlas.protocol.facts import MANIFEST_TOPIC, ManifestSigned
from atlas.provenance.decisions import AssetManifest, Signing, manifest_stream

MANIFEST = ManifestSigned(
    aaid=bytes([1]) * 32,
    version=1,
    media_type="image/png",
    source_sha256=bytes([2]) * 32,
    signed_sha256=bytes([3]) * 32,
    size_bytes=1_000,
    manifest_id="urn:c2pa:one",
    signer="Signer",
    signed_at=1_790_000_000,
    records=(bytes([4]) * 32,),
)
AGAIN = msgspec.structs.replace(MANIFEST, signed_sha256=bytes([5]) * 32, manifest_id="urn:c2pa:two")
OTHER = msgspec.structs.replace(AGAIN, source_sha256=bytes([6]) * 32)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, MIGRATIONS)
        yield database


@pytest.fixture
def signing(database: Database) -> Iterator[Signing]:
    with Signing(database.url) as application:
        yield application


def test_the_stored_payload_is_the_protocols_struct_and_nothing_else(database: Database, signing: Signing) -> None:
    signing.record(MANIFEST)
    (fact,) = Ledger(database).facts(after=0)
    assert fact.topic == MANIFEST_TOPIC
    assert fact.stream == facts.stream_id(f"manifest/aaid:{'01' * 32}/1")
    assert fact.version == 1
    assert facts.decode(fact.payload, ManifestSigned) == MANIFEST


def test_a_recorded_manifest_is_found_again_by_another_process(database: Database, signing: Signing) -> None:
    assert signing.find(MANIFEST.aaid, 1) is None
    signing.record(MANIFEST)
    with Signing(database.url) as other:
        assert other.find(MANIFEST.aaid, 1) == MANIFEST
        assert other.find(MANIFEST.aaid, 2) is None


def test_a_second_manifest_of_the_same_content_is_not_recorded(database: Database, signing: Signing) -> None:
    signing.record(MANIFEST)
    assert signing.record(AGAIN) == MANIFEST
    assert Ledger(database).head() == 1


def test_a_second_version_of_the_asset_has_a_stream_of_its_own(database: Database, signing: Signing) -> None:
    second = msgspec.structs.replace(MANIFEST, version=2)
    signing.record(MANIFEST)
    assert signing.record(second) == second
    assert signing.find(MANIFEST.aaid, 1) == MANIFEST
    assert Ledger(database).head() == 2


def test_other_content_after_a_reorg_replaces_the_manifest(database: Database, signing: Signing) -> None:
    signing.record(MANIFEST)
    assert signing.record(OTHER) == OTHER
    assert signing.find(MANIFEST.aaid, 1) == OTHER
    assert [fact.version for fact in Ledger(database).stream(manifest_stream(MANIFEST.aaid, 1))] == [1, 2]


def test_many_at_once_record_one(database: Database, signing: Signing) -> None:
    offers = [msgspec.structs.replace(MANIFEST, manifest_id=f"urn:c2pa:{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        standing = set(pool.map(signing.record, offers))
    assert len(standing) == 1
    assert Ledger(database).head() == 1


def test_the_aggregate_keeps_the_librarys_semantics(signing: Signing) -> None:
    signing.record(MANIFEST)
    signing.record(OTHER)
    stream = manifest_stream(MANIFEST.aaid, 1)
    aggregate: AssetManifest = signing.repository.get(stream)
    assert aggregate.version == 2
    assert aggregate.created_on.timestamp() == MANIFEST.signed_at
    first: AssetManifest = signing.repository.get(stream, version=1)
    assert first.manifest == MANIFEST


def test_a_restarted_database_is_reached_again(database: Database, signing: Signing) -> None:
    signing.record(MANIFEST)
    with database.connection() as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert signing.find(MANIFEST.aaid, 1) == MANIFEST


def test_a_database_that_is_gone_is_unreachable(database_url: str) -> None:
    with Database(database_url) as database:
        migrate(database, MIGRATIONS)
    with Signing(database_url) as signing:
        assert isinstance(signing.factory, PostgresFactory)
        signing.factory.datastore.pool.close()  # as after a shutdown: no connection is to be had
        with pytest.raises(DatabaseUnreachable):
            signing.find(MANIFEST.aaid, 1)


def test_a_foreign_fact_in_the_stream_is_refused(database: Database, signing: Signing) -> None:
    stream = manifest_stream(MANIFEST.aaid, 1)
    Ledger(database).append([Fact(stream, 1, "decision.other", b"\x80")])
    with pytest.raises(MalformedFact):
        signing.find(MANIFEST.aaid, 1)
