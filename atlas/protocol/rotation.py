"""Key rotation: a worker's present key hands over to a new one, in the worker's own stream.

    envelope   msgpack array [1, body, signature, acceptance]
    body       canonical msgpack map, the fields of KeyRotation by name
    signature  EIP-191 personal message over the body, by the key that retires
    acceptance the same, by the key that follows: nobody is handed a key that is not theirs

A worker keeps its identity, the address of its first key, in its stream's name, in its records and in its stake.
A rotation is numbered like a record. The key that it names signs everything numbered above it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from atlas.protocol import canonical
from atlas.protocol.errors import InvalidEnvelope, InvalidSignature, MalformedFact
from atlas.protocol.signing import recover_signer, sign_message

FORMAT: Final = 1
MAX_ROTATIONS = 16  # a record carries those before it: a worker that needs more registers anew
MAX_ROTATION_BYTES = 512
ROTATION_START = bytes([0x94, FORMAT])  # an array of four, the first of them the format
_LAST_TIME_MS = 253_402_300_799_999

_Address = Annotated[bytes, Meta(min_length=20, max_length=20)]


class KeyRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``next_key`` follows ``previous_key`` as the key of ``worker``, each an address of 20 bytes."""

    format: Literal[1]
    kind: Literal["key-rotation"]
    worker: _Address
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    previous_key: _Address
    next_key: _Address
    rotated_at_ms: Annotated[int, Meta(ge=0, le=_LAST_TIME_MS)]


def seal_rotation(rotation: KeyRotation, *, previous_secret: bytes, next_secret: bytes) -> bytes:
    """The envelope of ``rotation``, signed by both 32-byte keys. Raises InvalidEnvelope."""
    body = canonical.encode(msgspec.to_builtins(rotation, builtin_types=(bytes,)))
    try:
        signatures = sign_message(body, previous_secret), sign_message(body, next_secret)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
    envelope = canonical.encode([FORMAT, body, *signatures])
    open_rotation(envelope)
    return envelope


@lru_cache(maxsize=1024)  # each record after a rotation carries it
def open_rotation(data: bytes) -> KeyRotation:
    """The rotation in ``data``, its form and both signatures verified. Raises InvalidEnvelope with a code."""
    if len(data) > MAX_ROTATION_BYTES:
        raise InvalidEnvelope("too_large", f"a rotation has at most {MAX_ROTATION_BYTES} bytes, got {len(data)}")
    match _canonical(data):
        case [_, bytes(body), bytes(signature), bytes(acceptance)] if data.startswith(ROTATION_START):
            pass
        case _:
            raise InvalidEnvelope("malformed", f"a rotation is the array [{FORMAT}, body, signature, acceptance]")
    try:
        rotation = msgspec.convert(_canonical(body), KeyRotation, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise InvalidEnvelope("schema", f"not a key rotation of format {FORMAT}: {error}") from error
    _require_signer(body, signature, rotation.previous_key, "key that retires")
    _require_signer(body, acceptance, rotation.next_key, "key that follows")
    return rotation


def key_after(worker: bytes, rotations: Sequence[bytes], *, sequence: int) -> bytes:
    """The address whose key signs record ``sequence`` of ``worker``, when these envelopes are all rotations before it.

    Raises InvalidEnvelope (``bad_rotation``, or what ``open_rotation`` raises) when they do not lead there.
    """
    if len(rotations) > MAX_ROTATIONS:
        raise InvalidEnvelope("bad_rotation", f"a worker changes its key at most {MAX_ROTATIONS} times")
    key, after = worker, -1
    for rotation in map(open_rotation, rotations):
        if rotation.worker != worker or rotation.previous_key != key or not after < rotation.sequence < sequence:
            raise InvalidEnvelope(
                "bad_rotation",
                f"rotation {rotation.sequence} does not lead from 0x{key.hex()} to record {sequence}",
                hint="Send the worker's rotations before the record, oldest first.",
            )
        key, after = rotation.next_key, rotation.sequence
    return key


def _canonical(data: bytes) -> object:
    try:
        value = canonical.decode(data)
    except MalformedFact as error:
        raise InvalidEnvelope("malformed", f"the rotation is {error.message}") from error
    if canonical.encode(value) != data:
        raise InvalidEnvelope("not_canonical", "the rotation is not in canonical form")
    return value


def _require_signer(body: bytes, signature: bytes, expected: bytes, role: str) -> None:
    try:
        signer = recover_signer(body, signature)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
    if signer != expected:
        raise InvalidEnvelope("wrong_signer", f"signed by 0x{signer.hex()}, the {role} is 0x{expected.hex()}")
