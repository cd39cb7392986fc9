"""What workers send, frame by frame: each is opened into entries, every one verified and ready for its stream.

a frame begins with    and is
93 01                  an envelope of format 1      atlas.protocol.generation
97 02                  an envelope of format 2      atlas.protocol.generation
94 02                  a batch                      atlas.protocol.batches
94 01                  a rotation of a worker's key atlas.protocol.rotation
"""

from itertools import starmap

import msgspec

from atlas.protocol.batches import BATCH_START, open_batch
from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.facts import RECORD_TOPIC, ROTATION_TOPIC
from atlas.protocol.generation import ENVELOPE_START, PROVEN_START, SignedRecord, open_envelope, record_id
from atlas.protocol.inclusion import MAX_BATCH_RECORDS
from atlas.protocol.rotation import ROTATION_START, open_rotation

FRAME_STARTS = (ENVELOPE_START, PROVEN_START, BATCH_START, ROTATION_START)
MAX_FRAME_BYTES = 64 << 20


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Something verified that belongs at ``sequence`` of ``worker``'s stream; ``payload`` is what is stored there.

    ``record_id`` is the SHA-256 of its body: two payloads with one id say the same.
    """

    worker: bytes
    sequence: int
    record_id: bytes
    signer: bytes
    topic: str
    payload: bytes
    next_key: bytes | None = None  # of a rotation


def open_frame(data: bytes, *, max_envelope_bytes: int) -> list[Entry]:
    """The entries in a frame, all verified or none. Raises InvalidEnvelope with a code."""
    if data.startswith(BATCH_START):
        sealed = open_batch(data, max_body_bytes=max_envelope_bytes)
        return list(starmap(_record, ((one.signed, one.envelope) for one in sealed)))
    if data.startswith(ROTATION_START):
        return [_rotation(data)]
    return [_record(open_envelope(data, max_bytes=max_envelope_bytes), data)]


def body_of(payload: bytes) -> bytes:
    """The body in a stored payload, which was verified before it was stored. Raises InvalidEnvelope."""
    try:
        match msgspec.msgpack.decode(payload):
            case [_, bytes(body), *_]:
                return body
            case _:
                pass
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    raise InvalidEnvelope("malformed", "the stored payload is not an envelope")


def expected_records(data: bytes) -> int:
    """How many records a frame may hold at most, without opening it."""
    return MAX_BATCH_RECORDS if data.startswith(BATCH_START) else 1


def _record(signed: SignedRecord, payload: bytes) -> Entry:
    record = signed.record
    return Entry(record.worker, record.sequence, signed.record_id, signed.signer, RECORD_TOPIC, payload)


def _rotation(data: bytes) -> Entry:
    rotation = open_rotation(data)
    return Entry(
        rotation.worker,
        rotation.sequence,
        record_id(body_of(data)),
        rotation.previous_key,
        ROTATION_TOPIC,
        data,
        rotation.next_key,
    )
