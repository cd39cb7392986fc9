"""The fold itself: recorded facts, one after another, through a view's handlers.

A fact of an orphaned block does not count. A fact that cannot be read is kept as undecodable, one that a
handler refuses as an issue; any other error is a fault of the program, and ends the batch.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import psycopg

from atlas.projections.builds import Build
from atlas.projections.errors import InconsistentFact
from atlas.projections.findings import Findings
from atlas.projections.fold import Fold
from atlas.projections.reading import READERS, reason_of
from atlas.protocol import facts
from atlas.protocol.decoding import decode_event
from atlas.protocol.errors import ProtocolError, UndecodableLog
from atlas.protocol.events import Event
from atlas.protocol.facts import ChainLog, WatchedContract
from atlas.rights.errors import RightsError

FactRow: TypeAlias = tuple[int, bytes, str, bytes | None]
"""Position, stream (16 bytes), topic, payload, which is None when it was redacted."""


class Folder:
    """Folds facts into ``build`` through ``fold``, by the handlers of its view."""

    def __init__(self, build: Build, fold: Fold, findings: Findings, cursor: psycopg.Cursor) -> None:
        self._build = build
        self._view = build.view
        self._fold = fold
        self._findings = findings
        self._cursor = cursor

    def apply(self, rows: Iterable[FactRow], orphaned: frozenset[bytes]) -> None:
        """Fold ``rows``, in log order, without those of ``orphaned`` blocks."""
        handlers = self._view.handlers
        for position, stream, topic, payload in rows:
            if stream in orphaned:
                continue
            if payload is None:
                self._findings.undecodable(position, "redacted", "its payload was redacted by a recorded decision")
                continue
            try:
                value = self._read(position, topic, payload)
            except (ProtocolError, InconsistentFact) as error:
                self._findings.undecodable(position, reason_of(error), error.message)
                continue
            handler = handlers.get(type(value))
            if handler is not None:
                self._handle(handler, position, value)

    def _read(self, position: int, topic: str, payload: bytes) -> Any:  # noqa: ANN401
        if topic == facts.LOG_TOPIC:
            return self._read_log(position, payload)
        value = READERS[topic](payload)
        if isinstance(value, WatchedContract):
            self._build.learn(self._cursor, position, value)
            self._fold.contracts.add(value)
        return value

    def _read_log(self, position: int, payload: bytes) -> Event | None:
        """The event in a log; None for one that is no concern of this view."""
        log = facts.decode(payload, ChainLog)
        abi = self._fold.contracts.abi_of_log(log)
        if abi is None:
            raise UndecodableLog(
                "unwatched", f"0x{log.address.hex()} is not watched on {log.chain} at block {log.block_number}"
            )
        return decode_event(abi, log, position) if abi in self._view.contracts else None

    def _handle(self, handler: Callable[[Any, Any], None], position: int, value: object) -> None:
        self._fold.position = position
        try:
            handler(value, self._fold)
        except (InconsistentFact, ProtocolError, RightsError) as error:
            self._fold.undo()
            self._findings.issue(position, reason_of(error), f"{type(value).__name__}: {error.message}")
