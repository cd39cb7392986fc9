"""The profile of ODRL as files for others: the context, and the vocabulary with what each term means.

They are made from the tables that policies are read and written by, so that they cannot tell another story;
``docs/reference/odrl-profile`` has them, and ``atlas-ledger rights odrl profile`` prints them.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.odrl.names import (
    ANSWER_FOR_DELAY,
    ATLAS,
    BROADER,
    KIND_ACTIONS,
    PAYMENTS,
    PROFILE,
    REPORT_USE,
    SELF_CONTAINED,
    short,
)
from atlas.rights.terms import vocabularies
from atlas.rights.terms.territories import GROUPS

_SKOS = "http://www.w3.org/2004/02/skos/core#"
Json = dict[str, Any]

OPERAND_TERMS: Final = {
    "work": "The named work that the asset is used in; episodes and parts are narrower, after a dot.",
    "project": "The production that the asset is used in.",
    "series": "The series that the asset is used in; seasons and episodes are narrower, after a dot.",
    "adFormat": "How advertising uses the asset: a name of the concept scheme formats.",
    "modification": "How the asset is changed: a name of the concept scheme modifications; a use without it changes "
    "nothing.",
    "sublicenseDepth": "How many sub-licenses below the assignee may stand the one who uses; 0 is the assignee alone.",
    "graceTime": "How long after the day that it is due a payment or a report is not yet late.",
    "whenLate": "What a late payment or report does to the license: atlas:suspend or atlas:terminate.",
    "payTotal": "What all payments under the duties of a permission that have this refinement come to together.",
}
KIND_TERMS: Final = {
    LicenseKind.CHARACTER: "To use a character in named works on named platforms, for a time.",
    LicenseKind.SCENE: "To use a scene in named projects, a number of times.",
    LicenseKind.WORLD: "To use a world model in named series and media.",
    LicenseKind.COMMERCIAL: "To use any asset in named industries and territories, for a time.",
    LicenseKind.DERIVATIVE: "To make derivatives of any asset by the modifications that are stated.",
    LicenseKind.AD_INSERTION: "To show advertising in a scene or by a character, in stated formats and for a stated "
    "time on screen.",
}
PAYMENT_TERMS: Final = {
    "flat_wei": "To pay an amount once, at the start.",
    "per_use_wei": "To pay an amount for each counted use.",
    "annual_wei": "To pay an amount at the start and every 365 days after it.",
    "buyout_wei": "To pay an amount once, for the whole duration and with no share.",
    "minimum_guarantee_wei": "To pay an amount at the start that the revenue share is recouped from.",
    "share_bps": "To pay a percentage of the revenue with every receipt.",
    "performance_bps": "To pay a percentage of what the advertising earns, with every receipt.",
}
DUTY_TERMS: Final = {
    REPORT_USE: "To report the use at the end of each odrl:timeInterval, counted from the start of the license.",
    ANSWER_FOR_DELAY: "To bear what follows when a payment or a report is late: after atlas:graceTime, once, an "
    "odrl:percentage of the amount that was due, and atlas:whenLate.",
}
OTHER_TERMS: Final = {
    "nothing": ("odrl:RightOperand", "The name under isAnyOf of what reaches nothing: an empty list vanishes in RDF."),
    "suspend": ("odrl:RightOperand", "Under whenLate: nothing is permitted until the duty is made good."),
    "terminate": ("odrl:RightOperand", "Under whenLate: the license has ended, and what comes later brings none back."),
    "wei": ("rdfs:Resource", "The unit of odrl:payAmount: the smallest unit of the policy's currency."),
    "currency": ("rdf:Property", "Of a policy: the currency of all its amounts, as CAIP-19."),
    "termsFormat": ("rdf:Property", "Of a policy: the format of the terms document that it states."),
    "termsHash": ("rdf:Property", "Of a policy: keccak256 of the terms document, as offers and grants carry it."),
    "currentTime": ("rdfs:Resource", "In a state of the world: the thing whose dct:issued is the time."),
    "outcome": ("rdf:Property", "Of a policy's compliance report: permit, deny or undetermined."),
    "Undetermined": ("rdfs:Resource", "The state of a rule or a constraint that could not be judged."),
}
SCHEMES: Final = {
    "media": vocabularies.MEDIA,
    "formats": vocabularies.FORMATS,
    "industries": vocabularies.INDUSTRIES,
    "modifications": vocabularies.MODIFICATIONS,
}
"""The concept schemes whose notations stand as right operands; other names are open and have a grammar."""


def definitions() -> dict[str, str]:
    """Every term of the profile, as policies write it, and what it means."""
    return {
        **{short(KIND_ACTIONS[kind]): text for kind, text in KIND_TERMS.items()},
        **{short(PAYMENTS[part]): text for part, text in PAYMENT_TERMS.items()},
        **{short(action): text for action, text in DUTY_TERMS.items()},
        **{f"atlas:{name}": text for name, text in OPERAND_TERMS.items()},
        **{f"atlas:{name}": text for name, (_, text) in OTHER_TERMS.items()},
    }


def context() -> bytes:
    """The context in one document, for processors that may fetch nothing."""
    return _write({"@context": SELF_CONTAINED})


def vocabulary() -> bytes:
    """The vocabulary as JSON-LD: actions, left operands and the rest, and SKOS concept schemes of the names."""
    prefixes = {"rdfs": "http://www.w3.org/2000/01/rdf-schema#", "skos": _SKOS}
    return _write({"@context": {**SELF_CONTAINED, **prefixes}, "@graph": list(_graph())})


def _graph() -> Iterator[Json]:
    yield {"@id": PROFILE, "@type": "skos:Collection", "skos:prefLabel": "Atlas Ledger profile of ODRL 2.2"}
    texts = definitions()
    for action in (*KIND_ACTIONS.values(), *PAYMENTS.values(), *DUTY_TERMS):
        above = {"includedIn": BROADER[action]}
        yield _term(action, ["odrl:Action", "skos:Concept"], texts[short(action)]) | above
    for name, text in OPERAND_TERMS.items():
        yield _term(f"{ATLAS}{name}", ["odrl:LeftOperand", "skos:Concept"], text)
    for name, (kind, text) in OTHER_TERMS.items():
        yield _term(f"{ATLAS}{name}", [kind], text)
    for name, scheme in SCHEMES.items():
        yield from _scheme(name, scheme)
    yield from _territories()


def _term(iri: str, types: list[str], text: str) -> Json:
    label = iri.removeprefix(ATLAS)
    return {"@id": iri, "@type": types, "skos:prefLabel": label, "skos:definition": text}


def _scheme(name: str, scheme: vocabularies.Vocabulary) -> Iterator[Json]:
    here = f"{ATLAS}{name}"
    yield {"@id": here, "@type": "skos:ConceptScheme", "skos:prefLabel": f"{name}, edition {vocabularies.EDITION}"}
    for each in scheme.names:
        line = scheme.broader(each)
        yield {
            "@id": f"{here}:{each}",
            "@type": "skos:Concept",
            "skos:inScheme": {"@id": here},
            "skos:notation": each,
            **({"skos:broader": {"@id": f"{here}:{line[1]}"}} if len(line) > 1 else {}),
        }


def _territories() -> Iterator[Json]:
    here = f"{ATLAS}territories"
    label = "groups of ISO 3166-1 countries, each with the day its list holds from"
    yield {"@id": here, "@type": "skos:ConceptScheme", "skos:prefLabel": label}
    for name, members in GROUPS.items():
        yield {
            "@id": f"{here}:{name}",
            "@type": "skos:Collection",
            "skos:notation": name,
            "skos:member": [{"@id": f"{here}:{code}"} for code in sorted(members)],
        }


def _write(document: Json) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
