"""A server that speaks HTTP byte by byte: what no library would send."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence

Script = Callable[[socket.socket, int], object]  # the connection, and how many requests came before on the server


class RawServer:
    """Reads a request, then does what ``script`` does; the connection stays open until that returns."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "RawServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while (request := _request(connection)) is not None:
                self.requests.append(request)
                if self._script(connection, len(self.requests) - 1) is False:
                    return


def _request(connection: socket.socket) -> bytes | None:
    """One whole request, or None when the other side is gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An answer under 200."""
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drip(connection: socket.socket, pieces: Sequence[bytes], every_s: float) -> None:
    """Send ``pieces``, slowly."""
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(every_s)
