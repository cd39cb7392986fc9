"""Where a msgpack value ends, without decoding it: only the types that frames are made of, in any depth that fits.

fixarray 9x   bin c4 c5 c6   array dc dd   positive fixint 00..7f   uint cc cd ce cf
"""

from atlas.protocol.errors import MalformedFact


class MalformedFrame(MalformedFact):
    """These bytes are not such a value; the message says where that showed."""


class IncompleteFrame(MalformedFrame):
    """The value goes on beyond the end."""


_BIN_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_ARRAY_LENGTH_BYTES = {0xDC: 2, 0xDD: 4}


def value_end(data: bytearray, begin: int, end: int) -> int:
    """The place after the value at ``begin``. Raises MalformedFrame, or IncompleteFrame when ``end`` comes first."""
    left, place = 1, begin
    while left:
        if place >= end:
            raise IncompleteFrame("the value is cut off")
        left -= 1
        mark = data[place]
        place += 1
        if mark <= 0x7F:
            continue
        if 0x90 <= mark <= 0x9F:
            left += mark & 0x0F
        elif mark in _BIN_LENGTH_BYTES:
            size = _BIN_LENGTH_BYTES[mark]
            place += size + int.from_bytes(data[place : place + size], "big")
        elif mark in _UINT_BYTES:
            place += _UINT_BYTES[mark]
        elif mark in _ARRAY_LENGTH_BYTES:
            size = _ARRAY_LENGTH_BYTES[mark]
            left += int.from_bytes(data[place : place + size], "big")
            place += size
        else:
            raise MalformedFrame(f"0x{mark:02x} begins nothing that a frame holds")
        if left > end - begin:
            raise IncompleteFrame("the value is cut off")
    if place > end:
        raise IncompleteFrame("the value is cut off")
    return place
