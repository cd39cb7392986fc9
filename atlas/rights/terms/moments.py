"""Instants, as reasons and tables show them and as people write them in files."""

import re
from datetime import UTC, datetime

from atlas.rights.errors import InvalidFacts

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})")


def write_moment(seconds: int) -> str:
    """``seconds`` since 1970 as RFC 3339 writes them, in UTC; the bare number where no calendar reaches."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def parse_moment(text: str) -> int:
    """Seconds since 1970 of an RFC 3339 date-time without fractions. Raises InvalidFacts."""
    try:
        if _RFC3339.fullmatch(text) is None:
            raise ValueError(text)
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError) as error:
        hint = "Write it like 2026-01-31T12:00:00Z."
        raise InvalidFacts(f"expected an RFC 3339 date-time, got {text[:100]!r}", hint=hint) from error
