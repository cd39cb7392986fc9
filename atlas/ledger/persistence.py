"""The log as a persistence module of the ``eventsourcing`` library.

An ``Application`` whose environment is ``environment(url)`` records its aggregates' events as facts of the log:
originator id and version are stream and version, the notification id is the position. They share the log with
every other fact, so a subscription or a notification log is read with the topics that it is meant for. Snapshots
and tracking records are no facts; they have tables of their own in schema ``ledger``.

Where the library serialises writers with a table lock and takes notification ids from a sequence, this recorder takes
positions from the head row (``writer.py``); a conflict is the library's IntegrityError, as aggregates expect.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

# The library takes the one factory class that it finds among a module's names, so its own must not be one of them.
from eventsourcing import postgres
from eventsourcing.persistence import (
    ApplicationRecorder,
    InterfaceError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType, retry
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from atlas.ledger.batches import Batch, Fact, encode_batch
from atlas.ledger.errors import InvalidFact
from atlas.ledger.transcoding import MsgpackTranscoder
from atlas.ledger.writer import CHANNEL, record_new

_SCHEMA = "ledger"
_VIEW = "stored_events"
_SELECT_BY_STREAM = SQL("select * from ledger.stream_events where originator_id = %s")
_CONNECTION = {
    "dbname": "POSTGRES_DBNAME",
    "host": "POSTGRES_HOST",
    "port": "POSTGRES_PORT",
    "user": "POSTGRES_USER",
    "password": "POSTGRES_PASSWORD",
}
_FURTHER_OPTIONS = "POSTGRES_CONNECTION_OPTIONS"


def environment(url: str) -> dict[str, str]:
    """The settings with which an ``Application`` works on the log in the database at ``url``."""
    parts = conninfo_to_dict(url)
    known = {variable: str(parts.pop(name, "")) for name, variable in _CONNECTION.items()}
    return {**known, _FURTHER_OPTIONS: make_conninfo("", **parts), "PERSISTENCE_MODULE": __name__}


class LedgerApplicationRecorder(postgres.PostgresApplicationRecorder):
    """Records and selects aggregate events in ``ledger.events``; its table is made by the migrations."""

    def __init__(self, datastore: postgres.PostgresDatastore, **kwargs: Any) -> None:  # noqa: ANN401 (the port's signature)
        super().__init__(datastore, events_table_name=_VIEW, **kwargs)
        self.sql_create_statements.clear()
        # By stream, the keys are the way in.
        self.select_events_statement = _SELECT_BY_STREAM
        self.channel_name = CHANNEL

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:  # noqa: ANN401
        """Record events, all or none, and return their positions.

        Raises the library's IntegrityError when an originator id and version is recorded already, InvalidFact.
        """
        batch = _batch(stored_events)
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_events(cursor, stored_events, **kwargs)
            with cursor.connection.cursor(row_factory=tuple_row) as tuples:
                return record_new(tuples, batch) if stored_events else []


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
        further = conninfo_to_dict(self.env.get(_FURTHER_OPTIONS) or "")
        cast("dict[str, Any]", self.datastore.pool.kwargs).update(further)

    def transcoder(self) -> Transcoder:
        """Msgpack, whatever the environment says: one log has one encoding of decisions."""
        return MsgpackTranscoder()

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder on the log."""
        return LedgerApplicationRecorder(self.datastore)

    def process_recorder(self) -> ProcessRecorder:
        """A recorder on the log, and the application's tracking table."""
        prefix = self.env.name.lower() or "notification"
        recorder = LedgerProcessRecorder(self.datastore, tracking_table_name=f"{prefix}_tracking")
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


def _stream(originator_id: UUID | str) -> UUID:
    if isinstance(originator_id, UUID):
        return originator_id
    raise InvalidFact(f"an aggregate of the log is identified by a UUID, not by the text {originator_id!r}")
