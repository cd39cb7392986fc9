"""What a scope limits, made ready to hold many uses against: open dimensions cost nothing."""

from typing import Final

from atlas.rights.extents import EVERYTHING, Dimension, Extent
from atlas.rights.reasons import Reason, State, state_of
from atlas.rights.scopes import DIMENSIONS, Scope, extent_of
from atlas.rights.uses import FIELDS

_KEPT: Final = 1_024


class Limit:
    """One limited dimension of one scope."""

    def __init__(self, field: str, dimension: Dimension, reach: Extent) -> None:
        self.field = field
        self._dimension = dimension
        self._reach = reach
        self._seen = str(reach)
        self._reasons: dict[str | None, Reason] = {}

    def hold(self, value: str | None) -> Reason:
        """How a use that states ``value`` stands against this limit."""
        found = self._reasons.get(value)
        if found is None:
            if len(self._reasons) >= _KEPT:
                self._reasons.clear()
            found = self._reasons[value] = self._judge(value)
        return found

    def meets(self, value: str | None) -> State:
        """Whether a use that states ``value`` falls within the reach somewhere."""
        if value is None:
            return State.UNKNOWN
        return state_of(self._dimension.witness(self._reach, Extent((value,))) is not None)

    def _judge(self, value: str | None) -> Reason:
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
        self.is_timeless = scope.period.starts_at is None and scope.period.ends_at is None and scope.duration_s is None
