"""Endpoint URLs fit for logs: providers put keys into user, path and query."""

import re
from urllib.parse import parse_qsl, urlsplit

MASK = "***"

# Provider keys are long and mixed; "mainnet" or "v3" are not.
_KEY = re.compile(r"(?=.*\d)[A-Za-z0-9_-]{16,}")


def masked_url(url: str) -> str:
    """``url`` without its password, query values and path segments that look like keys; nothing of what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    user = f"{MASK}@" if "@" in parts.netloc else ""
    path = "/".join(MASK if _KEY.fullmatch(segment) else segment for segment in parts.path.split("/"))
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    query = "?" + "&".join(f"{name}={MASK}" for name in names) if names else ""
    return f"{parts.scheme}://{user}{host}{path}{query}"
