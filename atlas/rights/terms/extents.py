"""How far a licence reaches along one dimension: the names it includes, less those it excepts.

    {"of":["EU@2020-02-01"],"except":["MT"]}      {"of":["film"],"except":["trailer"]}      {"of":["*"]}

``*`` is everything, an empty ``of`` is nothing. An included name stands for everything narrower, an
exception takes away everything narrower; what is excepted is not included again. All functions are set
algebra: exact for territories (sets of countries) and for names (sets of points of a tree, where each
name is a point and so is, in an open vocabulary, "some name on no list").
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from atlas.rights.errors import InvalidTerms
from atlas.rights.terms.territories import GROUPS, TERRITORIES
from atlas.rights.terms.vocabularies import ANY, Vocabulary


class Extent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Names included, and names taken out; construction checks nothing."""

    of: tuple[str, ...]
    without: tuple[str, ...] = msgspec.field(default=(), name="except")

    def __str__(self) -> str:
        names = ",".join(self.of) or "nothing"
        return f"{names} except {','.join(self.without)}" if self.without else names


EVERYTHING: Final = Extent((ANY,))
NOTHING: Final = Extent(())


def extent(*names: str, without: tuple[str, ...] = ()) -> Extent:
    """An extent in canonical order."""
    return Extent(tuple(sorted(set(names))), tuple(sorted(set(without))))


class Dimension(Protocol):
    """The algebra of one dimension. Extents given to it have passed ``check``."""

    def check(self, key: str, value: Extent) -> None:
        """Raise InvalidTerms, naming ``key``, unless ``value`` is canonical and names what exists."""
        ...

    def knows(self, name: str) -> bool:
        """Whether a use can name it."""
        ...

    def is_narrowest(self, name: str) -> bool:
        """Whether ``name``, which is known, stands for nothing but itself."""
        ...

    def covers(self, wide: Extent, narrow: Extent) -> bool:
        """Whether every point of ``narrow`` is in ``wide``."""
        ...

    def witness(self, one: Extent, other: Extent) -> str | None:
        """A name that lies in both, if there is one."""
        ...

    def meet(self, one: Extent, other: Extent) -> Extent:
        """What lies in both."""
        ...


@dataclass(frozen=True)
class Territories:
    """Sets of countries, written as codes and groups."""

    def check(self, key: str, value: Extent) -> None:
        """Codes of ISO 3166-1 or groups."""
        _check(key, value, self.knows)

    def knows(self, name: str) -> bool:
        """A code or a group."""
        return name in TERRITORIES or name in GROUPS

    def is_narrowest(self, name: str) -> bool:
        """A country, and no group."""
        return name in TERRITORIES

    def covers(self, wide: Extent, narrow: Extent) -> bool:
        """Subset of countries."""
        return wide == EVERYTHING or countries(narrow) <= countries(wide)

    def witness(self, one: Extent, other: Extent) -> str | None:
        """The first country in both, by code."""
        return min(countries(one) & countries(other), default=None)

    def meet(self, one: Extent, other: Extent) -> Extent:
        """The smaller of the two where it lies in the other, else codes one by one."""
        common = countries(one) & countries(other)
        if common and self.covers(one, other):
            return other
        return one if common and self.covers(other, one) else extent(*common)


@lru_cache(maxsize=16_384)
def countries(value: Extent) -> frozenset[str]:
    """The country codes in an extent of territories."""
    return _countries(value.of) - _countries(value.without)


def _countries(names: tuple[str, ...]) -> frozenset[str]:
    sets = (TERRITORIES if name == ANY else GROUPS.get(name) or frozenset((name,)) for name in names)
    return frozenset().union(*sets)


@dataclass(frozen=True)
class Names:
    """Sets of points of a tree of names."""

    vocabulary: Vocabulary

    def check(self, key: str, value: Extent) -> None:
        """Names of the vocabulary."""
        _check(key, value, self.knows)

    def knows(self, name: str) -> bool:
        """A name of the vocabulary."""
        return self.vocabulary.knows(name)

    def is_narrowest(self, name: str) -> bool:
        """A name at the end of a closed tree."""
        return self.vocabulary.is_narrowest(name)

    def covers(self, wide: Extent, narrow: Extent) -> bool:
        """Each included name of ``narrow`` is in ``wide``, and what ``wide`` excepts below it, ``narrow`` does too."""
        return wide == EVERYTHING or all(
            self._has(wide, name)
            and all(self._under(hole, narrow.without) for hole in wide.without if name in self._line(hole))
            for name in self._included(narrow)
        )

    def witness(self, one: Extent, other: Extent) -> str | None:
        """The broadest included name of either that the other has too; of everything, an example."""
        if one == EVERYTHING and not other.without and other.of and other.of != (ANY,):
            return other.of[0]
        if one == EVERYTHING == other:
            return self.vocabulary.example(1)
        common = self._common(one, other)
        if not common:
            return None
        return self._unlisted(one, other) if ANY in common else common[0]

    def meet(self, one: Extent, other: Extent) -> Extent:
        """The included names of either that the other has, less what both except below them."""
        common = self._common(one, other)
        kept = [name for name in common if not any(broader in common for broader in self._line(name)[1:])]
        holes = {*one.without, *other.without}
        below = (hole for hole in holes if any(name in kept for name in self._line(hole)))
        outer = [hole for hole in below if not any(broader in holes for broader in self._line(hole)[1:])]
        if self.vocabulary.tops is not None and set(kept) == set(self.vocabulary.tops):
            kept = [ANY]
        return extent(*kept, without=tuple(outer))

    def _line(self, name: str) -> tuple[str, ...]:
        return self.vocabulary.broader(name)

    def _under(self, name: str, names: tuple[str, ...]) -> bool:
        return any(broader in names for broader in self._line(name))

    def _has(self, value: Extent, name: str) -> bool:
        return self._under(name, self._listed(value)) and not self._under(name, value.without)

    def _listed(self, value: Extent) -> tuple[str, ...]:
        tops = self.vocabulary.tops
        return tops if value.of == (ANY,) and tops is not None else value.of

    def _included(self, value: Extent) -> Iterator[str]:
        return (name for name in self._listed(value) if not self._under(name, value.without))

    def _common(self, one: Extent, other: Extent) -> list[str]:
        found = {name for name in self._included(one) if self._has(other, name)}
        found.update(name for name in self._included(other) if self._has(one, name))
        return sorted(found)

    def _unlisted(self, one: Extent, other: Extent) -> str:
        """A name that neither excepts; an open vocabulary has more of them than any list excepts."""
        names = map(self.vocabulary.example, itertools.count(1))
        return next(name for name in names if self._has(one, name) and self._has(other, name))


def _check(key: str, value: Extent, knows: Callable[[str], bool]) -> None:
    _check_names(key, value.of, knows, may_be_any=True)
    _check_names(f"{key}.except", value.without, knows, may_be_any=False)
    if set(value.of) & set(value.without) or (value.without and not value.of):
        raise InvalidTerms(f"{key} excepts what it does not include", hint="Leave such a name out of both lists.")


def _check_names(key: str, names: tuple[str, ...], knows: Callable[[str], bool], *, may_be_any: bool) -> None:
    if may_be_any and names == (ANY,):
        return
    unknown = next((name for name in names if not knows(name)), None)
    if unknown is not None:
        hint = f'Name them one by one, or ["{ANY}"] for any.' if may_be_any else "Except them one by one."
        raise InvalidTerms(f"{key} cannot name {unknown[:100]!r}", hint=hint)
    if list(names) != sorted(set(names)):
        raise InvalidTerms(f"{key} is a sorted list of different names")
