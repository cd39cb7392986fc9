"""eth-abi as the judge of how values lie in bytes."""

from collections.abc import Sequence
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals
from eth_abi.registry import registry as eth_abi_registry

Values = tuple[Any, ...]


class _RawAddressDecoder(AddressDecoder):
    """An address as its 20 bytes, where eth-abi gives text."""

    decoder_fn = staticmethod(bytes)


def _codec() -> ABICodec:
    registry = eth_abi_registry.copy()
    registry.unregister_decoder("address")
    registry.register_decoder(BaseEquals("address"), _RawAddressDecoder, label="address")
    return ABICodec(registry)


CODEC = _codec()


def read(types: Sequence[str], data: bytes, *, strict: bool = True) -> Values | None:
    """The values as eth-abi reads them, None when it refuses."""
    try:
        return CODEC.decode(types, data, strict=strict)
    except (DecodingError, ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None


def read_canonical(types: Sequence[str], data: bytes) -> Values | None:
    """The values whose encoding by eth-abi is ``data``; None when there are none.

    eth-abi's own decoder also takes offsets that point anywhere, and data after the last parameter.
    """
    values = read(types, data)
    return values if values is not None and CODEC.encode(types, values) == data else None


def has_zero_character(value: object) -> bool:
    """Whether there is text with U+0000 in it, which we refuse and eth-abi reads."""
    if isinstance(value, tuple):
        return any(has_zero_character(item) for item in value)
    return isinstance(value, str) and "\x00" in value
