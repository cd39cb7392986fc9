"""The API's scalars: how each is written, and what is refused when it comes in.

    AAID        aaid:<64 lower-case hexadecimal digits>
    Address     0x and 40 hexadecimal digits; lower case out, any case in (mixed case must be EIP-55)
    Bytes       0x and an even number of hexadecimal digits
    BigInt      a decimal integer as a string; a JSON integer is taken too
    DateTime    RFC 3339, UTC, milliseconds: 2026-01-31T12:00:00.000Z; in, any offset
    Json        any JSON value, only ever out
    JsonObject  a JSON object, in and out

Values come in as Python values (bytes, int, datetime). They go out as text that PostgreSQL wrote, so
serializers are only used by fields with resolvers of their own.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from atlas.graphql.errors import InvalidScalar
from atlas.protocol.errors import ProtocolError
from atlas.protocol.ids import format_aaid, parse_aaid, parse_address

Aaid = NewType("Aaid", bytes)
Address = NewType("Address", bytes)
Bytes = NewType("Bytes", bytes)
BigInt = NewType("BigInt", int)
DateTime = NewType("DateTime", datetime)
Json = NewType("Json", object)
JsonObject = NewType("JsonObject", dict[str, object])

_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2}){0,1024}")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,77})")
_MAX_OBJECT_BYTES = 4096
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII
)  # section 5.6


def _identifier(code: str, expected: str, parse: Callable[[str], bytes]) -> Callable[[object], bytes]:
    def parse_value(value: object) -> bytes:
        if not isinstance(value, str):
            raise InvalidScalar(code, f"expected {expected}")
        try:
            return parse(value)
        except ProtocolError as error:
            raise InvalidScalar(code, error.message) from error

    return parse_value


def parse_bytes(value: object) -> bytes:
    """The bytes of ``0x`` and hexadecimal digits, 1 KiB at most. Raises InvalidScalar."""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise InvalidScalar("INVALID_BYTES", "expected 0x and an even number of hexadecimal digits")
    return bytes.fromhex(value[2:])


def parse_integer(value: object) -> int:
    """An integer of at most 78 digits, from a string or a JSON integer. Raises InvalidScalar."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidScalar("INVALID_BIGINT", "expected a decimal integer")
    if isinstance(value, int):
        if abs(value) >= 10**78:
            raise InvalidScalar("INVALID_BIGINT", "expected an integer of at most 78 digits")
        return value
    if _INTEGER.fullmatch(value) is None:
        raise InvalidScalar("INVALID_BIGINT", "expected a decimal integer of at most 78 digits")
    return int(value)


def parse_time(value: object) -> datetime:
    """The instant of an RFC 3339 date-time. Raises InvalidScalar."""
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidScalar("INVALID_DATETIME", "expected an RFC 3339 date-time such as 2026-01-31T12:00:00Z")
    date, time, fraction, offset = match.groups()
    try:
        instant = datetime.fromisoformat(f"{date}T{time}{(fraction or '.0').ljust(7, '0')}{offset.upper()}")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidScalar("INVALID_DATETIME", "expected an existing RFC 3339 date-time") from error


def format_time(instant: datetime) -> str:
    """An instant as the API writes it: RFC 3339, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_object(value: object) -> str:
    """The text of a JSON object of at most 4 KiB, without U+0000 and half surrogate pairs. Raises InvalidScalar."""
    if not isinstance(value, dict):
        raise InvalidScalar("INVALID_JSON_OBJECT", "expected a JSON object")
    try:
        text = orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidScalar("INVALID_JSON_OBJECT", f"expected a JSON object: {error}") from error
    if len(text) > _MAX_OBJECT_BYTES or b"\\u0000" in text:
        raise InvalidScalar("INVALID_JSON_OBJECT", f"expected at most {_MAX_OBJECT_BYTES} bytes without U+0000")
    return text.decode()


def _format_bytes(value: bytes) -> str:
    return f"0x{value.hex()}"


def _out_only(value: object) -> object:
    raise InvalidScalar("BAD_USER_INPUT", "expected no value of this type as input")


SCALARS: dict[object, ScalarDefinition] = {
    Aaid: strawberry.scalar(
        name="AAID",
        description="An ATLAS Asset ID: `aaid:` and 64 lower-case hexadecimal digits, the keccak256 of "
        "the ABI-encoded chain id, registry address and token id.",
        parse_value=_identifier("INVALID_AAID", "an AAID", parse_aaid),
        serialize=format_aaid,
    ),
    Address: strawberry.scalar(
        name="Address",
        description="An account's address: `0x` and 40 hexadecimal digits. Lower case out; in, any case, "
        "and a mixed-case address must carry its EIP-55 checksum.",
        parse_value=_identifier("INVALID_ADDRESS", "an address", parse_address),
        serialize=_format_bytes,
    ),
    Bytes: strawberry.scalar(
        name="Bytes",
        description="Bytes as `0x` and an even number of lower-case hexadecimal digits.",
        parse_value=parse_bytes,
        serialize=_format_bytes,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer of any size as a decimal string. A JSON integer is accepted as input.",
        parse_value=parse_integer,
        serialize=str,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="An instant, RFC 3339: UTC with milliseconds out, any offset in.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        parse_value=parse_time,
        serialize=format_time,
    ),
    Json: strawberry.scalar(
        name="Json",
        description="Any JSON value, as its author wrote it. Never an input.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        parse_value=_out_only,
    ),
    JsonObject: strawberry.scalar(
        name="JsonObject",
        description="A JSON object.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        parse_value=parse_object,
    ),
}
