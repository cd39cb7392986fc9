"""Endpoint URLs fit for logs: providers put keys into user, host, path and query, and endpoints repeat them."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

MASK = "***"

# Provider keys are long and mixed, or one long word; "mainnet" or "v3" are not.
_KEY = re.compile(r"(?=[^/]*\d)[\w.~-]{16,}|[A-Za-z0-9]{20,}", re.ASCII)
_KEY_IN_HOST = re.compile(r"(?=[a-z]*\d)[a-z0-9]{24,}")
_LEAST_CHARACTERS = 4  # of a secret that is looked for in other texts


def masked_url(url: str) -> str:
    """``url`` without its user, query values and whatever looks like a key; nothing of what is no URL."""
    parts = _split(url)
    if parts is None:
        return MASK
    user = f"{MASK}@" if "@" in parts.netloc else ""
    host = ".".join(MASK if _KEY_IN_HOST.fullmatch(label) else label for label in _host(parts).split("."))
    path = "/".join(MASK if _is_secret(segment) else segment for segment in parts.path.split("/"))
    query = "&".join(f"{name}={MASK}" if value is not None else MASK for name, value in _query(parts))
    return f"{parts.scheme}://{user}{host}{path}{'?' if query else ''}{query}"


def without_secrets(text: str, url: str) -> str:
    """``text``, which somebody else may have written, without what is masked of ``url``."""
    for secret in sorted({url, *_secrets(url)}, key=len, reverse=True):
        text = text.replace(secret, masked_url(url) if secret == url else MASK)
    return text


def _secrets(url: str) -> Iterable[str]:
    parts = _split(url)
    if parts is None:
        return []
    found = [*parts.netloc.rpartition("@")[0].split(":", 1)]
    found += [label for label in _host(parts).split(".") if _KEY_IN_HOST.fullmatch(label)]
    found += [segment for segment in parts.path.split("/") if _is_secret(segment)]
    found += [name if value is None else value for name, value in _query(parts)]
    return [form for secret in found for form in (secret, unquote(secret)) if len(form) >= _LEAST_CHARACTERS]


def _split(url: str) -> SplitResult | None:
    """The parts of ``url``; None for what is no URL, or one whose password ends its host too early."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return None if not parts.netloc or "@" in url.partition(parts.netloc)[2] else parts


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _is_secret(segment: str) -> bool:
    plain = unquote(segment)
    return _KEY.search(plain) is not None or "=" in plain


def _query(parts: SplitResult) -> list[tuple[str, str | None]]:
    """Names and values; a value without a name, or behind what is a key itself, has None."""
    pairs = [item.partition("=") for item in re.split("[&;]", parts.query) if item]
    return [(name, value if separator and not _is_secret(name) else None) for name, separator, value in pairs]
