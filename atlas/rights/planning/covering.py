"""The cheapest choice of columns that covers every need: weighted set cover, exact up to a bound.

Needs are the bits of a number, weighted by how many things each stands for; a column covers some of them at a cost.
Costs are tuples of integers, added up place by place and compared from the first place on. Columns of one group
exclude each other. A need may be left out; what is left out counts before every cost.

The search is branch and bound: it takes the need with the fewest columns, tries each of them, and gives up where
the cost so far and what the rest must cost at least is no better than the best that is known. After ``most_steps``
it stops with the best it has found, and says so.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

Cost = tuple[int, ...]

MOST_STEPS: Final = 50_000
_MOST_COMPARED: Final = 2_000  # columns; of more, those that another makes useless are kept
_MOST_NEEDS: Final = 500  # the search goes as deep as there are needs


class Column(NamedTuple):
    """Covers the needs of ``mask`` at ``cost``; None is no group."""

    mask: int
    cost: Cost
    group: int | None = None


class Cover(NamedTuple):
    """The columns chosen, by number; the cost has the weight of the needs left out in its first place."""

    chosen: tuple[int, ...]
    left_out: int  # needs
    cost: Cost
    is_exact: bool
    at_least: Cost  # no cover costs less; the cost itself where it is exact


def cover(weights: Sequence[int], columns: Sequence[Column], *, places: int = 1, most_steps: int = MOST_STEPS) -> Cover:
    """The cheapest cover of as many ``weights`` as can be, one for each need; ``places`` is how long a cost is."""
    whole = [Column(column.mask, (0, *column.cost), column.group) for column in columns]
    kept = _undominated(whole)
    slack = [Column(1 << need, (weight,) + (0,) * places) for need, weight in enumerate(weights)]
    search = _Search((1 << len(weights)) - 1, [*(whole[number] for number in kept), *slack], most_steps, places)
    picked = search.best()
    chosen = tuple(sorted(kept[number] for number in picked.chosen if number < len(kept)))
    left_out = sum(search.columns[number].mask for number in picked.chosen if number >= len(kept))
    at_least = picked.cost if search.is_exact else search.at_least(search.universe)
    return Cover(chosen, left_out, picked.cost, search.is_exact, at_least)


class _Picked(NamedTuple):
    chosen: tuple[int, ...]
    cost: Cost


class _Search:
    """One search. Every need is covered by some column without a group, its slack, so that there is a cover."""

    def __init__(self, universe: int, columns: Sequence[Column], most_steps: int, places: int) -> None:
        self.universe = universe
        self.columns = columns
        self.is_exact = True
        self._steps_left = most_steps
        self._nothing: Cost = (0,) * (places + 1)
        order = sorted(range(len(columns)), key=lambda number: columns[number].cost)
        self._over = {need: [n for n in order if columns[n].mask & need] for need in _bits(universe)}
        self._sets = {need: sum(1 << number for number in numbers) for need, numbers in self._over.items()}

    def best(self) -> _Picked:
        """Start from what a greedy choice finds, and look for better."""
        found = self._greedy()
        if self.universe.bit_count() > _MOST_NEEDS:
            self.is_exact = not self.universe
            return found
        return self._better(self.universe, _Picked((), self._nothing), frozenset(), found)

    def at_least(self, open_: int) -> Cost:
        """What covering ``open_`` must cost: needs that no column shares are paid for one by one."""
        total, taken = self._nothing, 0
        for need in _bits(open_):
            if not self._sets[need] & taken:
                taken |= self._sets[need]
                total = _add(total, self.columns[self._over[need][0]].cost)
        return total

    def _better(self, open_: int, so_far: _Picked, groups: frozenset[int], best: _Picked) -> _Picked:
        if not open_:
            return min(best, so_far, key=lambda picked: picked.cost)
        if not self._steps_left:
            self.is_exact = False
            return best
        self._steps_left -= 1
        if _add(so_far.cost, self.at_least(open_)) >= best.cost:
            return best
        need = min(_bits(open_), key=lambda each: len(self._over[each]))
        for number in self._over[need]:
            column = self.columns[number]
            if column.group is None or column.group not in groups:
                picked = _Picked((*so_far.chosen, number), _add(so_far.cost, column.cost))
                inside = groups if column.group is None else groups | {column.group}
                best = self._better(open_ & ~column.mask, picked, inside, best)
        return best

    def _greedy(self) -> _Picked:
        """Again and again the column that costs least for each need that it adds."""
        open_, picked, groups = self.universe, _Picked((), self._nothing), set[int]()
        while open_:
            free = [n for n, each in enumerate(self.columns) if each.group is None or each.group not in groups]
            number = min((n for n in free if self.columns[n].mask & open_), key=lambda n: self._share(n, open_))
            column = self.columns[number]
            open_ &= ~column.mask
            picked = _Picked((*picked.chosen, number), _add(picked.cost, column.cost))
            groups |= set() if column.group is None else {column.group}
        return picked

    def _share(self, number: int, open_: int) -> tuple[Cost, int]:
        """The cost for each need added, up to whole numbers."""
        column = self.columns[number]
        added = (column.mask & open_).bit_count()
        return tuple(-(-part // added) for part in column.cost), -added


def _undominated(columns: Sequence[Column]) -> list[int]:
    """The columns that no other makes useless: one that covers as much, costs no more, and excludes no more."""
    if len(columns) > _MOST_COMPARED:
        return [*range(len(columns))]
    return [
        number
        for number, column in enumerate(columns)
        if not any(_dominates(other, column, earlier=n < number) for n, other in enumerate(columns) if n != number)
    ]


def _dominates(other: Column, column: Column, *, earlier: bool) -> bool:
    if column.mask & ~other.mask or other.cost > column.cost or other.group not in (None, column.group):
        return False
    same = (other.mask, other.cost, other.group) == (column.mask, column.cost, column.group)
    return earlier or not same


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low
        mask ^= low


def _add(one: Cost, other: Cost) -> Cost:
    return tuple(a + b for a, b in zip(one, other, strict=True))
