"""How a receipt is divided among the shares of a work (W4).

Rule ``floor-first-listed/1``, the one the RevenuePool contract applies: each payee gets the floor of
amount * share / 10,000; the wei that the floors leave, fewer than there are payees, go one each to
the payees in their listed order. Nothing is lost and nothing made.
"""

from collections.abc import Sequence
from typing import Final

from atlas.protocol.parameters import WHOLE_BPS
from atlas.rights.errors import InvalidAmount, InvalidShares
from atlas.rights.royalties.rounding import FIRST_LISTED, divide

RULE: Final = FIRST_LISTED


def split(amount_wei: int, shares_bps: Sequence[int]) -> tuple[int, ...]:
    """The wei of each payee, in the order of ``shares_bps``; they sum to ``amount_wei``.

    Raises InvalidShares unless every share is positive and they sum to 10,000, and InvalidAmount for a
    negative amount.
    """
    if amount_wei < 0:
        raise InvalidAmount(f"an amount is not negative, got {amount_wei} wei")
    if any(share <= 0 for share in shares_bps):
        raise InvalidShares("a share is at least 1 basis point", hint="Leave out payees who get nothing.")
    if sum(shares_bps) != WHOLE_BPS:
        raise InvalidShares(
            f"shares sum to {WHOLE_BPS} basis points, not {sum(shares_bps)}",
            hint="State shares as hundredths of a percent of the receipt.",
        )
    return divide(RULE, amount_wei, shares_bps, WHOLE_BPS)
