"""eth-abi as the judge of how values lie in bytes."""

from collections.abc import Sequence
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, ByteStringDecoder, StringDecoder, decode_uint_256
from eth_abi.exceptions import DecodingError, InsufficientDataBytes
from eth_abi.registry import BaseEquals
from eth_abi.registry import registry as eth_abi_registry

Values = tuple[Any, ...]


class _RawAddressDecoder(AddressDecoder):
    """An address as its 20 bytes, where eth-abi gives text."""

    decoder_fn = staticmethod(bytes)


class _LenientBytesDecoder(ByteStringDecoder):
    """Bytes with any padding or none: eth-abi's own switch does not reach into lists, and takes bytes that are cut."""

    def read_data_from_stream(self, stream: Any) -> bytes:
        size = decode_uint_256(stream)
        content: bytes = stream.read(size + -size % 32)[:size]
        if len(content) < size:
            raise InsufficientDataBytes(f"{len(content)} bytes of {size}")
        return content


class _LenientTextDecoder(_LenientBytesDecoder, StringDecoder):
    """Text, in the same way."""


def _codec(*, strict: bool) -> ABICodec:
    registry = eth_abi_registry.copy()
    if not strict:
        registry.unregister_decoder("bytes")
        registry.unregister_decoder("string")
        registry.register_decoder(BaseEquals("bytes", with_sub=False), _LenientBytesDecoder, label="bytes")
        registry.register_decoder(BaseEquals("string", with_sub=False), _LenientTextDecoder, label="string")
    registry.unregister_decoder("address")
    registry.register_decoder(BaseEquals("address"), _RawAddressDecoder, label="address")
    return ABICodec(registry)


CODEC, LENIENT = _codec(strict=True), _codec(strict=False)


def read(types: Sequence[str], data: bytes, *, strict: bool = True) -> Values | None:
    """The values as eth-abi reads them, None when it refuses."""
    try:
        return (CODEC if strict else LENIENT).decode(types, data)
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
