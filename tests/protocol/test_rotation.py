import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.rotation import MAX_ROTATIONS, KeyRotation, key_after, open_rotation, seal_rotation
from atlas.protocol.signing import address_of, sign_message

SECRETS = [bytes(31) + bytes([number]) for number in range(1, MAX_ROTATIONS + 4)]
ADDRESSES = [address_of(secret) for secret in SECRETS]
WORKER = ADDRESSES[0]


def rotation(number: int, sequence: int, **changes: object) -> KeyRotation:
    plain = KeyRotation(
        format=1,
        kind="key-rotation",
        worker=WORKER,
        sequence=sequence,
        previous_key=ADDRESSES[number],
        next_key=ADDRESSES[number + 1],
        rotated_at_ms=1_700_000_000_000,
    )
    return msgspec.structs.replace(plain, **changes)


def sealed(number: int, sequence: int) -> bytes:
    return seal_rotation(rotation(number, sequence), previous_secret=SECRETS[number], next_secret=SECRETS[number + 1])


ENVELOPE = sealed(0, 5)


def test_a_rotation_opens_to_itself() -> None:
    assert open_rotation(ENVELOPE) == rotation(0, 5)


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_no_byte_of_a_rotation_can_change(place: int, difference: int) -> None:
    damaged = bytearray(ENVELOPE)
    damaged[place] ^= difference
    with pytest.raises(InvalidEnvelope):
        open_rotation(bytes(damaged))


@given(st.binary(max_size=600))
def test_random_bytes_are_no_rotation(data: bytes) -> None:
    with pytest.raises(InvalidEnvelope):
        open_rotation(data)


@pytest.mark.parametrize("place", [2, 3])
def test_both_keys_must_have_signed(place: int) -> None:
    parts = msgpack.unpackb(ENVELOPE)
    parts[place] = sign_message(parts[1], SECRETS[5])
    with pytest.raises(InvalidEnvelope) as refused:
        open_rotation(msgpack.packb(parts) or b"")
    assert refused.value.code == "wrong_signer"


def test_a_key_is_not_handed_to_who_does_not_hold_it() -> None:
    with pytest.raises(InvalidEnvelope, match="key that follows"):
        seal_rotation(rotation(0, 5), previous_secret=SECRETS[0], next_secret=SECRETS[2])


def test_rotations_lead_from_the_first_key_to_the_present_one() -> None:
    chain = [sealed(0, 5), sealed(1, 9)]
    assert key_after(WORKER, [], sequence=0) == WORKER
    assert key_after(WORKER, chain[:1], sequence=6) == ADDRESSES[1]
    assert key_after(WORKER, chain, sequence=10) == ADDRESSES[2]


@pytest.mark.parametrize(
    ("chain", "sequence"),
    [
        ([sealed(0, 5)], 5),  # a key signs what comes after its rotation
        ([sealed(1, 9)], 10),  # the first is missing
        ([sealed(0, 5), sealed(1, 5)], 6),  # two under one number
        ([sealed(0, 5), sealed(0, 5)], 6),
        ([sealed(number, number) for number in range(MAX_ROTATIONS + 1)], 100),
    ],
)
def test_rotations_that_lead_nowhere_are_refused(chain: list[bytes], sequence: int) -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        key_after(WORKER, chain, sequence=sequence)
    assert refused.value.code == "bad_rotation"


def test_rotations_of_another_worker_are_refused() -> None:
    with pytest.raises(InvalidEnvelope):
        key_after(ADDRESSES[7], [ENVELOPE], sequence=6)
