"""A use to decide on: who would use what, how and where, in the vocabulary of the scopes."""

from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec

from atlas.protocol.ids import AAID_BYTES, ADDRESS_BYTES
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidUse
from atlas.rights.terms.scopes import DIMENSIONS
from atlas.rights.terms.vocabularies import ANY

_COUNTER_LIMIT = 2**63


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A use; ``*`` is everything in a dimension, None is not stated.

    A use that does not state what a licence limits is not permitted by that licence until it does. A use
    that states no modification leaves the work as it is; one that names a kind counts only licences of it.
    """

    asset: bytes  # AAID
    account: bytes  # address
    territory: str  # ISO 3166-1 alpha-2, or a group
    media: str
    kind: LicenseKind | None = None
    channel: str | None = None
    work: str | None = None
    project: str | None = None
    series: str | None = None
    language: str | None = None
    format: str | None = None
    industry: str | None = None
    modification: str | None = None
    count: int = 1
    exposure_s: int = 0
    distributed: bool = True  # to a public; what the law asks of distributions does not bind a rehearsal


FIELDS: Final[dict[str, str]] = {
    "works": "work",
    "projects": "project",
    "series": "series",
    "media": "media",
    "territories": "territory",
    "channels": "channel",
    "languages": "language",
    "formats": "format",
    "industries": "industry",
    "modifications": "modification",
}
"""The field of a use that states its place in a dimension."""


def check_use(use: Use) -> None:
    """Raise InvalidUse, naming the field, for a use outside the vocabulary."""
    if len(use.asset) != AAID_BYTES or len(use.account) != ADDRESS_BYTES:
        raise InvalidUse(
            f"an AAID and an address have {AAID_BYTES} and {ADDRESS_BYTES} bytes,"
            f" got {len(use.asset)} and {len(use.account)}",
            hint="Pass the raw bytes, not text.",
        )
    _check_names(_names(use))
    if not (0 < use.count < _COUNTER_LIMIT and 0 <= use.exposure_s < _COUNTER_LIMIT):
        raise InvalidUse(f"a use counts at least once and takes no negative time, got {use.count}, {use.exposure_s} s")


@lru_cache(maxsize=16_384)
def _check_names(names: tuple[str | None, ...]) -> None:
    """The same places are asked about again and again; errors are not kept."""
    for (key, field), name in zip(FIELDS.items(), names, strict=True):
        if name is not None and name != ANY and not DIMENSIONS[key].knows(name):
            raise InvalidUse(f"{field} cannot be {name[:100]!r}", hint=_HINTS.get(field, f"Write {ANY} for any."))


_names = attrgetter(*FIELDS.values())
_HINTS = {
    "territory": "Write it like DE, as a group like EU@2020-02-01, or * for everywhere.",
    "media": "Media are film, series, advertising and so on, or narrower: feature_film.",
    "channel": "Write it like festival-screening, or * for every channel.",
    "language": "Write it as in BCP 47, like de or pt-BR.",
}
