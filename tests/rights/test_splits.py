import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import InvalidAmount, InvalidShares
from atlas.rights.royalties.splits import RULE, split

AMOUNTS = st.integers(0, 2**256 - 1)


@st.composite
def shares(draw: st.DrawFn) -> list[int]:
    """Positive shares that make a whole: the gaps between some cuts."""
    cuts = sorted(draw(st.sets(st.integers(1, 9_999), max_size=40)))
    return [end - start for start, end in zip([0, *cuts], [*cuts, 10_000], strict=True)]


def test_the_rule_is_named() -> None:
    assert RULE == "floor-first-listed/1"


@pytest.mark.parametrize(
    ("amount_wei", "shares_bps", "parts"),
    [
        (100, [10_000], (100,)),
        (10_000, [5_000, 1_500, 2_500, 1_000], (5_000, 1_500, 2_500, 1_000)),
        (10, [3_333, 3_333, 3_334], (4, 3, 3)),  # floors 3, 3, 3
        (1, [1, 9_999], (1, 0)),  # the first listed, not the largest
        (2, [3_333, 3_333, 3_334], (1, 1, 0)),
        (0, [5_000, 5_000], (0, 0)),
        (7, [5_000, 5_000], (4, 3)),
    ],
)
def test_w4_what_the_floors_leave_goes_to_the_first_listed(
    amount_wei: int, shares_bps: list[int], parts: tuple[int, ...]
) -> None:
    assert split(amount_wei, shares_bps) == parts


@given(AMOUNTS, shares())
def test_nothing_is_lost_and_nothing_made(amount_wei: int, shares_bps: list[int]) -> None:
    parts = split(amount_wei, shares_bps)
    assert len(parts) == len(shares_bps)
    assert sum(parts) == amount_wei
    assert min(parts) >= 0


@given(AMOUNTS, shares())
def test_a_part_is_its_exact_share_or_one_wei_more(amount_wei: int, shares_bps: list[int]) -> None:
    for part, share_bps in zip(split(amount_wei, shares_bps), shares_bps, strict=True):
        assert part - amount_wei * share_bps // 10_000 in {0, 1}


@given(AMOUNTS, shares())
def test_the_extra_wei_go_out_in_the_listed_order(amount_wei: int, shares_bps: list[int]) -> None:
    pairs = zip(split(amount_wei, shares_bps), shares_bps, strict=True)
    extra = [part - amount_wei * share_bps // 10_000 for part, share_bps in pairs]
    assert extra == sorted(extra, reverse=True)


@pytest.mark.parametrize("shares_bps", [[], [9_999], [10_001], [5_000, 4_999], [10_000, 0], [10_001, -1]])
def test_shares_that_do_not_make_a_whole_are_refused(shares_bps: list[int]) -> None:
    with pytest.raises(InvalidShares):
        split(100, shares_bps)


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        split(-1, [10_000])
