"""The engine and the general evaluator give one answer: there is one way to compare a use with a scope."""

import json
from typing import Any

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.state import At, Grant, Ownership, RightsState
from atlas.rights.decisions.uses import FIELDS, Use
from atlas.rights.odrl.evaluate import evaluate
from atlas.rights.odrl.jsonld import read_document
from atlas.rights.odrl.names import CONTEXT, KIND_ACTIONS, NOTHING, OPERANDS
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, encode_policy, with_uid
from atlas.rights.odrl.scoping import typed
from atlas.rights.odrl.syntax import Policy, parse
from atlas.rights.odrl.times import write_instant
from atlas.rights.odrl.world import World, read_world
from atlas.rights.terms.document import Terms
from atlas.rights.terms.obligations import Effect
from tests.rights.drawn import DRAWN, NAMES
from tests.rights.odrl.policies import ASSET, OWNER, TAKER, constraint

LICENSEE, LICENSOR = bytes([2]) * 20, bytes([1]) * 20
START = 1_000_000


@st.composite
def uses(draw: st.DrawFn, terms: Terms) -> Use:
    """A use that states its place in every dimension, often one that the terms name."""
    named: dict[str, Any] = {}
    for key, field in FIELDS.items():
        extent = getattr(terms.scope, key)
        inside = [name for name in extent.of if name != "*"]
        anywhere = st.sampled_from([*inside, *extent.without]) | NAMES[key] if extent.without or inside else NAMES[key]
        strays = draw(st.integers(0, 19)) == 7
        named[field] = draw(st.sampled_from(inside) if inside and not strays else anywhere)
    if not terms.scope.modifications.of or draw(st.booleans()):
        named["modification"] = None
    count, exposure_s = draw(st.integers(1, 3)), draw(st.integers(0, 90))
    return Use(ASSET, LICENSEE, count=count, exposure_s=exposure_s, distributed=False, **named)


def without_effect(terms: Terms) -> Terms:
    """The terms, and no delay matters: of duties, ODRL judges by what is recorded, and the engine by the calendar."""
    obligations = msgspec.structs.replace(terms.obligations, when_late=Effect.NONE)
    return msgspec.structs.replace(terms, obligations=obligations)


def requested(use: Use, terms: Terms) -> Policy:
    stated = [
        constraint(operand, "eq", getattr(use, FIELDS[key]) or {"@id": NOTHING}) for key, operand in OPERANDS.items()
    ]
    rule = {
        "action": KIND_ACTIONS[terms.kind],
        "assignee": TAKER,
        "target": f"aaid:{ASSET.hex()}",
        "constraint": stated,
    }
    head = {"@context": CONTEXT, "@type": "Request", "uid": "ex:request", "permission": [rule]}
    return parse(json.dumps(head).encode())


def known(use: Use, now: int) -> World:
    things = [
        {"@id": "atlas:currentTime", "dct:issued": typed(write_instant(now), "dateTime")},
        constraint("count", "eq", use.count),
        constraint("meteredTime", "eq", f"PT{use.exposure_s}S"),
        constraint("atlas:sublicenseDepth", "eq", 0),
    ]
    return read_world(read_document(json.dumps({"@context": CONTEXT, "@graph": things}).encode()))


@given(DRAWN.map(without_effect), st.data())
def test_an_agreement_permits_what_its_grant_permits(terms: Terms, data: st.DataObject) -> None:
    use = data.draw(uses(terms))
    now = data.draw(st.integers(START, START + 100) | st.integers(START, 2**40))
    agreement = with_uid(
        LicensePolicy(
            type=PolicyType.AGREEMENT,
            uid="",
            assigner=OWNER,
            assignee=TAKER,
            asset=ASSET,
            terms=terms,
            issued_at=START,
        )
    )
    grant = Grant(2, 1, ASSET, LICENSEE, terms.kind, terms, START, None)
    rights = Rights(RightsState(ownerships=(Ownership(ASSET, LICENSOR, 0, 1),), grants=(grant,)))
    decided = decide(use, rights, At(now, 9)).outcome
    judged = evaluate([parse(encode_policy(agreement))], requested(use, terms), known(use, now)).outcome
    event(decided.value)
    assert judged is decided
