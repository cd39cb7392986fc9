from collections.abc import Mapping
from enum import StrEnum

import pytest

from atlas.protocol import parameters
from atlas.protocol.parameters import PARAMETERS, WHOLE_BPS, Unit
from atlas.protocol.vocabulary import Allocation, BurnScenario, FeeStream, PremiumService


def test_w14_the_supply_is_a_billion() -> None:
    assert parameters.MAX_SUPPLY_WEI == 10**9 * 10**18


def test_w14_the_allocation_is_the_whole_supply() -> None:
    assert sum(parameters.ALLOCATION_BPS.values()) == WHOLE_BPS
    assert [parameters.ALLOCATION_BPS[party] // 100 for party in Allocation] == [32, 20, 15, 15, 8, 7, 3]


def test_w15_the_streams_are_the_whole_revenue() -> None:
    assert sum(parameters.REVENUE_SHARE_BPS.values()) == WHOLE_BPS
    assert [parameters.REVENUE_SHARE_BPS[stream] // 100 for stream in FeeStream] == [
        20,
        15,
        12,
        8,
        12,
        10,
        8,
        5,
        4,
        3,
        2,
        1,
    ]


def test_w16_fees_are_those_of_the_four_worked_scenarios() -> None:
    assert dict(parameters.FEE_BPS) == {
        BurnScenario.AI_GENERATION: 2000,
        BurnScenario.ASSET_REGISTRATION: 10_000,
        BurnScenario.IP_LICENSING: 1000,
        BurnScenario.ASSET_TRADING: 300,
    }
    assert parameters.BURN_BPS == 9000


def test_w17_a_slashed_stake_is_shared_out_whole() -> None:
    shares = parameters.SLASH_BURN_BPS, parameters.SLASH_TREASURY_BPS, parameters.SLASH_REPORTER_BPS
    assert shares == (7000, 2000, 1000)
    assert sum(shares) == WHOLE_BPS


def test_w20_premium_services_burn_70_to_80_percent() -> None:
    assert [parameters.PREMIUM_BURN_BPS[service] // 100 for service in PremiumService] == [70, 80, 80, 70, 75, 80, 70]


def test_parameters_are_named_once() -> None:
    names = [parameter.name for parameter in PARAMETERS]
    assert len(names) == len(set(names))


def test_every_parameter_cites_its_rule() -> None:
    assert {parameter.rule for parameter in PARAMETERS} == {"W14", "W15", "W16", "W17", "W18", "W19", "W20"}


def test_every_rate_is_part_of_a_whole() -> None:
    assert all(0 < parameter.value <= WHOLE_BPS for parameter in PARAMETERS if parameter.unit is Unit.BPS)


@pytest.mark.parametrize(
    "table",
    [parameters.ALLOCATION_BPS, parameters.REVENUE_SHARE_BPS, parameters.FEE_BPS, parameters.PREMIUM_BURN_BPS],
)
def test_a_table_cannot_be_changed(table: Mapping[StrEnum, int]) -> None:
    with pytest.raises(TypeError):
        table[Allocation.TEAM_AND_ADVISORS] = 1  # pyright: ignore[reportIndexIssue]
