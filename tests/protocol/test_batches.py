from contextlib import suppress

import msgpack
import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.batches import open_batch, seal_batch, seal_bodies
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.generation import GenerationRecord, batch_message, decode_body, encode_record, open_envelope
from atlas.protocol.inclusion import MAX_BATCH_RECORDS, paths_over
from tests.protocol.records import KEY, RECORD, WORKER
from tests.protocol.test_rotation import ADDRESSES, SECRETS, sealed


def records(count: int, first: int = 0, worker: bytes = WORKER) -> list[GenerationRecord]:
    return [msgspec.structs.replace(RECORD, worker=worker, sequence=first + number) for number in range(count)]


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidEnvelope) as refused:
        open_batch(data)
    return refused.value.code


BATCH = seal_batch(records(3), KEY)
PROVEN = open_batch(BATCH)[1].envelope


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 65])
def test_every_record_of_a_batch_verifies_alone(count: int) -> None:
    opened = open_batch(seal_batch(records(count), KEY))
    assert [one.signed.record.sequence for one in opened] == list(range(count))
    for one in opened:
        assert open_envelope(one.envelope) == one.signed


def test_any_wallet_library_verifies_the_signature_of_a_batch() -> None:
    opened = open_batch(BATCH)
    root, _ = paths_over([one.signed.record_id for one in opened])
    text = encode_defunct(batch_message(root, 3))
    assert bytes.fromhex(Account.recover_message(text, signature=opened[0].signed.signature)[2:]) == WORKER


def test_any_library_makes_a_batch() -> None:
    bodies = [encode_record(record) for record in records(2)]
    root, _ = paths_over([open_envelope(one.envelope).record_id for one in open_batch(seal_bodies(bodies, KEY))])
    signature = bytes(Account.sign_message(encode_defunct(batch_message(root, 2)), KEY).signature)
    assert len(open_batch(msgpack.packb([2, bodies, signature, []]) or b"")) == 2


@given(st.integers(0, len(BATCH) - 1), st.integers(1, 255))
def test_no_byte_of_a_batch_can_change(place: int, difference: int) -> None:
    damaged = bytearray(BATCH)
    damaged[place] ^= difference
    refusal(bytes(damaged))


@given(st.integers(0, len(PROVEN) - 1), st.integers(1, 255))
def test_no_byte_of_an_envelope_with_a_proof_can_change(place: int, difference: int) -> None:
    damaged = bytearray(PROVEN)
    damaged[place] ^= difference
    with pytest.raises(InvalidEnvelope):
        open_envelope(bytes(damaged))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x97\x02", b"\x94\x02", b"\x93\x01"]))
def test_random_bytes_are_refused_with_a_code(data: bytes, start: bytes) -> None:
    refusal(start + data)
    with pytest.raises(InvalidEnvelope):
        open_envelope(start + data)


def test_a_proof_of_one_batch_does_not_fit_another() -> None:
    parts, others = msgpack.unpackb(PROVEN), msgpack.unpackb(open_batch(seal_batch(records(3, 3), KEY))[1].envelope)
    for place in range(1, 6):
        mixed = list(parts)
        mixed[place] = others[place]
        if mixed != parts:
            with pytest.raises(InvalidEnvelope):
                open_envelope(msgpack.packb(mixed) or b"")


def test_a_batch_by_another_key_is_refused() -> None:
    with pytest.raises(InvalidEnvelope) as refused:
        seal_batch(records(2), SECRETS[4])
    assert refused.value.code == "wrong_signer"


def test_a_batch_is_bounded() -> None:
    with pytest.raises(InvalidEnvelope, match="1 to 4096"):
        seal_batch([], KEY)
    bodies = [b"\x80"] * (MAX_BATCH_RECORDS + 1)
    assert refusal(msgpack.packb([2, bodies, bytes(65), []]) or b"") == "malformed"
    with pytest.raises(InvalidEnvelope) as refused:
        open_batch(BATCH, max_body_bytes=100)
    assert refused.value.code == "too_large"


def test_a_rotated_key_signs_for_the_worker_with_the_proof_that_it_may() -> None:
    worker, chain = ADDRESSES[0], [sealed(0, 5)]
    (one,) = open_batch(seal_batch(records(1, 6, worker), SECRETS[1], chain))
    assert one.signed.signer == ADDRESSES[1]
    assert open_envelope(one.envelope).record.worker == worker
    for secret, rotations, sequence in ((SECRETS[1], [], 6), (SECRETS[0], chain, 6), (SECRETS[1], chain, 5)):
        with pytest.raises(InvalidEnvelope):
            seal_batch(records(1, sequence, worker), secret, rotations)


@given(st.binary(max_size=100))
def test_reading_quickly_refuses_what_reading_slowly_refuses(tail: bytes) -> None:
    body = bytearray(encode_record(RECORD))
    for place, byte in enumerate(tail):
        body[(place * 37 + byte) % len(body)] = byte
    with suppress(InvalidEnvelope):
        assert encode_record(decode_body(bytes(body))) == bytes(body)
