"""The published files are those of the program, and explain every name that it writes."""

import json
from pathlib import Path

from rdflib import RDF, Graph, Namespace, URIRef

from atlas.rights.odrl.delays import EFFECTS
from atlas.rights.odrl.names import ATLAS, BROADER, KIND_ACTIONS, ODRL, OPERANDS, PAYMENTS, SELF_CONTAINED, short
from atlas.rights.odrl.policies import encode_policy
from atlas.rights.odrl.profile import DUTY_TERMS, SCHEMES, context, definitions, vocabulary
from atlas.rights.odrl.reading import read_policy
from tests.rights.odrl.policies import AGREEMENT
from tests.rights.odrl.rdf import triples

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "odrl-profile"
PAGE = (DOCS / "README.md").read_text()


def graph() -> Graph:
    return triples(
        json.dumps({**json.loads(vocabulary()), "@context": [json.loads(vocabulary())["@context"]]}).encode()
    )


def test_the_files_are_current() -> None:
    assert (DOCS / "context.jsonld").read_bytes() == context()
    assert (DOCS / "vocabulary.jsonld").read_bytes() == vocabulary()


def test_the_page_explains_every_term_of_the_profile() -> None:
    for term, text in definitions().items():
        assert f"| `{term}` | {text} |" in PAGE


def test_every_name_of_ours_that_is_written_is_defined() -> None:
    named = (*KIND_ACTIONS.values(), *PAYMENTS.values(), *DUTY_TERMS, *OPERANDS.values(), *EFFECTS.values())
    written = {iri for iri in named if iri.startswith(ATLAS)}
    assert {short(iri) for iri in written} <= set(definitions())


def test_the_vocabulary_puts_actions_under_those_of_odrl() -> None:
    found = graph()
    for action in (*KIND_ACTIONS.values(), *PAYMENTS.values(), *DUTY_TERMS):
        assert (URIRef(action), RDF.type, URIRef(f"{ODRL}Action")) in found
        assert found.value(URIRef(action), URIRef(f"{ODRL}includedIn")) == URIRef(BROADER[action])


def test_the_schemes_have_every_name_with_what_is_broader() -> None:
    found, skos = graph(), Namespace("http://www.w3.org/2004/02/skos/core#")
    for name, scheme in SCHEMES.items():
        concepts = set(found.subjects(skos.inScheme, URIRef(f"{ATLAS}{name}")))
        assert {str(found.value(each, skos.notation)) for each in concepts} == set(scheme.names)
        assert sum(1 for each in concepts if found.value(each, skos.broader)) == len(scheme.names) - len(
            scheme.tops or ()
        )


def test_a_policy_with_the_whole_context_in_place_reads_the_same() -> None:
    document = json.loads(encode_policy(AGREEMENT)) | {"@context": SELF_CONTAINED}
    assert read_policy(json.dumps(document).encode()).require() == AGREEMENT


def test_the_example_of_the_page_is_read_as_it_says() -> None:
    example = PAGE.split("```json\n")[1].split("```")[0]
    policy = read_policy(example.encode()).require()
    assert policy.terms == AGREEMENT.terms
