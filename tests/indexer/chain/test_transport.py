"""HTTP against servers that send too much, too slowly, or what is no HTTP."""

import gzip
import socket
import time
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.json import Decoder

from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.rpc.transport import HttpTransport
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    InvalidChainConfig,
    MalformedResponse,
    RangeTooLarge,
)
from tests.indexer.chain.raw import RawServer, Script, drip, reply

TEXT: Decoder[str] = Decoder(str)
GOOD = b'{"jsonrpc":"2.0","id":0,"result":"0x1"}'


@contextmanager
def client(script: Script, **options: Any) -> Generator[tuple[RpcClient, RawServer]]:
    """A client of a server that does what ``script`` says, with one attempt a call."""
    with RawServer(script) as server:
        endpoint = RpcClient(server.url, attempts=1, **options)
        try:
            yield endpoint, server
        finally:
            endpoint.close()


def answering(body: bytes, *headers: str) -> Script:
    return lambda connection, _: connection.sendall(reply(body, *headers))


def call(endpoint: RpcClient) -> str:
    return endpoint.call("eth_chainId", [], TEXT)


def test_connections_are_kept() -> None:
    with client(answering(GOOD)) as (endpoint, server):
        assert [call(endpoint) for _ in range(3)] == ["0x1"] * 3
        assert server.connections == 1


def test_a_kept_connection_that_was_dropped_is_replaced_unnoticed() -> None:
    def script(connection: socket.socket, before: int) -> bool:
        if before == 1:
            return False  # as a server whose keep-alive just ran out
        connection.sendall(reply(GOOD))
        return True

    with client(script) as (endpoint, server):
        assert [call(endpoint) for _ in range(3)] == ["0x1"] * 3
        assert server.connections == 2
        assert len(server.requests) == 4


def test_a_server_that_always_hangs_up_is_unavailable() -> None:
    with client(lambda _connection, _before: False) as (endpoint, server):
        with pytest.raises(EndpointUnavailable, match="RemoteProtocolError"):
            call(endpoint)
        assert len(server.requests) == 2


def slow_body(connection: socket.socket, _: int) -> None:
    drip(connection, [reply(b"", length=1_000), *([b" "] * 100)], 0.05)


def slow_header(connection: socket.socket, _: int) -> None:
    drip(connection, [b"HTTP/1.1 200 OK\r\n", *([b"x-slow: 1\r\n"] * 100)], 0.05)


def silence(connection: socket.socket, _: int) -> None:
    connection.recv(1)


@pytest.mark.parametrize("script", [slow_body, slow_header, silence])
def test_the_deadline_counts_for_the_answer_as_a_whole(script: Script) -> None:
    with client(script, deadline_s=0.4) as (endpoint, _):
        started = time.monotonic()
        with pytest.raises(EndpointUnavailable, match="no whole answer in time") as caught:
            call(endpoint)
        assert time.monotonic() - started < 2
        assert caught.value.is_timeout


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(GOOD, mtime=0)),
        ("deflate", zlib.compress(GOOD)),
        ("identity", GOOD),
        ("gzip", gzip.compress(GOOD[:9], mtime=0) + gzip.compress(GOOD[9:], mtime=0)),
    ],
)
def test_compressed_answers_are_read(encoding: str, body: bytes) -> None:
    with client(answering(body, f"content-encoding: {encoding}")) as (endpoint, _):
        assert call(endpoint) == "0x1"


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", GOOD, "damaged"),
        ("gzip", gzip.compress(GOOD, mtime=0)[:-9], "ends too early"),
        ("gzip", gzip.compress(GOOD, mtime=0) + b"more", "damaged"),
        ("br", GOOD, "compressed as br"),
    ],
)
def test_a_body_that_is_not_what_its_header_says_is_malformed(encoding: str, body: bytes, message: str) -> None:
    with (
        client(answering(body, f"content-encoding: {encoding}")) as (endpoint, _),
        pytest.raises(MalformedResponse, match=message),
    ):
        call(endpoint)


def test_a_small_body_that_inflates_without_end_is_too_large() -> None:
    bomb = gzip.compress(b" " * 50_000_000, mtime=0)
    with (
        client(answering(bomb, "content-encoding: gzip"), max_answer_bytes=1_000_000) as (endpoint, _),
        pytest.raises(RangeTooLarge, match="larger than 1000000 bytes"),
    ):
        call(endpoint)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00\xff" * 50 + b"\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        reply(GOOD, length=500),
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000,
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_an_endpoint_error(sent: bytes) -> None:
    def script(connection: socket.socket, _: int) -> bool:
        connection.sendall(sent)
        return False

    with client(script, deadline_s=5.0) as (endpoint, _), pytest.raises(EndpointError) as caught:
        call(endpoint)
    assert caught.value.message.startswith(endpoint.display_url)


def test_user_and_password_go_into_a_header_and_local_answers_are_not_compressed() -> None:
    with RawServer(answering(GOOD)) as server:
        transport = HttpTransport(server.url.replace("://", "://me:p%40ss@") + "/path?x=1")
        assert transport.post(b"{}").body == GOOD
        transport.close()
    head = server.requests[0].lower()
    assert head.startswith(b"post /path?x=1 http/1.1\r\n")
    assert b"authorization: basic bwu6cebzcw==" in head
    assert b"accept-encoding: identity" in head


@pytest.mark.parametrize("url", ["", "http://", "ftp://node/", "http://[::1", "http://node:99999/"])
def test_a_url_that_is_none_is_a_mistake_of_the_settings(url: str) -> None:
    with pytest.raises(InvalidChainConfig, match="is no"):
        RpcClient(url)


def test_a_url_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(InvalidChainConfig) as caught:
        HttpTransport("https://user:hun/ter2@node.example/")
    assert not any(part in caught.value.message for part in ("user", "hun", "ter2"))


def test_names_of_hosts_and_paths_may_have_any_letters() -> None:
    with pytest.raises(EndpointUnavailable, match="bücher"):
        call(RpcClient("http://bücher.invalid/straße", attempts=1))


def test_a_proxy_of_the_environment_is_used_for_the_outside_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(reply(GOOD))

    with RawServer(answer) as proxy, RawServer(answer) as near:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        for url in ("http://node.invalid/", near.url):
            endpoint = RpcClient(url, attempts=1)
            assert call(endpoint) == "0x1"
            endpoint.close()
    assert proxy.requests[0].startswith(b"POST http://node.invalid/ HTTP/1.1")
    assert len(proxy.requests) == len(near.requests) == 1


def test_nobody_there_is_refused_fast() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EndpointUnavailable, match="ConnectError"):
        call(RpcClient(f"http://127.0.0.1:{port}", attempts=1))


def test_a_refused_method_is_still_told_with_its_status() -> None:
    def script(connection: socket.socket, _: int) -> None:
        connection.sendall(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")

    with client(script) as (endpoint, _), pytest.raises(EndpointRefused, match="HTTP 405"):
        call(endpoint)
