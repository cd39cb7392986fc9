"""Running balances by column: postings in the order of accounts, each with the balance after it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas.projections.tables.amounts import Amounts, Limbs, carried, joined, summed
from atlas.projections.tables.storable import NUMERIC_DIGITS, NUMERIC_LIMIT

Integers: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Postings:
    """What is added to which account (its place among all that are known), by which fact of which block."""

    places: Integers
    positions: Integers
    deltas: Amounts
    block_numbers: Integers

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Integers) -> "Postings":
        """Those at ``rows``."""
        return Postings(self.places[rows], self.positions[rows], self.deltas.take(rows), self.block_numbers[rows])


@dataclass(frozen=True)
class Run:
    """Postings by account, those of one account in the order of the log, with what they lead to.

    ``accounts`` are the places of the accounts in their order, ``starts`` where the postings of each begin, and
    ``account`` is each posting's number among them.
    """

    postings: Postings
    accounts: Integers
    starts: Integers
    account: Integers
    ordinals: Integers
    balances: Amounts

    @property
    def ends(self) -> Integers:
        """The last posting of each account."""
        return np.append(self.starts[1:], len(self.postings)) - 1

    def falls(self, openings: Amounts) -> Integers:
        """The postings after which a balance is below zero that was not before; ``openings`` as for ``run``."""
        negative = self.balances.is_negative()
        before = np.append(False, negative[:-1])
        before[self.starts] = openings.is_negative()
        return np.flatnonzero(negative & ~before)

    def overflows(self, openings: Amounts) -> dict[int, int]:
        """The postings that lead to a balance which cannot be stored, and that balance, were none of them posted."""
        reaching = self.account[self.balances.reaches(NUMERIC_DIGITS)]
        found: dict[int, int] = {}
        for number in np.unique(reaching).tolist():
            (balance,) = openings.take([number]).to_ints()
            rows = np.flatnonzero(self.account == number)
            for row, delta in zip(rows.tolist(), self.postings.deltas.take(rows).to_ints(), strict=True):
                if abs(balance + delta) < NUMERIC_LIMIT:
                    balance += delta
                else:
                    found[row] = balance + delta
        return found


def chained(parts: Sequence[Postings]) -> Postings:
    """One after the other."""
    return Postings(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.positions for part in parts]),
        joined([part.deltas for part in parts]),
        np.concatenate([part.block_numbers for part in parts]),
    )


def run(postings: Postings, accounts: Integers, account: Integers, openings: Amounts) -> Run:
    """``postings``, of which each belongs to ``accounts[account]``; those of one position keep their order.

    ``openings`` are the balances of ``accounts`` before them.
    """
    order = np.lexsort((postings.positions, account))
    postings, account = postings.take(order), account[order]
    begins = np.append(True, account[1:] != account[:-1])
    starts = np.flatnonzero(begins)
    return Run(
        postings=postings,
        accounts=accounts,
        starts=starts,
        account=account,
        ordinals=_ordinals(begins | np.append(True, postings.positions[1:] != postings.positions[:-1])),
        balances=carried(_running(postings.deltas.limbs, starts, account, openings.limbs)),
    )


def _running(deltas: Limbs, starts: Integers, account: Integers, openings: Limbs) -> Limbs:
    sums = np.cumsum(deltas, axis=1)
    before = sums[:, starts] - deltas[:, starts]
    return summed([sums, summed([openings, -before])[:, account]])


def _ordinals(begins: npt.NDArray[np.bool_]) -> Integers:
    """How many come before each since the last beginning."""
    places = np.arange(len(begins))
    return places - np.maximum.accumulate(np.where(begins, places, 0))
