"""What the plans and the resolvers of one request work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from atlas.graphql.archived import no_entry
from atlas.graphql.limits import Limits
from atlas.graphql.snapshot import Snapshot


@dataclass(frozen=True)
class RequestContext:
    """One request: its view of the database, its limits, the clock, and where entries are that were dropped."""

    snapshot: Snapshot
    limits: Limits
    clock: Callable[[], datetime]
    entry: Callable[[Snapshot, Mapping[str, object]], Mapping[str, object] | None] = no_entry
