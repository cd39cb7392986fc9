"""Bodies of requests that come slowly, or not at all."""

from typing import Any

import anyio
import pytest
from starlette.requests import Request

from atlas.graphql.errors import BodyTooSlow, InvalidRequest
from atlas.graphql.http.requests import read_request
from atlas.graphql.limits import Limits


def request(*messages: dict[str, Any]) -> Request:
    """A POST whose body is in ``messages``; after them nothing comes any more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await anyio.sleep_forever()
        return left.pop(0)

    headers = [(b"content-type", b"application/json")]
    return Request({"type": "http", "method": "POST", "path": "/graphql", "headers": headers}, receive)


def read(asked: Request, limits: Limits) -> None:
    async def main() -> None:
        await read_request(asked, limits)

    anyio.run(main)


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    slow = request({"type": "http.request", "body": b"{", "more_body": True})
    with pytest.raises(BodyTooSlow) as refused:
        read(slow, Limits(body_timeout_s=0.05))
    assert (refused.value.status, refused.value.code) == (408, "BODY_TIMEOUT")


def test_a_client_that_goes_away_is_no_fault_of_the_server() -> None:
    gone = request({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
    with pytest.raises(InvalidRequest, match="went away"):
        read(gone, Limits())
