"""The six kinds of licence (W3): subject, scope and price of each, as data.

``limited`` are the dimensions that a licence of the kind has to limit, ``foreign`` the fields that have no
meaning for it; ``prices`` the sets of parts that a price may have; ``usual_bps`` what the whitepaper calls
typical, which nobody is held to.
"""

from typing import Final

import msgspec

from atlas.protocol.parameters import WHOLE_BPS
from atlas.protocol.vocabulary import AssetType, LicenseKind
from atlas.rights.errors import InvalidTerms
from atlas.rights.terms.extents import EVERYTHING, NOTHING
from atlas.rights.terms.prices import Price, parts_of
from atlas.rights.terms.scopes import Scope

RULE: Final = "W3/kinds/1"


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of licence asks of its terms."""

    subjects: frozenset[AssetType] | None  # None is any asset
    limited: tuple[str, ...]
    timed: bool = False  # it ends: by its period or after a duration
    foreign: tuple[str, ...] = ("formats", "max_exposure_s")
    prices: tuple[frozenset[str], ...]
    usual_bps: tuple[int, int] | None = None


def _parts(*names: str) -> frozenset[str]:
    return frozenset(names)


KINDS: Final[dict[LicenseKind, KindRule]] = {
    LicenseKind.CHARACTER: KindRule(
        subjects=frozenset({AssetType.CHARACTER}),
        limited=("works", "channels"),
        timed=True,
        prices=(_parts("flat_wei"), _parts("share_bps"), _parts("minimum_guarantee_wei", "share_bps")),
    ),
    LicenseKind.SCENE: KindRule(
        subjects=frozenset({AssetType.SCENE}),
        limited=("projects", "max_uses"),
        prices=(_parts("flat_wei"), _parts("per_use_wei")),
    ),
    LicenseKind.WORLD: KindRule(
        subjects=frozenset({AssetType.WORLD_MODEL}),
        limited=("series", "media"),
        prices=(_parts("share_bps"),),
        usual_bps=(300, 1_000),
    ),
    LicenseKind.COMMERCIAL: KindRule(
        subjects=None,
        limited=("industries", "territories"),
        timed=True,
        prices=(_parts("annual_wei"), _parts("buyout_wei")),
    ),
    LicenseKind.DERIVATIVE: KindRule(
        subjects=None,
        limited=("modifications",),
        prices=(_parts("share_bps"),),
        usual_bps=(500, 1_500),
    ),
    LicenseKind.AD_INSERTION: KindRule(
        subjects=frozenset({AssetType.SCENE, AssetType.CHARACTER}),
        limited=("formats", "max_exposure_s"),
        foreign=(),
        prices=(_parts("flat_wei", "performance_bps"),),
    ),
}


def check_kind(kind: LicenseKind, scope: Scope, price: Price) -> None:
    """Raise InvalidTerms, naming the field, unless scope and price are such as W3 gives a licence of ``kind``."""
    rule = KINDS[kind]
    for key in rule.limited:
        value = getattr(scope, key)
        if value is None or value == (NOTHING if key == "modifications" else EVERYTHING):
            raise InvalidTerms(f"a {kind} licence limits {key} ({RULE})", hint=f"State {key}.")
    if rule.timed and scope.duration_s is None and scope.period.ends_at is None:
        raise InvalidTerms(f"a {kind} licence ends ({RULE})", hint="State duration_s, or period.ends_at.")
    for key in rule.foreign:
        if getattr(scope, key) not in (None, EVERYTHING):
            raise InvalidTerms(f"{key} has no meaning in a {kind} licence ({RULE})", hint=f"Leave {key} out.")
    if parts_of(price) not in rule.prices:
        choices = " or ".join(" + ".join(sorted(parts)) for parts in rule.prices)
        stated = " + ".join(sorted(parts_of(price))) or "nothing"
        raise InvalidTerms(f"a {kind} licence is priced by {choices}, not by {stated} ({RULE})")


def is_usual(kind: LicenseKind, price: Price) -> bool:
    """Whether the revenue share lies where the whitepaper says such shares typically lie."""
    low, high = KINDS[kind].usual_bps or (0, WHOLE_BPS)
    return price.share_bps is None or low <= price.share_bps <= high
