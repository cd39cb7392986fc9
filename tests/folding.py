"""A log with decisions as the door records them, and the views folded over it."""

from typing import Any

import msgspec

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.projector import Projector
from atlas.protocol import facts
from atlas.protocol.decisions import Decision, decision_stream
from tests.deciding import NOW
from tests.projections.rows import current


class Log:
    """Facts appended, and decisions recorded a second apart from ``NOW`` on."""

    def __init__(self, database: Database, ledger: Ledger, projector: Projector) -> None:
        self.database = database
        self._ledger = ledger
        self._projector = projector
        self._versions: dict[bytes, int] = {}
        self._now = NOW

    def say(self, *said: Fact) -> list[int]:
        """Append facts of other kinds; their positions."""
        positions = self._ledger.append(said)
        self._projector.catch_up()
        return positions

    def decide(self, *decisions: Decision) -> list[int]:
        """Record decisions; their positions."""
        return self.say(*map(self._fact, decisions))

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of the current rows of a table of the view ``licensing``."""
        return [tuple(row[column] for column in columns) for row in current(self.database, "licensing", table)]

    def _fact(self, decision: Decision) -> Fact:
        version = self._versions.get(decision.matter, -1) + 1
        self._versions[decision.matter] = version
        dated = msgspec.structs.replace(decision, recorded_at=self._now)
        self._now += 1
        return Fact(decision_stream(decision.matter), version, decision.TOPIC, facts.encode(dated))
