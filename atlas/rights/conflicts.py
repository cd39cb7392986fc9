"""Exclusive grants that meet others: found when a grant is proposed or observed, each with a point in both.

Two grants of one asset and one kind conflict when either is exclusive, different accounts hold them and
neither under the other, and some instant, territory, medium and so on lies in both.

The book keeps live grants by asset, kind, exclusivity and written territory, and each such list by time
(``atlas.rights.intervals``). A grant that keeps nobody out is held against exclusive ones alone. Finding who
meets it in place and time takes O(log n) and what it finds; the other dimensions are then compared one by one,
until ``most`` conflicts are found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.extents import Extent, countries
from atlas.rights.index import is_exclusive
from atlas.rights.intervals import Intervals
from atlas.rights.scopes import MAX_SUBLICENSE_DEPTH, Period, Scope, Witness, meet_periods, overlaps
from atlas.rights.state import Grant
from atlas.rights.vocabularies import ANY

_MOST_NAMES: Final = 16  # a grant that names more territories is kept as one of everywhere
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
            self._shelves[key] = _Shelf(shelved)

    def add(self, grant: Grant) -> None:
        """Keep a grant; one that is known by its position is replaced."""
        self._grants[grant.position] = grant
        self._reaches.pop(grant.position, None)
        self._shelves.setdefault(_shelf_key(grant), _Shelf()).add(grant)

    def conflicts(self, grant: Grant, *, at: int = 0, most: int = 1) -> tuple[Conflict, ...]:
        """The first ``most`` conflicts of ``grant`` with grants in the book, from the instant ``at`` on."""
        return tuple(islice(self._conflicts(grant, at), most))

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
                yield from shelf.meeting(reach.territories, period)

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
    """Grants of one asset, kind and exclusivity, by the names of territories that they are written with."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        entries: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for grant in grants:
            for name, entry in _entries(grant):
                entries[name].append(entry)
        self._lists = {name: Intervals(found) for name, found in entries.items()}
        self._countries = {name: countries(Extent((name,))) for name in entries}

    def add(self, grant: Grant) -> None:
        for name, entry in _entries(grant):
            self._lists.setdefault(name, Intervals()).add(entry)
            self._countries.setdefault(name, countries(Extent((name,))))

    def meeting(self, territories: Extent, period: Period) -> Iterator[int]:
        start, end = _bounds(period)
        reach = countries(territories)
        for name, intervals in self._lists.items():
            if not reach.isdisjoint(self._countries[name]):
                yield from intervals.meeting(start, end)


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


def _entries(grant: Grant) -> Iterator[tuple[str, tuple[int, int, int]]]:
    scope = effective_scope(grant)
    if scope is None:
        return
    names = scope.territories.of
    for name in names if len(names) <= _MOST_NAMES else (ANY,):
        yield name, (*_bounds(scope.period), grant.position)


def _bounds(period: Period) -> tuple[int, int]:
    return period.starts_at or 0, _NEVER if period.ends_at is None else period.ends_at
