"""The logs bloom of a header: 2048 bits that say which addresses and topics a block can have logged.

Each address and each topic of each log sets three bits (Yellow Paper, section 4.3.1, function M). A
clear bit proves that a value was not logged; three set bits prove nothing.
"""

from collections.abc import Iterable
from functools import lru_cache

from atlas.protocol.keccak import keccak256

BLOOM_BYTES = 256


@lru_cache(maxsize=65_536)
def bits(value: bytes) -> int:
    """The three bits of ``value``, as an integer mask over the bloom read big-endian."""
    first, second, third = places(value)
    return 1 << first | 1 << second | 1 << third


@lru_cache(maxsize=65_536)
def places(value: bytes) -> tuple[int, int, int]:
    """Which bits ``value`` sets, counted from the lowest of the bloom read big-endian."""
    pairs = int.from_bytes(keccak256(value)[:6], "big")
    return pairs >> 32 & 0x7FF, pairs >> 16 & 0x7FF, pairs & 0x7FF


def may_contain(bloom: int, value: bytes) -> bool:
    """Whether the block can have logged ``value``: False is certain, True is not."""
    mask = bits(value)
    return bloom & mask == mask


def bloom_of(values: Iterable[bytes]) -> int:
    """The bloom of logs with these addresses and topics, read big-endian."""
    bloom = 0
    for value in values:
        bloom |= bits(value)
    return bloom
