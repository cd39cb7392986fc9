"""What a scope limits, made ready to hold many uses against: open dimensions cost nothing, and findings are kept."""

from collections.abc import Callable, Iterator
from typing import Final

from atlas.rights.decisions.reasons import Reason, State, state_of
from atlas.rights.decisions.uses import FIELDS, Use
from atlas.rights.terms.extents import EVERYTHING, Dimension, Extent
from atlas.rights.terms.scopes import DIMENSIONS, Scope, extent_of

CHANGE: Final = FIELDS["modifications"]
_KEPT: Final = 1_024


class Limit:
    """One limited dimension, of however many scopes."""

    def __init__(self, field: str, dimension: Dimension, reach: Extent) -> None:
        self.field = field
        self._dimension = dimension
        self._reach = reach
        self._seen = str(reach)
        self._found: dict[str | None, Reason] = {}

    def meet(self, value: str | None) -> Reason:
        """Whether a use that states ``value`` falls within the reach somewhere."""
        if value is None:
            return Reason(self.field, State.UNKNOWN, "not stated", self._seen)
        meets = self._dimension.witness(self._reach, Extent((value,))) is not None
        return Reason(self.field, state_of(meets), value, self._seen)

    def hold(self, value: str | None) -> Reason:
        """How a use that states ``value`` stands against this limit."""
        found = self._found.get(value)
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[value] = self._judge(value)
        return found

    def _judge(self, value: str | None) -> Reason:
        if value is None:
            return Reason(self.field, State.UNKNOWN, "not stated", self._seen)
        return Reason(self.field, state_of(self._dimension.covers(self._reach, Extent((value,)))), value, self._seen)


class Limits:
    """The limited dimensions of one scope."""

    def __init__(self, scope: Scope, limit: Callable[[str, Extent], Limit]) -> None:
        self.scope = scope
        self.limits = tuple(limit(key, extent_of(scope, key)) for key in limited(scope))
        self.is_counted = scope.max_uses is not None or scope.max_exposure_s is not None

    def hold(self, use: Use) -> Iterator[Reason]:
        """How ``use`` stands against each limit; one that leaves the work as it is meets no limit on changes."""
        for limit in self.limits:
            value: str | None = getattr(use, limit.field)
            if value is not None or limit.field != CHANGE:
                yield limit.hold(value)


class KnownLimits:
    """The limits of many scopes: what two of them say alike is one limit, and found out once."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, Extent], Limit] = {}

    def limit(self, key: str, reach: Extent) -> Limit:
        """The limit of the dimension ``key`` to ``reach``."""
        found = self._limits.get((key, reach))
        if found is None:
            found = self._limits[key, reach] = Limit(FIELDS[key], DIMENSIONS[key], reach)
        return found

    def limits(self, scope: Scope) -> Limits:
        """All limits of a scope."""
        return Limits(scope, self.limit)


def limited(scope: Scope) -> tuple[str, ...]:
    """The dimensions that a scope does not leave open."""
    return tuple(key for key in DIMENSIONS if extent_of(scope, key) != EVERYTHING)
