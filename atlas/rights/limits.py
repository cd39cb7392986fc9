"""What a scope limits, made ready to hold many uses against: open dimensions cost nothing."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from atlas.rights.extents import EVERYTHING, Dimension, Extent
from atlas.rights.reasons import Reason, State, state_of
from atlas.rights.scopes import DIMENSIONS, Scope, extent_of
from atlas.rights.uses import FIELDS, Use

CHANGE: Final = FIELDS["modifications"]
_KEPT: Final = 4_096


class Limit:
    """One limited dimension of one scope."""

    def __init__(self, field: str, dimension: Dimension, reach: Extent) -> None:
        self.field = field
        self._dimension = dimension
        self._reach = reach
        self._seen = str(reach)

    def meet(self, value: str | None) -> Reason:
        """Whether a use that states ``value`` falls within the reach somewhere."""
        if value is None:
            return Reason(self.field, State.UNKNOWN, "not stated", self._seen)
        meets = self._dimension.witness(self._reach, Extent((value,))) is not None
        return Reason(self.field, state_of(meets), value, self._seen)

    def hold(self, value: str | None) -> Reason:
        """How a use that states ``value`` stands against this limit."""
        if value is None:
            return Reason(self.field, State.UNKNOWN, "not stated", self._seen)
        return Reason(self.field, state_of(self._dimension.covers(self._reach, Extent((value,)))), value, self._seen)


class Limits:
    """The limited dimensions of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.limits = tuple(
            Limit(FIELDS[key], DIMENSIONS[key], extent_of(scope, key))
            for key in DIMENSIONS
            if extent_of(scope, key) != EVERYTHING
        )
        self._stated = attrgetter(*(limit.field for limit in self.limits)) if self.limits else None
        self._findings: dict[object, tuple[Reason, ...]] = {}
        self.is_counted = scope.max_uses is not None or scope.max_exposure_s is not None

    def hold(self, use: Use) -> tuple[Reason, ...]:
        """How ``use`` stands against each limit; one that leaves the work as it is meets no limit on changes."""
        if self._stated is None:
            return ()
        stated: object = self._stated(use)
        found = self._findings.get(stated)
        if found is None:
            if len(self._findings) >= _KEPT:
                self._findings.clear()
            found = self._findings[stated] = tuple(self._judge(use))
        return found

    def _judge(self, use: Use) -> Iterator[Reason]:
        for limit in self.limits:
            value: str | None = getattr(use, limit.field)
            if value is not None or limit.field != CHANGE:
                yield limit.hold(value)
