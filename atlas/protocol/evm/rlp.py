"""RLP (Yellow Paper, appendix B): one value, one sequence of bytes; decoding takes nothing else.

    value                            encoding
    one byte below 0x80              itself
    up to 55 bytes                   0x80 + length, the bytes
    more                             0xb7 + length of the length, the length, the bytes
    list of up to 55 encoded bytes   0xc0 + length, the encoded items
    longer list                      0xf7 + length of the length, the length, the encoded items

Own code because roots are recomputed for every block: several times as fast as the ``rlp`` library, which the
tests hold it against. An integer is its big-endian bytes without leading zeros, zero none at all.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from atlas.protocol.evm.errors import MalformedRlp

Item: TypeAlias = "bytes | list[Item]"
Encodable: TypeAlias = "bytes | Sequence[Encodable]"

# Headers, receipts and trie nodes nest four levels deep; the limit keeps hostile bytes from exhausting the stack.
MAX_DEPTH = 64

_SHORT = 55
_BYTES, _LIST = 0x80, 0xC0
_SINGLE = tuple(bytes((value,)) for value in range(256))


def encode_bytes(value: bytes) -> bytes:
    """The encoding of a byte string."""
    if len(value) == 1 and value[0] < _BYTES:
        return value
    length = len(value)
    return (_SINGLE[_BYTES + length] if length <= _SHORT else _long_prefix(_BYTES, length)) + value


def encode_integer(value: int) -> bytes:
    """The encoding of a non-negative integer."""
    return encode_bytes(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def encode_list(encoded_items: Iterable[bytes]) -> bytes:
    """The encoding of a list whose items are encoded already."""
    payload = b"".join(encoded_items)
    length = len(payload)
    return (_SINGLE[_LIST + length] if length <= _SHORT else _long_prefix(_LIST, length)) + payload


def encode(item: Encodable) -> bytes:
    """The encoding of a byte string or a nested list of such."""
    if isinstance(item, bytes):
        return encode_bytes(item)
    return encode_list(map(encode, item))


def decode(data: bytes) -> Item:
    """The value in ``data``, all of it. Raises MalformedRlp."""
    item, end = _item(data, 0, len(data), 0)
    if end != len(data):
        raise MalformedRlp(f"{len(data) - end} bytes follow the RLP item")
    return item


def decode_list(data: bytes) -> list[Item]:
    """The list in ``data``, all of it. Raises MalformedRlp."""
    item = decode(data)
    if isinstance(item, bytes):
        raise MalformedRlp(f"an RLP list is expected, not a string of {len(item)} bytes")
    return item


def to_integer(item: Item, name: str, *, max_bytes: int = 32) -> int:
    """The integer that ``item`` is. Raises MalformedRlp naming it, for more than ``max_bytes`` too."""
    if not isinstance(item, bytes) or len(item) > max_bytes or item[:1] == b"\x00":
        raise MalformedRlp(f"{name} is not an integer of at most {max_bytes} bytes without leading zeros")
    return int.from_bytes(item, "big")


def to_bytes(item: Item, name: str, *, length: int | None = None) -> bytes:
    """The byte string that ``item`` is, of ``length`` when given. Raises MalformedRlp naming it."""
    if not isinstance(item, bytes) or (length is not None and len(item) != length):
        expected = "a byte string" if length is None else f"a string of {length} bytes"
        raise MalformedRlp(f"{name} is not {expected}")
    return item


def _long_prefix(kind: int, length: int) -> bytes:
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((kind + _SHORT + len(size),)) + size


def _item(data: bytes, start: int, end: int, depth: int) -> tuple[Item, int]:
    """The item at ``start`` and where it ends, which is not behind ``end``."""
    if start >= end:
        raise MalformedRlp("an RLP item is expected where the bytes end")
    first = data[start]
    if first < _BYTES:
        return data[start : start + 1], start + 1
    begin, stop = _extent(data, start, end)
    if first >= _LIST:
        return _items(data, begin, stop, depth + 1), stop
    if stop - begin == 1 and data[begin] < _BYTES:
        raise MalformedRlp(f"the byte 0x{data[begin]:02x} is encoded with a length, which it needs not")
    return data[begin:stop], stop


def _items(data: bytes, begin: int, stop: int, depth: int) -> list[Item]:
    if depth > MAX_DEPTH:
        raise MalformedRlp(f"nested deeper than {MAX_DEPTH} levels")
    items: list[Item] = []
    while begin < stop:
        item, begin = _item(data, begin, stop, depth)
        items.append(item)
    return items


def _extent(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of the string or list at ``start`` begins and ends."""
    length = data[start] - (_BYTES if data[start] < _LIST else _LIST)
    begin = start + 1
    if length > _SHORT:
        size = length - _SHORT
        digits = data[begin : min(begin + size, end)]
        length = int.from_bytes(digits, "big")
        if len(digits) != size or digits[0] == 0 or length <= _SHORT:
            raise MalformedRlp("the length of an RLP item is not in its shortest form")
        begin += size
    if begin + length > end:
        raise MalformedRlp(f"an RLP item of {length} bytes does not fit into the {end - begin} that are left")
    return begin, begin + length
