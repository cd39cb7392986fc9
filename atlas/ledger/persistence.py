"""The log as a persistence module of the ``eventsourcing`` library.

An ``Application`` whose environment is ``environment(url)`` records its aggregates' events as facts of the log:
originator id and version are stream and version, the notification id is the position. They share the log with
every other fact, so a subscription or a notification log is read with the topics that it is meant for. Snapshots
and tracking records are no facts; they have tables of their own in schema ``ledger``.

Where the library serialises writers with a table lock and takes notification ids from a sequence, this recorder takes
positions from the head row (``writer.py``); a conflict is the library's IntegrityError, as aggregates expect.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import UUID

# The library takes the one factory class that it finds among a module's names, so its own must not be one of them.
from eventsourcing import postgres
from eventsourcing.application import Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    InterfaceError,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType, retry
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from atlas.ledger.archive.archive import Archive, require_archive
from atlas.ledger.arrays import take_arrays
from atlas.ledger.errors import InvalidFact
from atlas.ledger.log import PAGE_FACTS
from atlas.ledger.recording.batches import Batch, Fact, encode_batch
from atlas.ledger.recording.transcoding import MsgpackTranscoder
from atlas.ledger.recording.writer import CHANNEL, record_new

_SCHEMA = "ledger"
_VIEW = "stored_events"
_BY_STREAM = """
select notification_id, originator_version, topic, state from ledger.stream_events
where originator_id = %(stream)s and originator_version > coalesce(%(above)s::bigint, -1)
and originator_version <= coalesce(%(upto)s::bigint, 9223372036854775807)
order by originator_version {} limit %(limit)s::bigint
"""
_ASCENDING, _DESCENDING = SQL(_BY_STREAM).format(SQL("asc")), SQL(_BY_STREAM).format(SQL("desc"))
_DROPPED = SQL("select dropped from ledger.head")
_CONNECTION = {
    "dbname": "POSTGRES_DBNAME",
    "host": "POSTGRES_HOST",
    "port": "POSTGRES_PORT",
    "user": "POSTGRES_USER",
    "password": "POSTGRES_PASSWORD",
}
_FURTHER_OPTIONS = "POSTGRES_CONNECTION_OPTIONS"
_ARCHIVE = "LEDGER_ARCHIVE_DIRECTORY"


# Given the number of events; what is recorded within the context is measured (metrics.py).
Measure: TypeAlias = Callable[[int], AbstractContextManager[None]]


def environment(url: str, archive: Path | None = None) -> dict[str, str]:
    """The settings with which an ``Application`` works on the log in the database at ``url`` and in ``archive``."""
    parts = conninfo_to_dict(url)
    known = {variable: str(parts.pop(name, "")) for name, variable in _CONNECTION.items()}
    place = {} if archive is None else {_ARCHIVE: str(archive)}
    return {**known, _FURTHER_OPTIONS: make_conninfo("", **parts), "PERSISTENCE_MODULE": __name__, **place}


class LedgerApplicationRecorder(postgres.PostgresApplicationRecorder):
    """Records and selects aggregate events in ``ledger.events``; its table is made by the migrations."""

    def __init__(self, datastore: postgres.PostgresDatastore, **kwargs: Any) -> None:  # noqa: ANN401 (the port's signature)
        super().__init__(datastore, events_table_name=_VIEW, **kwargs)
        self.sql_create_statements.clear()
        self.archive: Archive | None = None
        self.measure: Measure = _unmeasured
        self.channel_name = CHANNEL

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:  # noqa: ANN401
        """Record events, all or none, and return their positions.

        Raises the library's IntegrityError when an originator id and version is recorded already, InvalidFact, and
        AppendingHalted where the log is halted (recovery.py).
        """
        with self.measure(len(stored_events)) if stored_events else nullcontext():
            return self._record(stored_events, **kwargs)

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def _record(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:  # noqa: ANN401
        batch = _batch(stored_events)
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_events(cursor, stored_events, **kwargs)
            with cursor.connection.cursor(row_factory=tuple_row) as tuples:
                take_arrays(tuples.adapters)
                return record_new(tuples, batch) if stored_events else []

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of an aggregate. Raises MissingArchive when some are archived and the archive is not known."""
        bounds = {"stream": originator_id, "above": gt, "upto": lte, "limit": limit}
        with self.datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(_DESCENDING if desc else _ASCENDING, bounds, prepare=True).fetchall()
        archived = self._archived([position for position, _, topic, _ in rows if topic is None])
        return [
            StoredEvent(originator_id, version, *((topic, bytes(state)) if topic is not None else archived[position]))
            for position, version, topic, state in rows
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The events from a position on. Raises MissingArchive as ``select_events``."""
        found = super().select_notifications(start, limit, stop, topics, inclusive_of_start=inclusive_of_start)
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        with self.datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            ((dropped,),) = cursor.execute(_DROPPED).fetchall()
        upto = dropped if stop is None else min(dropped, stop)
        if after >= upto:
            return found
        archived = self._archived_notifications(after, upto, topics, limit)
        if len(archived) == limit or upto == stop:
            return archived
        return [*archived, *self.select_notifications(dropped + 1, limit - len(archived), stop, topics)]

    def _archived(self, positions: Sequence[int]) -> dict[int, tuple[str, bytes]]:
        rows = require_archive(self.archive).rows(positions) if positions else {}
        return {position: (row[3], row[4] or b"") for position, row in rows.items()}

    def _archived_notifications(self, after: int, upto: int, topics: Sequence[str], limit: int) -> list[Notification]:
        found: list[Notification] = []
        while after < upto and len(found) < limit:
            end = min(upto, after + PAGE_FACTS)
            page, after = require_archive(self.archive).page(after=after, upto=end, topics=topics)
            columns = [page.column(name).to_pylist() for name in page.schema.names]
            found += [
                Notification(UUID(bytes=stream), version, topic, payload or b"", position)
                for position, stream, version, topic, payload in zip(*columns, strict=True)
            ]
        return found[:limit]


def measure_appends(application: Application[UUID], measure: Measure) -> None:
    """Let what an application records on the log be measured, from now on."""
    assert isinstance(application.recorder, LedgerApplicationRecorder), "an application whose module this is"
    application.recorder.measure = measure


class LedgerProcessRecorder(postgres.PostgresTrackingRecorder, LedgerApplicationRecorder, ProcessRecorder):
    """Also records, in the same transaction, how far an upstream application was processed."""

    def __init__(self, datastore: postgres.PostgresDatastore, *, tracking_table_name: str) -> None:
        super().__init__(datastore, tracking_table_name=tracking_table_name)

    def _insert_events(self, curs: Any, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:  # noqa: ANN401
        tracking = kwargs.get("tracking")
        if tracking is not None:
            self._insert_tracking(curs, tracking=tracking)


class LedgerFactory(postgres.PostgresFactory):
    """Constructs the recorders and transcoder of an application on the log."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        # The recorders and the library's own tables share one schema; the library would default to "public".
        self.datastore.schema = _SCHEMA
        directory = self.env.get(_ARCHIVE)
        self._archive = Archive(Path(directory)) if directory else None
        further = conninfo_to_dict(self.env.get(_FURTHER_OPTIONS) or "")
        cast("dict[str, Any]", self.datastore.pool.kwargs).update(further)

    def transcoder(self) -> Transcoder:
        """Msgpack, whatever the environment says: one log has one encoding of decisions."""
        return MsgpackTranscoder()

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder on the log."""
        recorder = LedgerApplicationRecorder(self.datastore)
        recorder.archive = self._archive
        return recorder

    def process_recorder(self) -> ProcessRecorder:
        """A recorder on the log, and the application's tracking table."""
        prefix = self.env.name.lower() or "notification"
        recorder = LedgerProcessRecorder(self.datastore, tracking_table_name=f"{prefix}_tracking")
        recorder.archive = self._archive
        if self.env_create_table():
            recorder.create_table()
        return recorder


def _batch(stored_events: Sequence[StoredEvent]) -> Batch:
    return encode_batch(
        [
            Fact(_stream(event.originator_id), event.originator_version, event.topic, event.state)
            for event in stored_events
        ]
    )


def _unmeasured(_: int) -> AbstractContextManager[None]:
    return nullcontext()


def _stream(originator_id: UUID | str) -> UUID:
    if isinstance(originator_id, UUID):
        return originator_id
    raise InvalidFact(f"an aggregate of the log is identified by a UUID, not by the text {originator_id!r}")
