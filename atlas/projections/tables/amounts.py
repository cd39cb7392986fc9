"""Exact integers of any size by column: what running accounts add up, many at a time.

A number is a row of ``limbs``, its digits in base 10**8 from the lowest on. Sums of limbs stay far below 64 bits, so
that adding is adding columns; carrying puts every limb but the highest between 0 and the base again, and the sign of
a number is that of its highest limb.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Limbs: TypeAlias = npt.NDArray[np.int64]
"""(limbs, numbers), the lowest limb first."""

BASE = 10**8
_BASE_DIGITS = 8
_HALF_BITS = 32
_HALF_BYTES = 4
_INT64 = range(-(2**63) + 1, 2**63)


@dataclass(frozen=True)
class Amounts:
    """A column of integers, carried."""

    limbs: Limbs

    def __len__(self) -> int:
        return self.limbs.shape[1]

    def __neg__(self) -> "Amounts":
        return carried(-self.limbs)

    def take(self, places: Any) -> "Amounts":  # noqa: ANN401 - whatever NumPy takes as an index
        """The numbers at ``places``."""
        return Amounts(self.limbs[:, places])

    def is_negative(self) -> npt.NDArray[np.bool_]:
        """Which are below zero."""
        return np.less(self.limbs[-1], 0)

    def is_zero(self) -> npt.NDArray[np.bool_]:
        """Which are zero."""
        return np.asarray(np.equal(self.limbs, 0).all(axis=0))

    def magnitudes(self) -> Limbs:
        """The limbs of the absolute values, all of them from 0 on."""
        negative = self.is_negative()
        if not negative.any():
            return self.limbs
        return carried(np.where(negative, -self.limbs, self.limbs)).limbs

    def reaches(self, digits: int) -> npt.NDArray[np.bool_]:
        """Which have more than ``digits`` decimal digits."""
        whole, rest = divmod(digits, _BASE_DIGITS)
        limbs = self.magnitudes()
        if len(limbs) <= whole:
            return np.zeros(len(self), np.bool_)
        found: npt.NDArray[np.bool_] = np.logical_or.reduce(limbs[whole + 1 :] > 0, axis=0)
        return np.asarray(np.logical_or(found, limbs[whole] >= 10**rest))

    def to_ints(self) -> list[int]:
        """Them one by one."""
        numbers = [0] * len(self)
        for limb in reversed(self.limbs.tolist()):
            numbers = [number * BASE + each for number, each in zip(numbers, limb, strict=True)]
        return numbers


def carried(limbs: Limbs) -> Amounts:
    """The numbers of ``limbs``, which may be any sums, in as few limbs as the largest needs."""
    rows: list[npt.NDArray[np.int64]] = []
    carry = np.zeros(limbs.shape[1], np.int64)
    for limb in limbs:
        total = limb + carry
        carry = total // BASE
        rows.append(total - carry * BASE)
    while ((carry > 0) | (carry < -1)).any():
        total, carry = carry, carry // BASE
        rows.append(total - carry * BASE)
    if carry.any():
        # What is left is the sign: of the highest limb.
        rows.append(carry)
    return Amounts(_shortened(np.array(rows, np.int64).reshape(len(rows), limbs.shape[1])))


def summed(columns: Sequence[Limbs]) -> Limbs:
    """The sums of columns of numbers, not carried."""
    total = np.zeros((max(map(len, columns)), columns[0].shape[1]), np.int64)
    for limbs in columns:
        total[: len(limbs)] += limbs
    return total


def joined(parts: Sequence[Amounts]) -> Amounts:
    """One column after the other."""
    most = max((len(part.limbs) for part in parts), default=1)
    empty = np.zeros((1, 0), np.int64)
    return carried(np.concatenate([widened(part.limbs, most) for part in parts] or [empty], axis=1))


def widened(limbs: Limbs, count: int) -> Limbs:
    """The same numbers in ``count`` limbs or more; those below zero are then no longer carried."""
    missing = count - len(limbs)
    return limbs if missing <= 0 else np.concatenate([limbs, np.zeros((missing, limbs.shape[1]), np.int64)])


def of_integers(values: Sequence[int] | npt.NDArray[Any]) -> Amounts:
    """A list of ``int``, or a NumPy array of integers."""
    if isinstance(values, np.ndarray) and values.dtype == np.int64:
        return carried(values.reshape(1, -1))
    listed: Sequence[int] = values.tolist() if isinstance(values, np.ndarray) else values
    if not listed or (min(listed) in _INT64 and max(listed) in _INT64):
        return carried(np.array(listed, np.int64).reshape(1, -1))
    size = -(-max(abs(min(listed)), abs(max(listed))).bit_length() // _HALF_BITS) * _HALF_BYTES
    content = b"".join([abs(value).to_bytes(size, "big") for value in listed])
    signs = np.array([-1 if value < 0 else 1 for value in listed])
    return carried(_limbs(np.frombuffer(content, ">u4").reshape(len(listed), -1)) * signs)


def of_words(content: bytes | memoryview, *, signed: bool) -> Amounts:
    """The numbers in ``content``, words of 32 bytes, big-endian; ``signed``: in two's complement."""
    halves = np.frombuffer(content, ">u4").reshape(-1, 8)
    negative = halves[:, 0] >= 2**31 if signed else None
    if negative is None or not negative.any():
        return Amounts(_shortened(_limbs(halves)))
    # Of a negative number, one less than its magnitude.
    limbs = _limbs(np.where(negative[:, None], ~halves.astype(np.uint32), halves))
    limbs = np.where(negative, -limbs, limbs)
    limbs[0] -= negative
    return carried(limbs)


def _limbs(halves: npt.NDArray[Any]) -> Limbs:
    """From base 2**32, (numbers, digits), the highest first."""
    used = np.flatnonzero(halves.any(axis=0))
    limbs = np.zeros((1, len(halves)), np.int64)
    for place in range(int(used[0]) if len(used) else halves.shape[1], halves.shape[1]):
        carry = halves[:, place].astype(np.int64)
        rows: list[npt.NDArray[np.int64]] = []
        for limb in limbs:
            total = (limb << _HALF_BITS) + carry
            carry = total // BASE
            rows.append(total - carry * BASE)
        while carry.any():
            total, carry = carry, carry // BASE
            rows.append(total - carry * BASE)
        limbs = np.array(rows)
    return limbs


def _shortened(limbs: Limbs) -> Limbs:
    """Carried numbers without the highest limbs that say nothing but the sign."""
    count, highest = len(limbs), limbs[-1]
    while count > 1:
        below = limbs[count - 2]
        if not ((highest == 0) | ((highest == -1) & (below == BASE - 1))).all():
            break
        highest = np.where(highest == -1, -1, below)
        count -= 1
    return limbs if count == len(limbs) else np.concatenate([limbs[: count - 1], highest.reshape(1, -1)])
