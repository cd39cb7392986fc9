"""What the protocol takes, and how much of it is burned (W16, W17).

    burn-floor/1             fee = floor(amount * fee_bps), burned = floor(fee * burn_bps), treasury = fee - burned
    slash-burn-remainder/1   treasury = floor(20%), reporter = floor(10%), burned = the rest

Each rule rounds in one named way, so that a past decision can be recomputed to the wei.
"""

from typing import Final

import msgspec

from atlas.protocol.parameters import BURN_BPS, SLASH_REPORTER_BPS, SLASH_TREASURY_BPS, WHOLE_BPS
from atlas.rights.errors import InvalidAmount

BURN_RULE: Final = "burn-floor/1"
SLASH_RULE: Final = "slash-burn-remainder/1"


class FeeSplit(msgspec.Struct, frozen=True):
    """A protocol fee: ``fee_wei`` = ``burned_wei`` + ``treasury_wei``; the payment's rest goes to its legs."""

    fee_wei: int
    burned_wei: int
    treasury_wei: int


class SlashSplit(msgspec.Struct, frozen=True):
    """A slashed stake, in three parts that sum to it."""

    burned_wei: int
    treasury_wei: int
    reporter_wei: int


def settle(amount_wei: int, fee_bps: int, burn_bps: int = BURN_BPS) -> FeeSplit:
    """The fee in a payment of ``amount_wei`` gross, by rule ``burn-floor/1``. Raises InvalidAmount."""
    fee_wei = _floor_share(amount_wei, fee_bps)
    burned_wei = _floor_share(fee_wei, burn_bps)
    return FeeSplit(fee_wei, burned_wei, fee_wei - burned_wei)


def slash(amount_wei: int) -> SlashSplit:
    """Where a slashed stake goes, by rule ``slash-burn-remainder/1``. Raises InvalidAmount."""
    treasury_wei = _floor_share(amount_wei, SLASH_TREASURY_BPS)
    reporter_wei = _floor_share(amount_wei, SLASH_REPORTER_BPS)
    return SlashSplit(amount_wei - treasury_wei - reporter_wei, treasury_wei, reporter_wei)


def _floor_share(amount_wei: int, share_bps: int) -> int:
    if amount_wei < 0:
        raise InvalidAmount(f"an amount is not negative, got {amount_wei} wei")
    if not 0 <= share_bps <= WHOLE_BPS:
        raise InvalidAmount(f"a rate lies between 0 and {WHOLE_BPS} basis points, got {share_bps}")
    return amount_wei * share_bps // WHOLE_BPS
