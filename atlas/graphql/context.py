"""What the plans and the resolvers of one request work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from atlas.graphql.limits import Limits
from atlas.graphql.snapshot import Snapshot


@dataclass(frozen=True)
class RequestContext:
    """One request: its view of the database, its limits, and the clock."""

    snapshot: Snapshot
    limits: Limits
    clock: Callable[[], datetime]
