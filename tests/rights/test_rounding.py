from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.errors import InvalidAmount, InvalidShares, UnknownRule
from atlas.rights.royalties.rounding import FIRST_LISTED, LARGEST_REMAINDER, RULES, divide, division
from tests.rights.books import UINT256_MAX, fractions_of_one

AMOUNTS = st.one_of(st.integers(0, 1_000), st.integers(0, UINT256_MAX))


def test_the_rules_keep_their_names() -> None:
    assert RULES == ("floor-first-listed/1", "lr/1")


@pytest.mark.parametrize(
    ("rule", "amount_wei", "weights", "parts"),
    [
        (LARGEST_REMAINDER, 10, [3_333, 3_333, 3_334], (3, 3, 4)),
        (FIRST_LISTED, 10, [3_333, 3_333, 3_334], (4, 3, 3)),
        (LARGEST_REMAINDER, 1, [1, 9_999], (0, 1)),
        (FIRST_LISTED, 1, [1, 9_999], (1, 0)),
        (LARGEST_REMAINDER, 3, [5_000, 5_000], (2, 1)),  # equal remainders: the first listed
        (LARGEST_REMAINDER, 5, [2_500, 2_500, 2_500, 2_500], (2, 1, 1, 1)),
        (LARGEST_REMAINDER, 1, [0, 10_000], (0, 1)),
        (LARGEST_REMAINDER, 0, [5_000, 5_000], (0, 0)),
    ],
)
def test_where_the_left_wei_go(rule: str, amount_wei: int, weights: list[int], parts: tuple[int, ...]) -> None:
    assert divide(rule, amount_wei, weights, 10_000) == parts


@given(st.sampled_from(RULES), AMOUNTS, fractions_of_one(300))
def test_w4_parts_sum_to_the_amount_and_are_their_exact_share_within_a_wei(
    rule: str, amount_wei: int, shares: list[Fraction]
) -> None:
    parts = division(rule, shares).parts(amount_wei)
    assert sum(parts) == amount_wei
    assert all(part - amount_wei * share // 1 in {0, 1} for part, share in zip(parts, shares, strict=True))


@given(AMOUNTS, fractions_of_one(40))
def test_by_largest_remainder_nobody_who_got_a_wei_had_less_remainder_than_who_got_none(
    amount_wei: int, shares: list[Fraction]
) -> None:
    parts = division(LARGEST_REMAINDER, shares).parts(amount_wei)
    exact = [amount_wei * share for share in shares]
    gained = [each % 1 for each, part in zip(exact, parts, strict=True) if part > each // 1]
    others = [each % 1 for each, part in zip(exact, parts, strict=True) if part == each // 1]
    assert not gained or not others or min(gained) >= max(others)


@given(st.sampled_from(RULES), st.lists(AMOUNTS, max_size=30), fractions_of_one(12))
def test_totals_are_the_sums_of_the_parts_of_each_amount(
    rule: str, amounts_wei: list[int], shares: list[Fraction]
) -> None:
    assert_totals(rule, amounts_wei, shares)


@given(st.sampled_from(RULES), st.lists(AMOUNTS, max_size=5))
def test_totals_are_those_sums_for_a_whole_beyond_a_word(rule: str, amounts_wei: list[int]) -> None:
    whole = 2**40 + 15
    assert_totals(rule, amounts_wei, [Fraction(7, whole), Fraction(2**39, whole), Fraction(2**39 + 8, whole)])


def assert_totals(rule: str, amounts_wei: list[int], shares: list[Fraction]) -> None:
    divided = division(rule, shares)
    quotients = sum(amount // divided.whole for amount in amounts_wei)
    residues = Counter(amount % divided.whole for amount in amounts_wei)
    one_by_one = [divided.parts(amount) for amount in amounts_wei]
    assert divided.totals(quotients, residues) == tuple(
        sum(parts[place] for parts in one_by_one) for place in range(len(shares))
    )


@pytest.mark.parametrize("shares", [[], ["1/2"], ["1/2", "1/2", "1/2"], ["1", "0"], ["3/2", "-1/2"]])
def test_shares_that_make_no_whole_are_refused(shares: list[str]) -> None:
    with pytest.raises(InvalidShares):
        division(LARGEST_REMAINDER, [Fraction(share) for share in shares])


@pytest.mark.parametrize("weights", [[], [1], [3, -1], [0, 0]])
def test_weights_that_make_no_whole_are_refused(weights: list[int]) -> None:
    with pytest.raises(InvalidShares):
        divide(LARGEST_REMAINDER, 1, weights, 2)


@pytest.mark.parametrize("rule", ["lr/2", "lr", "", "LR/1"])
def test_another_version_of_a_rule_is_unknown(rule: str) -> None:
    with pytest.raises(UnknownRule, match=r"rounding rule"):
        divide(rule, 1, [1], 1)


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        divide(LARGEST_REMAINDER, -1, [1], 1)
