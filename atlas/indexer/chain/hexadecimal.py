"""The two encodings of Ethereum JSON-RPC values (execution-apis, "Hex value encoding").

quantity   0x41       an integer, no leading zeros; zero is 0x0
data       0x004200   bytes, two digits each; nothing is 0x
"""

import re

from atlas.indexer.errors import MalformedResponse

# Heights, times and indexes; the storage has 64 bits for them.
INT64_MAX = 2**63 - 1

# Some nodes pad quantities with zeros; their value is clear, so only the digits and their number are checked.
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")


def parse_quantity(text: str, field: str) -> int:
    """The integer in ``text``, at most 256 bits. Raises MalformedResponse naming ``field``."""
    if _QUANTITY.fullmatch(text) is None:
        raise MalformedResponse(f"{field} should be a hexadecimal quantity such as 0x1b4, not {_shown(text)}")
    return int(text, 16)


def parse_count(text: str, field: str) -> int:
    """The integer in ``text``, at most INT64_MAX: a height, a time, an index. Raises MalformedResponse."""
    value = parse_quantity(text, field)
    if value > INT64_MAX:
        raise MalformedResponse(f"{field} should be below 2**63, not {_shown(text)}")
    return value


def parse_data(text: str, field: str, *, length: int | None = None) -> bytes:
    """The bytes in ``text``, ``length`` of them when given. Raises MalformedResponse naming ``field``."""
    try:
        # fromhex skips white space, so the length is compared as well
        value = bytes.fromhex(text[2:])
    except ValueError:
        value = None
    if value is None or not text.startswith("0x") or len(text) != 2 + 2 * len(value):
        raise MalformedResponse(f"{field} should be hexadecimal data such as 0x00ff, not {_shown(text)}")
    if length is not None and len(value) != length:
        raise MalformedResponse(f"{field} should have {length} bytes, not {len(value)}: {_shown(text)}")
    return value


def format_quantity(value: int) -> str:
    """``value`` as a quantity."""
    return hex(value)


def format_data(value: bytes) -> str:
    """``value`` as data."""
    return "0x" + value.hex()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "...")
