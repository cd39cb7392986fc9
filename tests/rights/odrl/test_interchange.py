"""Other people's JSON-LD software and ours read the same in a policy."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from rdflib import RDF, Literal, Namespace, URIRef

from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.jsonld import Node, read_document
from atlas.rights.odrl.names import ATLAS, ODRL, ODRL_CONTEXT
from atlas.rights.odrl.policies import LicensePolicy, encode_policy
from atlas.rights.odrl.reading import read_policy
from atlas.rights.odrl.syntax import parse
from tests.rights.odrl.policies import AGREEMENT, constraint, drawn, foreign
from tests.rights.odrl.rdf import expanded, triples

ODRL_NAMES, OURS = Namespace(ODRL), Namespace(ATLAS)


def unordered(policy: LicensePolicy) -> LicensePolicy:
    """Statements of RDF have no order."""
    return msgspec.structs.replace(policy, reservations=tuple(sorted(policy.reservations, key=str)))


@settings(max_examples=20)
@given(drawn())
def test_a_policy_expanded_by_another_processor_reads_back(policy: LicensePolicy) -> None:
    reading = read_policy(expanded(triples(encode_policy(policy))))
    assert reading.losses == ()
    assert reading.policy is not None
    assert unordered(reading.policy) == unordered(policy)


def test_the_statements_of_a_policy_are_those_of_odrl() -> None:
    graph = triples(encode_policy(AGREEMENT))
    name = URIRef(AGREEMENT.uid)
    assert (name, RDF.type, ODRL_NAMES.Agreement) in graph
    (permission,) = graph.objects(name, ODRL_NAMES.permission)
    assert (permission, ODRL_NAMES.action, OURS.useCommercially) in graph
    assert (permission, ODRL_NAMES.target, URIRef(f"aaid:{AGREEMENT.asset.hex()}")) in graph
    assert (permission, ODRL_NAMES.assigner, URIRef(AGREEMENT.assigner)) in graph
    industries = graph.value(None, ODRL_NAMES.leftOperand, ODRL_NAMES.industry)
    assert (industries, ODRL_NAMES.rightOperand, Literal("beauty")) in graph
    (duty,) = graph.objects(name, ODRL_NAMES.obligation)
    assert (duty, ODRL_NAMES.action, ODRL_NAMES.ensureExclusivity) in graph


def test_two_misspelt_names_of_the_published_context_are_read_as_meant() -> None:
    """It expands industry to ``odrl:industry:`` and neq to ``odrl:neg``, and so do processors that fetch it."""
    short = foreign(constraint=[constraint("industry", "neq", "beauty")])
    spelt = foreign(constraint=[constraint("odrl:industry:", "odrl:neg", "beauty")])
    assert parse(short).permissions[0].constraints == parse(spelt).permissions[0].constraints


@pytest.mark.parametrize(
    ("context", "path"),
    [
        ("http://example.com/context.jsonld", "$.@context"),
        ([ODRL_CONTEXT, "http://example.com/context.jsonld"], "$.@context[1]"),
        ([ODRL_CONTEXT, {"@vocab": "http://example.com/"}], "$.@context[1].@vocab"),
        ([ODRL_CONTEXT, {"@base": "http://example.com/"}], "$.@context[1].@base"),
        ([ODRL_CONTEXT, {"a": {"@id": "ex:a", "@context": {}}}], "$.@context[1].a"),
        ([ODRL_CONTEXT, {"a": {"@reverse": "ex:a"}}], "$.@context[1].a"),
        ([ODRL_CONTEXT, {"a": "b"}], "$.@context[1].a"),
        ([ODRL_CONTEXT, 5], "$.@context[1]"),
    ],
    ids=str,
)
def test_a_context_that_is_not_read_is_refused_by_its_path(context: object, path: str) -> None:
    document = json.loads(encode_policy(AGREEMENT)) | {"@context": context}
    with pytest.raises(InvalidPolicy) as raised:
        read_policy(json.dumps(document).encode())
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ('"uid"', '"conflict":"perm","conflict"', "'conflict' stands twice"),
        ('"conflict":"prohibit"', '"conflict":null', "$.conflict: expected text, got None"),
        ('"conflict":"prohibit"', '"@reverse":{}', "$.@reverse: '@reverse' is not read"),
        ('"conflict":"prohibit"', '"prohibition":{"@context":{}}', "stands twice"),
        ('"obligation":[{', '"obligation":[{"@context":{"use":"ex:use"},', "$.obligation[0].@context"),
        ('"obligation":[{', '"obligation":[{"@graph":[],', "$.obligation[0].@graph"),
        ('"obligation":[', '"obligation":[["use"],', "$.obligation[0]: a list in a list"),
        ('"uid":"', '"uid":5,"x":"', "$.uid: expected text, got 5"),
        ("31536000S", "31536000S\\ud800", "surrogates not allowed"),
        ("31536000S", "31536000S\\ud83c\\udfac", ""),
        ('"lteq"', "NaN", "NaN is no JSON"),
    ],
)
def test_json_that_could_mean_something_else_is_refused(said: str, instead: str, message: str) -> None:
    document = encode_policy(AGREEMENT).decode()
    assert said in document
    data = document.replace(said, instead, 1).encode()
    if message:
        with pytest.raises(InvalidPolicy) as raised:
            read_policy(data)
        assert message in str(raised.value)
    else:
        assert read_policy(data).policy is None


def test_terms_and_mentions_across_a_document_are_followed() -> None:
    document = {
        "@context": {
            "odrl": ODRL,
            "rule": {"@id": "odrl:permission", "@type": "@id"},
            "does": {"@id": "odrl:action", "@type": "@vocab"},
        },
        "@graph": [
            {"@id": "ex:policy", "@type": "odrl:Set", "rule": "ex:rule"},
            {"@id": "ex:rule", "does": "odrl:read"},
            {"@id": "ex:rule", "odrl:target": {"@list": [{"@id": "ex:film"}]}},
        ],
    }
    (rule,) = parse(json.dumps(document).encode()).permissions
    assert ([action.iri for action in rule.actions], [thing.id for thing in rule.targets]) == (
        [f"{ODRL}read"],
        ["ex:film"],
    )
    assert rule.targets[0].path == '$.@graph[2]["odrl:target"].@list[0]'


def test_rules_within_themselves_are_refused() -> None:
    duty = {"@id": "ex:duty", "action": "inform", "consequence": {"@id": "ex:duty"}}
    with pytest.raises(InvalidPolicy, match="within themselves"):
        parse(foreign(duty=[duty]))


def test_a_short_document_that_says_endlessly_much_is_refused() -> None:
    """Nine constraints under and, each the same ten, and so on downwards."""
    level = [{"@id": f"ex:{depth}", "and": [{"@id": f"ex:{depth + 1}"}] * 10} for depth in range(9)]
    with pytest.raises(InvalidPolicy, match="parts"):
        parse(foreign(constraint=[*level, {"@id": "ex:9", **constraint("count", "lteq", 1)}]))


def test_a_key_that_no_context_knows_stays() -> None:
    """JSON-LD drops it, and with it what it may limit."""
    document = read_document(foreign(except_on="Sundays"))
    (root,) = document.roots
    (rule,) = root.properties[f"{ODRL}permission"]
    assert isinstance(rule, Node)
    assert "except_on" in document.found(rule).properties
