"""The terms of a licence, as the document whose hash its offer and its grant carry on chain (W3).

    {"attribution":true,"channels":["*"],"format":1,"kind":"commercial","media":["film"],
     "sublicensing":false,"territories":["DE","FR"]}

The document is UTF-8 JSON in one canonical form: every key, sorted; no spaces; lists sorted by code
point, without repetition, at least one element long. ``"*"`` stands alone and means any. Territories
are ISO 3166-1 alpha-2 codes, media those of ``Medium``, channels lower-case names joined by hyphens.
Its hash is keccak256 of its bytes; it travels in the URI ``data:application/json;base64,...``.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec

from atlas.protocol.keccak import keccak256
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidTerms, TermsMismatch
from atlas.rights.territories import TERRITORIES

FORMAT: Final = 1
ANY: Final = "*"
MAX_TERMS_BYTES = 64 * 1024

_URI_START = "data:application/json;base64,"
_CHANNEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_encoder = msgspec.json.Encoder(order="sorted")


class Medium(StrEnum):
    """What a work can be used in."""

    FILM = "film"
    SERIES = "series"
    SHORT_DRAMA = "short_drama"
    ADVERTISING = "advertising"
    GAME = "game"
    MERCHANDISE = "merchandise"
    SOCIAL = "social"


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a licence allows. Construction checks nothing; encoding and parsing check all."""

    format: Literal[1]
    kind: LicenseKind
    territories: tuple[str, ...]
    media: tuple[str, ...]
    channels: tuple[str, ...]
    sublicensing: bool
    attribution: bool


def make_terms(
    kind: LicenseKind,
    *,
    territories: Iterable[str] = (ANY,),
    media: Iterable[str] = (ANY,),
    channels: Iterable[str] = (ANY,),
    sublicensing: bool = False,
    attribution: bool = True,
) -> Terms:
    """Terms with their lists in canonical order. Raises InvalidTerms for a name outside its list."""
    terms = Terms(
        FORMAT,
        kind,
        tuple(sorted(set(territories))),
        tuple(sorted({str(medium) for medium in media})),
        tuple(sorted(set(channels))),
        sublicensing,
        attribution,
    )
    _check(terms)
    return terms


def encode_terms(terms: Terms) -> bytes:
    """The canonical document. Raises InvalidTerms for terms that have none."""
    _check(terms)
    document = _encoder.encode(terms)
    _require_size(document)
    _decode(document)
    return document


def parse_terms(document: bytes) -> Terms:
    """The terms in a canonical document. Raises InvalidTerms."""
    _require_size(document)
    terms = _decode(document)
    _check(terms)
    if _encoder.encode(terms) != document:
        raise InvalidTerms(
            "the terms document is not in canonical form", hint="Sort the keys and leave out every space."
        )
    return terms


def terms_hash(terms: Terms) -> bytes:
    """The 32-byte hash that offers and grants carry. Raises InvalidTerms for terms without a canonical form."""
    return keccak256(encode_terms(terms))


def data_uri(terms: Terms) -> str:
    """The URI that carries the document itself (RFC 2397). Raises InvalidTerms for terms without a canonical form."""
    return _URI_START + base64.b64encode(encode_terms(terms)).decode()


def terms_from_uri(uri: str, expected_hash: bytes) -> Terms | None:
    """The terms that a URI carries; None when it is not a data: URI, and the terms are unknown here.

    Raises TermsMismatch when the document is not the one with ``expected_hash``, and InvalidTerms when
    it is, but does not parse, or when the URI is not the one of this module's docstring.
    """
    if not uri.startswith("data:"):
        return None
    document = _document(uri)
    actual_hash = keccak256(document)
    if actual_hash != expected_hash:
        raise TermsMismatch(
            f"expected terms with the hash 0x{expected_hash.hex()}, the URI carries 0x{actual_hash.hex()}",
            hint="The offer or grant names another document than it carries; its terms are not to be relied on.",
        )
    return parse_terms(document)


def _require_size(document: bytes) -> None:
    if len(document) > MAX_TERMS_BYTES:
        raise InvalidTerms(
            f"a terms document has at most {MAX_TERMS_BYTES} bytes, got {len(document)}",
            hint=f'Name fewer channels, or ["{ANY}"] for any.',
        )


def _document(uri: str) -> bytes:
    encoded = uri.removeprefix(_URI_START)
    try:
        document = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise InvalidTerms(f"not a {_URI_START} URI: {error}") from error
    if _URI_START + base64.b64encode(document).decode() != uri:
        raise InvalidTerms(f"not a canonical {_URI_START} URI")
    return document


def _decode(document: bytes) -> Terms:
    try:
        return msgspec.json.decode(document, type=Terms)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidTerms(f"not a terms document of format {FORMAT}: {str(error)[:300]}") from error


def _check(terms: Terms) -> None:
    _check_list("territories", terms.territories, [code for code in terms.territories if code not in TERRITORIES])
    _check_list("media", terms.media, [medium for medium in terms.media if medium not in frozenset(Medium)])
    _check_list("channels", terms.channels, [name for name in terms.channels if not is_channel(name)])


def is_channel(name: str) -> bool:
    """Whether ``name`` can be a channel's: lower-case letters and digits, in parts joined by hyphens."""
    return _CHANNEL.fullmatch(name) is not None


def _check_list(key: str, values: Sequence[str], unknown: Sequence[str]) -> None:
    if tuple(values) == (ANY,):
        return
    if unknown:
        raise InvalidTerms(
            f"{key} cannot name {unknown[0][:100]!r}", hint=f'Name them one by one, or ["{ANY}"] for any.'
        )
    if not values or list(values) != sorted(set(values)):
        raise InvalidTerms(f"{key} is a sorted list of different names, at least one")
