import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack
import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import (
    MAX_ENVELOPE_BYTES,
    Compute,
    Cost,
    GenerationRecord,
    encode_record,
    open_envelope,
    seal,
)
from atlas.protocol.signing import sign_message
from tests.protocol.records import KEY, RECORD, WORKER

ENVELOPE = seal(RECORD, KEY)
BODY = encode_record(RECORD)


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidEnvelope) as refused:
        open_envelope(data)
    return refused.value.code


def packed(value: object) -> bytes:
    data = msgpack.packb(value)
    assert data is not None
    return data


def envelope_of(body: bytes) -> bytes:
    """An envelope with a good signature over any body."""
    return packed([1, body, sign_message(body, KEY)])


def changed(**fields: Any) -> bytes:
    """A signed envelope of the record with other raw fields, in canonical order."""
    value: dict[str, Any] = msgpack.unpackb(BODY) | fields
    return envelope_of(packed({key: value[key] for key in sorted(value)}))


def test_a_sealed_record_opens_to_itself() -> None:
    signed = open_envelope(ENVELOPE)
    assert signed.record == RECORD
    assert signed.body == BODY
    assert signed.record_id == hashlib.sha256(BODY).digest()


def test_sealing_is_deterministic() -> None:
    assert seal(RECORD, KEY) == ENVELOPE


def test_any_wallet_library_can_verify_the_signature() -> None:
    signed = open_envelope(ENVELOPE)
    signer = Account.recover_message(encode_defunct(signed.body), signature=signed.signature)
    assert bytes.fromhex(signer[2:]) == WORKER


def test_any_msgpack_library_can_make_an_envelope() -> None:
    value = msgpack.unpackb(BODY)
    body = packed({key: _sorted(value[key]) for key in sorted(value)})
    signature = Account.sign_message(encode_defunct(body), KEY).signature
    assert open_envelope(packed([1, body, bytes(signature)])).record == RECORD


def _sorted(value: Any) -> Any:
    return {key: value[key] for key in sorted(value)} if isinstance(value, dict) else value


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_no_byte_of_an_envelope_can_change(place: int, difference: int) -> None:
    damaged = bytearray(ENVELOPE)
    damaged[place] ^= difference
    refusal(bytes(damaged))


@given(st.integers(0, len(ENVELOPE) - 1))
def test_no_part_of_an_envelope_can_be_cut_off(length: int) -> None:
    assert refusal(ENVELOPE[:length]) == "malformed"


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_with_a_code(data: bytes) -> None:
    assert refusal(data) in {"malformed", "not_canonical"}


@given(st.binary(max_size=300))
def test_a_random_body_is_refused_with_a_code(body: bytes) -> None:
    assert refusal(envelope_of(body)) in {"malformed", "not_canonical", "schema"}


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(GenerationRecord.__struct_fields__), VALUES)
def test_a_random_value_in_a_field_is_taken_or_refused_with_a_code(field: str, value: Any) -> None:
    with suppress(InvalidEnvelope):
        opened = open_envelope(changed(**{field: value}))
        assert encode_record(opened.record) == opened.body


def test_an_envelope_over_the_limit_is_too_large() -> None:
    assert refusal(bytes(MAX_ENVELOPE_BYTES + 1)) == "too_large"
    with pytest.raises(InvalidEnvelope, match="at most 10 bytes"):
        open_envelope(ENVELOPE, max_bytes=10)


@pytest.mark.parametrize(
    "data",
    [
        packed([1, BODY]),
        packed([1, BODY, bytes(65), None]),
        packed([2, BODY, sign_message(BODY, KEY)]),
        packed([True, BODY, sign_message(BODY, KEY)]),
        packed([1, BODY.hex(), sign_message(BODY, KEY)]),
        packed({"body": BODY}),
        packed(1),
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        ENVELOPE + b"\xc0",
        envelope_of(b""),
        envelope_of(b"\x81\xa1a" * 60_000),
        envelope_of(BODY + b"\xc0"),
        envelope_of(packed({"a": 1.5})),
        envelope_of(packed({"a": msgpack.Timestamp(1)})),
    ],
)
def test_what_is_not_an_envelope_is_malformed(data: bytes) -> None:
    assert refusal(data) == "malformed"


def unordered(body: dict[str, Any]) -> bytes:
    return packed(dict(reversed(body.items())))


def duplicated(body: dict[str, Any]) -> bytes:
    return b"\xde\x00\x10" + packed("agent") + packed(body["agent"]) + packed(body)[1:]


def long_integer(_: dict[str, Any]) -> bytes:
    return BODY.replace(packed("sequence") + b"\x00", packed("sequence") + b"\xcc\x00")


def long_map(_: dict[str, Any]) -> bytes:
    return b"\xde\x00\x0f" + BODY[1:]


@pytest.mark.parametrize("spell", [unordered, duplicated, long_integer, long_map])
def test_another_spelling_of_the_same_record_is_not_canonical(spell: Callable[[dict[str, Any]], bytes]) -> None:
    body = spell(msgpack.unpackb(BODY))
    assert msgpack.unpackb(body) == msgpack.unpackb(BODY)
    assert refusal(envelope_of(body)) == "not_canonical"


def test_a_longer_envelope_header_is_not_canonical() -> None:
    assert refusal(b"\xdc\x00\x03" + ENVELOPE[1:]) == "not_canonical"


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"format": True},
        {"worker": bytes(19)},
        {"worker": "0x" + WORKER.hex()},
        {"worker": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"sequence": -1},
        {"sequence": 2**63},
        {"sequence": True},
        {"sequence": "0"},
        {"agent": "director"},
        {"agent": ""},
        {"prompt": b"bytes"},
        {"prompt": "a\x00b"},
        {"prompt": "a" * 65_537},
        {"model": {"name": "a", "provider": "b"}},
        {"model": {"name": "", "provider": "b", "version": "c"}},
        {"outputs": []},
        {"inputs": None},
        {"outputs": [{"media_type": "a", "role": "b", "sha256": bytes(31), "size_bytes": 0}]},
        {"outputs": [{"media_type": "a", "role": "b", "sha256": bytes(32), "size_bytes": -1}]},
        {"outputs": [{"media_type": "a", "role": "b", "sha256": bytes(32), "size_bytes": 1}] * 257},
        {"parameters": {"": 1}},
        {"parameters": {"a": None}},
        {"parameters": {"a": b""}},
        {"parameters": {"a": [1]}},
        {"parameters": {"a\x00": 1}},
        {"parameters": {f"{number:03}": 1 for number in range(257)}},
        {"seed": -1},
        {"config_sha256": bytes(33)},
        {"compute": None},
        {"cost": {"compute_fee_wei": "1", "model_fee_wei": "1", "protocol_fee_wei": 1}},
        {"started_at_ms": -1},
        {"started_at_ms": 1_700_000_003_001},
        {"ended_at_ms": 253_402_300_800_000},
        {"unknown": 1},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_field_out_of_its_bounds_is_a_schema_error(fields: dict[str, Any]) -> None:
    assert refusal(changed(**fields)) == "schema"


def test_a_refusal_does_not_repeat_what_was_sent_at_length() -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        open_envelope(changed(agent="a" * 50_000))
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("missing", GenerationRecord.__struct_fields__)
def test_every_field_is_required(missing: str) -> None:
    value: dict[str, Any] = msgpack.unpackb(BODY)
    del value[missing]
    assert refusal(envelope_of(packed(value))) == "schema"


@pytest.mark.parametrize("amount", ["", "-1", "01", "1.0", "1e3", "1\n", " 1", "9" * 78, "9" * 79])
def test_an_amount_of_wei_has_one_spelling_and_fits_uint256(amount: str) -> None:
    cost = {"compute_fee_wei": "1", "model_fee_wei": amount, "protocol_fee_wei": "1"}
    assert refusal(changed(cost=cost)) == "schema"


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, sign_message(BODY, KEY)[:64] + b"\x00"])
def test_bytes_that_are_no_signature_are_a_bad_signature(signature: bytes) -> None:
    assert refusal(packed([1, BODY, signature])) == "bad_signature"


def test_a_good_signature_of_another_key_is_the_wrong_signer() -> None:
    assert refusal(packed([1, BODY, sign_message(BODY, b"\x07" * 32)])) == "wrong_signer"


def test_a_signature_of_another_record_is_the_wrong_signer() -> None:
    other = encode_record(msgspec.structs.replace(RECORD, sequence=1))
    assert refusal(packed([1, BODY, sign_message(other, KEY)])) == "wrong_signer"


def test_a_worker_cannot_seal_for_another() -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        seal(RECORD, b"\x07" * 32)
    assert refused.value.code == "wrong_signer"


def test_a_bad_key_is_refused_when_sealing() -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        seal(RECORD, bytes(32))
    assert refused.value.code == "bad_signature"


@pytest.mark.parametrize(
    "record",
    [
        msgspec.structs.replace(RECORD, prompt="a\x00"),
        msgspec.structs.replace(RECORD, prompt="\ud800"),
        msgspec.structs.replace(RECORD, seed=2**64),
        msgspec.structs.replace(RECORD, cost=Cost("1.5", "0", "0")),
        msgspec.structs.replace(RECORD, ended_at_ms=0),
        msgspec.structs.replace(RECORD, outputs=()),
    ],
)
def test_a_record_that_no_reader_takes_is_not_sealed(record: GenerationRecord) -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        seal(record, KEY)
    assert refused.value.code == "schema"


COUNTS = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=30)


@settings(deadline=None)
@given(
    sequence=COUNTS,
    prompt=TEXT,
    seed=st.none() | st.integers(0, 2**64 - 1),
    parameters=st.dictionaries(TEXT, TEXT | st.booleans() | st.integers(-(2**63), 2**64 - 1), max_size=5),
    compute=st.builds(Compute, TEXT, st.integers(1, 100), COUNTS, COUNTS, st.none() | COUNTS, st.none() | COUNTS),
)
def test_every_record_within_bounds_seals_and_opens(**fields: Any) -> None:
    record = msgspec.structs.replace(RECORD, **fields)
    assert open_envelope(seal(record, KEY)).record == record
