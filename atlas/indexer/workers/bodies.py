"""Request bodies from strangers: bounded in size as sent and as unpacked, in number, and in the time they may take."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio
from starlette.requests import Request

from atlas.indexer.workers.codings import CODINGS, decode, too_large
from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.wire import ENVELOPE_TYPE, FRAMES_TYPE, split_frames


class Receiving:
    """The bodies that are arriving: how many at once, and how many bytes of them wait in memory.

    A body takes none of the places where submissions are worked on, so that slow senders keep each other waiting and
    nobody else. Used by one event loop.
    """

    def __init__(self, *, max_bodies: int, max_buffered_bytes: int) -> None:
        self._max_bodies = max_bodies
        self._max_buffered_bytes = max_buffered_bytes
        self.bodies = 0
        self.buffered_bytes = 0

    async def read(self, request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
        """The body as sent. Raises RequestRefused: 413 as soon as it is too large, 408 when it takes too long, 429."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > max_bytes:
            raise too_large(max_bytes)
        body = bytearray()
        with self._place():
            try:
                with anyio.fail_after(timeout_s):
                    async for piece in request.stream():
                        self._buffer(body, piece)
                        if len(body) > max_bytes:
                            raise too_large(max_bytes)
            except TimeoutError as error:
                raise RequestRefused(
                    408, "body_timeout", f"the body did not arrive within {timeout_s} s", hint="Send less at once."
                ) from error
            finally:
                self.buffered_bytes -= len(body)
        return bytes(body)

    @contextmanager
    def _place(self) -> Generator[None]:
        if self.bodies >= self._max_bodies:
            raise _busy(f"{self.bodies} submissions are arriving")
        self.bodies += 1
        try:
            yield
        finally:
            self.bodies -= 1

    def _buffer(self, body: bytearray, piece: bytes) -> None:
        if self.buffered_bytes + len(piece) > self._max_buffered_bytes:
            raise _busy(f"submissions of {self.buffered_bytes} bytes are arriving")
        body += piece
        self.buffered_bytes += len(piece)


def media_type(request: Request) -> str:
    """The content type, one of the two of a submission. Raises RequestRefused (415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (ENVELOPE_TYPE, FRAMES_TYPE):
        raise RequestRefused(
            415,
            "unsupported_media_type",
            f"a submission is not {kind or 'without a content type'!r}",
            hint=f"Send {ENVELOPE_TYPE} (one frame) or {FRAMES_TYPE} (frames).",
        )
    return kind


def content_coding(request: Request) -> str:
    """One of CODINGS. Raises RequestRefused (415) for another coding (RFC 9110 section 15.5.16)."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in CODINGS:
        raise RequestRefused(
            415,
            "unsupported_coding",
            f"content coding {coding!r} is not understood",
            hint="Send gzip, zstd or nothing.",
        )
    return coding


def unpack(body: bytes, *, kind: str, coding: str, max_bytes: int) -> list[bytes]:
    """The frames in a body of media type ``kind``. Raises RequestRefused: 400, or 413 once unpacked too large."""
    body = decode(body, coding, max_bytes)
    frames = split_frames(body) if kind == FRAMES_TYPE else [body]
    if not frames:
        raise RequestRefused(400, "empty", "the submission has no envelope")
    return frames


def _busy(reason: str) -> RequestRefused:
    return RequestRefused(429, "busy", reason, hint="Send the same bytes again later.")
