"""How an amount is divided into whole wei, by rules that have a name and a version.

    floor-first-listed/1   each part is floored; the wei that are left go one each to the first listed
    lr/1                   each part is floored; the wei that are left go one each to the largest remainders,
                           the first listed before the others where remainders are equal (Hare-Niemeyer)

Both give parts that sum to the amount. Weights are exact: integers over one whole, of any size. What a rule named
once it does for ever: another way of rounding takes another name or version.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import numpy as np

from atlas.rights.errors import InvalidAmount, InvalidShares, UnknownRule

FIRST_LISTED: Final = "floor-first-listed/1"
LARGEST_REMAINDER: Final = "lr/1"

# Up to it a residue times a weight fits 64 bits, and so do the sums of four billion such parts.
_NUMPY_WHOLE: Final = 2**31
_ROWS: Final = 4_096


def _first_listed(amount: int, weights: Sequence[int], whole: int) -> tuple[int, ...]:
    floors = [amount * weight // whole for weight in weights]
    left = amount - sum(floors)
    return tuple(floor + (index < left) for index, floor in enumerate(floors))


def _largest_remainder(amount: int, weights: Sequence[int], whole: int) -> tuple[int, ...]:
    divided = [divmod(amount * weight, whole) for weight in weights]
    parts = [floor for floor, _ in divided]
    # sorted() is stable: of equal remainders the first listed comes first.
    largest = sorted(range(len(parts)), key=lambda index: -divided[index][1])
    for index in largest[: amount - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


_RULES: Mapping[str, Callable[[int, Sequence[int], int], tuple[int, ...]]] = MappingProxyType(
    {FIRST_LISTED: _first_listed, LARGEST_REMAINDER: _largest_remainder}
)

RULES: Final = tuple(sorted(_RULES))


class Division:
    """Weights over their whole under one rounding rule, checked once and used for any number of amounts."""

    def __init__(self, rule: str, weights: Sequence[int], whole: int) -> None:
        """Raises UnknownRule; InvalidShares unless the weights are not negative and sum to a positive ``whole``."""
        if rule not in _RULES:
            raise UnknownRule(f"{rule!r} is no rounding rule", hint=f"The rules are {', '.join(RULES)}.")
        if whole <= 0 or sum(weights) != whole or min(weights) < 0:
            raise InvalidShares(
                f"weights are not negative and sum to the whole of {whole}, not to {sum(weights)}",
                hint="State every share, and let them make a whole.",
            )
        self.rule = rule
        self.weights = tuple(weights)
        self.whole = whole
        self._divide = _RULES[rule]

    def parts(self, amount_wei: int) -> tuple[int, ...]:
        """The wei of each weight; they sum to ``amount_wei``. Raises InvalidAmount for a negative amount."""
        if amount_wei < 0:
            raise InvalidAmount(f"an amount is not negative, got {amount_wei} wei")
        return self._divide(amount_wei, self.weights, self.whole)

    def totals(self, quotients: int, residues: Mapping[int, int]) -> tuple[int, ...]:
        """What the weights received together from many amounts, each divided on its own.

        An amount is ``quotient * whole + residue``. Its quotient is divided without rounding, so the parts of many
        amounts are those of the sum of their ``quotients``, and those of each residue as often as it occurred.
        """
        totals = [quotients * weight for weight in self.weights]
        if self.whole <= _NUMPY_WHOLE:
            small = self._residue_totals(residues)
            return tuple(total + int(part) for total, part in zip(totals, small, strict=True))
        for residue, count in residues.items():
            parts = self._divide(residue, self.weights, self.whole)
            totals = [total + count * part for total, part in zip(totals, parts, strict=True)]
        return tuple(totals)

    def _residue_totals(self, residues: Mapping[int, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The same for residues that fit a machine's word, many at a time."""
        weights = np.array(self.weights, np.int64)
        totals = np.zeros(len(weights), np.int64)
        values = np.fromiter(residues.keys(), np.int64, len(residues))
        counts = np.fromiter(residues.values(), np.int64, len(residues))
        for start in range(0, len(values), _ROWS):
            amounts, times = values[start : start + _ROWS], counts[start : start + _ROWS]
            floors, remainders = np.divmod(amounts[:, None] * weights, self.whole)
            left = amounts - floors.sum(axis=1)
            ranked = np.arange(len(weights)) < left[:, None]
            totals += times @ floors
            if self.rule == FIRST_LISTED:
                totals += times @ ranked
            else:
                order = np.argsort(-remainders, axis=1, kind="stable")
                np.add.at(totals, order[ranked], np.broadcast_to(times[:, None], ranked.shape)[ranked])
        return totals


def divide(rule: str, amount_wei: int, weights: Sequence[int], whole: int) -> tuple[int, ...]:
    """One amount divided by ``rule``. Raises UnknownRule, InvalidShares, InvalidAmount."""
    return Division(rule, weights, whole).parts(amount_wei)


def division(rule: str, shares: Sequence[Fraction]) -> Division:
    """Exact shares, in their listed order, as a division. Raises UnknownRule, InvalidShares."""
    if not shares or min(shares) <= 0:
        raise InvalidShares("a share is more than nothing", hint="Leave out payees who get nothing.")
    if sum(shares) != 1:
        raise InvalidShares(f"shares sum to 1, not to {sum(shares)}", hint="State each as a fraction of the receipt.")
    whole = math.lcm(*(share.denominator for share in shares))
    return Division(rule, [share.numerator * (whole // share.denominator) for share in shares], whole)
