"""The decision that a manifest was signed, as an aggregate of the ``eventsourcing`` library on the ledger's log.

One aggregate an asset version; its id is the stream ``manifest/<aaid>/<version>``. The log's unique key
(stream, version) is what makes a decision happen once, whoever is killed when. A second event in the stream exists only
when a reorg gave the asset version other content: the latest event stands.

The stored payload is exactly ``atlas.protocol.facts.ManifestSigned`` in canonical msgpack, so that a reader of the log
needs neither this room nor the library. What the library adds to its events (the aggregate's class, the time) is
derived again on reading: the class is always the same, the time is ``signed_at``.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, CanMutateAggregate, DomainEventProtocol
from eventsourcing.persistence import IntegrityError, InterfaceError, Mapper, OperationalError, StoredEvent
from eventsourcing.utils import get_topic

from atlas.ledger.errors import DatabaseUnreachable
from atlas.ledger.persistence import environment
from atlas.protocol import facts
from atlas.protocol.errors import MalformedFact
from atlas.protocol.facts import MANIFEST_TOPIC, ManifestSigned
from atlas.protocol.ids import format_aaid


def manifest_stream(aaid: bytes, version: int) -> UUID:
    """The stream of the decisions about one asset version's manifest."""
    return facts.stream_id(f"manifest/{format_aaid(aaid)}/{version}")


class AssetManifest(Aggregate):
    """The manifest of one asset version; ``manifest`` is the one that stands."""

    @dataclass(frozen=True)
    class Signed(Aggregate.Created):
        """A manifest was signed: the first begins the aggregate, a later one replaces it."""

        TOPIC = MANIFEST_TOPIC

        manifest: ManifestSigned

        def mutate(self, aggregate: Any) -> Any:  # noqa: ANN401 (the library's signature)
            """Begin the aggregate or change it."""
            return super().mutate(None) if aggregate is None else CanMutateAggregate.mutate(self, aggregate)

        def apply(self, aggregate: Any) -> None:  # noqa: ANN401 (the library's signature)
            """The latest manifest stands."""
            aggregate.manifest = self.manifest

    def __init__(self, manifest: ManifestSigned) -> None:
        self.manifest = manifest

    @staticmethod
    def create_id(manifest: ManifestSigned) -> UUID:
        """The stream of the manifest's asset version."""
        return manifest_stream(manifest.aaid, manifest.version)

    @classmethod
    def begin(cls, manifest: ManifestSigned) -> "AssetManifest":
        """A new aggregate with its first manifest."""
        return cls._create(cls.Signed, manifest=manifest, timestamp=_time(manifest))

    def replace(self, manifest: ManifestSigned) -> None:
        """Take a manifest of other content; one of the same content changes nothing."""
        if manifest.source_sha256 != self.manifest.source_sha256:
            self.trigger_event(
                self.Signed, originator_topic=get_topic(type(self)), manifest=manifest, timestamp=_time(manifest)
            )


class ManifestMapper(Mapper[UUID]):
    """Between the aggregate's event and the bytes of ManifestSigned."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The event as stored."""
        assert isinstance(domain_event, AssetManifest.Signed), "this application has one kind of event"
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=MANIFEST_TOPIC,
            state=facts.encode(domain_event.manifest),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> AssetManifest.Signed:
        """The event as the library applies it. Raises MalformedFact."""
        if stored_event.topic != MANIFEST_TOPIC or not isinstance(stored_event.originator_id, UUID):
            raise MalformedFact(f"expected a {MANIFEST_TOPIC} fact, found {stored_event.topic}")
        manifest = facts.decode(stored_event.state, ManifestSigned)
        return AssetManifest.Signed(
            originator_id=stored_event.originator_id,
            originator_version=stored_event.originator_version,
            originator_topic=get_topic(AssetManifest),
            timestamp=_time(manifest),
            manifest=manifest,
        )


class Signing(Application[UUID]):
    """Records and finds manifests on the log in the database at ``database_url``, whose schema must be current.

    Opens connections of its own; a context manager. Methods and construction raise DatabaseUnreachable.
    """

    def __init__(self, database_url: str) -> None:
        with _reaching_the_database():
            super().__init__(environment(database_url))

    def construct_mapper(self) -> Mapper[UUID]:
        """The stored form is the protocol's, not the library's."""
        return ManifestMapper(self.construct_transcoder())

    def find(self, aaid: bytes, version: int) -> ManifestSigned | None:
        """The manifest that stands for an asset version, None when none was signed."""
        with _reaching_the_database():
            aggregate = self._get(manifest_stream(aaid, version))
        return None if aggregate is None else aggregate.manifest

    def record(self, manifest: ManifestSigned) -> ManifestSigned:
        """Record a manifest, and return the one that stands: an earlier one of the same content, or this."""
        with _reaching_the_database():
            try:
                return self._decide(manifest)
            except IntegrityError:  # another process was faster: what it recorded decides
                return self._decide(manifest)

    def _decide(self, manifest: ManifestSigned) -> ManifestSigned:
        aggregate = self._get(manifest_stream(manifest.aaid, manifest.version))
        if aggregate is None:
            aggregate = AssetManifest.begin(manifest)
        else:
            aggregate.replace(manifest)
        self.save(aggregate)
        return aggregate.manifest

    def _get(self, stream: UUID) -> AssetManifest | None:
        try:
            return self.repository.get(stream)
        except AggregateNotFoundError:
            return None


@contextmanager
def _reaching_the_database() -> Generator[None]:
    """The library's errors of a lost connection, as this program names them."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnreachable(
            f"no connection to the database: {error}", hint="Is PostgreSQL running, and has it connections left?"
        ) from error


def _time(manifest: ManifestSigned) -> datetime:
    return datetime.fromtimestamp(manifest.signed_at, UTC)
