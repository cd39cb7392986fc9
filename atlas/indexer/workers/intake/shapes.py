"""Where a frame ends, without decoding it: an array of numbers, bytes, and arrays of bytes and numbers.

fixarray 9x   bin c4 c5 c6   array dc dd   positive fixint 00..7f   uint cc cd ce cf

No array in a frame holds arrays itself, or more than a batch has records: what says otherwise is given up at once, so
that bytes which only look like frames cost little.
"""

from atlas.protocol.errors import MalformedFact
from atlas.protocol.inclusion import MAX_BATCH_RECORDS


class MalformedFrame(MalformedFact):
    """These bytes are not such a value; the message says where that showed."""


class IncompleteFrame(MalformedFrame):
    """The value goes on beyond the end."""


_BIN_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_ARRAY_LENGTH_BYTES = {0xDC: 2, 0xDD: 4}
_CUT_OFF = "the value is cut off"


def value_end(data: bytearray, begin: int, end: int) -> int:
    """The place after the frame at ``begin``. Raises MalformedFrame, or IncompleteFrame when ``end`` comes first."""
    elements, place = _array(data, begin, end)
    while elements:
        elements -= 1
        if place >= end:
            raise IncompleteFrame(_CUT_OFF)
        mark = data[place]
        if 0x90 <= mark <= 0x9F or mark in _ARRAY_LENGTH_BYTES:
            inner, place = _array(data, place, end)
            for _ in range(inner):
                place = _plain_end(data, place, end)
        else:
            place = _plain_end(data, place, end)
    if place > end:
        raise IncompleteFrame(_CUT_OFF)
    return place


def _array(data: bytearray, place: int, end: int) -> tuple[int, int]:
    """How many elements the array at ``place`` has, and where they begin."""
    if place >= end:
        raise IncompleteFrame(_CUT_OFF)
    mark = data[place]
    if 0x90 <= mark <= 0x9F:
        return mark & 0x0F, place + 1
    size = _ARRAY_LENGTH_BYTES.get(mark)
    if size is None:
        raise MalformedFrame(f"0x{mark:02x} begins no frame")
    elements = int.from_bytes(data[place + 1 : place + 1 + size], "big")
    if elements > MAX_BATCH_RECORDS:
        raise MalformedFrame(f"an array of {elements} elements is longer than any in a frame")
    return elements, place + 1 + size


def _plain_end(data: bytearray, place: int, end: int) -> int:
    """The place after the number or the bytes at ``place``."""
    if place >= end:
        raise IncompleteFrame(_CUT_OFF)
    mark = data[place]
    place += 1
    if mark <= 0x7F:
        return place
    if mark in _BIN_LENGTH_BYTES:
        size = _BIN_LENGTH_BYTES[mark]
        return place + size + int.from_bytes(data[place : place + size], "big")
    if mark in _UINT_BYTES:
        return place + _UINT_BYTES[mark]
    raise MalformedFrame(f"0x{mark:02x} begins nothing that a frame holds")
