"""The signed generation record (W2): what a worker says it made, from what, with what, at what cost.

    envelope   msgpack array [1, body, signature]
    body       canonical msgpack map, the fields of GenerationRecord by name, nested structs as maps
    signature  EIP-191 personal message over the bytes of the body, by the key of ``worker``
    record id  SHA-256 of the body

Canonical msgpack is described in ``atlas.protocol.canonical``. Every key is present; what is not known
is null. A record is kept as received: ids and signatures are over the bytes, never over a re-encoding.

An envelope is refused with one of these codes:

    too_large       more bytes than the reader takes
    malformed       not msgpack, or not [1, body, signature]
    not_canonical   another sequence of bytes says the same
    schema          a field is missing, unknown, of another type or out of its bounds
    bad_signature   not an EIP-191 signature with low s and v 27 or 28
    wrong_signer    a good signature, by another key than the record's worker
"""

import hashlib
from typing import Annotated, Final, Literal, NoReturn

import msgspec
from msgspec import Meta

from atlas.protocol import canonical
from atlas.protocol.errors import InvalidEnvelope, InvalidSignature, MalformedAmount, MalformedFact
from atlas.protocol.money import parse_wei
from atlas.protocol.signing import SIGNATURE_BYTES, recover_signer, sign_message
from atlas.protocol.vocabulary import Agent

FORMAT: Final = 1
MAX_ENVELOPE_BYTES = 256 * 1024
_ENVELOPE_START = bytes([0x93, FORMAT])  # an array of three, the first of them the format
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


class Envelope(msgspec.Struct, frozen=True):
    """A record's canonical bytes and the signature over them."""

    body: bytes
    signature: bytes  # 65 bytes, r || s || v


class SignedRecord(msgspec.Struct, frozen=True):
    """A record whose envelope was verified."""

    record: GenerationRecord
    record_id: bytes
    body: bytes
    signature: bytes


def record_id(body: bytes) -> bytes:
    """The id of the record with these bytes: their SHA-256."""
    return hashlib.sha256(body).digest()


def encode_record(record: GenerationRecord) -> bytes:
    """The canonical body of ``record``. Raises InvalidEnvelope (``schema``) for a field out of its bounds."""
    try:
        body = canonical.encode(msgspec.to_builtins(record, builtin_types=(bytes,)))
    except (MalformedFact, TypeError) as error:
        raise InvalidEnvelope("schema", f"the record has no canonical form: {error}") from error
    _decode_record(body)
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


def open_envelope(data: bytes, *, max_bytes: int = MAX_ENVELOPE_BYTES) -> SignedRecord:
    """The record in ``data``, its form, fields and signature verified. Raises InvalidEnvelope with a code."""
    if len(data) > max_bytes:
        raise InvalidEnvelope(
            "too_large", f"an envelope has at most {max_bytes} bytes, got {len(data)}", hint="Send files by hash only."
        )
    envelope = _decode_envelope(data)
    record = _decode_record(envelope.body)
    _verify_signer(record, envelope.body, envelope.signature)
    return SignedRecord(record, record_id(envelope.body), envelope.body, envelope.signature)


def _decode_envelope(data: bytes) -> Envelope:
    match _decode_canonical(data, "envelope"):
        case [_, bytes(body), bytes(signature)] if data.startswith(_ENVELOPE_START):
            return Envelope(body, signature)
        case _:
            raise InvalidEnvelope(
                "malformed",
                f"an envelope is the array [{FORMAT}, body, signature]",
                hint=f"The body is bytes, the signature {SIGNATURE_BYTES} bytes.",
            )


def _decode_record(body: bytes) -> GenerationRecord:
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
    try:
        signer = recover_signer(body, signature)
    except InvalidSignature as error:
        raise InvalidEnvelope("bad_signature", error.message, hint=error.hint) from error
    if signer != record.worker:
        raise InvalidEnvelope(
            "wrong_signer",
            f"signed by 0x{signer.hex()}, but the record's worker is 0x{record.worker.hex()}",
            hint="Sign with the key of the worker that the record names.",
        )
