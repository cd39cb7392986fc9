"""Pages, filters and orders: every row exactly once, and only the rows that meet the conditions."""

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.entities import Entity, Listing
from atlas.graphql.filters import filters, orders
from tests.graphql.conftest import Ask, Post
from tests.graphql.oracle import Oracle, write

LISTINGS = sorted(root.graphql_name for root in ROOTS.values() if isinstance(root, Listing))
HOSTILE = (
    "'",
    "';drop schema view_provenance cascade;--",
    '"',
    "\\",
    "%",
    "%s",
    "%(v0)s",
    "{}",
    "$1",
    "\U0001f600",
    "') or true --",
    "E'\\x27'",
    "1; select pg_sleep(10)",
)
properties = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def entity_of(listing: str) -> Entity:
    return ENTITIES[ROOTS[listing].entity]


@st.composite
def walks(draw: st.DrawFn) -> tuple[str, int, str | None, str | None, int | None]:
    listing = draw(st.sampled_from(LISTINGS))
    order = draw(st.one_of(st.none(), st.sampled_from(sorted(orders(entity_of(listing))))))
    direction = draw(st.sampled_from((None, "asc", "desc")))
    position = draw(st.sampled_from((None, 40, 80)))
    return listing, draw(st.integers(1, 12)), order, direction, position


@properties
@given(walks())
def test_a_walk_through_the_pages_meets_every_row_exactly_once_and_in_order(
    ask: Ask, oracle: Oracle, walk: tuple[str, int, str | None, str | None, int | None]
) -> None:
    listing, size, order, direction, position = walk
    query = f"""
        query($n: Int, $a: String, $o: {entity_of(listing).name}OrderBy, $d: OrderDirection, $t: AsOf) {{
          {listing}(first: $n, after: $a, orderBy: $o, orderDirection: $d, asOf: $t) {{
            edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} totalCount
          }}
        }}"""
    moment = None if position is None else {"ledgerPosition": str(position)}
    fixed = {"o": order, "d": direction, "t": moment}
    everything = oracle.answer(query, {**fixed, "n": 1000, "a": None})[listing]
    seen: list[str] = []
    after: str | None = None
    for _ in range(everything["totalCount"] + 1):
        page = ask(query, **fixed, n=size, a=after)[listing]
        assert page == oracle.answer(query, {**fixed, "n": size, "a": after})[listing]
        seen += [edge["cursor"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [edge["cursor"] for edge in everything["edges"]]
    assert len(set(seen)) == everything["totalCount"]


@st.composite
def filtered(draw: st.DrawFn, oracle_values: dict[tuple[str, str], list[Any]]) -> tuple[str, dict[str, Any]]:
    listing = draw(st.sampled_from(LISTINGS))
    entity = entity_of(listing)
    names = st.sampled_from(sorted(filters(entity)))

    def conditions() -> dict[str, Any]:
        chosen = draw(st.lists(names, min_size=1, max_size=2, unique=True))
        return {name: draw(values(entity, name, oracle_values)) for name in chosen}

    where = conditions()
    if draw(st.booleans()):
        where["or"] = [conditions() for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        where["and"] = [conditions()]
    return listing, where


def values(entity: Entity, name: str, known: dict[tuple[str, str], list[Any]]) -> st.SearchStrategy[Any]:
    """Values that some rows have, so that conditions keep some rows and not others."""
    each = filters(entity)[name]
    present = [value for value in known[entity.name, each.column.column] if value is not None]
    if not present:
        return st.just([]) if each.many else st.nothing()
    one: st.SearchStrategy[Any] = st.sampled_from(present)
    if each.many:
        return st.lists(one, max_size=3)
    if each.suffix in ("_contains", "_starts_with"):
        return one.flatmap(lambda text: st.integers(0, len(text)).map(lambda length: text[:length]))
    return st.one_of(st.none(), one) if each.takes_null else one


@pytest.fixture(scope="session")
def known(oracle: Oracle) -> dict[tuple[str, str], list[Any]]:
    """The values of every column, as clients write them."""
    found: dict[tuple[str, str], list[Any]] = {}
    for listing in LISTINGS:
        entity = entity_of(listing)
        for column in entity.columns:
            if column.kind.comparison != "none":
                found[entity.name, column.column] = [write(column, row[column.column]) for row in oracle.rows(entity)]
    return found


@properties
@given(data=st.data())
def test_filters_keep_the_oracles_rows(
    ask: Ask, oracle: Oracle, known: dict[tuple[str, str], list[Any]], data: st.DataObject
) -> None:
    listing, where = data.draw(filtered(known))
    query = f"query($w: {entity_of(listing).name}Where) {{ {listing}(where: $w) {{ edges {{ cursor }} totalCount }} }}"
    assert ask(query, w=where) == oracle.answer(query, {"w": where})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_ever_a_value(text: str, ask: Ask, oracle: Oracle) -> None:
    for listing in LISTINGS:
        texts = [name for name, each in filters(entity_of(listing)).items() if each.column.kind.comparison == "text"]
        for name in texts:
            each = filters(entity_of(listing))[name]
            query = f"query($w: {entity_of(listing).name}Where) {{ {listing}(where: $w) {{ totalCount }} }}"
            where = {name: [text] if each.many else text}
            assert ask(query, w=where) == oracle.answer(query, {"w": where}), where


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
def test_text_that_the_database_cannot_hold_is_refused(text: str, post: Post) -> None:
    for name, value in (("metadataUri", text), ("metadataUri_in", [text]), ("chain_gt", text)):
        response = post("query($w: AssetWhere) { assets(where: $w) { totalCount } }", w={name: value})
        assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_STRING"


@pytest.mark.parametrize(
    "text", [*HOSTILE, "\x00", "", "x", "W10", "WyJBc3NldC5rZXkiXQ", "bnVsbA", "IiI", "W1tbW1tb" * 500]
)
def test_a_hostile_cursor_is_refused_with_a_code(text: str, post: Post) -> None:
    response = post(
        "query($a: String) { assets(after: $a) { totalCount } }", a=text.encode("utf-8", "replace").decode()
    )
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
    assert response.json()["errors"][0]["path"] == ["assets"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query($x: AAID!) { asset(aaid: $x) { aaid } }", "INVALID_AAID"),
        ("query($x: Address) { assets(where: {owner: $x}) { totalCount } }", "INVALID_ADDRESS"),
        ("query($x: Bytes) { assets(where: {txHash: $x}) { totalCount } }", "INVALID_BYTES"),
        ("query($x: BigInt) { assets(where: {tokenId: $x}) { totalCount } }", "INVALID_BIGINT"),
        ("query($x: DateTime) { assets(where: {registeredAt: $x}) { totalCount } }", "INVALID_DATETIME"),
    ],
)
def test_hostile_scalars_are_refused_with_a_code(query: str, code: str, text: str, post: Post) -> None:
    response = post(query, x=text.encode("utf-8", "replace").decode())
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code


def test_a_cursor_of_another_order_is_refused(ask: Ask, post: Post) -> None:
    end = ask("{ assets(first: 2, orderBy: blockNumber) { pageInfo { endCursor } } }")["assets"]["pageInfo"]
    response = post("query($a: String) { assets(after: $a) { totalCount } }", a=end["endCursor"])
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


def test_a_condition_that_null_says_nothing_to_is_refused(post: Post) -> None:
    response = post("{ assets(where: {owner: null}) { totalCount } }")
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_an_alias_cannot_carry_sql(post: Post) -> None:
    for character in set(string.punctuation) - {"_"}:
        response = post(f"{{ assets {{ a{character}b: totalCount }} }}")
        assert response.status_code in (200, 400)
        assert "INTERNAL_SERVER_ERROR" not in response.text
