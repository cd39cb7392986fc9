"""What to ask for next: ranges of blocks in which the watched contracts stay the same. Pure."""

from collections.abc import Iterable

import msgspec

from atlas.indexer.chain.config import Contract


class Span(msgspec.Struct, frozen=True):
    """Blocks ``first`` to ``last``, both included, and the addresses to watch in all of them (perhaps none)."""

    first: int
    last: int
    addresses: tuple[bytes, ...]


def next_span(contracts: Iterable[Contract], *, first: int, limit: int, max_blocks: int) -> Span:
    """The longest span from ``first`` that ends at or before ``limit`` and at no block where a contract starts.

    ``first`` is at most ``limit``. A span without a contract to watch may be longer than ``max_blocks``.
    """
    known = tuple(contracts)
    addresses = watched_at(known, first)
    later_starts = [contract.start_block for contract in known if contract.start_block > first]
    last = min([limit, *(start - 1 for start in later_starts)])
    if addresses:
        last = min(last, first + max_blocks - 1)
    return Span(first, last, addresses)


def watched_at(contracts: Iterable[Contract], number: int) -> tuple[bytes, ...]:
    """The addresses of the contracts that are watched in block ``number``."""
    return tuple(contract.address for contract in contracts if contract.start_block <= number)


def first_anchor(contracts: Iterable[Contract], *, head: int, window_blocks: int) -> int:
    """The block to begin after: right before the first contract, and deep enough to see a reorganisation there."""
    first_start = min(contract.start_block for contract in contracts)
    return max(0, min(first_start - 1, head - window_blocks))
