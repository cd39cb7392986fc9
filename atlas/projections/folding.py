"""The fold itself: recorded facts through a view's handlers, a few thousand at a time.

First they are read: how logs are read, then the logs, by column. Events that a bulk handler takes are written by
column, all others go through their handlers in the order of the log. What is read of a fact depends on the facts
before it alone.

A fact of an orphaned block does not count. A fact that cannot be read is kept as undecodable, one that a
handler refuses as an issue; any other error is a fault of the program, and ends the batch.
"""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, TypeAlias

import psycopg
import pyarrow as pa
from pyarrow.compute import field

from atlas.ledger.log import ArrowTable
from atlas.projections.builds import Build
from atlas.projections.errors import InconsistentFact
from atlas.projections.fold import Fold
from atlas.projections.log_reading import LogReader
from atlas.projections.reading.decoded import EventBatch
from atlas.projections.reading.facts import READERS, reason_of
from atlas.projections.tables.findings import Findings
from atlas.protocol import facts
from atlas.protocol.errors import ProtocolError
from atlas.protocol.facts import RecordedAbi, WatchedContract, WatchedEvents
from atlas.rights.errors import RightsError

READ_FACTS = 5_000
"""How many facts are read before the first of them is handled."""

Read: TypeAlias = tuple[int, Any]
"""A position, and the fact there as a handler takes it."""


class Folder:
    """Folds facts into ``build`` through ``fold``, by the handlers of its view."""

    def __init__(self, build: Build, fold: Fold, findings: Findings, cursor: psycopg.Cursor) -> None:
        self._build = build
        self._view = build.view
        self._fold = fold
        self._findings = findings
        self._cursor = cursor
        self._logs = LogReader(build.view, fold.contracts, findings)

    def apply(self, page: ArrowTable, orphaned: frozenset[bytes]) -> None:
        """Fold the facts of ``page``, in log order, without those of ``orphaned`` blocks."""
        if orphaned:
            page = page.filter(~field("stream").isin(pa.array(list(orphaned), pa.binary(16))))
        for start in range(0, len(page), READ_FACTS):
            self._apply(page.slice(start, READ_FACTS))

    def _apply(self, part: ArrowTable) -> None:
        handlers = self._view.handlers
        for position, value in sorted([*self._read_facts(part), *self._read_logs(part)], key=itemgetter(0)):
            handler = handlers.get(type(value))
            if handler is not None:
                self._handle(handler, position, value)

    def _read_facts(self, part: ArrowTable) -> Iterator[Read]:
        """What is no log. Redacted facts are found undecodable, logs among them."""
        redacted = field("payload").is_null()
        for position in part.filter(redacted).column("position").to_pylist():
            self._findings.undecodable(position, "redacted", "its payload was redacted by a recorded decision")
        others = part.filter(~redacted & (field("topic") != facts.LOG_TOPIC))
        columns = (others.column(name).to_pylist() for name in ("position", "topic", "payload"))
        for position, topic, payload in zip(*columns, strict=True):
            try:
                yield position, self._read(position, topic, payload)
            except (ProtocolError, InconsistentFact) as error:
                self._findings.undecodable(position, reason_of(error), error.message)

    def _read(self, position: int, topic: str, payload: bytes) -> Any:  # noqa: ANN401
        value = READERS[topic](payload)
        if isinstance(value, WatchedContract | WatchedEvents | RecordedAbi):
            self._build.learn(self._cursor, position, value)
            self._fold.contracts.learn(position, value)
        return value

    def _read_logs(self, part: ArrowTable) -> Iterator[Read]:
        """The events that go through handlers one by one; the others are written."""
        logs = part.filter(field("payload").is_valid() & (field("topic") == facts.LOG_TOPIC))
        if len(logs):
            for batch in self._logs.read(logs.column("position").to_numpy(), logs.column("payload").combine_chunks()):
                if not self._write(batch):
                    yield from zip(batch.positions.tolist(), batch.events(), strict=True)

    def _write(self, batch: EventBatch) -> bool:
        """Write ``batch`` by column; False when the view cannot, or something in it is to be refused by itself."""
        write = self._view.bulk.get(batch.kind)
        if write is None:
            return False
        try:
            self._fold.write(batch, write(batch))
        except (InconsistentFact, ProtocolError, RightsError):
            return False
        return True

    def _handle(self, handler: Callable[[Any, Any], None], position: int, value: object) -> None:
        self._fold.position = position
        try:
            handler(value, self._fold)
        except (InconsistentFact, ProtocolError, RightsError) as error:
            self._fold.undo()
            self._findings.issue(position, reason_of(error), f"{type(value).__name__}: {error.message}")
