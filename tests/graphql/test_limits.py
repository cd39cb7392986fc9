"""Documents that ask for too much are refused, quickly, and before any SQL."""

import time

import graphql
import pytest

from atlas.graphql.errors import LimitExceeded
from atlas.graphql.limits import Limits, check_document
from tests.graphql.conftest import Post

FAN = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60)) + "fragment F60 on Query"
BOMB = "{ ...F0 } " + FAN + " { assets { totalCount } }"


def nested(levels: int) -> str:
    inner = "aaid"
    for _ in range(levels):
        inner = f"derivatives(first: 1) {{ nodes {{ child {{ {inner} }} }} }}"
    return f"{{ assets(first: 1) {{ nodes {{ {inner} }} }} }}"


@pytest.mark.parametrize(
    ("query", "what"),
    [
        (nested(10), "levels deep"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(51)) + " }", "aliases"),
        ("{ assets { nodes { " + " ".join(f"a{n}: aaid" for n in range(51)) + " } } }", "aliases"),
        ("{ " + " ".join(f"a{n}: chains {{ totalCount }}" for n in range(21)) + " }", "root fields"),
        (BOMB, "root fields"),
    ],
)
def test_a_document_that_asks_for_too_much_is_refused(query: str, what: str, post: Post) -> None:
    started = time.perf_counter()
    response = post(query)
    assert time.perf_counter() - started < 2
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert what in error["message"]


def test_a_document_of_many_tokens_is_refused_before_it_is_parsed(post: Post) -> None:
    started = time.perf_counter()
    response = post("{ " + "a " * 15_000 + "}")
    assert time.perf_counter() - started < 2
    assert response.status_code == 400
    assert "tokens" in response.text


def test_a_document_nested_without_end_is_refused(post: Post) -> None:
    for query in (
        "{" * 900,
        "{ a" * 400 + "}" * 400,
        "{ a(b: " + "[" * 900,
        "{ a(b: " + "{c:" * 300 + "1" + "}" * 300 + ") }",
    ):
        response = post(query)
        assert response.status_code == 400
        assert "INTERNAL" not in response.text


def test_fragments_that_spread_each_other_are_refused(post: Post) -> None:
    response = post("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_unknown_fragments_are_refused(post: Post) -> None:
    assert post("{ ...A }").json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_the_cost_is_that_of_the_lists_multiplied(post: Post) -> None:
    query = "query($n: Int) { assets(first: 1000) { nodes { licenses(first: $n) { nodes { licenseId } } } } }"
    assert "errors" not in post(query, n=10).json()
    response = post(query, n=1000)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "1001000 objects" in response.text


def test_the_cost_of_all_roots_is_added(post: Post) -> None:
    one = "assets(first: 100) { nodes { licenses(first: 1000) { nodes { licenseId } } } }"
    assert "errors" not in post("{ " + " ".join(f"a{n}: {one}" for n in range(4)) + " }").json()
    assert post("{ " + " ".join(f"a{n}: {one}" for n in range(5)) + " }").status_code == 400


def test_a_variables_object_nested_without_end_is_refused(post: Post) -> None:
    deep: dict[str, object] = {}
    for _ in range(150):
        deep = {"and": [deep]}
    response = post("query($w: AssetWhere) { assets(where: $w) { totalCount } }", w=deep)
    assert response.status_code in (200, 400)
    assert "INTERNAL" not in response.text


def test_what_a_fragment_weighs_counts_wherever_it_is_spread() -> None:
    document = graphql.parse(
        "{ a: assets { ...F } b: assets { ...F } } fragment F on AssetConnection { nodes { x: aaid y: aaid } }"
    )
    check_document(document, Limits(aliases=6, depth=3, root_fields=2, fields=8))
    for tight in (Limits(aliases=5), Limits(depth=2), Limits(root_fields=1), Limits(fields=7)):
        with pytest.raises(LimitExceeded):
            check_document(document, tight)


@pytest.mark.parametrize(
    "where", [{"and": [{"version": 1}] * 600}, {"or": [{}] * 1001}, {"assetType_in": ["SCENE"] * 1000}]
)
def test_variables_of_many_conditions_are_refused(where: dict[str, object], post: Post) -> None:
    response = post("query($w: AssetWhere) { assets(where: $w) { totalCount } }", w=where)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "conditions" in response.text


def test_many_keys_are_one_condition(post: Post) -> None:
    where = {"owner_in": ["0x" + "11" * 20] * 1200}
    assert "errors" not in post("query($w: AssetWhere) { assets(where: $w) { totalCount } }", w=where).json()
