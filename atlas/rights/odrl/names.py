"""The names of ODRL 2.2 and of this project's profile of it, as IRIs (ODRL Vocabulary & Expression 2.2).

A policy of ours names two contexts: W3C's, and an inline one that needs nobody to fetch it. The inline one also
says ``industry`` and ``neq`` again, because the context that W3C publishes expands the first to
``odrl:industry:`` and the second to ``odrl:neg``; what others wrote with it is read as what they meant.
"""

from typing import Any, Final, NamedTuple

from atlas.protocol.vocabulary import LicenseKind

ODRL: Final = "http://www.w3.org/ns/odrl/2/"
ATLAS: Final = "urn:atlas-ledger:odrl:1:"
PROFILE: Final = "urn:atlas-ledger:odrl:1"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
DCT: Final = "http://purl.org/dc/terms/"
CC: Final = "http://creativecommons.org/ns#"

ODRL_CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"
INLINE_CONTEXT: Final[dict[str, str]] = {
    "atlas": ATLAS,
    "dct": DCT,
    "industry": "odrl:industry",
    "neq": "odrl:neq",
    "rdf": RDF,
    "xsd": XSD,
}
CONTEXT: Final[list[Any]] = [ODRL_CONTEXT, INLINE_CONTEXT]
"""What stands in the ``@context`` of every policy that is written here."""


class Term(NamedTuple):
    """What a short name stands for; ``coercion`` says what a bare string under it is."""

    iri: str
    coercion: str | None = None  # "@id", "@vocab", or the IRI of a datatype


_BY_ID = """
assignee assigner attributedParty attributingParty compensatedParty compensatingParty consentedParty
consentingParty consequence constraint contractedParty contractingParty duty hasPolicy implies includedIn
informedParty informingParty inheritFrom obligation output partOf permission profile prohibition refinement
relation remedy rightOperandReference source target trackedParty trackingParty
"""
_BY_NAME = "action conflict function leftOperand operator"
_PLAIN = "and andSequence dataType or rightOperand status unit xone"
_CLASSES = """
Action Agreement Assertion Asset AssetCollection Constraint Duty LogicalConstraint Offer Party PartyCollection
Permission Policy Privacy Prohibition Request Rule Set Ticket
"""
_INDIVIDUALS = """
eq gt gteq hasPart isA isAllOf isAnyOf isNoneOf isPartOf lt lteq neq perm prohibit invalid policyUsage
absolutePosition absoluteSize absoluteSpatialPosition absoluteTemporalPosition count dateTime delayPeriod
deliveryChannel elapsedTime event fileFormat industry language media meteredTime payAmount percentage product
purpose recipient relativePosition relativeSize relativeSpatialPosition relativeTemporalPosition resolution
spatial spatialCoordinates systemDevice timeInterval unitOfCount version virtualLocation
"""

_UNDER_USE = """
acceptTracking aggregate annotate anonymize archive attribute compensate concurrentUse delete derive digitize
distribute ensureExclusivity execute grantUse include index inform install modify move nextPolicy obtainConsent
play present print read reproduce reviewPolicy stream synchronize textToSpeech transform translate uninstall watermark
"""
_UNDER_OTHERS = {
    "display": "play",
    "extract": "reproduce",
    "give": "transfer",
    "sell": "transfer",
    # Deprecated by ODRL 2.2, under what it recommends in their place.
    "append": "modify",
    "appendTo": "modify",
    "copy": "reproduce",
    "export": "transform",
    "lease": "use",
    "lend": "use",
    "license": "grantUse",
    "pay": "compensate",
    "preview": "use",
    "secondaryUse": "use",
    "write": "modify",
}
_CC = "Attribution CommericalUse DerivativeWorks Distribution Notice Reproduction ShareAlike Sharing SourceCode"

KIND_ACTIONS: Final[dict[LicenseKind, str]] = {
    LicenseKind.CHARACTER: f"{ATLAS}useCharacter",
    LicenseKind.SCENE: f"{ATLAS}useScene",
    LicenseKind.WORLD: f"{ATLAS}useWorld",
    LicenseKind.COMMERCIAL: f"{ATLAS}useCommercially",
    LicenseKind.DERIVATIVE: f"{ATLAS}makeDerivative",
    LicenseKind.AD_INSERTION: f"{ATLAS}insertAdvertising",
}
"""The action that a license of each kind permits; each is included in odrl:use."""

PAYMENTS: Final[dict[str, str]] = {
    "flat_wei": f"{ATLAS}payFlat",
    "per_use_wei": f"{ATLAS}payPerUse",
    "annual_wei": f"{ATLAS}payAnnually",
    "buyout_wei": f"{ATLAS}payBuyout",
    "minimum_guarantee_wei": f"{ATLAS}guaranteeMinimum",
    "share_bps": f"{ATLAS}shareRevenue",
    "performance_bps": f"{ATLAS}sharePerformance",
}
"""The duty that states each part of a price; each is included in odrl:compensate."""

REPORT_USE: Final = f"{ATLAS}reportUse"
"""The duty to report; it is included in odrl:inform."""
ANSWER_FOR_DELAY: Final = f"{ATLAS}answerForDelay"
"""The duty that states what follows from delay; it is included in odrl:compensate."""

OPERANDS: Final[dict[str, str]] = {
    "works": f"{ATLAS}work",
    "projects": f"{ATLAS}project",
    "series": f"{ATLAS}series",
    "media": f"{ODRL}media",
    "territories": f"{ODRL}spatial",
    "channels": f"{ODRL}deliveryChannel",
    "languages": f"{ODRL}language",
    "formats": f"{ATLAS}adFormat",
    "industries": f"{ODRL}industry",
    "modifications": f"{ATLAS}modification",
}
"""The left operand of each dimension of a scope."""

NOTHING: Final = f"{ATLAS}nothing"
"""The right operand of what reaches nothing: an empty list would vanish in RDF."""

BROADER: Final[dict[str, str]] = (
    {f"{ODRL}{name}": f"{ODRL}use" for name in _UNDER_USE.split()}
    | {f"{ODRL}{name}": f"{ODRL}{broader}" for name, broader in _UNDER_OTHERS.items()}
    | {f"{CC}{name}": f"{ODRL}use" for name in _CC.split()}
    | dict.fromkeys(KIND_ACTIONS.values(), f"{ODRL}use")
    | dict.fromkeys((*PAYMENTS.values(), ANSWER_FOR_DELAY), f"{ODRL}compensate")
    | {REPORT_USE: f"{ODRL}inform"}
)
"""The action that each action is included in; odrl:use and odrl:transfer are in none."""

PREFIXES: Final = {"odrl": ODRL, "rdf": RDF, "xsd": XSD, "cc": CC}

_PLAIN_NAMES = [*_CLASSES.split(), *_INDIVIDUALS.split(), *_UNDER_USE.split(), *_UNDER_OTHERS, "use", "transfer"]
ODRL_TERMS: Final[dict[str, Term]] = (
    {name: Term(iri) for name, iri in PREFIXES.items()}
    | {name: Term(f"{ODRL}{name}") for name in [*_PLAIN_NAMES, *_PLAIN.split()]}
    | {name: Term(f"{ODRL}{name}", "@id") for name in _BY_ID.split()}
    | {name: Term(f"{ODRL}{name}", "@vocab") for name in _BY_NAME.split()}
    | {"uid": Term("@id"), "type": Term("@type"), "id": Term("@id")}
)
"""The short names of W3C's context, with ``industry`` and ``neq`` as they were meant."""

SELF_CONTAINED: Final[dict[str, Any]] = {
    name: term.iri if term.coercion is None else {"@id": term.iri, "@type": term.coercion}
    for name, term in ODRL_TERMS.items()
} | {name: iri for name, iri in INLINE_CONTEXT.items() if name not in ODRL_TERMS}
"""Both contexts in one, for a processor that may fetch nothing: the published ``context.jsonld``."""

MISSPELT: Final = {f"{ODRL}industry:": f"{ODRL}industry", f"{ODRL}neg": f"{ODRL}neq"}
"""What JSON-LD processors make of ``industry`` and ``neq`` by the context that W3C publishes."""


def short(iri: str) -> str:
    """An IRI as people write it in a policy: ``spatial``, ``atlas:work``, or in full."""
    if iri.startswith(ODRL):
        return iri.removeprefix(ODRL)
    return f"atlas:{iri.removeprefix(ATLAS)}" if iri.startswith(ATLAS) else iri


def lineage(action: str) -> tuple[str, ...]:
    """An action and all that it is included in, nearest first."""
    line = [action]
    while (broader := BROADER.get(line[-1])) is not None:
        line.append(broader)
    return tuple(line)
