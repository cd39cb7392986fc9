"""The bytes of a decision: msgpack, with extension types for what msgpack lacks.

    type 1   UUID       16 bytes
    type 2   Decimal    its exact text, ASCII
    type 3   datetime   ISO 8601 with offset, ASCII
    type 4   tuple      the msgpack array of its items
    type 5   int        beyond 64 bits: two's complement, big-endian, as short as possible

Nothing else is stored: a value of another type, also a subclass (an IntEnum, a namedtuple), is refused rather than
turned into something that reads back as less.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

import msgpack
from eventsourcing.persistence import Transcoder

from atlas.ledger.errors import InvalidFact

_UUID, _DECIMAL, _DATETIME, _TUPLE, _INTEGER = 1, 2, 3, 4, 5


class MsgpackTranscoder(Transcoder):
    """Encodes the state of aggregate events and snapshots."""

    def encode(self, obj: object) -> bytes:
        """The bytes of ``obj``. Raises InvalidFact when it has a value of a type that is not stored."""
        try:
            return cast("bytes", msgpack.packb(obj, default=_extension, strict_types=True))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidFact(
                f"this state can not be stored: {error}",
                hint="Use None, bool, int, float, str, bytes, list, dict, tuple, UUID, Decimal or an aware datetime.",
            ) from error

    def decode(self, data: bytes) -> Any:  # noqa: ANN401 (the port's signature)
        """The value in ``data``. Raises InvalidFact when these bytes are not of this form."""
        try:
            return msgpack.unpackb(data, ext_hook=_value, strict_map_key=False)
        except (TypeError, ValueError, InvalidOperation, msgpack.UnpackException) as error:
            raise InvalidFact(f"not the msgpack of a state: {error}") from error


def _extension(value: object) -> msgpack.ExtType:
    """The extension of a value that msgpack does not store by itself."""
    kind = type(value)
    if kind is UUID:
        return msgpack.ExtType(_UUID, cast("UUID", value).bytes)
    if kind is Decimal:
        return msgpack.ExtType(_DECIMAL, str(value).encode())
    if kind is datetime:
        return msgpack.ExtType(_DATETIME, _aware(cast("datetime", value)).isoformat().encode())
    if kind is tuple:
        items = list(cast("tuple[object, ...]", value))
        return msgpack.ExtType(_TUPLE, msgpack.packb(items, default=_extension, strict_types=True))
    if kind is int:
        number = cast("int", value)
        return msgpack.ExtType(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    raise TypeError(f"a value of type {kind.__name__}")


def _value(code: int, data: bytes) -> object:
    """The value of an extension."""
    match code:
        case 1:
            return UUID(bytes=data)
        case 2:
            return Decimal(data.decode("ascii"))
        case 3:
            return _aware(datetime.fromisoformat(data.decode("ascii")))
        case 4:
            return tuple(msgpack.unpackb(data, ext_hook=_value, strict_map_key=False))
        case 5:
            return int.from_bytes(data, "big", signed=True)
        case _:
            raise ValueError(f"extension type {code} is unknown")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"the datetime {moment.isoformat()} has no time zone")
    return moment
