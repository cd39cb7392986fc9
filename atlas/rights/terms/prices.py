"""What a licence costs, in integers of wei and basis points; no amount is ever a fraction.

    {"flat_wei":"5000000000000000000","performance_bps":250,"ceiling_wei":"90000000000000000000"}

The parts stand beside each other: a flat fee and a performance share are both owed. A ceiling bounds
what the shares and the single uses may come to over the licence's life; a minimum guarantee is owed even
where the share never reaches it.
"""

import re
from typing import Final

import msgspec

from atlas.protocol.parameters import WHOLE_BPS
from atlas.rights.errors import InvalidTerms


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The parts of a price; None is not part of it."""

    flat_wei: int | None = None
    per_use_wei: int | None = None
    annual_wei: int | None = None
    buyout_wei: int | None = None
    minimum_guarantee_wei: int | None = None
    share_bps: int | None = None
    performance_bps: int | None = None
    ceiling_wei: int | None = None


CURRENCY: Final = re.compile(r"[-a-zA-Z0-9:/.%]{1,200}")
"""The letters of CAIP-19, in which currencies are named."""
AMOUNTS: Final = tuple(name for name in Price.__struct_fields__ if name.endswith("_wei"))
RATES: Final = ("share_bps", "performance_bps")
GROWING: Final = ("share_bps", "performance_bps", "per_use_wei")
"""The parts that come to more with every use or receipt: what a ceiling bounds."""


def parts_of(price: Price) -> frozenset[str]:
    """The names of the parts that a price has, its ceiling aside."""
    return frozenset(name for name in Price.__struct_fields__ if getattr(price, name) is not None) - {"ceiling_wei"}


def check_price(price: Price) -> None:
    """Raise InvalidTerms, naming the part, unless every part is in its range and the parts belong together."""
    for name in AMOUNTS:
        amount_wei: int | None = getattr(price, name)
        if amount_wei is not None and not 0 <= amount_wei < 2**256:
            raise InvalidTerms(f"price.{name} is an unsigned number of 256 bits, got {amount_wei}")
    for name in RATES:
        share_bps: int | None = getattr(price, name)
        if share_bps is not None and not 0 <= share_bps <= WHOLE_BPS:
            raise InvalidTerms(f"price.{name} lies between 0 and {WHOLE_BPS} basis points, got {share_bps}")
    parts = parts_of(price)
    if price.minimum_guarantee_wei is not None and price.share_bps is None:
        raise InvalidTerms("price.minimum_guarantee_wei stands without price.share_bps", hint="State the share too.")
    if price.ceiling_wei is not None and not parts & set(GROWING):
        raise InvalidTerms("price.ceiling_wei bounds a price that does not grow", hint="Leave the ceiling out.")
    if (price.ceiling_wei or 0) < (price.minimum_guarantee_wei or 0) and price.ceiling_wei is not None:
        raise InvalidTerms("price.ceiling_wei is less than price.minimum_guarantee_wei")
