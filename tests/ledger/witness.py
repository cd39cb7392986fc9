"""A witness as C2SP tlog-witness describes it, over real HTTP; its proofs and signatures are its own code."""

import base64
import hashlib
import http.server
import threading
import time
from types import TracebackType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ledger.auditor import read_checkpoint


class WitnessServer:
    """Knows one log by its verifier key; ``name`` and ``seed`` are its own. A context manager."""

    def __init__(self, name: str, seed: bytes, log_key: str) -> None:
        self.name = name
        self.size = 0
        self.root = hashlib.sha256(b"").digest()
        self.statuses: list[int] = []
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._log_key = log_key
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, kind, answer = witness.add_checkpoint(body) if self.path == "/w/add-checkpoint" else _NOT_FOUND
                witness.statuses.append(status)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/w"

    @property
    def vkey(self) -> str:
        public_key = b"\x04" + self._key.public_key().public_bytes_raw()
        return f"{self.name}+{self._key_id.hex()}+{base64.b64encode(public_key).decode()}"

    @property
    def _key_id(self) -> bytes:
        public_key = b"\x04" + self._key.public_key().public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n" + public_key).digest()[:4]

    def __enter__(self) -> "WitnessServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_checkpoint(self, body: bytes) -> tuple[int, str, bytes]:
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        old, proof = int(first.removeprefix("old ")), [base64.b64decode(line) for line in lines]
        try:
            _, size, root = read_checkpoint(note, self._log_key)
        except (AssertionError, InvalidSignature):
            return 403, "text/plain", b"not the log's key\n"
        if old > size:
            return 400, "text/plain", b"old is larger\n"
        if old != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n".encode()
        if old == size and root != self.root:
            return 409, "text/plain", b"another root\n"
        if old and old != size and not self._extends(old, size, root, proof):
            return 422, "text/plain", b"the proof does not verify\n"
        self.size, self.root = size, root
        return 200, "text/plain", self.cosignature(note)

    def cosignature(self, note: bytes) -> bytes:
        text = note.decode().rpartition("\n\n")[0] + "\n"
        now = int(time.time())
        signature = self._key.sign(f"cosignature/v1\ntime {now}\n{text}".encode())
        line = base64.b64encode(self._key_id + now.to_bytes(8, "big") + signature).decode()
        return f"— {self.name} {line}\n".encode()

    def _extends(self, old: int, new: int, root: bytes, proof: list[bytes]) -> bool:
        """RFC 6962, 2.1.2, as its recursion stands there: both roots from the proof, consumed from its end."""
        rest = list(proof)

        def sub(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
            if m == n:
                found = self.root if whole else rest.pop(0)
                return found, found
            k = 1
            while k * 2 < n:
                k *= 2
            if m <= k:
                left = sub(m, k, whole)
                return left[0], _node(left[1], rest.pop(0))
            right = sub(m - k, n - k, False)
            sibling = rest.pop(0)
            return _node(sibling, right[0]), _node(sibling, right[1])

        try:
            return sub(old, new, True) == (self.root, root) and not rest
        except IndexError:
            return False


_NOT_FOUND = (404, "text/plain", b"no such path\n")


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
