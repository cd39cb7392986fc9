"""Values of this room as canonical JSON, and back: what the files of statements and of facts are made of.

    AAID            "aaid:<64 hexadecimal digits>"        asset, child, parent, source, via
    address         "0x<40 lower-case hexadecimal digits>"     payee, account, owner, licensee, licensor
    amount of wei   "1000000000000000000"                 every key that ends in _wei
    share           "3/20", in lowest terms               share
    hash, salt      64 hexadecimal digits                 person, and every other 32 bytes
    terms           their document (terms/document.py)             terms
    position, time  a number

UTF-8, keys sorted, no spaces. A value has one form; bytes that are not that form are refused. Files that people
write (``parse``) may say a time as RFC 3339 does, and come in whatever order and spacing.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar, cast

import msgspec

from atlas.protocol.errors import AtlasError
from atlas.protocol.ids import format_aaid, parse_aaid, parse_address
from atlas.rights.errors import InvalidRevenue, RightsError, StatementMismatch
from atlas.rights.terms.document import Terms, parse_terms, terms_document
from atlas.rights.terms.moments import parse_moment

T = TypeVar("T")
Plain = dict[str, "Plain"] | list["Plain"] | str | int | bytes | bool | Fraction | Terms | None

_AAIDS = frozenset({"asset", "child", "parent", "source", "via"})
_ADDRESSES = frozenset({"payee", "account", "owner", "licensee", "licensor"})
_INSTANTS = frozenset({"at", "starts_at", "ends_at", "expires_at", "revoked_at", "ended_at", "until"})
_HASHES = frozenset({"person", "salt", "inputs_sha256", "lines_root", "line_salt", "proof"})
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_SHARE = re.compile(r"(0|[1-9][0-9]{0,99})(/[1-9][0-9]{0,99})?")
_HASH = re.compile(r"[0-9a-f]{64}")

_BRACKET = re.compile(rb"[\[\]{}]")
_MAX_DEPTH = 32

_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: msgspec.Struct) -> bytes:
    """The canonical document of a value."""
    return _encoder.encode(to_text(value))


def to_text(value: msgspec.Struct) -> Plain:
    """The same as lists, dictionaries, text and numbers."""
    return _write("", msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=str))


def parse(data: bytes, form: type[T], refusal: type[RightsError] = InvalidRevenue) -> T:
    """The value in a document that people or other programs wrote, in whatever order and spacing.

    Raises ``refusal`` for any other document.
    """
    try:
        return _convert(data, form)
    except _MALFORMED as error:
        raise refusal(f"not the expected document: {str(error)[:300]}", hint=_FORM) from error


def decode(data: bytes, form: type[T]) -> T:
    """The value in a canonical document. Raises StatementMismatch."""
    try:
        value = _convert(data, form)
    except _MALFORMED as error:
        raise StatementMismatch(f"not a document of this kind: {str(error)[:300]}", hint=_HINT) from error
    canonical = encode(cast(msgspec.Struct, value))
    if canonical != data:
        place = next((n for n, (a, b) in enumerate(zip(canonical, data, strict=False)) if a != b), len(canonical))
        raise StatementMismatch(f"the document is not in canonical form at byte {min(place, len(data))}", hint=_HINT)
    return value


def _convert(data: bytes, form: type[T]) -> T:
    if is_nested(data, _MAX_DEPTH):
        raise StatementMismatch(f"nested deeper than {_MAX_DEPTH} levels", hint=_HINT)
    plain = _read("", msgspec.json.decode(data))
    return msgspec.convert(plain, form, builtin_types=(bytes,), dec_hook=lambda _, share: share)


_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, AtlasError)
_FORM = "Amounts are decimal text, shares fractions such as 3/20, and every key is one of the documented ones."
_HINT = "Ask for the file again: it has been changed, or is no file of this format."


def is_nested(data: bytes, deeper_than: int) -> bool:
    """Whether a JSON document opens more brackets than that at once; brackets in its strings count too.

    Decoders recurse on the stack, and libraries lift Python's own limit: deep nesting would end the process.
    """
    depth = 0
    for bracket in _BRACKET.finditer(data):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > deeper_than:
            return True
    return False


def _write(key: str, value: Plain) -> Plain:
    if isinstance(value, dict):
        if key == "terms":
            return cast("Plain", terms_document(msgspec.convert(value, Terms)))
        return {name: _write(name, each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_write(key, each) for each in value]
    if isinstance(value, bytes):
        return format_aaid(value) if key in _AAIDS else value.hex() if key in _HASHES else f"0x{value.hex()}"
    if key.endswith("_wei"):
        return None if value is None else str(value)
    return value


def _read(key: str, value: Plain) -> Plain:
    if isinstance(value, dict):
        if key == "terms":
            return parse_terms(_encoder.encode(value))
        return {name: _read(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_read(key, each) for each in value]
    if key in _INSTANTS and isinstance(value, str):
        return parse_moment(value)
    parse = _parser(key)
    if parse is None or value is None:
        return value
    if not isinstance(value, str):
        raise StatementMismatch(f"{key} is text, not {value!r}", hint=_HINT)
    return parse(value)


def _parser(key: str) -> Callable[[str], Plain] | None:
    return _parse_wei if key.endswith("_wei") else _PARSERS.get(key)


def _parse_wei(text: str) -> int:
    return int(_matched(_NUMBER, text))


def _parse_share(text: str) -> Fraction:
    return Fraction(_matched(_SHARE, text))


def _parse_hash(text: str) -> bytes:
    return bytes.fromhex(_matched(_HASH, text))


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise StatementMismatch(f"{text[:100]!r} is not in canonical form", hint=_HINT)
    return text


_PARSERS: Mapping[str, Callable[[str], Plain]] = MappingProxyType(
    {"share": _parse_share}
    | dict.fromkeys(_ADDRESSES, parse_address)
    | dict.fromkeys(_AAIDS, parse_aaid)
    | dict.fromkeys(_HASHES, _parse_hash)
)
