"""Amounts of ATLAS: integers of wei inside, exact decimals outside, a float nowhere.

ATLAS has 18 decimals (W14): 1 ATLAS is 10**18 wei. An amount in a file, a message or a query is
either wei as a decimal integer (``parse_wei``) or ATLAS as a decimal number (``to_wei``).
"""

import re

from atlas.protocol.errors import MalformedAmount

DECIMALS = 18
WEI_PER_ATLAS = 10**DECIMALS
WEI_MAX = 2**256 - 1

_ATLAS = re.compile(r"(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,18}))?")
_WEI = re.compile(r"0|[1-9][0-9]{0,77}")


def to_wei(text: str) -> int:
    """The wei in an amount of ATLAS such as ``12.5``. Raises MalformedAmount.

    Digits, and at most 18 more after a point: no sign, exponent, separator or leading zero, and no rounding.
    """
    match = _ATLAS.fullmatch(text)
    if match is None:
        raise MalformedAmount(
            f"expected an amount of ATLAS, got {text[:100]!r}",
            hint="Write digits with at most 18 decimals after a point, such as 12.5.",
        )
    return _within_uint256(int(match[1]) * WEI_PER_ATLAS + int((match[2] or "").ljust(DECIMALS, "0")))


def format_atlas(wei: int) -> str:
    """An amount of wei as ATLAS, exactly and without trailing zeros; a posting's delta may be negative."""
    whole, fraction = divmod(abs(wei), WEI_PER_ATLAS)
    decimals = f"{fraction:0{DECIMALS}d}".rstrip("0")
    return f"{'-' if wei < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"


def parse_wei(text: str) -> int:
    """The integer in a canonical decimal string of wei, as envelopes and queries carry it. Raises MalformedAmount."""
    if _WEI.fullmatch(text) is None:
        raise MalformedAmount(
            f"expected an amount of wei, got {text[:100]!r}",
            hint="Write a decimal integer without sign, point or leading zeros.",
        )
    return _within_uint256(int(text))


def _within_uint256(wei: int) -> int:
    if wei > WEI_MAX:
        raise MalformedAmount("the amount is larger than a uint256 holds", hint="The largest amount is 2**256 - 1 wei.")
    return wei
