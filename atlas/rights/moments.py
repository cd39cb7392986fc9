"""Instants as reasons and tables show them."""

from datetime import UTC, datetime


def write_moment(seconds: int) -> str:
    """``seconds`` since 1970 as RFC 3339 writes them, in UTC; the bare number where no calendar reaches."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
