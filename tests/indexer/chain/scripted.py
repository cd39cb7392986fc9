"""Endpoints that misbehave on purpose: real HTTP servers, since a real node does not lie."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.anvil import Anvil

Reply = tuple[int, dict[str, str], bytes]  # status, headers, body


class ScriptedServer:
    """Answers each request body with what ``answer`` returns; ``requests`` are the bodies seen."""

    def __init__(self, answer: Callable[[bytes], Reply]) -> None:
        self.requests: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(answer))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self, answer: Callable[[bytes], Reply]) -> type[BaseHTTPRequestHandler]:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["content-length"]))
                requests.append(request)
                status, headers, body = answer(request)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Keep the test's output to itself."""

        return Handler


def replies(*scripted: Reply | object) -> Callable[[bytes], Reply]:
    """One reply after the other, the last one for ever; what is no reply is sent as JSON under 200."""
    remaining = list(scripted)

    def answer(_: bytes) -> Reply:
        reply = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return reply if isinstance(reply, tuple) else (200, {}, json.dumps(reply).encode())

    return answer


Tamper = Callable[[str, list[Any], Any], Any]  # method, parameters, the true result -> the result given


class LyingNode(ScriptedServer):
    """Passes everything on to a real node, and changes its results by ``tamper``; its RuntimeErrors are refusals."""

    def __init__(self, anvil: Anvil, tamper: Tamper) -> None:
        def one(request: dict[str, Any]) -> dict[str, Any]:
            envelope = {"jsonrpc": "2.0", "id": request["id"]}
            try:
                result = anvil.rpc(request["method"], *request["params"])
                return {**envelope, "result": tamper(request["method"], request["params"], result)}
            except RuntimeError as error:
                return {**envelope, "error": {"code": -32000, "message": str(error)}}

        def answer(body: bytes) -> Reply:
            asked = json.loads(body)
            given = [one(request) for request in asked] if isinstance(asked, list) else one(asked)
            return 200, {"content-type": "application/json"}, json.dumps(given).encode()

        super().__init__(answer)
