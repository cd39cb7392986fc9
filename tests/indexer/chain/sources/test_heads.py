"""Waiting for new blocks, over real sockets."""

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from atlas.indexer.chain.sources import heads
from atlas.indexer.chain.sources.heads import SocketWatch
from atlas.indexer.chain.sources.watching import Polling
from atlas.indexer.errors import InvalidChainConfig
from tests.anvil import Anvil, free_port

SUBSCRIBED = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x1"})
HEAD = json.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": {"result": {"number": "0x1"}}})
PATIENCE_S = 10.0


@contextmanager
def socket_server(script: Callable[[ServerConnection], object]) -> Generator[str]:
    """A WebSocket server that runs ``script`` for each connection after it has read the subscription."""

    def handle(connection: ServerConnection) -> None:
        connection.recv(timeout=PATIENCE_S)
        script(connection)

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join(5)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def waited(watch: Polling | SocketWatch, timeout_s: float) -> float:
    started = time.monotonic()
    watch.wait(timeout_s)
    return time.monotonic() - started


def settled(watch: SocketWatch) -> None:
    """The watch is subscribed, and what woke it until now is past."""
    until(lambda: watch.is_subscribed)
    time.sleep(0.05)
    watch.wait(0)


@contextmanager
def soon(act: Callable[[], object]) -> Generator[None]:
    """``act`` happens meanwhile, and has happened afterwards."""
    timer = threading.Timer(0.1, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_new_block_of_a_real_node_ends_the_wait(anvil: Anvil) -> None:
    with closing(SocketWatch(anvil.url.replace("http", "ws"))) as watch:
        settled(watch)
        assert waited(watch, 0.2) >= 0.2
        with soon(anvil.mine):
            assert 0.09 < waited(watch, PATIENCE_S) < 5


def test_losing_the_socket_ends_the_wait_and_it_is_opened_anew(anvil: Anvil) -> None:
    changes: list[str] = []
    with closing(SocketWatch(anvil.url.replace("http", "ws"), on_change=changes.append)) as watch:
        settled(watch)
        with soon(anvil.stop):
            assert waited(watch, PATIENCE_S) < 5
        until(lambda: not watch.is_subscribed)
        anvil.start()
        until(lambda: watch.is_subscribed)
    assert changes[0] == changes[-1] == ""
    assert any("Connection" in change for change in changes)


@pytest.mark.parametrize(
    "said",
    [
        json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no subscriptions"}}),
        "<html>",
        "[" * 100_000,
        "null",
        "x" * 5_000_000,
    ],
)
def test_a_socket_that_says_no_heads_is_given_up_and_tried_again(said: str) -> None:
    times: list[float] = []

    def script(connection: ServerConnection) -> None:
        times.append(time.monotonic())
        connection.send(said)
        connection.recv(timeout=PATIENCE_S)

    changes: list[str] = []
    with socket_server(script) as url, closing(SocketWatch(url, on_change=changes.append)) as watch:
        until(lambda: len(times) >= 2)
        assert not watch.is_subscribed
    assert changes
    assert all(change.startswith(url) for change in changes)


def test_heads_wake_and_other_messages_do_not() -> None:
    send = threading.Semaphore(0)

    def script(connection: ServerConnection) -> None:
        connection.send(SUBSCRIBED)
        send.acquire(timeout=PATIENCE_S)
        connection.send(json.dumps({"jsonrpc": "2.0", "method": "other", "params": {}}))
        send.acquire(timeout=PATIENCE_S)
        connection.send(HEAD)
        send.acquire(timeout=PATIENCE_S)

    with socket_server(script) as url, closing(SocketWatch(url)) as watch:
        settled(watch)
        send.release()
        assert waited(watch, 0.3) >= 0.3
        send.release()
        assert waited(watch, PATIENCE_S) < 5
        send.release()


def test_nobody_there_means_polling() -> None:
    with closing(SocketWatch(f"ws://127.0.0.1:{free_port()}")) as watch:
        assert waited(watch, 2.0) >= 2.0  # it has tried again meanwhile
        assert not watch.is_subscribed


def test_a_socket_that_says_nothing_any_more_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAX_SILENCE_S", 0.2)
    changes: list[str] = []

    def script(connection: ServerConnection) -> None:
        connection.send(SUBSCRIBED)
        connection.recv(timeout=PATIENCE_S)

    with socket_server(script) as url, closing(SocketWatch(url, on_change=changes.append)):
        until(lambda: changes.count("") >= 2)
    assert "nothing was said" in changes[1]


@pytest.mark.parametrize("watch_of", [Polling, lambda: SocketWatch(f"ws://127.0.0.1:{free_port()}")])
def test_waking_ends_the_wait_from_another_thread(watch_of: Callable[[], Polling | SocketWatch]) -> None:
    with closing(watch_of()) as watch:
        threading.Timer(0.05, watch.wake).start()
        assert waited(watch, PATIENCE_S) < 5
        watch.wake()
        assert waited(watch, PATIENCE_S) < 5


def test_closing_ends_the_wait_and_the_thread() -> None:
    with socket_server(lambda connection: (connection.send(SUBSCRIBED), connection.recv(timeout=PATIENCE_S))) as url:
        watch = SocketWatch(url)
        settled(watch)
        threading.Timer(0.05, watch.close).start()
        assert waited(watch, PATIENCE_S) < 5
        watch.close()
        assert not any(thread.name == f"heads {url}" for thread in threading.enumerate())


def test_secrets_are_in_no_message() -> None:
    changes: list[str] = []
    url = f"ws://127.0.0.1:{free_port()}/v3/0123456789abcdefghij"
    with closing(SocketWatch(url, on_change=changes.append)):
        until(lambda: bool(changes))
    assert "0123456789" not in "".join(changes)


def test_a_url_that_is_no_socket_is_refused() -> None:
    with pytest.raises(InvalidChainConfig, match="no WebSocket"):
        SocketWatch("https://node/0123456789abcdefghij")
