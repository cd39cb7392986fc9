"""HTTP for endpoints that are not trusted: one POST and its whole answer, bounded in time and in size.

The deadline counts for the exchange as a whole, however slowly and in however small pieces the other side
sends: every operation on the socket gets only what is left of it. Sizes are counted after decompression.
"""

import base64
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx
import msgspec

from atlas.indexer.chain.rpc.masking import masked_url
from atlas.indexer.errors import InvalidChainConfig

CONNECT_TIMEOUT_S = 5.0
DEADLINE_S = 60.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_CONNECTIONS = 64
KEEP_ALIVE_S = 30.0

_LOCAL = ("localhost", "127.0.0.1", "::1")
_DECODED = {b"gzip": 31, b"x-gzip": 31, b"deflate": 47}  # zlib's window bits
_URL_HINT = "Expected such as https://host/path or http://127.0.0.1:8545."
_DROPPED = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)


class Reply(msgspec.Struct, frozen=True):
    """A whole HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class AnswerTooLarge(Exception):
    """The answer has more bytes than are allowed."""


class UnknownEncoding(Exception):
    """The body is compressed in a way that was not asked for, or is not what its header says."""


class _Deadline(threading.local):
    """When the exchange of this thread has to be over, on the monotonic clock."""

    at_s = 0.0

    def left_s(self, most: float | None) -> float:
        left = self.at_s - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer did not come in time")
        return left if most is None else min(left, most)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left_s(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left_s(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as the base class has it
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Sockets whose every operation ends by the deadline."""

    def __init__(self, deadline: _Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = self._deadline.left_s(timeout)
        return _Stream(self._inner.connect_tcp(host, port, left_s, local_address, socket_options or ()), self._deadline)


class HttpTransport:
    """POSTs to ``url`` over kept connections; for several threads at once. Nothing is opened yet.

    Raises InvalidChainConfig for a URL that is none.
    """

    def __init__(self, url: str, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        parsed = _parsed(url)
        self._target = _target(parsed)
        self._max_answer_bytes = max_answer_bytes
        self._deadline = _Deadline()
        self._pool = _pool(parsed, _Backend(self._deadline))
        self._headers = _headers(parsed)

    def post(self, content: bytes, *, deadline_s: float = DEADLINE_S) -> Reply:
        """The answer to ``content``, within ``deadline_s``.

        A kept connection that the other side closed meanwhile is replaced once, unnoticed. Raises
        httpcore's exceptions, OSError, AnswerTooLarge and UnknownEncoding.
        """
        self._deadline.at_s = time.monotonic() + deadline_s
        try:
            return self._exchange(content)
        except _DROPPED:
            return self._exchange(content)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _exchange(self, content: bytes) -> Reply:
        timeouts = {"connect": CONNECT_TIMEOUT_S, "pool": self._deadline.left_s(None)}
        headers = [*self._headers, (b"content-length", str(len(content)).encode())]
        with self._pool.stream(
            "POST", self._target, headers=headers, content=content, extensions={"timeout": timeouts}
        ) as response:
            named = {name.lower(): value for name, value in response.headers}
            body = self._body(response, named.get(b"content-encoding", b"identity"))
        return Reply(response.status, {name.decode("latin-1"): v.decode("latin-1") for name, v in named.items()}, body)

    def _body(self, response: httpcore.Response, encoding: bytes) -> bytes:
        body = bytearray()
        for piece in _decoded(response.iter_stream(), encoding.strip().lower(), self._max_answer_bytes):
            body += piece
            if len(body) > self._max_answer_bytes:
                raise AnswerTooLarge(f"the answer is larger than {self._max_answer_bytes} bytes")
        return bytes(body)


def _decoded(pieces: Iterable[bytes], encoding: bytes, most: int) -> Iterable[bytes]:
    """The content of ``pieces``; one piece of it has at most ``most`` + 1 bytes."""
    if encoding in (b"identity", b""):
        return pieces
    if encoding not in _DECODED:
        raise UnknownEncoding(f"the body is compressed as {encoding.decode('latin-1')}, which was not asked for")
    return _inflated(pieces, _DECODED[encoding], most)


def _inflated(pieces: Iterable[bytes], window_bits: int, most: int) -> Iterable[bytes]:
    decoder = zlib.decompressobj(window_bits)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if decoder.eof:  # a body may have several members (RFC 1952, section 2.2)
                    decoder = zlib.decompressobj(window_bits)
                yield decoder.decompress(rest, most + 1)
                rest = decoder.unused_data
    except zlib.error as error:
        raise UnknownEncoding(f"the compressed body is damaged: {error}") from error
    if not decoder.eof:
        raise UnknownEncoding("the compressed body ends too early")


def _pool(url: httpx.URL, backend: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    options: dict[str, Any] = {
        "ssl_context": httpx.create_ssl_context() if url.scheme == "https" else None,
        "max_connections": MAX_CONNECTIONS,
        "max_keepalive_connections": MAX_CONNECTIONS,
        "keepalive_expiry": KEEP_ALIVE_S,
        "network_backend": backend,
        "socket_options": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
    }
    proxy = _proxy(url)
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    via = _parsed(proxy if "://" in proxy else f"http://{proxy}")
    auth = (via.username, via.password) if via.username else None
    return httpcore.HTTPProxy(_target(via), proxy_auth=auth, **options)


def _proxy(url: httpx.URL) -> str | None:
    """The proxy that the environment names for ``url``; never one for a node on this machine."""
    if url.host in _LOCAL or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"host", url.netloc),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        # On one machine compressing takes longer than copying.
        (b"accept-encoding", b"identity" if url.host in _LOCAL else b"gzip"),
        (b"user-agent", b"atlas-ledger"),
    ]
    if url.username:
        headers.append((b"authorization", b"Basic " + base64.b64encode(f"{url.username}:{url.password}".encode())))
    return headers


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        # The reason quotes the URL, so it is only told where there is nothing to mask.
        reason = f": {error}" if masked_url(url) == url else ""
        raise InvalidChainConfig(f"{masked_url(url)} is no URL{reason}", hint=_URL_HINT) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or not 0 < (parsed.port or 1) < 2**16:
        raise InvalidChainConfig(f"{masked_url(url)} is no HTTP URL", hint=_URL_HINT)
    return parsed


def _target(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
