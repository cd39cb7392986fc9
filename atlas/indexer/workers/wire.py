"""What worker and intake say to each other over HTTP; both halves import it, neither the other.

    POST /records            application/msgpack         one frame: an envelope, a batch or a key rotation
                             application/vnd.atlas.records   frames: 4 bytes big-endian length, frame; again
                             content-encoding            gzip or zstd
    200  {"receipts": [{"worker", "sequence", "record_id", "position", "duplicate"}, ...]}
    202  the same, and "quarantined": so many records of workers that are not registered are kept apart

    GET  /workers/<address>
    200  {"worker", "admitted", "next_sequence", "last_record_id", "key"}
         and where it is so "missing": [[first, last], ...] and "quarantined": true

    anything else            application/problem+json (RFC 9457)
         {"type", "title", "status", "detail", "code", "hint", ...}
         of a refused record also "index" in the submission, and "receipts" of those stored before it
         (a batch that does not open is refused under the index of its first record);
         of a gap also "expected" and "got"; of an internal error also "error_id"

Hashes are lower-case hex, addresses in their EIP-55 form, positions count from 1.
"""

from collections.abc import Iterable

import msgspec

from atlas.indexer.workers.errors import RequestRefused

ENVELOPE_TYPE = "application/msgpack"
FRAMES_TYPE = "application/vnd.atlas.records"
PROBLEM_TYPE = "application/problem+json"
_LENGTH_BYTES = 4


class ReceiptView(msgspec.Struct, frozen=True, gc=False):
    """One stored record, as the intake confirms it."""

    worker: str
    sequence: int
    record_id: str
    position: int
    duplicate: bool


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole submission is stored, receipts are in its order; ``quarantined`` records are kept apart."""

    receipts: tuple[ReceiptView, ...]
    quarantined: int = 0


class WorkerView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the intake is with a worker; ``key`` signs its next record, ``missing`` are the first gaps."""

    worker: str
    admitted: bool
    next_sequence: int
    last_record_id: str | None
    key: str = ""
    missing: tuple[tuple[int, int], ...] = ()
    quarantined: bool = False


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details. ``type`` is about:blank, so ``title`` is the status's phrase; ``code`` says which."""

    title: str
    status: int
    detail: str
    code: str = ""
    hint: str = ""
    index: int | None = None
    receipts: tuple[ReceiptView, ...] = ()
    expected: int | None = None
    got: int | None = None
    quarantined: int = 0
    error_id: str | None = None
    type: str = "about:blank"


def join_frames(envelopes: Iterable[bytes]) -> bytes:
    """The body of a submission of several envelopes."""
    return b"".join(len(envelope).to_bytes(_LENGTH_BYTES, "big") + envelope for envelope in envelopes)


def split_frames(body: bytes) -> list[bytes]:
    """The envelopes in a body of frames. Raises RequestRefused (400) when the lengths do not add up."""
    envelopes: list[bytes] = []
    offset = 0
    while offset < len(body):
        begin = offset + _LENGTH_BYTES
        end = begin + int.from_bytes(body[offset:begin], "big")
        if end > len(body):
            raise RequestRefused(
                400,
                "bad_frames",
                f"frame {len(envelopes)} at byte {offset} is cut off: it ends at {end}, the body at {len(body)}",
                hint="A frame is a 4-byte big-endian length and that many bytes.",
            )
        envelopes.append(body[begin:end])
        offset = end
    return envelopes
