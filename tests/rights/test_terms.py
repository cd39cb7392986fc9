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
from atlas.rights.terms.document import (
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
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Extent
from atlas.rights.terms.obligations import Effect, Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope
from tests.rights.drawn import DRAWN

DOCUMENT = (
    b'{"attribution":true,"channels":["*"],"format":1,"kind":"commercial",'
    b'"media":["film"],"sublicensing":false,"territories":["DE","FR"]}'
)
TERMS = Terms(
    1,
    LicenseKind.COMMERCIAL,
    Scope(territories=Extent(("DE", "FR")), media=Extent(("film",))),
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


@given(DRAWN)
def test_terms_read_back(terms: Terms) -> None:
    assert parse_terms(encode_terms(terms)) == terms
    assert terms_from_uri(data_uri(terms), terms_hash(terms)) == terms


@given(DRAWN)
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


LEFT_OUT = object()
SECOND = (
    b'{"format":2,"kind":"commercial","price":{"annual_wei":"10000000000000000000000"},'
    b'"scope":{"attribution":true,"duration_s":31536000,"exclusive":false,"industries":{"of":["beauty"]},'
    b'"sublicense_depth":0,"territories":{"except":["MT"],"of":["EU@2020-02-01"]}}}'
)


def second(part: str | None, key: str, value: Any) -> bytes:
    """The document of format 2 with another raw value, or without the key, in canonical form."""
    fields = json.loads(SECOND)
    target = fields if part is None else fields[part]
    if value is LEFT_OUT:
        del target[key]
    else:
        target[key] = value
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def test_format_2_is_the_one_of_the_docstring_and_reads_back() -> None:
    terms = parse_terms(SECOND)
    assert encode_terms(terms) == SECOND
    assert terms.scope.territories == Extent(("EU@2020-02-01",), ("MT",))
    assert terms.price == Price(annual_wei=10**22)
    assert terms_from_uri(data_uri(terms), terms_hash(terms)) == terms


def test_obligations_are_in_the_document_where_there_are_any() -> None:
    plain = b'{"grace_s":2592000,"late_fee_bps":500,"report_every_s":7776000,"when_late":"suspend"}'
    document = second(None, "obligations", json.loads(plain))
    terms = parse_terms(document)
    assert plain in document
    assert encode_terms(terms) == document
    assert terms.obligations == Obligations(
        report_every_s=7_776_000, grace_s=2_592_000, late_fee_bps=500, when_late=Effect.SUSPEND
    )
    with pytest.raises(InvalidTerms, match="format 1"):
        encode_terms(msgspec.structs.replace(TERMS, obligations=terms.obligations))


def test_format_1_is_open_in_what_it_does_not_know_but_modification_of_kinds_without_derivatives() -> None:
    scope = parse_terms(DOCUMENT).scope
    assert (scope.languages, scope.industries, scope.max_uses) == (EVERYTHING, EVERYTHING, None)
    assert scope.modifications == NOTHING
    assert make_terms(LicenseKind.WORLD).scope.modifications == EVERYTHING


def test_the_hash_of_a_document_of_format_1_never_changes() -> None:
    assert terms_hash(TERMS).hex() == keccak.new(digest_bits=256, data=DOCUMENT).hexdigest()
    assert (
        terms_hash(make_terms(LicenseKind.SCENE)).hex()
        == "e3912383af84d47bf80614d6a2c883c553915cb3368b64f28ed6448b158ec2ee"
    )


@pytest.mark.parametrize(
    ("part", "key", "value", "field"),
    [
        (None, "format", 3, "format"),
        (None, "extra", 1, "extra"),
        ("scope", "extra", 1, "extra"),
        ("scope", "exclusive", LEFT_OUT, "canonical"),
        ("scope", "industries", LEFT_OUT, "industries"),
        ("scope", "media", {"of": ["*"]}, "canonical"),
        ("scope", "media", {"of": ["opera"]}, "media"),
        ("scope", "territories", {"of": ["EU"]}, "territories"),
        ("scope", "territories", {"of": ["FR", "DE"]}, "territories"),
        ("scope", "max_uses", None, "canonical"),
        ("scope", "duration_s", 1.5, "duration_s"),
        ("scope", "period", {"starts_at": 9, "ends_at": 3}, "period"),
        ("price", "annual_wei", 10, "annual_wei"),
        ("price", "annual_wei", "010", "annual_wei"),
        ("price", "annual_wei", "-1", "annual_wei"),
        ("price", "annual_wei", "9" * 78, "annual_wei"),
        ("price", "annual_wei", "1" * 79, "annual_wei"),
        ("price", "share_bps", 10_001, "share_bps"),
        ("price", "share_bps", 1.5, "share_bps"),
        ("price", "annual_wei", LEFT_OUT, "priced"),
        (None, "price", None, "price"),
        (None, "scope", [], "scope"),
        (None, "obligations", {}, "canonical"),
        (None, "obligations", {"grace_s": 0}, "canonical"),
        (None, "obligations", {"grace_s": -1}, "grace_s"),
        (None, "obligations", {"report_every_s": 60}, "report_every_s"),
        (None, "obligations", {"late_fee_bps": 10_001}, "late_fee_bps"),
        (None, "obligations", {"when_late": "forgive"}, "when_late"),
        (None, "obligations", {"extra": 1}, "extra"),
    ],
)
def test_a_document_of_format_2_is_refused_by_field(part: str | None, key: str, value: Any, field: str) -> None:
    with pytest.raises(InvalidTerms, match=field):
        parse_terms(second(part, key, value))


@given(st.sampled_from(["scope", "price"]), st.sampled_from([*Scope.__struct_fields__, "annual_wei"]), JSON_VALUES)
def test_no_value_in_a_part_of_format_2_raises_anything_else(part: str, field: str, value: Any) -> None:
    with suppress(InvalidTerms):
        parse_terms(second(part, field, value))
