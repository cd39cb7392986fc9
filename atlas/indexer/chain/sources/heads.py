"""When to look for a new block: told by the endpoint over a WebSocket, else after a while.

    -> {"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}
    <- {"jsonrpc":"2.0","id":1,"result":"0x9ce59a13059e417087c02d3236a0b1cc"}
    <- {"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x9ce5...","result":{"number":...}}}

What the socket says is a hint to ask, never an answer. A socket that is lost, silent for too long, or sends what
is no head, is opened anew after a while; until then nobody is woken early, and waiting is polling.
"""

import random
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.json import Decoder
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from atlas.indexer.chain.rpc.masking import masked_url, without_secrets
from atlas.indexer.errors import InvalidChainConfig

OPEN_TIMEOUT_S = 10.0
PING_INTERVAL_S = 15.0
PING_TIMEOUT_S = 15.0
# A node may answer pings long after it has forgotten the subscription.
MAX_SILENCE_S = 120.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0

_SUBSCRIBE = b'{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'
_LOCAL = ("localhost", "127.0.0.1", "::1")


class _Said(msgspec.Struct, frozen=True):
    """A message: the answer to the subscription (``result`` or ``error``), or a new head (``method``)."""

    method: str = ""
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_said: Decoder[_Said] = Decoder(_Said)


class _Unusable(Exception):
    """The socket does not tell of heads."""


def _received(socket: ClientConnection) -> str | bytes:
    try:
        return socket.recv(MAX_SILENCE_S)
    except TimeoutError as error:
        raise _Unusable(f"nothing was said for {MAX_SILENCE_S:.0f} s") from error


def _ignore(_: str) -> None:
    """Nobody wants to know."""


class SocketWatch:
    """A watch over ``eth_subscribe`` at ``url``, in a thread of its own. Raises InvalidChainConfig.

    ``on_change`` is told when the socket was opened ("") and why it was lost, its secrets masked.
    """

    def __init__(self, url: str, *, on_change: Callable[[str], object] | None = None) -> None:
        if not url.startswith(("ws://", "wss://")):
            raise InvalidChainConfig(
                f"{masked_url(url)} is no WebSocket endpoint", hint="Expected such as wss://host/path."
            )
        self.name = masked_url(url)
        self._url = url
        self._on_change: Callable[[str], object] = on_change or _ignore
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None
        self._is_subscribed = False
        self._thread = threading.Thread(target=self._run, name=f"heads {self.name}", daemon=True)
        self._thread.start()

    @property
    def is_subscribed(self) -> bool:
        """Whether new heads are told at the moment: then looking for them by the clock can be rare."""
        return self._is_subscribed

    def wait(self, timeout_s: float) -> None:
        """As ``watching.HeadWatch.wait``; losing the socket ends it too, so that polling begins."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """As ``watching.HeadWatch.wake``."""
        self._woken.set()

    def close(self) -> None:
        """As ``watching.HeadWatch.close``; calling it twice does no harm."""
        self._closing.set()
        self._woken.set()
        socket = self._socket
        if socket is not None:
            socket.close()
        self._thread.join(OPEN_TIMEOUT_S + 1)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                self._listen()
            except (OSError, WebSocketException, InvalidHandshake, InvalidURI, _Unusable, ValueError) as error:
                failures = 0 if self._is_subscribed else failures + 1
                if self._is_subscribed:
                    self._is_subscribed = False
                    self._woken.set()
                if not self._closing.is_set():
                    said = without_secrets(str(error), self._url)
                    self._on_change(f"{self.name}: {type(error).__name__}: {said}")
            self._closing.wait(min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10)) * random.uniform(0.75, 1.25))

    def _listen(self) -> None:
        """Open the socket, subscribe, and wake who waits with each head, until the socket is lost."""
        with connect(self._url, **self._options()) as socket:
            self._socket = socket
            if self._closing.is_set():
                return
            socket.send(_SUBSCRIBE.decode())
            while not self._closing.is_set():
                self._heard(_received(socket))

    def _heard(self, message: str | bytes) -> None:
        try:
            said = _said.decode(message)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _Unusable(f"a message is not JSON-RPC: {error}") from error
        if isinstance(said.error, msgspec.Raw):
            raise _Unusable(f"eth_subscribe was refused: {bytes(said.error)[:200].decode(errors='replace')}")
        if said.method == "eth_subscription":
            self._woken.set()
        elif isinstance(said.result, msgspec.Raw):
            self._is_subscribed = True
            self._on_change("")
            # There may have been a head before the subscription.
            self._woken.set()

    def _options(self) -> dict[str, Any]:
        is_near = urlsplit(self._url).hostname in _LOCAL
        return {
            "open_timeout": OPEN_TIMEOUT_S,
            "close_timeout": 1,
            "ping_interval": PING_INTERVAL_S,
            "ping_timeout": PING_TIMEOUT_S,
            "max_size": MAX_MESSAGE_BYTES,
            # A proxy for the outside world is not the way to a node on this machine.
            "proxy": None if is_near else True,
        }
