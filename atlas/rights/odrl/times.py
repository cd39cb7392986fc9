"""Instants and lengths of time as XML Schema writes them, exactly, and in any year (XSD 1.1, 3.3.7 and 3.3.6).

2026-03-01T09:30:00Z     an instant; one without a zone names none
P1DT12H, PT90S           a length of fixed size; months and years have none
"""

import re
from fractions import Fraction
from typing import Final

DAY_S: Final = 86_400

_DATE_TIME = re.compile(
    r"(-?[0-9]{4,20})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,30})?)(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"(-?[0-9]{4,20})-([0-9]{2})-([0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})")
_DURATION = re.compile(
    r"P(?:([0-9]{1,20})D)?(?:T(?=[0-9])(?:([0-9]{1,20})H)?(?:([0-9]{1,20})M)?(?:([0-9]{1,20}(?:\.[0-9]{1,30})?)S)?)?"
)
_DAYS_IN = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read_instant(text: str) -> Fraction | None:
    """Seconds since 1970 of an xsd:dateTime, or of the first instant of an xsd:date; None where it names none."""
    match = _DATE_TIME.fullmatch(text)
    if match is not None:
        year, month, day, hour, minute, second, zone = match.groups()
    else:
        date = _DATE.fullmatch(text)
        if date is None:
            return None
        (year, month, day, zone), (hour, minute, second) = date.groups(), ("00", "00", "00")
    offset_s = _offset(zone)
    days = _days(int(year), int(month), int(day))
    clock_s = int(hour) * 3_600 + int(minute) * 60 + Fraction(second)
    if offset_s is None or days is None or int(minute) > 59 or Fraction(second) >= 60 or clock_s > DAY_S:
        return None
    return days * DAY_S + clock_s - offset_s


def write_instant(seconds: int) -> str:
    """An xsd:dateTime in UTC, from seconds since 1970."""
    days, clock_s = divmod(seconds, DAY_S)
    year, month, day = _date(days)
    return f"{year:04}-{month:02}-{day:02}T{clock_s // 3_600:02}:{clock_s // 60 % 60:02}:{clock_s % 60:02}Z"


def read_length(text: str) -> Fraction | None:
    """Seconds of an xsd:dayTimeDuration; None for months, years and what is no length."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return days * DAY_S + hours * 3_600 + minutes * 60 + seconds


def write_length(seconds: int) -> str:
    """An xsd:dayTimeDuration of so many seconds."""
    return f"PT{seconds}S"


def _offset(zone: str) -> int | None:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        return None
    return (hours * 3_600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted from a March (so leap days end)."""
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS_IN[month - 1] + (month == 2 and _is_leap(year)):
        return None
    shifted = year if month > 2 else year - 1
    since_march = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + since_march - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """The inverse: 146,097 days make 400 years."""
    era, rest = divmod(days + 719_468, 146_097)
    year = (rest - rest // 1_460 + rest // 36_524 - rest // 146_096) // 365
    since_march = rest - (365 * year + year // 4 - year // 100)
    place = (5 * since_march + 2) // 153
    month = place + 3 if place < 10 else place - 9
    return era * 400 + year + (month <= 2), month, since_march - (153 * place + 2) // 5 + 1


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
