"""JSON-RPC over HTTP against servers that answer as real ones do on a bad day."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.json import Decoder

from atlas.indexer.chain.rpc import calls as rpc
from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    MalformedResponse,
    RangeTooLarge,
)
from tests.anvil import free_port
from tests.indexer.chain.scripted import Reply, ScriptedServer, replies

TEXT: Decoder[str] = Decoder(str)
GOOD = {"jsonrpc": "2.0", "id": 0, "result": "0x1"}
HTML = (200, {"content-type": "text/html"}, b"<!DOCTYPE html><html><body>Welcome</body></html>")


@contextmanager
def client(
    answer: Callable[[bytes], Reply], delays: list[float] | None = None, **options: Any
) -> Generator[tuple[RpcClient, ScriptedServer]]:
    """A client of a scripted server that does not wait between attempts."""
    with ScriptedServer(answer) as server:
        rpc_client = RpcClient(server.url, sleep=(delays if delays is not None else []).append, **options)
        try:
            yield rpc_client, server
        finally:
            rpc_client.close()


def error(code: int, message: str) -> dict[str, object]:
    """A JSON-RPC error answer."""
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": message}}


def test_a_result_is_decoded() -> None:
    with client(replies(GOOD)) as (endpoint, server):
        assert endpoint.call("eth_chainId", [], TEXT) == "0x1"
        assert json.loads(server.requests[0]) == {"jsonrpc": "2.0", "id": 0, "method": "eth_chainId", "params": []}


def test_a_batch_is_put_in_order_and_split() -> None:
    def answer(body: bytes) -> Reply:
        asked = json.loads(body)
        given = [{"jsonrpc": "2.0", "id": call["id"], "result": call["params"][0]} for call in reversed(asked)]
        return 200, {}, json.dumps(given).encode()

    wanted = [str(number) for number in range(2 * rpc.MAX_BATCH + 50)]
    with client(answer) as (endpoint, server):
        assert endpoint.batch([("echo", [text]) for text in wanted], TEXT) == wanted
        assert [len(json.loads(body)) for body in server.requests] == [rpc.MAX_BATCH, rpc.MAX_BATCH, 50]


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {"retry-after": "2"}, b"slow down"),
        (502, {}, b"<html>bad gateway</html>"),
        (503, {}, b""),
        HTML,
        (200, {}, json.dumps(GOOD).encode()[:-5]),
        (200, {}, b""),
        error(-32005, "request rate limited"),
        error(-32000, "request timed out"),
        error(-32602, "block range extends beyond current head block"),
        {"jsonrpc": "2.0", "id": 0},
        {"jsonrpc": "2.0", "id": 9, "result": "0x1"},
        {"jsonrpc": "2.0", "id": 0, "result": {"unexpected": "shape"}},
    ],
)
def test_trouble_that_passes_is_tried_again(trouble: object) -> None:
    delays: list[float] = []
    with client(replies(trouble, trouble, GOOD), delays) as (endpoint, _):
        assert endpoint.call("eth_chainId", [], TEXT) == "0x1"
    assert len(delays) == 2
    assert all(0 < delay_s <= rpc.MAX_DELAY_S for delay_s in delays)


def test_the_wait_that_the_endpoint_asks_for_is_kept_within_a_bound() -> None:
    for asked, kept in (("2", 2.0), ("3600", rpc.MAX_DELAY_S)):
        delays: list[float] = []
        with client(replies((429, {"retry-after": asked}, b""), GOOD), delays) as (endpoint, _):
            endpoint.call("eth_chainId", [], TEXT)
        assert delays == [kept]


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        ((429, {}, b""), EndpointUnavailable, "HTTP 429"),
        ((502, {}, b"<html>"), EndpointUnavailable, "HTTP 502"),
        (HTML, MalformedResponse, "the answer begins with b'<!DOCTYPE"),
        ((200, {}, b'{"jsonrpc":"2.0","id":0,"resu'), MalformedResponse, "truncated"),
        ((200, {}, b"\xff\xfe"), MalformedResponse, "begins with"),
        ((200, {}, b"[]"), MalformedResponse, "1 calls were answered"),
        ((401, {}, b"who are you"), EndpointRefused, "HTTP 401"),
        ((401, {}, b'{"message":"Invalid API key"}'), EndpointRefused, "HTTP 401"),
        ((403, {}, b'{"error":"forbidden"}'), EndpointRefused, "HTTP 403"),
        ((413, {}, b'{"message":"Request Too Long"}'), RangeTooLarge, "HTTP 413"),
        ((404, {}, b"<html>"), EndpointRefused, "HTTP 404"),
        (error(-32601, "Method not found"), EndpointRefused, "error -32601: Method not found"),
        (error(-32005, "query returned more than 10000 results"), RangeTooLarge, "more than 10000"),
        (error(-32602, "block range is too wide"), RangeTooLarge, "too wide"),
        ((400, {}, json.dumps(error(-32602, "bad")).encode()), EndpointRefused, "error -32602"),
        ([GOOD, {**GOOD, "id": 1}], MalformedResponse, "1 calls were answered"),
    ],
)
def test_trouble_that_stays_is_a_typed_error_that_says_where(
    reply: object, kind: type[EndpointError], message: str
) -> None:
    with client(replies(reply)) as (endpoint, server), pytest.raises(kind, match=message) as caught:
        endpoint.call("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x2"}], TEXT)
    assert type(caught.value) is kind
    assert caught.value.message.startswith(f'{server.url} eth_getLogs[{{"fromBlock":"0x1","toBlock":"0x2"}}]')
    assert caught.value.hint


def test_nobody_there_is_unavailable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    endpoint = RpcClient(url, sleep=lambda _: None)
    with pytest.raises(EndpointUnavailable, match=url):
        endpoint.call("eth_chainId", [], TEXT)
    endpoint.close()


def test_an_answer_larger_than_allowed_is_refused_before_it_is_read() -> None:
    with (
        client(replies({**GOOD, "result": "0" * 5_000}), max_answer_bytes=1_000) as (endpoint, _),
        pytest.raises(RangeTooLarge, match="larger than 1000 bytes"),
    ):
        endpoint.call("eth_getLogs", [], TEXT)


def test_secrets_are_in_no_message() -> None:
    echo_of_path = {"error": {"code": -32000, "message": "no path /v2/0123456789abcdefghij?key=hunter2"}}
    for reply in ((403, {}, b""), (200, {}, b"hunter2 is no key of /v2/0123456789abcdefghij"), echo_of_path):
        with ScriptedServer(replies(reply)) as server:
            secret = server.url.replace("http://", "http://user:hunter2@") + "/v2/0123456789abcdefghij?key=hunter2"
            endpoint = RpcClient(secret, sleep=lambda _: None)
            with pytest.raises(EndpointError) as caught:
                endpoint.call("eth_chainId", [], TEXT)
            endpoint.close()
        assert "hunter2" not in str(caught.value) + caught.value.message
        assert "0123456789" not in str(caught.value) + caught.value.message


def echo(body: bytes, *, most: int, refused: Reply) -> Reply:
    """A server that takes batches of ``most`` calls, or none when that is 0."""
    asked = json.loads(body)
    if isinstance(asked, list) and len(asked) > most:
        return refused
    given = (
        [{"jsonrpc": "2.0", "id": call["id"], "result": call["params"][0]} for call in asked]
        if isinstance(asked, list)
        else {"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"][0]}
    )
    return 200, {}, json.dumps(given).encode()


def lone(code: int, message: str) -> Reply:
    return 200, {}, json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}).encode()


@pytest.mark.parametrize(
    "refused",
    [
        (413, {}, b"<html>entity too large</html>"),
        (413, {}, b'{"message":"Request Too Long"}'),
        (400, {}, b""),
        lone(-32600, "batch too large"),
        lone(-32700, "cannot parse that"),
        (200, {}, json.dumps([error(-32600, "batch limit 10 exceeded")]).encode()),
    ],
)
@pytest.mark.parametrize("most", [0, 3, 10])
def test_a_refused_batch_is_made_in_smaller_ones_from_then_on(refused: Reply, most: int) -> None:
    wanted = [str(number) for number in range(40)]
    with client(lambda body: echo(body, most=most, refused=refused)) as (endpoint, server):
        assert endpoint.batch([("echo", [text]) for text in wanted], TEXT) == wanted
        server.requests.clear()
        assert endpoint.batch([("echo", [text]) for text in wanted], TEXT) == wanted
        sizes = [len(asked) if isinstance(asked := json.loads(body), list) else 1 for body in server.requests]
    assert sum(sizes) == 40
    assert max(sizes) <= max(1, most)


def test_an_answer_too_large_for_a_batch_is_asked_for_in_parts_this_time() -> None:
    wanted = ["x" * 300 for _ in range(8)]
    with client(lambda body: echo(body, most=99, refused=lone(0, "")), max_answer_bytes=1_000) as (endpoint, _):
        assert endpoint.batch([("echo", [text]) for text in wanted], TEXT) == wanted


def test_each_exchange_is_observed_with_its_failure() -> None:
    seen: list[tuple[str, float, EndpointError | None]] = []

    def observe(method: str, seconds: float, failure: EndpointError | None) -> None:
        seen.append((method, seconds, failure))

    with client(replies((502, {}, b""), GOOD), observe=observe) as (endpoint, _):
        endpoint.call("eth_chainId", [], TEXT)
    assert [method for method, *_ in seen] == ["eth_chainId"] * 2
    assert all(seconds > 0 for _, seconds, _ in seen)
    assert isinstance(seen[0][2], EndpointUnavailable)
    assert seen[1][2] is None


def test_results_are_given_as_they_came() -> None:
    with client(replies({**GOOD, "result": {"a": [1, None]}})) as (endpoint, _):
        assert [json.loads(bytes(result)) for result in endpoint.results([("any", [])])] == [{"a": [1, None]}]


def test_no_calls_are_no_request() -> None:
    with client(replies(GOOD)) as (endpoint, server):
        assert endpoint.batch([], TEXT) == []
        assert not server.requests
