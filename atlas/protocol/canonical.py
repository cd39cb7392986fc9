"""Canonical msgpack: one value, one sequence of bytes.

Values are null, booleans, integers of 64 bits, text, bytes, arrays and maps with text keys. A map's
keys stand in the order of their UTF-8 bytes and none twice; integers and lengths take the shortest
form; floats and extension types (timestamps among them) do not exist. Bytes are canonical when
decoding and encoding them gives the same bytes again.

Depth is bounded while the tree is walked, so that no input is deep enough to exhaust the stack.
"""

from typing import NoReturn

import msgpack

from atlas.protocol.errors import MalformedFact

MAX_DEPTH = 16


def encode(value: object) -> bytes:
    """The canonical bytes of ``value``. Raises MalformedFact for what the module docstring does not list."""
    try:
        packed = msgpack.packb(_ordered(value, 0), use_bin_type=True)
    except (OverflowError, UnicodeEncodeError) as error:
        raise MalformedFact(f"not a canonical msgpack value: {error}", hint="Integers have 64 bits.") from error
    if packed is None:  # pragma: no cover - only with autoreset=False
        raise MalformedFact("msgpack packed nothing")
    return packed


def decode(data: bytes) -> object:
    """The value in ``data``, canonical or not. Raises MalformedFact for bytes that are not msgpack of such values."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_refuse_extension)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedFact(f"not msgpack: {error}") from error
    return _ordered(value, 0)


def _refuse_extension(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} of {len(data)} bytes")


def _ordered(value: object, depth: int) -> object:
    """``value`` with the keys of every map in canonical order; refuses what is not in the format."""
    if depth > MAX_DEPTH:
        raise MalformedFact(f"nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    if isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        return [_ordered(element, depth + 1) for element in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key], depth + 1) for key in sorted(value, key=_key_bytes)}
    raise MalformedFact(f"{type(value).__name__} is not a canonical msgpack value")


def _key_bytes(key: object) -> bytes:
    if not isinstance(key, str):
        raise MalformedFact(f"the keys of a map are text, not {type(key).__name__}")
    return key.encode()
