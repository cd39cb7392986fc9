"""Taking a payload out of the log by a recorded decision, with every proof left as it was.

A leaf commits to the payload's length and SHA-256, not to its bytes (entries.py). So a redaction sets the payload to
null and records, in the same transaction, the fact ``decision.payload-redacted`` as version 0 of a stream of its own
(``redaction/<position>``): which position, why, by whose authority, and the length and SHA-256 that the leaf needs.
Without that fact a payload that is gone is an altered log; with it, the leaf is computed from the decision.

    {"format": 1, "position": int, "payload_bytes": int, "payload_sha256": 32 bytes, "reason": text,
     "authoriser": text, "decided_at_ms": int}                                                          as msgpack
"""

from uuid import UUID

import msgspec

from atlas.ledger.errors import InvalidFact
from atlas.protocol.facts import stream_id

TOPIC = "decision.payload-redacted"
FORMAT = 1
# Held while a range is archived, and while a payload is redacted: the files of a range have what the range has.
ARCHIVING_LOCK = 0x61746C61_73000003


class PayloadRedacted(msgspec.Struct, frozen=True):
    """The decision: the payload at ``position``, of this length and SHA-256, is withheld."""

    position: int
    payload_bytes: int
    payload_sha256: bytes
    reason: str
    authoriser: str
    decided_at_ms: int
    format: int = FORMAT


def redaction_stream(position: int) -> UUID:
    """The stream whose only fact is the decision on the payload at ``position``."""
    return stream_id(f"redaction/{position}")


def encode_redaction(decision: PayloadRedacted) -> bytes:
    """The payload of the decision's fact. Raises InvalidFact when the reason or the authoriser is empty."""
    if not decision.reason.strip() or not decision.authoriser.strip():
        raise InvalidFact("a redaction names its reason and who authorises it")
    return msgspec.msgpack.encode(decision)


def decode_redaction(payload: bytes) -> PayloadRedacted:
    """The decision in a fact's payload. Raises InvalidFact unless it is one."""
    try:
        decision = msgspec.msgpack.decode(payload, type=PayloadRedacted)
    except msgspec.MsgspecError as error:
        raise InvalidFact(f"not a decision on a payload: {error}") from error
    if decision.format != FORMAT or decision.payload_bytes < 0 or len(decision.payload_sha256) != 32:
        raise InvalidFact(f"not a decision on a payload of format {FORMAT}")
    return decision
