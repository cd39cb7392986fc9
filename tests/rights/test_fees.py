import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.money import to_wei
from atlas.protocol.parameters import BURN_BPS, FEE_BPS, MAX_SUPPLY_WEI
from atlas.protocol.vocabulary import BurnScenario
from atlas.rights.errors import InvalidAmount
from atlas.rights.royalties import fees
from atlas.rights.royalties.fees import FeeSplit, SlashSplit, settle, slash

AMOUNTS = st.integers(0, MAX_SUPPLY_WEI)
RATES = st.integers(0, 10_000)


def test_the_rules_are_named() -> None:
    assert (fees.BURN_RULE, fees.SLASH_RULE) == ("burn-floor/1", "slash-burn-remainder/1")


@pytest.mark.parametrize(
    ("scenario", "amount", "fee", "burned", "treasury"),
    [
        (BurnScenario.AI_GENERATION, "100", "20", "18", "2"),
        (BurnScenario.ASSET_REGISTRATION, "50", "50", "45", "5"),
        (BurnScenario.IP_LICENSING, "10000", "1000", "900", "100"),
        (BurnScenario.ASSET_TRADING, "20000", "600", "540", "60"),
    ],
)
def test_w16_the_worked_examples_of_table_5_9(
    scenario: BurnScenario, amount: str, fee: str, burned: str, treasury: str
) -> None:
    expected = FeeSplit(to_wei(fee), to_wei(burned), to_wei(treasury))
    assert settle(to_wei(amount), FEE_BPS[scenario], BURN_BPS) == expected


def test_w17_the_parts_of_table_5_10() -> None:
    assert slash(to_wei("1000")) == SlashSplit(to_wei("700"), to_wei("200"), to_wei("100"))


@pytest.mark.parametrize(
    ("amount_wei", "expected"),
    [(0, SlashSplit(0, 0, 0)), (1, SlashSplit(1, 0, 0)), (9, SlashSplit(8, 1, 0)), (19, SlashSplit(15, 3, 1))],
)
def test_w17_what_rounding_leaves_of_a_slash_is_burned(amount_wei: int, expected: SlashSplit) -> None:
    assert slash(amount_wei) == expected


@pytest.mark.parametrize(("fee_wei", "burned_wei"), [(0, 0), (1, 0), (9, 8), (11, 9), (19, 17)])
def test_w16_a_burn_is_rounded_down_and_the_treasury_takes_the_rest(fee_wei: int, burned_wei: int) -> None:
    assert settle(fee_wei, 10_000) == FeeSplit(fee_wei, burned_wei, fee_wei - burned_wei)


@given(AMOUNTS, RATES, RATES)
def test_a_fee_is_conserved_and_no_part_is_negative(amount_wei: int, fee_bps: int, burn_bps: int) -> None:
    parts = settle(amount_wei, fee_bps, burn_bps)
    assert 0 <= parts.fee_wei <= amount_wei
    assert parts.burned_wei + parts.treasury_wei == parts.fee_wei
    assert min(parts.burned_wei, parts.treasury_wei) >= 0


@given(AMOUNTS)
def test_a_slash_is_conserved_and_no_part_is_negative(amount_wei: int) -> None:
    parts = slash(amount_wei)
    assert parts.burned_wei + parts.treasury_wei + parts.reporter_wei == amount_wei
    assert min(parts.burned_wei, parts.treasury_wei, parts.reporter_wei) >= 0


@given(AMOUNTS)
def test_a_slash_burns_at_least_seventy_percent(amount_wei: int) -> None:
    assert slash(amount_wei).burned_wei * 10 >= amount_wei * 7


@given(st.lists(st.tuples(AMOUNTS, RATES, st.booleans())))
def test_the_supply_only_falls(events: list[tuple[int, int, bool]]) -> None:
    supply_wei = MAX_SUPPLY_WEI
    for amount_wei, fee_bps, is_slash in events:
        spent_wei = min(amount_wei, supply_wei)
        burned_wei = slash(spent_wei).burned_wei if is_slash else settle(spent_wei, fee_bps).burned_wei
        assert 0 <= supply_wei - burned_wei <= supply_wei
        supply_wei -= burned_wei


@given(AMOUNTS, AMOUNTS, RATES)
def test_a_larger_payment_never_burns_less(one_wei: int, other_wei: int, fee_bps: int) -> None:
    smaller, larger = sorted((one_wei, other_wei))
    assert settle(smaller, fee_bps).burned_wei <= settle(larger, fee_bps).burned_wei


@pytest.mark.parametrize(
    ("amount_wei", "fee_bps", "burn_bps"), [(-1, 1, 1), (1, -1, 1), (1, 10_001, 1), (1, 1, 10_001)]
)
def test_a_negative_amount_or_a_rate_over_the_whole_is_refused(amount_wei: int, fee_bps: int, burn_bps: int) -> None:
    with pytest.raises(InvalidAmount):
        settle(amount_wei, fee_bps, burn_bps)


def test_a_negative_slash_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        slash(-1)
