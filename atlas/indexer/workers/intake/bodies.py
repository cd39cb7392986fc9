"""Request bodies from strangers: bounded in size as sent and as unpacked, in number, and in the time they may take."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio
from starlette.requests import Request

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake.codings import CODINGS, decode, too_large
from atlas.indexer.workers.wire import ENVELOPE_TYPE, FRAMES_TYPE, split_frames

_PATIENCE_S = 1.0


class _Arrival:
    """A body on its way in."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.scope = anyio.CancelScope()
        self.body = bytearray()


class Receiving:
    """The bodies that are arriving: how many at once, and how many bytes of them wait in memory.

    A body takes none of the places where submissions are worked on, so that slow senders keep each other waiting and
    nobody else: where there is no room for one more, the one that has been arriving longest gives way, if that is
    longer than ``patience_s``. Used by one event loop.
    """

    def __init__(self, *, max_bodies: int, max_buffered_bytes: int, patience_s: float = _PATIENCE_S) -> None:
        self._max_bodies = max_bodies
        self._max_buffered_bytes = max_buffered_bytes
        self._patience_s = patience_s
        self._arrivals: dict[_Arrival, None] = {}  # the oldest first
        self._buffered_bytes = 0

    async def read(self, request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
        """The body as sent. Raises RequestRefused: 413 as soon as it is too large, 408 when it takes too long, 429."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > max_bytes:
            raise too_large(max_bytes)
        arrival = _Arrival(anyio.current_time())
        arrival.scope.deadline = arrival.since_s + timeout_s
        with arrival.scope, self._place(arrival):
            async for piece in request.stream():
                self._buffer(arrival, piece)
                if len(arrival.body) > max_bytes:
                    raise too_large(max_bytes)
        if not arrival.scope.cancelled_caught:
            return bytes(arrival.body)
        if anyio.current_time() < arrival.scope.deadline:
            raise _busy("the body gave way to others, which arrive faster")
        raise RequestRefused(
            408, "body_timeout", f"the body did not arrive within {timeout_s} s", hint="Send less at once."
        )

    @contextmanager
    def _place(self, arrival: _Arrival) -> Generator[None]:
        if len(self._arrivals) >= self._max_bodies and not self._make_room(arrival):
            raise _busy(f"{len(self._arrivals)} submissions are arriving")
        self._arrivals[arrival] = None
        try:
            yield
        finally:
            self._leave(arrival)

    def _buffer(self, arrival: _Arrival, piece: bytes) -> None:
        while self._buffered_bytes + len(piece) > self._max_buffered_bytes:
            if not self._make_room(arrival):
                raise _busy(f"submissions of {self._buffered_bytes} bytes are arriving")
        if arrival in self._arrivals:
            arrival.body += piece
            self._buffered_bytes += len(piece)

    def _make_room(self, arrival: _Arrival) -> bool:
        """Turn away who has been arriving longest, unless that is ``arrival`` itself or not long; says whether."""
        oldest = next(iter(self._arrivals), arrival)
        if oldest is arrival or anyio.current_time() - oldest.since_s < self._patience_s:
            return False
        self._leave(oldest)
        oldest.scope.cancel()
        return True

    def _leave(self, arrival: _Arrival) -> None:
        if arrival in self._arrivals:
            del self._arrivals[arrival]
            self._buffered_bytes -= len(arrival.body)


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
