"""What terms say of their duties beyond the price: reports, time of grace, late fee, and what follows from delay.

    {"grace_s":2592000,"late_fee_bps":500,"report_every_s":7776000,"when_late":"suspend"}

A key that is left out asks for nothing: no reports, no grace, no fee, and a duty that is late has no effect on
what the licence permits. ``when_late`` is about payments and reports, the duties that have a day of their own.
"""

from enum import StrEnum
from typing import Final

import msgspec

from atlas.protocol.parameters import WHOLE_BPS
from atlas.rights.errors import InvalidTerms

DAY_S: Final = 24 * 3600
YEAR_S: Final = 365 * DAY_S
"""A licence year: annual fees fall due at the grant's start and every 365 days after."""
MAX_GRACE_S: Final = 10 * YEAR_S


class Effect(StrEnum):
    """What follows for the licence when a payment or a report is late."""

    NONE = "none"
    SUSPEND = "suspend"  # it permits nothing until the duty is made good
    TERMINATE = "terminate"  # it has ended with the time of grace, and what comes later does not bring it back


class Obligations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The duties of a licensee beside the price; construction checks nothing."""

    report_every_s: int | None = None  # from the grant's start on; due at the end of each such time
    grace_s: int = 0  # after the due date
    late_fee_bps: int = 0  # of the amount that was due, once
    when_late: Effect = Effect.NONE


NO_OBLIGATIONS: Final = Obligations()


def check_obligations(obligations: Obligations) -> None:
    """Raise InvalidTerms, naming the field, unless every field is in its range."""
    every_s = obligations.report_every_s
    if every_s is not None and not DAY_S <= every_s <= 100 * YEAR_S:
        raise InvalidTerms(f"obligations.report_every_s lies between a day and 100 years, got {every_s}")
    if not 0 <= obligations.grace_s <= MAX_GRACE_S:
        raise InvalidTerms(f"obligations.grace_s lies between 0 and {MAX_GRACE_S}, got {obligations.grace_s}")
    if not 0 <= obligations.late_fee_bps <= WHOLE_BPS:
        raise InvalidTerms(f"obligations.late_fee_bps lies between 0 and {WHOLE_BPS}, got {obligations.late_fee_bps}")
