"""What a view is: a name, a version, tables, and one handler for each kind of event it follows."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from atlas.projections.reading.decoded import BulkHandler, DecodedEvent
from atlas.projections.reading.facts import TOPIC_OF
from atlas.projections.tables.declarations import Table
from atlas.protocol import facts
from atlas.protocol.events import EVENTS, Event

Handler: TypeAlias = Callable[[Any, Any], None]
"""A plain function ``(event, fold)``: it reads and writes rows through the fold, and nothing else."""


class View(msgspec.Struct, frozen=True, dict=True):
    """A set of tables and the handlers that fill them.

    ``handlers`` maps the type of an event (``atlas.protocol.events``) or of another fact (see
    ``atlas.projections.reading.facts``) to its function. Raise ``version`` whenever a handler's result changes:
    the stored view is then rebuilt beside the old one. A change of the tables is noticed by itself.
    ``bulk`` has, for some of these types of events, a function that does for many what the handler does for one.
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[type, Handler]
    bulk: Mapping[type, BulkHandler] = {}

    @property
    def schema(self) -> str:
        """The PostgreSQL schema of the live tables."""
        return f"view_{self.name}"

    @cached_property
    def contracts(self) -> frozenset[str]:
        """The shipped ABIs whose events this view follows one by one."""
        return frozenset(name for name, events in EVENTS.items() if any(event in self.handlers for event in events))

    @property
    def follows_every_event(self) -> bool:
        """Whether it takes the events of every watched contract, whatever their ABI."""
        return DecodedEvent in self.handlers

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """The topics of the facts this view follows."""
        return tuple(sorted({_topic(kind) for kind in self.handlers}))


def _topic(kind: type) -> str:
    return facts.LOG_TOPIC if issubclass(kind, Event | DecodedEvent) else TOPIC_OF[kind]
