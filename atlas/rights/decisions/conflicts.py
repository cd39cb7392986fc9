"""Exclusive grants that meet others: found when a grant is proposed or observed, each with a point in both.

Two grants of one asset and one kind conflict when either is exclusive, different accounts hold them and
neither under the other, and some instant, territory, medium and so on lies in both.

The book keeps live grants by asset, kind and exclusivity, on a shelf by what tells licences of the kind apart
(of a character its works, of a commercial its industries) and by territory, as they are written, and each such
list by time (``atlas.rights.terms.intervals``). A grant that keeps nobody out is held against exclusive ones alone.
Finding who meets it there takes O(log n) and what it finds; the other dimensions are then compared one by one,
until ``most`` conflicts are found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.index import is_exclusive
from atlas.rights.decisions.state import Grant
from atlas.rights.terms.extents import Extent, countries
from atlas.rights.terms.intervals import Entry, Intervals
from atlas.rights.terms.scopes import (
    MAX_SUBLICENSE_DEPTH,
    VOCABULARIES,
    Period,
    Scope,
    Witness,
    extent_of,
    meet_periods,
    overlaps,
)
from atlas.rights.terms.vocabularies import ANY, Vocabulary

_MOST_NAMES: Final = 16  # a grant that names more is kept as one of everything
_TELLING: Final = {
    LicenseKind.CHARACTER: "works",
    LicenseKind.SCENE: "projects",
    LicenseKind.WORLD: "series",
    LicenseKind.COMMERCIAL: "industries",
    LicenseKind.DERIVATIVE: "media",
    LicenseKind.AD_INSERTION: "formats",
}
"""The dimension in which licences of a kind differ most."""
_NEVER: Final = 2**63


class Conflict(msgspec.Struct, frozen=True):
    """Two grants that cannot both stand."""

    grant: Grant
    other: Grant
    witness: Witness
    is_certain: bool  # False where the terms of either are not known, and were taken to reach everything


class ConflictBook:
    """The live grants, to hold others against. It grows; a grant that ends early is put in again with its end."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._grants: dict[int, Grant] = {}
        self._reaches: dict[int, Scope | None] = {}
        self._shelves: dict[tuple[bytes, LicenseKind, bool], _Shelf] = {}
        sorted_in: defaultdict[tuple[bytes, LicenseKind, bool], list[Grant]] = defaultdict(list)
        for grant in grants:
            self._grants[grant.position] = grant
            sorted_in[_shelf_key(grant)].append(grant)
        for key, shelved in sorted_in.items():
            self._shelves[key] = _Shelf(_TELLING[key[1]], shelved)

    def add(self, grant: Grant) -> None:
        """Keep a grant; one that is known by its position is replaced."""
        self._grants[grant.position] = grant
        self._reaches.pop(grant.position, None)
        key = _shelf_key(grant)
        if key not in self._shelves:
            self._shelves[key] = _Shelf(_TELLING[grant.kind])
        self._shelves[key].add(grant)

    def conflicts(self, grant: Grant, *, at: int = 0, most: int = 1) -> tuple[Conflict, ...]:
        """Up to ``most`` conflicts of ``grant`` with grants in the book, from the instant ``at`` on, by position."""
        found = islice(self._conflicts(grant, at), most)
        return tuple(sorted(found, key=lambda conflict: conflict.other.position))

    def _conflicts(self, grant: Grant, at: int) -> Iterator[Conflict]:
        reach = effective_scope(grant)
        period = None if reach is None else meet_periods(reach.period, Period(at, None))
        if reach is None or period is None:
            return
        seen = {grant.position}
        for position in self._candidates(grant, reach, period):
            if position in seen:
                continue
            seen.add(position)
            found = self._compare(grant, reach, self._grants[position], at)
            if found is not None:
                yield found

    def _candidates(self, grant: Grant, reach: Scope, period: Period) -> Iterator[int]:
        for exclusive in (True, False) if is_exclusive(grant) else (True,):
            shelf = self._shelves.get((grant.asset, grant.kind, exclusive))
            if shelf is not None:
                yield from shelf.meeting(reach, period)

    def _compare(self, grant: Grant, reach: Scope, other: Grant, at: int) -> Conflict | None:
        """None also for what an outdated entry of a replaced grant led to."""
        if other.licensee == grant.licensee or not (is_exclusive(grant) or is_exclusive(other)):
            return None
        if self._is_under(grant, other) or self._is_under(other, grant):
            return None
        there = self._reach(other)
        witness = None if there is None else overlaps(reach, there, after=at)
        if witness is None:
            return None
        return Conflict(grant, other, witness, grant.terms is not None and other.terms is not None)

    def _reach(self, known: Grant) -> Scope | None:
        """What a grant in the book reaches; kept, for the same ones are met again and again."""
        if known.position not in self._reaches:
            self._reaches[known.position] = effective_scope(known)
        return self._reaches[known.position]

    def _is_under(self, grant: Grant, head: Grant) -> bool:
        for _ in range(MAX_SUBLICENSE_DEPTH):
            if grant.under is None:
                return False
            if grant.under == head.position:
                return True
            if grant.under not in self._grants:
                return False
            grant = self._grants[grant.under]
        return False


class _Shelf:
    """Grants of one asset, kind and exclusivity, by two of the names that each is written with."""

    def __init__(self, telling: str, grants: Iterable[Grant] = ()) -> None:
        self._telling = telling
        self._names = _Shelved(VOCABULARIES[telling])
        self._places = _Places()
        entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for grant in grants:
            for key, entry in self._entries(grant):
                entries[key].append(entry)
        self._lists = {key: Intervals(found) for key, found in entries.items()}

    def add(self, grant: Grant) -> None:
        for key, entry in self._entries(grant):
            self._lists.setdefault(key, Intervals()).add(entry)

    def meeting(self, reach: Scope, period: Period) -> Iterator[int]:
        start, end = _bounds(period)
        places = sorted(self._places.meeting(reach.territories))
        for name in sorted(self._names.meeting(extent_of(reach, self._telling))):
            for place in places:
                intervals = self._lists.get((name, place))
                if intervals is not None:
                    yield from intervals.meeting(start, end)

    def _entries(self, grant: Grant) -> Iterator[tuple[tuple[str, str], Entry]]:
        scope = effective_scope(grant)
        if scope is None:
            return
        entry = (*_bounds(scope.period), grant.position)
        for name in _written(extent_of(scope, self._telling)):
            self._names.add(name)
            for place in _written(scope.territories):
                self._places.add(place)
                yield (name, place), entry


class _Shelved:
    """Names of a tree that grants are written with, and which of them meet an extent."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._line = vocabulary.broader
        self._within: defaultdict[str, set[str]] = defaultdict(set)  # by a name: it, and the narrower ones

    def add(self, name: str) -> None:
        for broader in {*self._broader(name), ANY}:
            self._within[broader].add(name)

    def meeting(self, reach: Extent) -> set[str]:
        """The names that lie within one of the extent's, or around it; what it excepts is not looked at."""
        found: set[str] = set()
        for name in reach.of:
            found |= self._within.get(name, set())
            found.update(broader for broader in (*self._broader(name), ANY) if broader in self._within.get(broader, ()))
        return found

    def _broader(self, name: str) -> tuple[str, ...]:
        return () if name == ANY else self._line(name)


class _Places:
    """Names of territories that grants are written with, and which of them meet an extent."""

    def __init__(self) -> None:
        self._by_country: defaultdict[str, set[str]] = defaultdict(set)
        self._names: set[str] = set()

    def add(self, name: str) -> None:
        if name not in self._names:
            self._names.add(name)
            for code in countries(Extent((name,))):
                self._by_country[code].add(name)

    def meeting(self, reach: Extent) -> set[str]:
        found: set[str] = set()
        for code in countries(reach):
            found |= self._by_country.get(code, set())
        return found


def all_conflicts(grants: Iterable[Grant], *, at: int = 0, most: int = 1) -> Iterator[Conflict]:
    """The conflicts of each grant with those before it, at most ``most`` of each, in the order of positions."""
    book = ConflictBook()
    for grant in sorted(grants, key=lambda each: each.position):
        yield from book.conflicts(grant, at=at, most=most)
        book.add(grant)


def effective_scope(grant: Grant) -> Scope | None:
    """What a grant reaches while it is in force; None when it never is. Unknown terms reach everything."""
    scope = Scope() if grant.terms is None else grant.terms.scope
    ends = [grant.expires_at, grant.revoked_at]
    if scope.duration_s is not None:
        ends.append(grant.starts_at + scope.duration_s)
    end = min((each for each in ends if each is not None), default=None)
    if end is not None and end <= grant.starts_at:
        return None
    period = meet_periods(scope.period, Period(grant.starts_at, end))
    return None if period is None else msgspec.structs.replace(scope, period=period)


def _shelf_key(grant: Grant) -> tuple[bytes, LicenseKind, bool]:
    return grant.asset, grant.kind, is_exclusive(grant)


def _written(value: Extent) -> tuple[str, ...]:
    return value.of if len(value.of) <= _MOST_NAMES else (ANY,)


def _bounds(period: Period) -> tuple[int, int]:
    return period.starts_at or 0, _NEVER if period.ends_at is None else period.ends_at
