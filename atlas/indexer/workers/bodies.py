"""Request bodies from strangers: bounded in size as sent and as unpacked, and in the time they may take."""

import zlib

import anyio
from starlette.requests import Request

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.wire import ENVELOPE_TYPE, FRAMES_TYPE, split_frames

_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for the gzip format, RFC 1952


async def read_body(request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
    """The body as sent. Raises RequestRefused: 413 as soon as it is too large, 408 when it takes too long."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        with anyio.fail_after(timeout_s):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError as error:
        raise RequestRefused(
            408, "body_timeout", f"the body did not arrive within {timeout_s} s", hint="Send smaller submissions."
        ) from error
    return bytes(body)


def media_type(request: Request) -> str:
    """The content type, one of the two of a submission. Raises RequestRefused (415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (ENVELOPE_TYPE, FRAMES_TYPE):
        raise RequestRefused(
            415,
            "unsupported_media_type",
            f"a submission is not {kind or 'without a content type'!r}",
            hint=f"Send {ENVELOPE_TYPE} (one envelope) or {FRAMES_TYPE} (frames).",
        )
    return kind


def content_coding(request: Request) -> str:
    """``gzip`` or ``identity``. Raises RequestRefused (415) for another coding (RFC 9110 section 15.5.16)."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("gzip", "identity"):
        raise RequestRefused(
            415, "unsupported_coding", f"content coding {coding!r} is not understood", hint="Send gzip or nothing."
        )
    return coding


def unpack(body: bytes, *, kind: str, coding: str, max_bytes: int) -> list[bytes]:
    """The envelopes in a body of media type ``kind``. Raises RequestRefused: 400, or 413 once unpacked too large."""
    if coding == "gzip":
        body = _gunzip(body, max_bytes)
    envelopes = split_frames(body) if kind == FRAMES_TYPE else [body]
    if not envelopes:
        raise RequestRefused(400, "empty", "the submission has no envelope")
    return envelopes


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        unpacked = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise _bad_gzip(str(error)) from error
    if len(unpacked) > max_bytes:
        raise _too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise _bad_gzip("bytes are missing at the end" if not inflater.eof else "bytes follow the end")
    return unpacked


def _bad_gzip(reason: str) -> RequestRefused:
    return RequestRefused(400, "bad_gzip", f"the body is not one gzip member: {reason}")


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(
        413,
        "body_too_large",
        f"a submission has at most {max_bytes} bytes unpacked",
        hint="Send fewer records at once.",
    )
