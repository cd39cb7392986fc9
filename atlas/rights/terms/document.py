"""The terms of a licence, as the document whose hash its offer and its grant carry on chain (W3).

    format 2   {"format":2,"kind":"commercial",
                "price":{"annual_wei":"10000000000000000000000"},
                "scope":{"attribution":true,"duration_s":31536000,"exclusive":false,
                         "industries":{"of":["beauty"]},"sublicense_depth":0,
                         "territories":{"except":["MT"],"of":["EU@2020-02-01"]}}}
    format 1   {"attribution":true,"channels":["*"],"format":1,"kind":"commercial","media":["film"],
                "sublicensing":false,"territories":["DE","FR"]}

The document is UTF-8 JSON in one canonical form: sorted keys, no spaces, lists sorted by code point without
repetition, amounts of wei as decimal text. In format 2 a dimension that is open is left out, and the three
answers (attribution, exclusive, sublicense_depth, where null has no bound) always stand; what each kind has
to state is in ``atlas.rights.terms.kinds``. Where reports are owed or delay has a consequence, the document has
``obligations`` too (``atlas.rights.terms.obligations``).

Format 1 knows five scopes and no price; ``"*"`` stands alone and means any. Read as a scope it is open in what
it does not know, and sub-licensing, where allowed, has no bound; modification is open for the kinds from which
works may be derived, and none for the others.

The hash is keccak256 of the document; it travels in the URI ``data:application/json;base64,...``.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar, cast

import msgspec

from atlas.protocol.keccak import keccak256
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidTerms, TermsMismatch
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Extent
from atlas.rights.terms.kinds import check_kind
from atlas.rights.terms.obligations import NO_OBLIGATIONS, Obligations, check_obligations
from atlas.rights.terms.prices import AMOUNTS, Price, check_price
from atlas.rights.terms.scopes import Scope, check_scope
from atlas.rights.terms.territories import TERRITORIES
from atlas.rights.terms.vocabularies import ANY

FORMAT: Final = 2
MAX_TERMS_BYTES = 64 * 1024

_URI_START = "data:application/json;base64,"
_CHANNEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_AMOUNT = re.compile(r"0|[1-9][0-9]{0,77}")
_ANSWERS = ("attribution", "exclusive", "sublicense_depth")
_OPEN = Scope()
_encoder = msgspec.json.Encoder(order="sorted")
_DERIVING = frozenset(LicenseKind) - {LicenseKind.COMMERCIAL, LicenseKind.AD_INSERTION}  # as the contract has it

Document = TypeVar("Document")


class Medium(StrEnum):
    """The media that format 1 can name: the broadest names of seven branches."""

    FILM = "film"
    SERIES = "series"
    SHORT_DRAMA = "short_drama"
    ADVERTISING = "advertising"
    GAME = "game"
    MERCHANDISE = "merchandise"
    SOCIAL = "social"


class Terms(msgspec.Struct, frozen=True):
    """What a licence allows, and what it costs. Construction checks nothing; encoding and parsing check all."""

    format: int
    kind: LicenseKind
    scope: Scope
    price: Price | None = None  # None in format 1: the offer states it
    obligations: Obligations = NO_OBLIGATIONS


class _Head(msgspec.Struct):
    format: int


class _First(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document of format 1."""

    format: Literal[1]
    kind: LicenseKind
    territories: tuple[str, ...]
    media: tuple[str, ...]
    channels: tuple[str, ...]
    sublicensing: bool
    attribution: bool


class _Second(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document of format 2, before its scope and its price are read."""

    format: Literal[2]
    kind: LicenseKind
    scope: dict[str, Any]
    price: dict[str, Any]
    obligations: dict[str, Any] = {}


def license_terms(kind: LicenseKind, scope: Scope, price: Price, obligations: Obligations = NO_OBLIGATIONS) -> Terms:
    """Terms of format 2. Raises InvalidTerms for what W3 does not give to a licence of ``kind``."""
    terms = Terms(FORMAT, kind, scope, price, obligations)
    _check_second(terms)
    return terms


def make_terms(
    kind: LicenseKind,
    *,
    territories: Iterable[str] = (ANY,),
    media: Iterable[str] = (ANY,),
    channels: Iterable[str] = (ANY,),
    sublicensing: bool = False,
    attribution: bool = True,
) -> Terms:
    """Terms of format 1, their lists in canonical order. Raises InvalidTerms for a name outside its list."""
    first = _First(
        1,
        kind,
        tuple(sorted(set(territories))),
        tuple(sorted({str(medium) for medium in media})),
        tuple(sorted(set(channels))),
        sublicensing,
        attribution,
    )
    _check_first(first)
    return _read_first(first)


def encode_terms(terms: Terms) -> bytes:
    """The canonical document. Raises InvalidTerms for terms that have none."""
    if terms.format == 1:
        document = _encode_first(terms)
    else:
        _check_second(terms)
        document = _encoder.encode(_second_builtins(terms))
    _require_size(document)
    return document


def parse_terms(document: bytes) -> Terms:
    """The terms in a canonical document of either format. Raises InvalidTerms."""
    _require_size(document)
    known = _decode(document, _Head).format
    terms = _parse_first(document) if known == 1 else _parse_second(document)
    if encode_terms(terms) != document:
        raise InvalidTerms(
            "the terms document is not in canonical form", hint="Sort the keys and leave out every space."
        )
    return terms


def terms_document(terms: Terms) -> dict[str, Any]:
    """The document as a JSON object. Raises InvalidTerms for terms without a canonical form."""
    return msgspec.json.decode(encode_terms(terms), type=dict[str, Any])


def terms_bytes(document: object) -> bytes:
    """The canonical document of a JSON object, which may come in any order and spacing; it is not checked."""
    return _encoder.encode(document)


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


def _decode(document: bytes, shape: type[Document]) -> Document:
    try:
        return msgspec.json.decode(document, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidTerms(f"not a terms document of format 1 or {FORMAT}: {str(error)[:300]}") from error


def _parse_first(document: bytes) -> Terms:
    first = _decode(document, _First)
    _check_first(first)
    return _read_first(first)


def _read_first(first: _First) -> Terms:
    scope = Scope(
        territories=Extent(first.territories),
        media=Extent(first.media),
        channels=Extent(first.channels),
        modifications=EVERYTHING if first.kind in _DERIVING else NOTHING,
        sublicense_depth=None if first.sublicensing else 0,
        attribution=first.attribution,
    )
    return Terms(1, first.kind, scope)


def _encode_first(terms: Terms) -> bytes:
    scope = terms.scope
    first = _First(
        1,
        terms.kind,
        scope.territories.of,
        scope.media.of,
        scope.channels.of,
        scope.sublicense_depth is None,
        scope.attribution,
    )
    _check_first(first)
    if _read_first(first) != terms:
        raise InvalidTerms("format 1 cannot say these terms", hint=f"Write them in format {FORMAT}.")
    return _encoder.encode(first)


def _parse_second(document: bytes) -> Terms:
    second = _decode(document, _Second)
    try:
        scope = msgspec.convert(second.scope, Scope)
        price = msgspec.convert({key: _amount(key, value) for key, value in second.price.items()}, Price)
        obligations = msgspec.convert(second.obligations, Obligations)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidTerms(f"not a terms document of format {FORMAT}: {str(error)[:300]}") from error
    return Terms(FORMAT, second.kind, scope, price, obligations)


def _amount(key: str, value: object) -> object:
    """Decimal text as a number; anything else in the place of an amount is refused."""
    if key not in AMOUNTS:
        return value
    if not isinstance(value, str) or _AMOUNT.fullmatch(value) is None:
        raise InvalidTerms(f"price.{key} is decimal text, got {str(value)[:100]!r}", hint='Write it like "1000".')
    return int(value)


def _second_builtins(terms: Terms) -> dict[str, Any]:
    """The document's object; the three answers stand even where they are the usual ones."""
    price = cast("dict[str, Any]", msgspec.to_builtins(terms.price))
    stated = [key for key in Scope.__struct_fields__ if key in _ANSWERS or _states(terms.scope, key)]
    scope = {key: msgspec.to_builtins(getattr(terms.scope, key)) for key in stated}
    document = {
        "format": FORMAT,
        "kind": terms.kind,
        "price": {key: str(value) if key in AMOUNTS else value for key, value in price.items()},
        "scope": scope,
    }
    obligations = msgspec.to_builtins(terms.obligations)
    return {**document, "obligations": obligations} if obligations else document


def _states(scope: Scope, key: str) -> bool:
    """Whether the scope says something else than what leaving the key out says."""
    return getattr(scope, key) != getattr(_OPEN, key)


def _check_second(terms: Terms) -> None:
    if terms.format != FORMAT or terms.price is None:
        raise InvalidTerms(f"terms of format {FORMAT} state a price, these are of format {terms.format}")
    check_scope(terms.scope)
    check_price(terms.price)
    check_obligations(terms.obligations)
    check_kind(terms.kind, terms.scope, terms.price)


def _check_first(terms: _First) -> None:
    _check_list("territories", terms.territories, [code for code in terms.territories if code not in TERRITORIES])
    _check_list("media", terms.media, [medium for medium in terms.media if medium not in frozenset(Medium)])
    _check_list("channels", terms.channels, [name for name in terms.channels if _CHANNEL.fullmatch(name) is None])


def _check_list(key: str, values: Sequence[str], unknown: Sequence[str]) -> None:
    if tuple(values) == (ANY,):
        return
    if unknown:
        raise InvalidTerms(
            f"{key} cannot name {unknown[0][:100]!r}", hint=f'Name them one by one, or ["{ANY}"] for any.'
        )
    if not values or list(values) != sorted(set(values)):
        raise InvalidTerms(f"{key} is a sorted list of different names, at least one")
