from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.planning.covering import Column, Cost, cover

COLUMNS = st.lists(
    st.builds(
        Column,
        st.integers(0, 63),
        st.tuples(st.integers(0, 9), st.integers(0, 2)),
        st.none() | st.integers(0, 1),
    ),
    max_size=7,
)
WEIGHTS = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def fit(weights: list[int], columns: list[Column]) -> list[Column]:
    return [column._replace(mask=column.mask & ((1 << len(weights)) - 1)) for column in columns]


def by_force(weights: list[int], columns: list[Column]) -> Cost:
    """The least cost over all choices of columns."""
    found: list[Cost] = []
    for taken in product([False, True], repeat=len(columns)):
        chosen = [column for column, is_taken in zip(columns, taken, strict=True) if is_taken]
        groups = [column.group for column in chosen if column.group is not None]
        if len(groups) == len(set(groups)):
            covered = 0
            for column in chosen:
                covered |= column.mask
            left = sum(weight for bit, weight in enumerate(weights) if not covered >> bit & 1)
            found.append((left, sum(column.cost[0] for column in chosen), sum(column.cost[1] for column in chosen)))
    return min(found)


@given(WEIGHTS, COLUMNS)
def test_the_cheapest_cover_is_the_one_that_brute_force_finds(weights: list[int], columns: list[Column]) -> None:
    columns = fit(weights, columns)
    best = cover(weights, columns, places=2)
    assert best.is_exact
    expected = by_force(weights, columns)
    assert best.cost == expected
    assert best.at_least == best.cost


@given(WEIGHTS, COLUMNS, st.integers(0, 4))
def test_a_search_that_was_cut_short_says_so_and_is_bounded_on_both_sides(
    weights: list[int], columns: list[Column], most_steps: int
) -> None:
    columns = fit(weights, columns)
    cut = cover(weights, columns, places=2, most_steps=most_steps)
    best = cover(weights, columns, places=2)
    assert cut.at_least <= best.cost <= cut.cost
    assert cut.cost == best.cost or not cut.is_exact


@given(WEIGHTS, COLUMNS, st.integers(0, 3))
def test_what_was_chosen_costs_what_is_said_and_covers_all_but_what_is_left_out(
    weights: list[int], columns: list[Column], most_steps: int
) -> None:
    columns = fit(weights, columns)
    found = cover(weights, columns, places=2, most_steps=most_steps)
    chosen = [columns[number] for number in found.chosen]
    groups = [column.group for column in chosen if column.group is not None]
    assert len(groups) == len(set(groups))
    covered = 0
    for column in chosen:
        covered |= column.mask
    assert covered | found.left_out == (1 << len(weights)) - 1
    left = sum(weight for bit, weight in enumerate(weights) if found.left_out >> bit & 1)
    assert found.cost[0] == left
    assert found.cost[1:] == tuple(sum(column.cost[place] for column in chosen) for place in range(len(found.cost) - 1))


def test_nothing_to_cover_costs_nothing() -> None:
    assert cover([], []).cost == (0, 0)
    assert cover([], [Column(0, (5,))]).chosen == ()


@pytest.mark.parametrize("needs", [40, 600])
def test_very_many_needs_are_covered_within_the_bound(needs: int) -> None:
    columns = [Column(0b111 << place, (place % 7 + 1,)) for place in range(needs - 2)]
    found = cover([1] * needs, columns, most_steps=200)
    assert found.cost[0] == 0
    assert not found.is_exact
    assert found.at_least <= found.cost
