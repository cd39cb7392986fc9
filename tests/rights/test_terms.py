import base64
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidTerms, TermsMismatch
from atlas.rights.extents import Extent
from atlas.rights.scopes import Scope
from atlas.rights.terms import (
    MAX_TERMS_BYTES,
    Medium,
    Terms,
    data_uri,
    encode_terms,
    make_terms,
    parse_terms,
    terms_document,
    terms_from_uri,
    terms_hash,
)
from atlas.rights.territories import TERRITORIES

DOCUMENT = (
    b'{"attribution":true,"channels":["*"],"format":1,"kind":"commercial",'
    b'"media":["film"],"sublicensing":false,"territories":["DE","FR"]}'
)
TERMS = Terms(
    1,
    LicenseKind.COMMERCIAL,
    Scope(territories=Extent(("DE", "FR")), media=Extent(("film",))),
)

ANY = st.just(["*"])
CHANNELS = st.lists(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True), min_size=1, max_size=4)
ALL_TERMS = st.builds(
    make_terms,
    st.sampled_from(LicenseKind),
    territories=ANY | st.lists(st.sampled_from(sorted(TERRITORIES)), min_size=1, max_size=6),
    media=ANY | st.lists(st.sampled_from(Medium), min_size=1, max_size=7),
    channels=ANY | CHANNELS,
    sublicensing=st.booleans(),
    attribution=st.booleans(),
)


def rescoped(**changes: Any) -> Terms:
    """The terms with other extents."""
    return msgspec.structs.replace(TERMS, scope=msgspec.structs.replace(TERMS.scope, **changes))


def document(**fields: Any) -> bytes:
    """The document with other raw fields, in canonical form."""
    return json.dumps(json.loads(DOCUMENT) | fields, sort_keys=True, separators=(",", ":")).encode()


def test_the_document_is_the_one_of_the_docstring() -> None:
    assert encode_terms(TERMS) == DOCUMENT
    assert parse_terms(DOCUMENT) == TERMS


def test_the_hash_is_keccak_of_the_document() -> None:
    assert terms_hash(TERMS) == keccak.new(digest_bits=256, data=DOCUMENT).digest()


def test_terms_are_made_in_canonical_order() -> None:
    made = make_terms(LicenseKind.COMMERCIAL, territories=["FR", "DE", "FR"], media=[Medium.FILM])
    assert made == TERMS


@given(ALL_TERMS)
def test_terms_read_back(terms: Terms) -> None:
    assert parse_terms(encode_terms(terms)) == terms
    assert terms_from_uri(data_uri(terms), terms_hash(terms)) == terms


@given(ALL_TERMS)
def test_the_document_is_what_sorted_json_without_spaces_gives(terms: Terms) -> None:
    plain = terms_document(terms)
    assert encode_terms(terms) == json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        DOCUMENT + b" ",
        b" " + DOCUMENT,
        DOCUMENT + b"{}",
        DOCUMENT[:-1],
        DOCUMENT.replace(b":true", b": true"),
        DOCUMENT.replace(b'"attribution":true,', b"")[:-1] + b',"attribution":true}',
        DOCUMENT.replace(b'{"attribution":true', b'{"attribution":false,"attribution":true'),
        DOCUMENT.replace(b"film", b"\\u0066ilm"),
        DOCUMENT.replace(b"film", b"\xff"),
        DOCUMENT.replace(b":1,", b":1.0,"),
        DOCUMENT.replace(b':["*"]', b":" + b"[" * 50_000),
        b"[" * 60_000,
        b'{"a":' * 12_000,
    ],
)
def test_another_spelling_or_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidTerms):
        parse_terms(data)


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"format": True},
        {"format": "1"},
        {"kind": "patent"},
        {"territories": []},
        {"territories": ["FR", "DE"]},
        {"territories": ["DE", "DE"]},
        {"territories": ["*", "DE"]},
        {"territories": ["*", "*"]},
        {"territories": ["XX"]},
        {"territories": ["de"]},
        {"territories": "DE"},
        {"media": []},
        {"media": ["opera"]},
        {"media": ["series", "film"]},
        {"media": ["*", "film"]},
        {"channels": []},
        {"channels": ["Upper"]},
        {"channels": [""]},
        {"channels": ["-a"]},
        {"channels": ["a\n"]},
        {"channels": ["a b"]},
        {"channels": ["b", "a"]},
        {"sublicensing": 1},
        {"attribution": None},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_value_outside_the_vocabulary_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms):
        parse_terms(document(**fields))


@pytest.mark.parametrize("missing", sorted(json.loads(DOCUMENT)))
def test_every_key_is_required(missing: str) -> None:
    fields = json.loads(DOCUMENT)
    del fields[missing]
    with pytest.raises(InvalidTerms):
        parse_terms(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


def test_a_huge_document_is_refused_unread() -> None:
    with pytest.raises(InvalidTerms, match="at most"):
        parse_terms(bytes(MAX_TERMS_BYTES + 1))


def test_terms_too_long_for_a_reader_are_not_written() -> None:
    many = make_terms(LicenseKind.SCENE, channels=[f"channel-{number}" for number in range(6_000)])
    with pytest.raises(InvalidTerms, match="at most") as refused:
        data_uri(many)
    assert refused.value.hint


def test_terms_that_no_reader_takes_are_not_written() -> None:
    with pytest.raises(InvalidTerms):
        make_terms(LicenseKind.SCENE, territories=["XX"])
    with pytest.raises(InvalidTerms):
        terms_hash(rescoped(media=Extent(())))
    with pytest.raises(InvalidTerms):
        data_uri(rescoped(channels=Extent(("b", "a"))))
    with pytest.raises(InvalidTerms):
        encode_terms(msgspec.structs.replace(TERMS, format=2))


@pytest.mark.parametrize("uri", ["", "ipfs://bafy", "https://example.org/terms.json", "DATA:,", "urn:data:"])
def test_a_uri_that_carries_no_document_leaves_the_terms_unknown(uri: str) -> None:
    assert terms_from_uri(uri, bytes(32)) is None


def test_a_document_with_another_hash_is_a_mismatch() -> None:
    with pytest.raises(TermsMismatch) as mismatch:
        terms_from_uri(data_uri(TERMS), bytes(32))
    assert "0x" + terms_hash(TERMS).hex() in mismatch.value.message


def test_a_document_with_the_right_hash_must_still_parse() -> None:
    body = DOCUMENT + b" "
    uri = "data:application/json;base64," + base64.b64encode(body).decode()
    with pytest.raises(InvalidTerms, match="canonical"):
        terms_from_uri(uri, keccak.new(digest_bits=256, data=body).digest())


@pytest.mark.parametrize(
    "uri",
    [
        "data:",
        "data:,{}",
        "data:application/json," + DOCUMENT.decode(),
        "data:application/json;charset=utf-8;base64," + base64.b64encode(DOCUMENT).decode(),
        data_uri(TERMS) + "\n",
        data_uri(TERMS).rstrip("=") + "!",
        data_uri(TERMS).replace("base64,", "base64, "),
        "data:application/json;base64,é",
    ],
)
def test_another_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidTerms):
        terms_from_uri(uri, terms_hash(TERMS))


def test_base64_has_no_bits_beyond_the_last_byte() -> None:
    made = (make_terms(LicenseKind.SCENE, channels=["a" * length]) for length in (1, 2, 3))
    terms = next(terms for terms in made if data_uri(terms).endswith("=="))
    assert data_uri(terms).endswith("fQ==")  # the closing brace
    spare_bit = data_uri(terms).removesuffix("fQ==") + "fR=="
    with pytest.raises(InvalidTerms, match="not a canonical"):
        terms_from_uri(spare_bit, terms_hash(terms))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(InvalidTerms):
        assert encode_terms(parse_terms(data)) == data


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(DOCUMENT))), JSON_VALUES)
def test_no_value_in_a_field_raises_anything_else(field: str, value: Any) -> None:
    with suppress(InvalidTerms):
        parse_terms(document(**{field: value}))


@given(st.text().map("data:".__add__) | st.text().map("data:application/json;base64,".__add__), st.binary(max_size=32))
def test_no_uri_raises_anything_else(uri: str, expected_hash: bytes) -> None:
    with pytest.raises(InvalidTerms):
        terms_from_uri(uri, expected_hash)
