"""A signed batch of generation records: what a worker sends when it signs many at once.

    batch      msgpack array [2, bodies, signature, rotations]
    bodies     1 to 4,096 bodies as ``atlas.protocol.generation`` describes them, of one worker
    signature  EIP-191 personal message over ``batch_message`` of the root over their record ids
    rotations  the envelopes of the worker's key rotations before these records, oldest first; mostly none

A batch is never stored. It is taken apart into one envelope of format 2 for each record, which carries the batch's
signature and its own inclusion proof: at most 384 bytes of hashes and 65 of signature beside a body.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from atlas.protocol import canonical
from atlas.protocol.errors import InvalidEnvelope, InvalidSignature
from atlas.protocol.generation import (
    BATCH_FORMAT,
    MAX_ENVELOPE_BYTES,
    PROVEN_START,
    GenerationRecord,
    SignedRecord,
    batch_message,
    decode_body,
    encode_record,
    record_id,
    recover_batch_signer,
    require_signer,
)
from atlas.protocol.inclusion import MAX_BATCH_RECORDS, paths_over
from atlas.protocol.rotation import key_after
from atlas.protocol.signing import sign_message

BATCH_START = bytes([0x94, BATCH_FORMAT])  # an array of four, the first of them the format


class SealedRecord(msgspec.Struct, frozen=True, gc=False):
    """A verified record, and the envelope that verifies without its batch."""

    signed: SignedRecord
    envelope: bytes


class _Batch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    format: Literal[2]
    bodies: Annotated[list[bytes], Meta(min_length=1, max_length=MAX_BATCH_RECORDS)]
    signature: bytes
    rotations: tuple[bytes, ...]


_reader = msgspec.msgpack.Decoder(_Batch)
_writer = msgspec.msgpack.Encoder()


def seal_batch(records: Sequence[GenerationRecord], private_key: bytes, rotations: Sequence[bytes] = ()) -> bytes:
    """The batch of 1 to 4,096 records of one worker, signed with its present 32-byte key.

    Raises InvalidEnvelope for records or a key that no reader would take.
    """
    return seal_bodies([encode_record(record) for record in records], private_key, rotations)


def seal_bodies(bodies: Sequence[bytes], private_key: bytes, rotations: Sequence[bytes] = ()) -> bytes:
    """As ``seal_batch``, for records that are encoded already."""
    if not 1 <= len(bodies) <= MAX_BATCH_RECORDS:
        raise InvalidEnvelope("malformed", f"a batch has 1 to {MAX_BATCH_RECORDS} records, got {len(bodies)}")
    root, _ = paths_over([record_id(body) for body in bodies])
    try:
        signature = sign_message(batch_message(root, len(bodies)), private_key)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
    batch = canonical.encode([BATCH_FORMAT, list(bodies), signature, list(rotations)])
    open_batch(batch)
    return batch


def open_batch(data: bytes, *, max_body_bytes: int = MAX_ENVELOPE_BYTES) -> list[SealedRecord]:
    """The records in ``data`` in order, all verified or none. Raises InvalidEnvelope with a code."""
    batch = _decode(data, max_body_bytes)
    identities = [record_id(body) for body in batch.bodies]
    root, paths = paths_over(identities)
    signer = recover_batch_signer(root, len(identities), batch.signature)
    pieces = _Pieces(batch)
    sealed: list[SealedRecord] = []
    worker, last = b"", -1
    for index, body in enumerate(batch.bodies):
        record = decode_body(body)
        if record.worker != worker or record.sequence < last:
            require_signer(record, signer, key_after(record.worker, batch.rotations, sequence=record.sequence))
            worker, last = record.worker, record.sequence
        signed = SignedRecord(record, identities[index], body, batch.signature, signer)
        sealed.append(SealedRecord(signed, pieces.envelope(index, body, paths[index])))
    return sealed


def _decode(data: bytes, max_body_bytes: int) -> _Batch:
    try:
        batch = _reader.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEnvelope("malformed", f"not a batch of format {BATCH_FORMAT}: {error}") from error
    if _writer.encode(batch) != data:
        raise InvalidEnvelope("not_canonical", "the batch is not in canonical form")
    largest = max(map(len, batch.bodies))
    if largest > max_body_bytes:
        raise InvalidEnvelope(
            "too_large", f"a body has at most {max_body_bytes} bytes, got {largest}", hint="Send files by hash only."
        )
    return batch


class _Pieces:
    """The parts of an envelope that all records of a batch share, encoded once."""

    def __init__(self, batch: _Batch) -> None:
        self._shared = _writer.encode(batch.signature) + _writer.encode(len(batch.bodies))
        self._rotations = _writer.encode(batch.rotations)

    def envelope(self, index: int, body: bytes, path: bytes) -> bytes:
        encode = _writer.encode
        parts = (PROVEN_START, encode(body), self._shared, encode(index), encode(path), self._rotations)
        return b"".join(parts)
