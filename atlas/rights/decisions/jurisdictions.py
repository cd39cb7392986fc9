"""What the law of a place asks of a distribution (W27), as data; each rule has an id, a law and a first day.

A condition has to be met before a use is permitted: where nothing is on record the answer is open, where a
failure is on record it is no. A duty is owed with the use. What W26 says of portraits of real persons holds
everywhere, and is judged by the authorisations on record (``atlas.rights.decisions.decide``).
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from atlas.rights.terms.extents import EVERYTHING, Extent, Territories, extent
from atlas.rights.terms.territories import EU

PORTRAIT_RULE: Final = "W26/portrait/1"
LAW: Final = "W27/"
"""How the id of every jurisdiction rule begins."""


class Measure(StrEnum):
    """What can be done for a distribution to be lawful."""

    LABEL = "label"
    VISIBLE_WATERMARK = "visible_watermark"
    MACHINE_READABLE_WATERMARK = "machine_readable_watermark"
    CONTENT_CREDENTIALS = "content_credentials"  # a C2PA manifest
    DISCLOSURE = "disclosure"  # of models and source material
    PRE_DISTRIBUTION_REVIEW = "pre_distribution_review"
    FILING = "filing"  # with the Cyberspace Administration of China
    GATING = "gating"  # of access, by region or state


class JurisdictionRule(msgspec.Struct, frozen=True):
    """One measure that one jurisdiction asks for, from ``since`` (seconds since 1970) on."""

    rule: str
    territories: Extent
    measure: Measure
    is_condition: bool
    since: int
    law: str


def _day(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


_EU_LAW = "EU AI Act, Regulation (EU) 2024/1689"
_CN_LAW = "Deep Synthesis Provisions; Interim Measures for Generative AI Services"
_US_LAW = "NIST guidance and state legislation"
_BASELINE = "C2PA 2.3"
_EU_SINCE, _CN_SINCE, _US_SINCE, _BASELINE_SINCE = (*(_day(2024, 8, 1), _day(2023, 1, 10), 0, _day(2025, 12, 1)),)


def _rules(
    name: str, where: Extent, law: str, since: int, duties: tuple[Measure, ...], conditions: tuple[Measure, ...] = ()
) -> tuple[JurisdictionRule, ...]:
    return tuple(
        JurisdictionRule(f"{LAW}{name}/{measure}/1", where, measure, measure in conditions, since, law)
        for measure in (*duties, *conditions)
    )


RULES: Final = (
    *_rules("global", EVERYTHING, _BASELINE, _BASELINE_SINCE, (Measure.CONTENT_CREDENTIALS, Measure.DISCLOSURE)),
    *_rules(
        *("eu", extent(EU), _EU_LAW, _EU_SINCE),
        (Measure.LABEL, Measure.MACHINE_READABLE_WATERMARK, Measure.GATING),
    ),
    *_rules(
        *("cn", extent("CN"), _CN_LAW, _CN_SINCE),
        (Measure.LABEL, Measure.VISIBLE_WATERMARK, Measure.MACHINE_READABLE_WATERMARK),
        (Measure.PRE_DISTRIBUTION_REVIEW, Measure.FILING),
    ),
    *_rules(
        *("us", extent("US"), _US_LAW, _US_SINCE),
        (Measure.MACHINE_READABLE_WATERMARK, Measure.CONTENT_CREDENTIALS, Measure.GATING),
    ),
)


@lru_cache(maxsize=4_096)
def rules_for(territory: str) -> tuple[JurisdictionRule, ...]:
    """The rules that a distribution in ``territory`` (a code, a group or ``*``) meets somewhere."""
    algebra = Territories()
    where = Extent((territory,))
    return tuple(rule for rule in RULES if algebra.witness(rule.territories, where) is not None)
