from contextlib import suppress

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.protocol.errors import InvalidSignature
from atlas.protocol.signing import address_of, recover_signer, sign_message

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), KEYS)
def test_eth_account_makes_the_same_signature(message: bytes, key: bytes) -> None:
    theirs = Account.sign_message(encode_defunct(primitive=message), key).signature
    assert sign_message(message, key) == bytes(theirs)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), KEYS)
def test_eth_account_recovers_our_signer(message: bytes, key: bytes) -> None:
    signature = sign_message(message, key)
    theirs = Account.recover_message(encode_defunct(primitive=message), signature=signature)
    assert theirs == Account.from_key(key).address
    assert recover_signer(message, signature) == address_of(key) == bytes.fromhex(theirs[2:])


def test_another_message_recovers_to_another_address() -> None:
    assert recover_signer(b"two", sign_message(b"one", KEY)) != address_of(KEY)


def test_the_mirrored_signature_is_refused() -> None:
    signature = sign_message(b"message", KEY)
    s = ORDER - int.from_bytes(signature[32:64], "big")
    mirrored = signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])
    assert Account.recover_message(encode_defunct(b"message"), signature=mirrored)
    with pytest.raises(InvalidSignature, match="upper half"):
        recover_signer(b"message", mirrored)


@pytest.mark.parametrize("v", [0, 1, 2, 26, 29, 37, 255])
def test_v_is_27_or_28(v: int) -> None:
    with pytest.raises(InvalidSignature, match="v is 27 or 28"):
        recover_signer(b"message", sign_message(b"message", KEY)[:64] + bytes([v]))


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_signature_has_65_bytes(length: int) -> None:
    with pytest.raises(InvalidSignature, match="65 bytes"):
        recover_signer(b"message", bytes(length))


@pytest.mark.parametrize("r", [0, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1])
def test_numbers_that_are_no_signature_are_refused(r: int, s: int) -> None:
    with pytest.raises(InvalidSignature):
        recover_signer(b"message", r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27]))


@pytest.mark.parametrize("key", [b"", bytes(32), ORDER.to_bytes(32, "big"), b"\x01" * 31, b"\x01" * 33])
def test_a_key_outside_the_curve_order_is_refused_and_not_shown(key: bytes) -> None:
    with pytest.raises(InvalidSignature) as refused:
        sign_message(b"message", key)
    assert not key or key.hex() not in str(refused.value)


@given(st.binary(max_size=50), st.binary(min_size=64, max_size=64), st.sampled_from([27, 28]))
def test_no_bytes_raise_anything_else(message: bytes, start: bytes, v: int) -> None:
    with suppress(InvalidSignature):
        assert len(recover_signer(message, start + bytes([v]))) == 20
