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
    digest = keccak256(value)
    mask = 0
    for start in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[start : start + 2], "big") & 0x7FF)
    return mask


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
