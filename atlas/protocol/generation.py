"""The signed generation record (W2): what a worker says it made, from what, with what, at what cost.

    body       canonical msgpack map, the fields of GenerationRecord by name, nested structs as maps
    record id  SHA-256 of the body

    envelope   format 1: msgpack array [1, body, signature]
    signature  EIP-191 personal message over the bytes of the body, by the key of ``worker``

    envelope   format 2: msgpack array [2, body, signature, size, index, path, rotations]
    signature  EIP-191 personal message over ``batch_message``: the root over ``size`` record ids
    path       from leaf ``index`` to that root, see ``atlas.protocol.inclusion``
    rotations  how the worker's key came to the one that signed, see ``atlas.protocol.rotation``; oldest first

An envelope of either format verifies alone, without the other records of its batch, a database or a network.
Format 2 is what a batch (``atlas.protocol.batches``) is taken apart into, and what a worker uses that has changed
its key: format 1 is always signed by the worker's first one.

Canonical msgpack is described in ``atlas.protocol.canonical``. Every key is present; what is not known
is null. A record is kept as received: ids and signatures are over the bytes, never over a re-encoding.

An envelope is refused with one of these codes:

    too_large       more bytes than the reader takes
    malformed       not msgpack, or not an array as above
    not_canonical   another sequence of bytes says the same
    schema          a field is missing, unknown, of another type or out of its bounds
    bad_signature   not an EIP-191 signature with low s and v 27 or 28
    bad_proof       the path does not lead from the record to a root
    bad_rotation    the rotations do not lead from the worker's first key to this record
    wrong_signer    a good signature, by another key than the worker's
"""

import hashlib
from functools import lru_cache
from typing import Annotated, Final, Literal, NoReturn

import msgspec
from msgspec import Meta

from atlas.protocol import canonical
from atlas.protocol.errors import InvalidEnvelope, InvalidSignature, MalformedAmount, MalformedFact
from atlas.protocol.inclusion import MAX_PATH_BYTES, root_above
from atlas.protocol.money import parse_wei
from atlas.protocol.rotation import MAX_ROTATION_BYTES, MAX_ROTATIONS, key_after
from atlas.protocol.signing import SIGNATURE_BYTES, recover_signer, sign_message
from atlas.protocol.vocabulary import Agent

FORMAT: Final = 1
BATCH_FORMAT: Final = 2
MAX_ENVELOPE_BYTES = 256 * 1024
ENVELOPE_START = bytes([0x93, FORMAT])  # an array of three, the first of them the format
PROVEN_START = bytes([0x97, BATCH_FORMAT])  # an array of seven
_PROOF_BYTES = MAX_PATH_BYTES + MAX_ROTATIONS * (MAX_ROTATION_BYTES + 3) + 128
_REASON_CHARACTERS = 300  # a reason may quote what was sent
# Of 9999-12-31: the last moment that PostgreSQL and Python's datetime both hold.
_LAST_TIME_MS = 253_402_300_799_999

# What PostgreSQL cannot store is no text here: U+0000.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\A[^\x00]*\Z")]
Prompt = Annotated[str, Meta(max_length=65_536, pattern=r"\A[^\x00]*\Z")]
ParameterText = Annotated[str, Meta(max_length=4_096, pattern=r"\A[^\x00]*\Z")]
Wei = Annotated[str, Meta(max_length=78)]  # as parse_wei reads it
Address = Annotated[bytes, Meta(min_length=20, max_length=20)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Time = Annotated[int, Meta(ge=0, le=_LAST_TIME_MS)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a record: every field is required, and no other is taken."""


class Model(_Part, frozen=True):
    """The model that ran, as its provider names it."""

    name: Name
    version: Name
    provider: Name


class Input(_Part, frozen=True):
    """A file that went in; ``record`` is the id of the generation record it came out of, where it did."""

    role: Name
    sha256: Hash
    media_type: Name
    size_bytes: Count
    record: Hash | None


class Output(_Part, frozen=True):
    """A file that came out."""

    role: Name
    sha256: Hash
    media_type: Name
    size_bytes: Count


class Compute(_Part, frozen=True):
    """What it ran on: ``device`` is ``cpu`` or the GPU's name; what was not measured is null."""

    device: Name
    device_count: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    runtime_ms: Count
    compute_units: Count
    energy_mj: Count | None  # millijoule
    peak_memory_bytes: Count | None


class Cost(_Part, frozen=True):
    """What it cost, in wei as decimal text: msgpack integers stop at 64 bits."""

    model_fee_wei: Wei
    compute_fee_wei: Wei
    protocol_fee_wei: Wei


class GenerationRecord(_Part, frozen=True):
    """One run of a production agent (W2, W9). Construction checks nothing; sealing and opening check all."""

    format: Literal[1]
    worker: Address
    sequence: Count  # 0-based: the version in the worker's stream
    agent: Agent
    model: Model
    prompt: Prompt
    inputs: Annotated[tuple[Input, ...], Meta(max_length=256)]
    outputs: Annotated[tuple[Output, ...], Meta(min_length=1, max_length=256)]
    parameters: Annotated[dict[Name, ParameterText | int | bool], Meta(max_length=256)]
    seed: Annotated[int, Meta(ge=0)] | None
    config_sha256: Hash
    compute: Compute
    cost: Cost
    started_at_ms: Time
    ended_at_ms: Time


class SignedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record whose envelope was verified; ``signer`` is the address of the key that signed."""

    record: GenerationRecord
    record_id: bytes
    body: bytes
    signature: bytes  # 65 bytes, r || s || v
    signer: bytes


class _Proven(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An envelope of format 2."""

    format: Literal[2]
    body: bytes
    signature: bytes
    size: int
    index: int
    path: bytes
    rotations: tuple[bytes, ...]


_reader = msgspec.msgpack.Decoder(GenerationRecord)
_proven_reader = msgspec.msgpack.Decoder(_Proven)
_writer = msgspec.msgpack.Encoder(order="sorted")


def record_id(body: bytes) -> bytes:
    """The id of the record with these bytes: their SHA-256."""
    return hashlib.sha256(body).digest()


def encode_record(record: GenerationRecord) -> bytes:
    """The canonical body of ``record``. Raises InvalidEnvelope (``schema``) for a field out of its bounds."""
    try:
        body = canonical.encode(msgspec.to_builtins(record, builtin_types=(bytes,)))
    except (MalformedFact, TypeError) as error:
        raise InvalidEnvelope("schema", f"the record has no canonical form: {error}") from error
    decode_body(body)
    return body


def seal(record: GenerationRecord, private_key: bytes) -> bytes:
    """The envelope of ``record``, signed with its worker's 32-byte key.

    Raises InvalidEnvelope, with the codes of this module, for a record or a key that no reader would take.
    """
    body = encode_record(record)
    try:
        signature = sign_message(body, private_key)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
    _verify_signer(record, body, signature)
    return canonical.encode([FORMAT, body, signature])


def batch_message(root: bytes, size: int) -> bytes:
    """What a worker signs for ``size`` records at once. No body begins like this: a body is a msgpack map."""
    return f"atlas-ledger/batch/{BATCH_FORMAT}\n{size}\n{root.hex()}\n".encode()


def open_envelope(data: bytes, *, max_bytes: int = MAX_ENVELOPE_BYTES) -> SignedRecord:
    """The record in ``data``, its form, fields and signature verified. Raises InvalidEnvelope with a code.

    ``max_bytes`` bounds a format 1 envelope; the proof of format 2 comes on top.
    """
    is_proven = data.startswith(PROVEN_START)
    if len(data) > max_bytes + is_proven * _PROOF_BYTES:
        raise InvalidEnvelope(
            "too_large", f"an envelope has at most {max_bytes} bytes, got {len(data)}", hint="Send files by hash only."
        )
    return _open_proven(data) if is_proven else _open_single(data)


def decode_body(body: bytes) -> GenerationRecord:
    """The record in these bytes, its form and fields verified. Raises InvalidEnvelope with a code."""
    try:
        record = _reader.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_slowly(body)
    if _writer.encode(record) != body:
        return _decode_slowly(body)
    _check_beyond_types(record)
    return record


@lru_cache(maxsize=1024)
def recover_batch_signer(root: bytes, size: int, signature: bytes) -> bytes:
    """The address whose key signed a batch: the records of one batch share it. Raises InvalidEnvelope."""
    return _recover(batch_message(root, size), signature)


def require_signer(record: GenerationRecord, signer: bytes, expected: bytes) -> None:
    """Return when the key that signed is the one expected. Raises InvalidEnvelope (``wrong_signer``)."""
    if signer != expected:
        raise InvalidEnvelope(
            "wrong_signer",
            f"signed by 0x{signer.hex()}, but the key of the record's worker 0x{record.worker.hex()} is"
            f" 0x{expected.hex()}",
            hint="Sign with the key of the worker that the record names.",
        )


def _open_single(data: bytes) -> SignedRecord:
    match _decode_canonical(data, "envelope"):
        case [_, bytes(body), bytes(signature)] if data.startswith(ENVELOPE_START):
            pass
        case _:
            raise InvalidEnvelope(
                "malformed",
                f"an envelope is the array [{FORMAT}, body, signature]"
                f" or [{BATCH_FORMAT}, body, signature, size, index, path, rotations]",
                hint=f"The body is bytes, the signature {SIGNATURE_BYTES} bytes.",
            )
    record = decode_body(body)
    _verify_signer(record, body, signature)
    return SignedRecord(record, record_id(body), body, signature, record.worker)


def _open_proven(data: bytes) -> SignedRecord:
    try:
        envelope = _proven_reader.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEnvelope("malformed", f"not an envelope of format {BATCH_FORMAT}: {error}") from error
    if _writer.encode(envelope) != data:
        raise InvalidEnvelope("not_canonical", "the envelope is not in canonical form")
    record, identity = decode_body(envelope.body), record_id(envelope.body)
    root = root_above(identity, index=envelope.index, size=envelope.size, path=envelope.path)
    signer = recover_batch_signer(root, envelope.size, envelope.signature)
    require_signer(record, signer, key_after(record.worker, envelope.rotations, sequence=record.sequence))
    return SignedRecord(record, identity, envelope.body, envelope.signature, signer)


def _decode_slowly(body: bytes) -> GenerationRecord:
    """As ``decode_body``, and says exactly what is wrong."""
    value = _decode_canonical(body, "body")
    try:
        # Without builtin_types, text would be taken for base64 where bytes are expected.
        record = msgspec.convert(value, GenerationRecord, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        _refuse_schema(str(error))
    _check_beyond_types(record)
    return record


def _decode_canonical(data: bytes, what: str) -> object:
    try:
        value = canonical.decode(data)
    except MalformedFact as error:
        raise InvalidEnvelope("malformed", f"the {what} is {error.message}") from error
    if canonical.encode(value) != data:
        raise InvalidEnvelope(
            "not_canonical",
            f"the {what} is not in canonical form",
            hint="Sort the keys of maps by their bytes, write none twice, and use the shortest integers and lengths.",
        )
    return value


def _check_beyond_types(record: GenerationRecord) -> None:
    if record.ended_at_ms < record.started_at_ms:
        _refuse_schema(f"ended at {record.ended_at_ms} ms, before its start at {record.started_at_ms} ms")
    for amount in msgspec.structs.astuple(record.cost):
        try:
            parse_wei(amount)
        except MalformedAmount as error:
            _refuse_schema(error.message)


def _refuse_schema(reason: str) -> NoReturn:
    shown = reason if len(reason) <= _REASON_CHARACTERS else f"{reason[:_REASON_CHARACTERS]}..."
    raise InvalidEnvelope("schema", f"not a generation record of format {FORMAT}: {shown}")


def _verify_signer(record: GenerationRecord, body: bytes, signature: bytes) -> None:
    require_signer(record, _recover(body, signature), record.worker)


def _recover(message: bytes, signature: bytes) -> bytes:
    try:
        return recover_signer(message, signature)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
