"""The ODRL Test Suite of SolidLab (imec): a policy, a request and a state of the world give a compliance report.

Two comparisons. The suite's own looks at which rules are active; its reference implementation, in its README,
matches 67 of the 68. Ours also looks at everything else that the expected report says.
"""

from pathlib import Path
from typing import NamedTuple

import pytest
from rdflib import DCTERMS, RDF, Graph, Namespace
from rdflib.term import Node

from atlas.rights.odrl.evaluate import evaluate
from atlas.rights.odrl.jsonld import read_document
from atlas.rights.odrl.reports import encode_reports
from atlas.rights.odrl.syntax import Policy, parse
from atlas.rights.odrl.world import REPORT, World, read_world
from tests.rights.odrl.rdf import expanded, triples, turtle

CASES = Namespace("http://example.org/")
FORCE = Namespace(REPORT)

DUTY_OF_ANOTHER = (
    "the world's record is about the duty of another policy (a0b12cb7-...), and the expected report takes it for "
    "this policy's duty (4129123f-...); here that duty has no record, so its state is NonSet"
)
REASONS = {
    "065": DUTY_OF_ANOTHER + "; the report also names premises that it does not describe",
    "066": DUTY_OF_ANOTHER,
    "067": DUTY_OF_ANOTHER,
    "068": DUTY_OF_ANOTHER,
}
"""Why the whole report differs, where it does: all four have the right rules active."""


class Case(NamedTuple):
    number: str
    title: str
    expected: Graph
    name: Node  # of the expected report
    ours: Graph
    own: Node  # the name of ours


@pytest.fixture(scope="module")
def cases(conformance_data: Path) -> list[Case]:
    data = conformance_data / "odrl-test-suite" / "data"
    read = [parse(expanded(turtle(file))) for kind in ("policies", "requests") for file in data.glob(f"{kind}/*.ttl")]
    policies = {policy.uid: policy for policy in read}
    worlds: dict[str, World] = {}
    for file in data.glob("sotw/*.ttl"):
        graph = turtle(file)
        worlds[str(graph.value(None, RDF.type, CASES.Sotw))] = read_world(read_document(expanded(graph)))
    return [evaluated(file, policies, worlds) for file in sorted(data.glob("test_cases/*.ttl"))]


def evaluated(file: Path, policies: dict[str, Policy], worlds: dict[str, World]) -> Case:
    graph = turtle(file)
    case = graph.value(None, RDF.type, CASES.TestCase)
    policy, request, world = (str(graph.value(case, CASES[key])) for key in ("policy", "request", "sotw"))
    ours = triples(encode_reports(evaluate([policies[policy]], policies[request], worlds[world])))
    name, own = graph.value(case, CASES.expectedReport), ours.value(None, RDF.type, FORCE.PolicyReport)
    assert name is not None
    assert own is not None
    return Case(file.stem.split("-")[1], str(graph.value(case, DCTERMS.title)), graph, name, ours, own)


def active(graph: Graph) -> set[tuple[Node | None, ...]]:
    """Each rule report that is not a duty's: its type, its rule, what was asked, whether the rule is active."""
    keys = (RDF.type, FORCE.rule, FORCE.ruleRequest, FORCE.activationState)
    return {tuple(graph.value(node, key) for key in keys) for node in graph.subjects(FORCE.activationState)}


def differences(expected: Graph, name: Node, ours: Graph, own: Node) -> list[str]:
    """What the expected report says of ``name`` that ours does not say of ``own``."""
    found: list[str] = []
    for key, value in expected.predicate_objects(name):
        candidates = set(ours.objects(own, key))
        if key in (FORCE.ruleReport, FORCE.premiseReport, FORCE.conditionReport):
            matching = [each for each in candidates if subject(ours, each) == subject(expected, value)]
            if key == FORCE.conditionReport:
                matching = [each for each in candidates if each == value]
            if not matching:
                found.append(f"{str(key).removeprefix(REPORT)} {value}")
            else:
                found.extend(differences(expected, value, ours, matching[0]))
        elif value not in candidates:
            found.append(f"{str(key).removeprefix(REPORT)} {value}")
    return found


def subject(graph: Graph, node: Node) -> tuple[Node | None, ...]:
    """What a part of a report is about."""
    return tuple(graph.value(node, key) for key in (RDF.type, FORCE.rule, FORCE.constraint))


def test_the_score_is_68_of_68_by_the_rules_that_are_active(cases: list[Case]) -> None:
    right = [case for case in cases if active(case.ours) == active(case.expected)]
    for case in cases:
        print(f"{case.number} {'right' if case in right else 'WRONG'} {case.title}")
    assert (len(right), len(cases)) == (68, 68)


def test_each_difference_from_a_whole_report_has_its_reason(cases: list[Case]) -> None:
    found = {case.number: differences(case.expected, case.name, case.ours, case.own) for case in cases}
    different = {number: each for number, each in found.items() if each}
    print(f"whole reports: {len(cases) - len(different)} of {len(cases)}")
    for number, each in different.items():
        print(f"{number}: {REASONS.get(number, 'no reason')}: {'; '.join(each)}")
    assert set(different) == set(REASONS)
