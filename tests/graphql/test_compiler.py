"""The compiled answers are the oracle's, for every type and for every part of the query language."""

from typing import Any

import pytest

from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.entities import Column, Entity, Final, Link, Listing, Many
from tests.graphql.conftest import Ask
from tests.graphql.oracle import Oracle

LISTINGS = [root.graphql_name for root in ROOTS.values() if isinstance(root, Listing)]


def every_field(entity: Entity, *, links: bool) -> str:
    """A selection of all fields of an entity, and with ``links`` of all fields of its neighbours."""
    fields: list[str] = ["__typename"]
    for member in entity.members:
        if isinstance(member, Column | Final):
            fields.append(member.graphql_name)
        elif isinstance(member, Link) and links:
            inner = every_field(ENTITIES[member.entity], links=False)
            inner = f"(first: 4) {{ nodes {{ {inner} }} totalCount }}" if isinstance(member, Many) else f"{{ {inner} }}"
            fields.append(f"{member.graphql_name} {inner}")
    return " ".join(fields)


@pytest.mark.parametrize("name", LISTINGS)
def test_every_field_of_every_listing_is_the_oracles(name: str, ask: Ask, oracle: Oracle) -> None:
    query = f"{{ {name}(first: 30) {{ nodes {{ {every_field(ENTITIES[ROOTS[name].entity], links=True)} }} }} }}"
    answer = ask(query)
    assert answer == oracle.answer(query)
    assert answer[name]["nodes"]


@pytest.mark.parametrize("position", [0, 1, 37, 60, 99, 100])
@pytest.mark.parametrize("name", [name for name in LISTINGS if ENTITIES[ROOTS[name].entity].source.views])
def test_every_listing_travels_in_time(name: str, position: int, ask: Ask, oracle: Oracle) -> None:
    fields = every_field(ENTITIES[ROOTS[name].entity], links=position == 60)
    query = f"{{ {name}(asOf: {{ledgerPosition: {position}}}, first: 30) {{ nodes {{ {fields} }} totalCount }} }}"
    assert ask(query) == oracle.answer(query)


CORPUS: dict[str, tuple[str, dict[str, Any]]] = {
    "aliases of the same field with other arguments": (
        "{ a: assets(first: 1) { nodes { x: aaid y: aaid } }"
        " b: assets(first: 2) { n: nodes { aaid } nodes { owner } } }",
        {},
    ),
    "named fragments, nested and used twice": (
        """
        query { asset(aaid: "aaid:0101010101010101010101010101010101010101010101010101010101010101") { ...A ...D } }
        fragment D on Asset { derivatives { nodes { child { ...A } parent { ...A } } } }
        fragment A on Asset { aaid ...B versions(first: 2) { ...C } }
        fragment B on Asset { owner chain }
        fragment C on AssetVersionConnection { nodes { version } totalCount }
        """,
        {},
    ),
    "inline fragments with and without a type": (
        "{ assets(first: 3) { ... { nodes { ... on Asset { aaid ... @include(if: true) { creator } } } } } }",
        {},
    ),
    "fields asked for in two places are merged": (
        "{ assets(first: 2) { nodes { aaid } nodes { owner } pageInfo { hasNextPage } pageInfo { endCursor } } }",
        {},
    ),
    "root fields from a fragment": (
        "query { ...R __typename } fragment R on Query { burns(first: 2) { nodes { cause } } __typename }",
        {},
    ),
    "skip and include by literals": (
        "{ assets(first: 2) { nodes { aaid @skip(if: true) owner @include(if: false) chain @skip(if: false) } } }",
        {},
    ),
    "skip wins over include": (
        "{ assets(first: 2) { nodes { aaid owner @skip(if: true) @include(if: true) } } }",
        {},
    ),
    "everything skipped leaves an empty object": (
        "{ assets(first: 2) { nodes { aaid @skip(if: true) } } }",
        {},
    ),
    "an edge with everything": (
        "{ licenses(first: 3) { edges { __typename cursor node { licenseId } c: cursor } __typename totalCount } }",
        {},
    ),
    "page information alone": (
        "{ licenses(first: 3) { pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor } } }",
        {},
    ),
    "a count alone": ("{ licenses { totalCount } }", {}),
    "a type name alone": ("{ licenses { __typename } }", {}),
    "previous page alone": ("{ licenses { pageInfo { hasPreviousPage } } }", {}),
    "variables as arguments": (
        "query($n: Int, $d: OrderDirection!) { burns(first: $n, orderBy: amountWei, orderDirection: $d)"
        " { nodes { amount } } }",
        {"n": 4, "d": "desc"},
    ),
    "variables left out": (
        "query($n: Int, $w: BurnWhere, $a: String) { burns(first: $n, where: $w, after: $a) { nodes { txHash } } }",
        {},
    ),
    "variables that are null": (
        "query($n: Int, $w: BurnWhere, $o: BurnOrderBy) { burns(first: $n, where: $w, orderBy: $o) { totalCount } }",
        {"n": None, "w": None, "o": None},
    ),
    "variables with defaults": (
        "query($n: Int = 2, $w: BurnWhere = {cause_not: SLASH}) { burns(first: $n, where: $w) { nodes { cause } } }",
        {},
    ),
    "variables nested in objects and lists": (
        """
        query($c: BurnCause, $n: BigInt!, $l: [String!]) {
          burns(where: {or: [{cause: $c}, {amountWei_in: [$n, 3]}], chain_in: $l}) { nodes { cause amountWei chain } }
        }
        """,
        {"c": "SLASH", "n": "1000000000000000000", "l": ["eip155:1", "eip155:31337"]},
    ),
    "a variable left out within an object": (
        'query($c: BurnCause) { burns(where: {cause: $c, chain: "eip155:1"}) { nodes { cause } } }',
        {},
    ),
    "a whole filter as a variable": (
        "query($w: LicenseWhere) { licenses(where: $w) { nodes { licenseId chain status expiresAt } } }",
        {
            "w": {
                "or": [{"expiresAt": None}, {"and": [{"status": "GRANTED"}, {"exclusive": True}]}],
                "kind_not_in": ["SCENE"],
            }
        },
    ),
    "one object where a list of objects is expected": (
        "query($w: BurnWhere) { burns(where: $w) { totalCount } a: burns(where: {or: {cause: SLASH}}) { totalCount } }",
        {"w": {"or": {"cause": "SLASH"}}},
    ),
    "one value where a list is expected": (
        "query($c: [BurnCause!]) { burns(where: {cause_in: $c}) { totalCount } b: burns(where: {cause_in: SLASH})"
        " { totalCount } }",
        {"c": "SLASH"},
    ),
    "empty lists": (
        "{ a: burns(where: {chain_in: []}) { totalCount } b: burns(where: {chain_not_in: []}) { totalCount }"
        " c: burns(where: {amountWei_in: []}) { totalCount } d: burns(where: {or: []}) { totalCount }"
        " e: burns(where: {and: []}) { totalCount } f: burns(where: {}) { totalCount } }",
        {},
    ),
    "nulls": (
        "{ a: licenses(where: {revokedAt: null}) { totalCount }"
        " b: licenses(where: {revokedAt_not: null}) { totalCount }"
        ' c: licenses(where: {reasonHash_not: "0x00"}) { totalCount }'
        ' d: licenses(where: {reasonHash_not_in: ["0x00"]}) { totalCount } }',
        {},
    ),
    "numbers beyond 64 bits": (
        "query($n: BigInt) { a: burns(where: {amountWei_gt: $n}) { nodes { amountWei amount } }"
        " b: burns(where: {blockNumber_lt: $n}) { totalCount } }",
        {"n": str(2**255 - 1)},
    ),
    "nested connections with their own filters, order and variables": (
        """
        query($n: Int!, $s: LicenseStatus!) {
          assets(first: $n, orderBy: tokenId, orderDirection: desc) {
            nodes {
              aaid
              granted: licenses(first: $n, where: {status: $s}, orderBy: startsAt) { totalCount edges { cursor } }
              others: licenses(where: {status_not: $s}) { nodes { status offer { price licenses { totalCount } } } }
              pools { nodes { shares { payee shareBps } accruals(orderBy: owedWei) { nodes { owed paid accrued } } } }
            }
          }
        }
        """,
        {"n": 5, "s": "REVOKED"},
    ),
    "a lookup that finds nothing": ('{ asset(aaid: "aaid:%s") { aaid } }' % ("ee" * 32), {}),
    "addresses in any case": (
        "query($a: Address) { a: assets(where: {owner: $a}) { totalCount }"
        ' b: assets(where: {owner: "0xA0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0"}) { totalCount } }',
        {"a": "0xa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"},
    ),
    "lineage, four levels deep": (
        """
        { generationRecords(first: 10) { nodes {
          id inputs { upstream { id inputs { upstream { id usedBy(first: 9) { nodes { role } } } } } }
          assets { nodes { version asset { aaid } } }
        } } }
        """,
        {},
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_answer_is_the_oracles(name: str, ask: Ask, oracle: Oracle) -> None:
    query, variables = CORPUS[name]
    expected = oracle.answer(query, variables)
    for _ in range(2):  # compiled, then remembered
        assert ask(query, **variables) == expected


def test_fields_come_in_the_order_they_were_asked_for(ask: Ask) -> None:
    answer = ask("{ burns(first: 1) { totalCount nodes { chain cause amount } } assets { totalCount } }")
    assert list(answer) == ["burns", "assets"]
    assert list(answer["burns"]) == ["totalCount", "nodes"]
    assert list(answer["burns"]["nodes"][0]) == ["chain", "cause", "amount"]


def test_a_plan_is_not_reused_where_a_flag_changes_the_selection(ask: Ask) -> None:
    query = "query($x: Boolean!) { assets(first: 1) { nodes { aaid owner @include(if: $x) } } }"
    assert "owner" in ask(query, x=True)["assets"]["nodes"][0]
    assert "owner" not in ask(query, x=False)["assets"]["nodes"][0]


def test_a_plan_is_not_reused_where_the_order_changes(ask: Ask, oracle: Oracle) -> None:
    query = "query($o: BurnOrderBy, $d: OrderDirection) { burns(orderBy: $o, orderDirection: $d) { nodes { txHash } } }"
    for order, direction in (("amountWei", "asc"), ("amountWei", "desc"), ("blockNumber", "asc"), (None, None)):
        variables = {"o": order, "d": direction}
        assert ask(query, **variables) == oracle.answer(query, variables)


def test_a_plan_is_not_reused_where_a_filter_has_other_conditions(ask: Ask, oracle: Oracle) -> None:
    query = "query($w: BurnWhere) { burns(where: $w) { nodes { txHash chain logIndex } } }"
    filters: list[dict[str, Any]] = [
        {"chain": "eip155:1"},
        {"chain": "eip155:31337"},
        {"chain_not": "eip155:1"},
        {"or": [{"chain": "eip155:1"}]},
        {"or": [{"chain": "eip155:1"}, {"cause": "SLASH"}]},
    ]
    for each in filters:
        assert ask(query, w=each) == oracle.answer(query, {"w": each})


def test_more_fields_than_a_function_takes_arguments(ask: Ask) -> None:
    fields = " ".join(f"f{number}: tokenId" for number in range(50)) + " aaid owner chain creator"
    node = ask(f"{{ assets(first: 1) {{ nodes {{ {fields} }} }} }}")["assets"]["nodes"][0]
    assert len(node) == 54
    assert len({node[f"f{number}"] for number in range(50)}) == 1


def test_response_keys_longer_than_an_sql_name_stay_apart(ask: Ask) -> None:
    long = "a" * 80
    node = ask(f"{{ assets(first: 1) {{ nodes {{ {long}1: aaid {long}2: chain }} }} }}")["assets"]["nodes"][0]
    assert node[f"{long}1"].startswith("aaid:")
    assert node[f"{long}2"].startswith("eip155:")


def test_own_resolvers_and_introspection_mix_with_compiled_roots(ask: Ask) -> None:
    answer = ask(
        'query($a: AAID!) { first: __type(name: "Asset") { name } assets(first: 1) { nodes { aaid } } __typename'
        ' canUse(aaid: $a, account: "0x0000000000000000000000000000000000000000", territory: "DE", media: "film")'
        " { outcome } }",
        a="aaid:" + next(iter(ask("{ assets { nodes { aaid } } }")["assets"]["nodes"]))["aaid"][5:],
    )
    assert list(answer) == ["first", "assets", "__typename", "canUse"]
    assert answer["first"] == {"name": "Asset"}
    assert answer["canUse"] == {"outcome": "DENY"}
