"""The protocol's opening parameters, as the whitepaper gives them.

These are the values at launch and no more: governance changes a parameter by an event, and a past
payment keeps the rate of its day. Rates are in basis points (10,000 = the whole), money in wei.
``PARAMETERS`` lists every value with the rule of the rulebook it comes from.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from atlas.protocol.money import WEI_PER_ATLAS
from atlas.protocol.vocabulary import Allocation, BurnScenario, FeeStream, Member, PremiumService

WHOLE_BPS = 10_000

MAX_SUPPLY_WEI = 1_000_000_000 * WEI_PER_ATLAS
"""W14: all issued once; nothing is minted after."""

ALLOCATION_BPS: Mapping[Allocation, int] = MappingProxyType(
    {
        Allocation.ECOSYSTEM_AND_CREATORS: 3200,
        Allocation.FOUNDATION_AND_RESERVE: 2000,
        Allocation.TEAM_AND_ADVISORS: 1500,
        Allocation.INVESTORS_AND_PARTNERS: 1500,
        Allocation.COMPUTE_AND_MODEL_NODES: 800,
        Allocation.LIQUIDITY_AND_EXCHANGES: 700,
        Allocation.COMMUNITY_AND_AIRDROP: 300,
    }
)
"""W14: each party's share of the supply."""

REVENUE_SHARE_BPS: Mapping[FeeStream, int] = MappingProxyType(
    {
        FeeStream.AI_GENERATION: 2000,
        FeeStream.MODEL_CALL: 1500,
        FeeStream.COMPUTE_MATCHING: 1200,
        FeeStream.ASSET_MINTING: 800,
        FeeStream.ASSET_TRADING: 1200,
        FeeStream.IP_LICENSING: 1000,
        FeeStream.CONTENT_DISTRIBUTION: 800,
        FeeStream.AD_INSERTION: 500,
        FeeStream.SUBSCRIPTION: 400,
        FeeStream.ENTERPRISE_API: 300,
        FeeStream.STUDIO_SAAS: 200,
        FeeStream.PREMIUM_SERVICE: 100,
    }
)
"""W15: each stream's estimated share of the protocol's revenue; an estimate to compare with, not a rate."""

FEE_BPS: Mapping[BurnScenario, int] = MappingProxyType(
    {
        BurnScenario.AI_GENERATION: 2000,
        BurnScenario.ASSET_REGISTRATION: 10_000,
        BurnScenario.IP_LICENSING: 1000,
        BurnScenario.ASSET_TRADING: 300,
    }
)
"""W16, table 5-9: the protocol fee in a payment, for the four scenarios of which the whitepaper gives one."""

BURN_BPS = 9000
"""W16: what is burned of a protocol fee, in all ten scenarios; the treasury takes the rest."""

SLASH_BURN_BPS = 7000
SLASH_TREASURY_BPS = 2000
SLASH_REPORTER_BPS = 1000
"""W17, table 5-10: where a slashed stake goes."""

UNCLAIMED_RETURN_DAYS = 180
UNCLAIMED_BURN_DAYS = 365
UNCLAIMED_BURN_BPS = 5000
"""W18: an unclaimed reward goes back to the pool, and later is burned by half, the rest to the treasury."""

BUYBACK_MIN_BPS = 1000
BUYBACK_MAX_BPS = 3000
"""W19: of the protocol's net income in a quarter; a vote sets the share in between."""

PREMIUM_BURN_BPS: Mapping[PremiumService, int] = MappingProxyType(
    {
        PremiumService.STUDIO_CERTIFICATION: 7000,
        PremiumService.FEATURED_PLACEMENT: 8000,
        PremiumService.PREMIUM_IP_REGISTRATION: 8000,
        PremiumService.CHARACTER_PROTECTION: 7000,
        PremiumService.BRAND_PROJECT: 7500,
        PremiumService.PRIORITY_DISTRIBUTION: 8000,
        PremiumService.PREMIUM_API: 7000,
    }
)
"""W20: what is burned of a premium service's price; the treasury takes the rest."""


class Unit(StrEnum):
    """What a parameter's value counts."""

    WEI = "wei"
    BPS = "bps"
    DAYS = "days"


class Parameter(msgspec.Struct, frozen=True):
    """One opening value; ``rule`` is its id in the rulebook, ``name`` is unique."""

    rule: str
    name: str
    value: int
    unit: Unit


def _rates(rule: str, table: str, rates: Mapping[Member, int]) -> Iterator[Parameter]:
    return (Parameter(rule, f"{table}.{member.value}", value, Unit.BPS) for member, value in rates.items())


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("W14", "max_supply", MAX_SUPPLY_WEI, Unit.WEI),
    *_rates("W14", "allocation", ALLOCATION_BPS),
    *_rates("W15", "revenue_share", REVENUE_SHARE_BPS),
    *_rates("W16", "fee", FEE_BPS),
    Parameter("W16", "burn", BURN_BPS, Unit.BPS),
    Parameter("W17", "slash_burn", SLASH_BURN_BPS, Unit.BPS),
    Parameter("W17", "slash_treasury", SLASH_TREASURY_BPS, Unit.BPS),
    Parameter("W17", "slash_reporter", SLASH_REPORTER_BPS, Unit.BPS),
    Parameter("W18", "unclaimed_return", UNCLAIMED_RETURN_DAYS, Unit.DAYS),
    Parameter("W18", "unclaimed_burn_after", UNCLAIMED_BURN_DAYS, Unit.DAYS),
    Parameter("W18", "unclaimed_burn", UNCLAIMED_BURN_BPS, Unit.BPS),
    Parameter("W19", "buyback_min", BUYBACK_MIN_BPS, Unit.BPS),
    Parameter("W19", "buyback_max", BUYBACK_MAX_BPS, Unit.BPS),
    *_rates("W20", "premium_burn", PREMIUM_BURN_BPS),
)
