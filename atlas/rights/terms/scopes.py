"""The scope of a licence, and its algebra: covers, overlaps with a witness, intersection, narrower (W3).

A scope is a box: one extent a named dimension, a half-open period, counters, and three plain answers
(how often it may be sub-licensed, whether credit is owed, whether it is exclusive). Times are seconds
since 1970; a period holds from its start until before its end.
"""

from functools import lru_cache
from typing import Final

import msgspec

from atlas.rights.errors import InvalidTerms
from atlas.rights.terms import vocabularies
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Dimension, Extent, Names, Territories
from atlas.rights.terms.moments import write_moment

MAX_SUBLICENSE_DEPTH: Final = 16


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From ``starts_at`` until before ``ends_at``; None is unbounded."""

    starts_at: int | None = None
    ends_at: int | None = None

    def holds(self, instant: int) -> bool:
        """Whether ``instant`` lies in it."""
        return (self.starts_at is None or instant >= self.starts_at) and (
            self.ends_at is None or instant < self.ends_at
        )

    def __str__(self) -> str:
        start = "always" if self.starts_at is None else write_moment(self.starts_at)
        return f"{start} until before {'never' if self.ends_at is None else write_moment(self.ends_at)}"


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a licence reaches. A dimension that is left out is open; modifications left out are none."""

    works: Extent = EVERYTHING
    projects: Extent = EVERYTHING
    series: Extent = EVERYTHING
    media: Extent = EVERYTHING
    territories: Extent = EVERYTHING
    channels: Extent = EVERYTHING
    languages: Extent = EVERYTHING
    formats: Extent = EVERYTHING
    industries: Extent = EVERYTHING
    modifications: Extent = NOTHING
    period: Period = Period()
    duration_s: int | None = None  # from the grant's start
    max_uses: int | None = None
    max_exposure_s: int | None = None  # on screen, all uses together
    sublicense_depth: int | None = 0  # None has no bound
    attribution: bool = True
    exclusive: bool = False


class Witness(msgspec.Struct, frozen=True):
    """One point that lies in two scopes: a name a dimension, and an instant."""

    names: tuple[tuple[str, str], ...]  # dimension, name
    instant: int

    def __str__(self) -> str:
        return ", ".join([*(f"{key} {name}" for key, name in self.names), f"at {write_moment(self.instant)}"])


VOCABULARIES: Final = {
    "works": vocabularies.WORKS,
    "projects": vocabularies.PROJECTS,
    "series": vocabularies.SERIES,
    "media": vocabularies.MEDIA,
    "channels": vocabularies.CHANNELS,
    "languages": vocabularies.LANGUAGES,
    "formats": vocabularies.FORMATS,
    "industries": vocabularies.INDUSTRIES,
    "modifications": vocabularies.MODIFICATIONS,
}
"""The dimensions whose names form a tree."""
DIMENSIONS: Final[dict[str, Dimension]] = {
    key: Territories() if key == "territories" else Names(VOCABULARIES[key])
    for key in (
        *("works", "projects", "series", "media", "territories"),
        *("channels", "languages", "formats", "industries", "modifications"),
    )
}
WHERE_USED: Final = tuple(key for key in DIMENSIONS if key != "modifications")
"""The dimensions that every use has a place in; a use may leave the work as it is."""
_MOST_LIMITED_FIRST: Final = (
    *("media", "industries", "territories", "channels", "works"),
    *("projects", "series", "formats", "languages"),
)
_LIMITS: Final = ("duration_s", "max_uses", "max_exposure_s", "sublicense_depth")


def extent_of(scope: Scope, key: str) -> Extent:
    """The extent of ``scope`` along the dimension ``key``."""
    return getattr(scope, key)


def check_scope(scope: Scope) -> None:
    """Raise InvalidTerms, naming the field, unless ``scope`` is canonical and says something possible."""
    for key, dimension in DIMENSIONS.items():
        dimension.check(key, extent_of(scope, key))
        if key != "modifications" and dimension.witness(extent_of(scope, key), EVERYTHING) is None:
            raise InvalidTerms(f"{key} names nothing", hint="A licence that reaches nowhere is no licence.")
    _check_period(scope.period)
    for key in ("duration_s", "max_uses", "max_exposure_s"):
        value: int | None = getattr(scope, key)
        if value is not None and not 0 < value < 2**63:
            raise InvalidTerms(f"{key} is a positive number of 63 bits, got {value}", hint="Leave it out for no limit.")
    depth = scope.sublicense_depth
    if depth is not None and not 0 <= depth <= MAX_SUBLICENSE_DEPTH:
        raise InvalidTerms(f"sublicense_depth lies between 0 and {MAX_SUBLICENSE_DEPTH}, got {depth}")


def covers(scope: Scope, point: Scope) -> bool:
    """Whether everything that ``point`` names is in ``scope``, counters and answers aside."""
    return all(
        dimension.covers(extent_of(scope, key), extent_of(point, key)) for key, dimension in DIMENSIONS.items()
    ) and _within(scope.period, point.period)


def narrower(one: Scope, other: Scope) -> bool:
    """Whether ``one`` permits nothing that ``other`` does not (equal scopes are narrower than each other)."""
    limits = all(_at_most(getattr(one, key), getattr(other, key)) for key in _LIMITS)
    return covers(other, one) and limits and (one.attribution or not other.attribution)


def overlaps(one: Scope, other: Scope, *, after: int = 0) -> Witness | None:
    """A point in both, not before the instant ``after``; None when they are disjoint.

    What may be changed is not where a use is: two licences meet in a medium and a country, whatever each
    allows to be modified.
    """
    period = meet_periods(one.period, other.period)
    if period is None:
        return None
    instant = after if period.starts_at is None else max(after, period.starts_at)
    if not period.holds(instant):
        return None
    names: dict[str, str] = {}
    for key in _MOST_LIMITED_FIRST:
        here, there = extent_of(one, key), extent_of(other, key)
        name = _unlimited(key) if here is there is EVERYTHING else _witness(key, here, there)
        if name is None:
            return None
        names[key] = name
    return Witness(tuple((key, names[key]) for key in WHERE_USED), instant)


@lru_cache(maxsize=65_536)
def _witness(key: str, one: Extent, other: Extent) -> str | None:
    """Licences say the same few things over and over."""
    return DIMENSIONS[key].witness(one, other)


@lru_cache(maxsize=len(DIMENSIONS))
def _unlimited(key: str) -> str | None:
    return DIMENSIONS[key].witness(EVERYTHING, EVERYTHING)


def intersect(one: Scope, other: Scope) -> Scope | None:
    """The widest scope that is narrower than both; None when nothing is left."""
    period = meet_periods(one.period, other.period)
    if period is None:
        return None
    extents = {key: each.meet(extent_of(one, key), extent_of(other, key)) for key, each in DIMENSIONS.items()}
    if any(not extents[key].of for key in WHERE_USED):
        return None
    return Scope(
        **extents,
        period=period,
        duration_s=_least(one.duration_s, other.duration_s),
        max_uses=_least(one.max_uses, other.max_uses),
        max_exposure_s=_least(one.max_exposure_s, other.max_exposure_s),
        sublicense_depth=_least(one.sublicense_depth, other.sublicense_depth),
        attribution=one.attribution or other.attribution,
        exclusive=one.exclusive and other.exclusive,
    )


def meet_periods(one: Period, other: Period) -> Period | None:
    """The time in both; None when there is none."""
    starts = [each for each in (one.starts_at, other.starts_at) if each is not None]
    start, end = max(starts, default=None), _least(one.ends_at, other.ends_at)
    return None if start is not None and end is not None and start >= end else Period(start, end)


def _check_period(period: Period) -> None:
    for key in ("starts_at", "ends_at"):
        value: int | None = getattr(period, key)
        if value is not None and not 0 <= value < 2**63:
            raise InvalidTerms(f"period.{key} is seconds since 1970, got {value}")
    if period.starts_at is not None and period.ends_at is not None and period.starts_at >= period.ends_at:
        raise InvalidTerms(
            f"period ends at {period.ends_at}, not after its start at {period.starts_at}",
            hint="A period holds from its start until before its end.",
        )


def _within(wide: Period, narrow: Period) -> bool:
    starts = wide.starts_at is None or (narrow.starts_at is not None and narrow.starts_at >= wide.starts_at)
    return starts and _at_most(narrow.ends_at, wide.ends_at)


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _at_most(value: int | None, limit: int | None) -> bool:
    return limit is None or (value is not None and value <= limit)
