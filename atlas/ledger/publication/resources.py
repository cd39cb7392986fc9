"""The names of a log's static resources (C2SP tlog-tiles), as values.

    checkpoint                      the latest signed checkpoint
    tile/<L>/<N>[.p/<W>]            a tile of hashes of level L
    tile/entries/<N>[.p/<W>]        the entries below a tile of level 0, each after its length as a big-endian uint16

    <L>   0 to 63, in decimal
    <N>   the index in groups of three digits, all but the last after an x: 1234067 is x001/x234/067
    <W>   how many hashes or entries, 1 to 255, when it is not the full 256

A name has one form only, so that a cache holds a resource once; any other is refused.
"""

import re

import msgspec

from atlas.ledger.errors import MalformedResource
from atlas.ledger.merkle.tiles import TILE_WIDTH

_NAME = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?")
_MAX_LEVEL = 63
_GROUP = 1000


class TileResource(msgspec.Struct, frozen=True):
    """A tile of ``level``, or the entries below a tile of level 0 when that is None; ``width`` is 1 to 256."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def format(self) -> str:
        """The name, without a leading slash."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_format_index(self.index)}{partial}"


def parse_tile_resource(name: str) -> TileResource:
    """The resource of this name. Raises MalformedResource unless it is exactly of the form."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise MalformedResource(f"no tile has the name {name[:120]!r}", hint="Expected tile/<L>/<N>[.p/<W>].")
    level, index, width = match.groups()
    resource = TileResource(
        level=None if level == "entries" else int(level),
        index=int(index.replace("x", "").replace("/", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    if not 1 <= resource.width <= TILE_WIDTH or (resource.level or 0) > _MAX_LEVEL or resource.format() != name:
        raise MalformedResource(f"no tile has the name {name[:120]!r}", hint="Numbers have no superfluous zeros.")
    return resource


def encode_bundle(entries: list[bytes]) -> bytes:
    """The bytes of an entry bundle."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _format_index(index: int) -> str:
    index, group = divmod(index, _GROUP)
    text = f"{group:03}"
    while index:
        index, group = divmod(index, _GROUP)
        text = f"x{group:03}/{text}"
    return text
