"""GraphQL requests out of HTTP requests (GraphQL over HTTP, draft of 2025).

POST  content-type application/json: {"query": "...", "variables": {...}, "operationName": "..."}
GET   ?query=...&variables=<JSON>&operationName=...
"""

from dataclasses import dataclass
from typing import Any, cast

import anyio
import orjson
from starlette.requests import ClientDisconnect, Request

from atlas.graphql.errors import BodyTooLarge, BodyTooSlow, InvalidRequest, UnsupportedMediaType
from atlas.graphql.limits import Limits

LEGACY_MEDIA_TYPE = "application/json"
MEDIA_TYPE = "application/graphql-response+json"


@dataclass(frozen=True)
class GraphQLRequest:
    """One operation to execute."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None


async def read_request(request: Request, limits: Limits) -> GraphQLRequest:
    """The GraphQL request in an HTTP request. Raises InvalidRequest."""
    if request.method in ("GET", "HEAD"):
        return _from_parameters(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != LEGACY_MEDIA_TYPE:
        raise UnsupportedMediaType(
            f"the content type is {LEGACY_MEDIA_TYPE}, got {kind or 'none'}", hint="Send a JSON object."
        )
    return _request(_json(await _body(request, limits), "the body"))


def response_media_type(request: Request) -> str:
    """The media type to answer with: the one of GraphQL where it is named, JSON otherwise."""
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return MEDIA_TYPE if MEDIA_TYPE in accepted else LEGACY_MEDIA_TYPE


async def _body(request: Request, limits: Limits) -> bytes:
    body = bytearray()
    try:
        with anyio.fail_after(limits.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise BodyTooLarge(
                        f"the body has more than {limits.body_bytes} bytes", hint="Send a shorter document."
                    )
    except TimeoutError as error:
        raise BodyTooSlow(f"the body did not arrive within {limits.body_timeout_s} s", hint="Send it again.") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the client went away before its body had arrived") from error
    return bytes(body)


def _from_parameters(request: Request) -> GraphQLRequest:
    parameters = request.query_params
    fields: dict[str, object] = {name: parameters[name] for name in ("query", "operationName") if name in parameters}
    for name in ("variables", "extensions"):
        if parameters.get(name):
            fields[name] = _json(parameters[name].encode(), f"the parameter {name}")
    return _request(fields)


def _json(data: bytes, what: str) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what} is not JSON: {error}", hint="Send UTF-8 JSON.") from error


def _request(fields: object) -> GraphQLRequest:
    if not isinstance(fields, dict):
        raise InvalidRequest("a GraphQL request is a JSON object", hint='Send {"query": "..."}.')
    given = cast("dict[str, object]", fields)
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise InvalidRequest("`query` is a GraphQL document", hint='Send {"query": "..."}.')
    if not isinstance(variables, dict | None):
        raise InvalidRequest("`variables` is a JSON object", hint="Leave it out when there are none.")
    if not isinstance(name, str | None):
        raise InvalidRequest("`operationName` is a string", hint="Leave it out when there is one operation.")
    if not isinstance(given.get("extensions"), dict | None):
        raise InvalidRequest("`extensions` is a JSON object", hint="Leave it out.")
    return GraphQLRequest(query, cast("dict[str, Any]", variables or {}), name or None)
