"""The server over HTTP: media types, status codes, errors, headers, and what else it serves."""

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import pytest
from anyio.from_thread import BlockingPortal
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from atlas.graphql.http.server import STATIC, create_app
from atlas.graphql.limits import Limits
from atlas.ledger.database import Database
from tests.graphql.conftest import Client, Post, prepare

COUNT = "{ assets { totalCount } }"
MODERN = "application/graphql-response+json"


def send(client: Client, body: Any, **headers: str) -> Any:
    return client.request("POST", "/graphql", json=body, headers=headers)


def test_a_post_is_answered_in_the_media_type_that_was_asked_for(client: Client) -> None:
    for accept, kind in (("*/*", "application/json"), (f"{MODERN}, application/json;q=0.9", MODERN)):
        response = send(client, {"query": COUNT}, accept=accept)
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{kind}; charset=utf-8"
        assert response.json()["data"]["assets"]["totalCount"] > 0


def test_a_get_is_answered(client: Client) -> None:
    query = quote("query A($n: Int) { assets(first: $n) { nodes { aaid } } } query B { __typename }")
    variables = quote('{"n": 1}')
    response = client.request("GET", f"/graphql?query={query}&operationName=A&variables={variables}")
    assert len(response.json()["data"]["assets"]["nodes"]) == 1


def test_an_answer_is_the_same_bytes_for_the_same_request(client: Client) -> None:
    first, second = (send(client, {"query": COUNT}) for _ in range(2))
    assert first.content == second.content


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{ assets {", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ assets { nope } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ asset { aaid } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ('{ asset(aaid: "x") { aaid } }', {}, "INVALID_AAID"),
        ("query($a: AAID!) { asset(aaid: $a) { aaid } }", {"a": "x"}, "INVALID_AAID"),
        ("query($a: AAID!) { asset(aaid: $a) { aaid } }", {"a": 7}, "INVALID_AAID"),
        ("query($a: AAID!) { asset(aaid: $a) { aaid } }", {}, "BAD_USER_INPUT"),
        ("query($a: AAID!) { asset(aaid: $a) { aaid } }", {"a": None}, "BAD_USER_INPUT"),
        ("query($w: AssetWhere) { assets(where: $w) { totalCount } }", {"w": {"nope": 1}}, "BAD_USER_INPUT"),
        ("query($w: AssetWhere) { assets(where: $w) { totalCount } }", {"w": {"owner": "0x1"}}, "INVALID_ADDRESS"),
        (
            '{ assets(where: {owner: "0xABCDEFabcdef0000000000000000000000000000"}) { totalCount } }',
            {},
            "INVALID_ADDRESS",
        ),
        ("{ assets(first: 0) { totalCount } }", {}, "LIMIT_EXCEEDED"),
        ("{ assets(first: 1001) { totalCount } }", {}, "LIMIT_EXCEEDED"),
        ("query($n: Int) { assets(first: $n) { totalCount } }", {"n": -1}, "LIMIT_EXCEEDED"),
    ],
)
def test_a_refused_request_has_a_code_no_data_and_status_400(
    query: str, variables: dict[str, Any], code: str, client: Client
) -> None:
    body = {"query": query, "variables": variables}
    response = send(client, body, accept=MODERN)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "data" not in response.json()
    assert "Traceback" not in response.text
    assert send(client, body, accept="application/json").status_code == 200


def test_syntax_and_type_errors_are_located(post: Post) -> None:
    assert post("{\n  assets {").json()["errors"][0]["locations"] == [{"line": 2, "column": 11}]
    assert post('{ asset(aaid: "x") { aaid } }').json()["errors"][0]["locations"] == [{"line": 1, "column": 15}]
    assert post("{ assets { nope } }").json()["errors"][0]["locations"] == [{"line": 1, "column": 12}]


def test_names_are_never_suggested(post: Post) -> None:
    for query in ("{ asset { aaid } }", "{ assets { node } }", "{ assets(frst: 1) { totalCount } }", "{ asets }"):
        assert "Did you mean" not in post(query).text
    assert "Did you mean" not in post("query($o: AssetOrderBy) { assets(orderBy: $o) { totalCount } }", o="aai").text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query": ""}', "application/json", 400),
        (b'{"query": 7}', "application/json", 400),
        (b'{"query": "{__typename}", "variables": []}', "application/json", 400),
        (b'{"query": "{__typename}", "operationName": 1}', "application/json", 400),
        (b'{"query": "{__typename}", "extensions": 1}', "application/json", 400),
        (b'{"query": "query A {__typename} query B {__typename}"}', "application/json", 200),
        (b'{"query": "{__typename}", "operationName": "Nope"}', "application/json", 400),
        (b'{"query": "mutation {__typename}"}', "application/json", 400),
        (b'{"query": "subscription {__typename}"}', "application/json", 400),
        (b'{"query": "fragment F on Query {__typename}"}', "application/json", 400),
        (b'{"query": "{__typename}"}', "text/plain", 415),
        (b'{"query": "{__typename}"}', "", 415),
        (b'{"query": "{__typename}"}', "multipart/form-data", 415),
        (b'{"query": "' + b" " * 70_000 + b'{__typename}"}', "application/json", 413),
    ],
)
def test_what_is_no_request_is_refused_without_a_traceback(
    content: bytes, kind: str, status: int, client: Client
) -> None:
    headers = {"content-type": kind} if kind else {}
    response = client.request("POST", "/graphql", content=content, headers=headers)
    assert response.status_code == status
    if status != 200:
        assert response.json()["errors"][0]["extensions"]["code"] in ("INVALID_REQUEST", "LIMIT_EXCEEDED")


def test_other_methods_are_not_allowed(client: Client) -> None:
    assert client.request("PUT", "/graphql").status_code == 405
    assert client.request("POST", "/").status_code == 405


def test_a_position_that_is_not_reached_is_a_typed_error(post: Post) -> None:
    response = post("{ assets(asOf: {ledgerPosition: 101}) { totalCount } }")
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "POSITION_NOT_REACHED"
    assert response.json()["errors"][0]["path"] == ["assets"]
    negative = post("{ assets(asOf: {ledgerPosition: -1}) { totalCount } }")
    assert negative.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_failing_lookup_leaves_the_other_roots_answered(post: Post) -> None:
    response = post(
        'query { pool(chain: "\\u0000", contract: "0x0000000000000000000000000000000000000001", poolId: 1) { aaid } '
        "assets(first: 1) { nodes { aaid } } }"
    )
    assert response.json()["data"]["pool"] is None
    assert response.json()["data"]["assets"]["nodes"]
    assert response.json()["errors"][0]["path"] == ["pool"]


def test_a_database_that_is_down_is_503_with_an_error(portal: BlockingPortal) -> None:
    with Database("postgresql://nobody@127.0.0.1:1/none", timeout_s=1) as database:
        client = Client(portal, create_app(database))
        for accept in (MODERN, "application/json"):
            response = send(client, {"query": COUNT}, accept=accept)
            assert response.status_code == 503
            assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_UNAVAILABLE"
            assert "nobody" not in response.text
        own = '{ canUse(aaid: "aaid:%s", account: "0x%s", territory: "DE", media: "film") { outcome } }'
        assert send(client, {"query": own % ("00" * 32, "00" * 20)}).status_code == 503
        assert client.request("GET", "/ready").status_code == 503
        assert client.request("GET", "/health").status_code == 200
        assert send(client, {"query": "{ __typename __schema { queryType { name } } }"}).status_code == 200


def test_views_that_are_not_built_are_503(database_url: str, portal: BlockingPortal) -> None:
    with Database(database_url) as database:
        client = Client(portal, create_app(database))
        response = send(client, {"query": COUNT})
        assert response.status_code == 503
        assert response.json()["errors"][0]["extensions"]["code"] == "VIEW_NOT_READY"
        assert client.request("GET", "/ready").status_code == 503
        prepare(database)
        assert send(client, {"query": COUNT}).json() == {"data": {"assets": {"totalCount": 0}}}
        assert client.request("GET", "/ready").status_code == 200


def test_a_query_that_takes_too_long_is_ended(filled_url: str, database: Database, portal: BlockingPortal) -> None:
    client = Client(portal, create_app(database, limits=Limits(statement_timeout_ms=300)))
    with psycopg.connect(filled_url) as blocker:
        blocker.execute("lock table view_provenance.assets in access exclusive mode")
        response = send(client, {"query": COUNT})
    assert response.status_code == 504
    assert response.json()["errors"][0]["extensions"]["code"] == "QUERY_TIMEOUT"
    assert send(client, {"query": COUNT}).status_code == 200


def test_an_unexpected_error_is_masked_with_an_id(
    database: Database, portal: BlockingPortal, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Any:
        raise RuntimeError("the secret password")

    client = Client(portal, create_app(database, clock=broken))
    with caplog.at_level(logging.ERROR):
        query = '{ canUse(aaid: "aaid:%s", account: "0x%s", territory: "DE", media: "film") { outcome } }'
        response = send(client, {"query": query % ("00" * 32, "00" * 20)})
    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert error["message"] == "internal error"
    assert len(error["extensions"]["errorId"]) == 32
    assert "secret" not in response.text


def test_every_response_carries_security_headers(client: Client) -> None:
    for method, path in (("GET", "/"), ("POST", "/graphql"), ("GET", "/nope"), ("GET", "/static/page.js")):
        headers = client.request(method, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert len(headers["x-request-id"]) == 32


def test_pages_of_any_origin_may_query(client: Client) -> None:
    headers = {
        "origin": "https://dapp.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    response = client.request("OPTIONS", "/graphql", headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


def test_metrics_count_requests_and_errors(database: Database, portal: BlockingPortal) -> None:
    client = Client(portal, create_app(database))
    send(client, {"query": "{ nope }"})
    text = client.request("GET", "/metrics").text
    assert 'atlas_http_requests_total{method="POST",status="200"} 1.0' in text
    assert 'atlas_graphql_errors_total{code="GRAPHQL_VALIDATION_FAILED"} 1.0' in text


def test_routes_of_others_are_served_beside(database: Database, portal: BlockingPortal) -> None:
    async def hello(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    client = Client(portal, create_app(database, routes=[Route("/hello", hello)]))
    assert client.request("GET", "/hello").text == "hello"


def test_the_editor_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.request("GET", "/")
    assert page.status_code == 200
    assert "://" not in page.text
    for name in ("page.js", "page.css", "graphiql.min.js", "graphiql.css", "react.production.min.js"):
        assert client.request("GET", f"/static/{name}").status_code == 200
    assert "://" not in (STATIC / "page.js").read_text()
    assert "@font-face" not in (STATIC / "graphiql.css").read_text()
    assert "@import" not in (STATIC / "graphiql.css").read_text()


@pytest.mark.parametrize("path", sorted((STATIC / "examples").iterdir()), ids=lambda path: path.stem)
def test_every_example_of_the_editor_is_answered(path: Path, client: Client) -> None:
    query = path.read_text()
    if path.stem == "may-they-use-it":
        found = send(client, {"query": "{ assets(first: 1) { nodes { aaid } } }"}).json()
        variables = {"aaid": found["data"]["assets"]["nodes"][0]["aaid"]}
    else:
        variables = {}
    response = send(client, {"query": query, "variables": variables}, accept=MODERN)
    assert response.status_code == 200, response.text
    assert "errors" not in response.json()
    assert path.stem in (STATIC / "page.js").read_text()


def test_the_editor_s_introspection_is_within_the_limits(client: Client) -> None:
    from_graphiql = json.dumps({"query": INTROSPECTION})
    response = client.request("POST", "/graphql", content=from_graphiql, headers={"content-type": "application/json"})
    assert "errors" not in orjson.loads(response.content)


INTROSPECTION = """
query IntrospectionQuery { __schema { queryType { name } types { ...FullType } directives { name locations args
 { ...InputValue } } } }
fragment FullType on __Type { kind name description fields(includeDeprecated: true) { name description
 args { ...InputValue } type { ...TypeRef } isDeprecated } inputFields { ...InputValue } interfaces { ...TypeRef }
 enumValues(includeDeprecated: true) { name description } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
 ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }
"""


@pytest.mark.parametrize(
    "query", ["query A { __typename } query B { t: __typename }", "query A { __typename } { t: __typename }"]
)
def test_of_several_operations_one_is_to_be_named(client: Client, query: str) -> None:
    response = send(client, {"query": query}, accept=MODERN)
    assert response.status_code == 400
    assert "several operations" in response.text


def test_unknown_paths_and_methods_are_answered_with_problems(client: Client) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/health", 405), ("GET", "/static/none.js", 404)):
        response = client.request(method, path)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status
