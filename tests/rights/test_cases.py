"""The cases of ``cases.toml``, each a sentence."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.reasons import Decision, Outcome, State
from atlas.rights.decisions.state import At, Grant, Ownership, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import encode_terms, license_terms, parse_terms
from atlas.rights.terms.obligations import Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import DIMENSIONS, Scope

ASSETS = {"asset": b"\xaa" * 32, "parent": b"\xbb" * 32, "grandparent": b"\xdd" * 32}
PERSONS = {"actor": b"\xcc" * 32, "extra": b"\xee" * 32}
ACCOUNTS = {name: bytes([number]) * 20 for number, name in enumerate(("owner", "licensee", "other", "third"), 1)}
NAMED = {"asset", "parent", "child", "person", "account", "owner", "licensee", "licensor"}
START, INSTANT = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "cases.toml").read_text())
CASES: list[dict[str, Any]] = TABLE["case"]


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def plain(value: Any, key: str = "") -> Any:
    """TOML with its moments as seconds and its names of assets and accounts as bytes."""
    if isinstance(value, dict):
        return {name: plain(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each, key) for each in value]
    if isinstance(value, datetime):
        return int(value.timestamp())
    return (ASSETS | PERSONS | ACCOUNTS)[value] if key in NAMED else value


def a_grant(given: dict[str, Any], case: dict[str, Any]) -> Grant:
    """A grant with terms that were written and read; those of the case, unless it says of what kind it is."""
    kind = LicenseKind(given.get("kind", case["kind"]))
    base = TABLE["base"][kind]
    common = base["scope"] | (case.get("scope", {}) if "kind" not in given else {})
    reach = msgspec.convert(plain(common | given.get("scope", {})), Scope)
    duties = given.get("obligations", case.get("obligations", {}))
    price = msgspec.convert(base["price"], Price)
    made = license_terms(kind, reach, price, msgspec.convert(duties, Obligations))
    terms = None if given.get("unknown_terms") else parse_terms(encode_terms(made))
    defaults = {"asset": "asset", "starts_at": seconds(START), "expires_at": None, "license_id": given["position"]}
    told = ("scope", "kind", "obligations", "unknown_terms")
    stated = {key: value for key, value in given.items() if key not in told}
    fields: dict[str, Any] = plain({**defaults, **stated})
    return Grant(kind=kind, terms=terms, **fields)


def decision_of(case: dict[str, Any]) -> Decision:
    base = TABLE["base"][case["kind"]]
    facts: dict[str, Any] = dict(case.get("facts", {}))
    more: list[dict[str, Any]] = facts.pop("grants", [])
    own = {"position": 100, "licensee": "licensee", **case.get("grant", {})}
    granted = a_grant({**own, "unknown_terms": case.get("unknown_terms", False)}, case)
    if "granted_as" in case:
        granted = msgspec.structs.replace(granted, kind=LicenseKind(case["granted_as"]))
    others = tuple(a_grant(each, case) for each in more)
    known = msgspec.convert(plain(facts), RightsState, builtin_types=(bytes,))
    born = seconds("2020-01-01T00:00:00Z")
    owned = tuple(Ownership(ASSETS[name], ACCOUNTS["owner"], born, 1) for name in ASSETS)
    state = msgspec.structs.replace(known, grants=(granted, *others), ownerships=(*owned, *known.ownerships))
    stated = {"asset": "asset", "account": "licensee", **base["use"], **case.get("use", {})}
    use = msgspec.convert(
        plain({key: value for key, value in stated.items() if key not in case.get("drop", [])}),
        Use,
        builtin_types=(bytes,),
    )
    at = case["at"].timestamp() if "at" in case else seconds(INSTANT)
    return decide(use, Rights(state), At(int(at), case.get("known", 1000)))


@pytest.mark.parametrize("case", CASES, ids=[each["says"] for each in CASES])
def test_a_case(case: dict[str, Any]) -> None:
    decision = decision_of(case)
    assert decision.outcome is Outcome(case["answer"]), missing(decision)
    named = {name for each in missing(decision) for name in each.path}
    assert case["reason"] in named if case["reason"] else not named


@pytest.mark.parametrize("case", [each for each in CASES if "owes" in each], ids=lambda each: each["says"])
def test_what_a_permit_owes(case: dict[str, Any]) -> None:
    duties = decision_of(case).duties
    assert sorted({f"{duty.action} {duty.rule} {duty.state}" for duty in duties}) == sorted(case["owes"])


def test_there_are_at_least_120_and_no_two_say_the_same() -> None:
    assert len(CASES) == len({each["says"] for each in CASES}) >= 120


def test_every_kind_every_answer_and_every_scope_has_its_cases() -> None:
    assert {(each["kind"], each["answer"]) for each in CASES} == {
        (kind.value, answer.value) for kind in LicenseKind for answer in Outcome
    }
    singular = {"works": "work", "projects": "project", "channels": "channel", "languages": "language"}
    singular |= {"formats": "format", "industries": "industry", "modifications": "modification"}
    singular |= {"territories": "territory"}
    reasons = {each["reason"] for each in CASES}
    assert {singular.get(key, key) for key in DIMENSIONS} <= reasons
    assert {"period", "duration", "uses", "exposure", "sublicensing", "exclusivity", "duty", "terminated"} <= reasons
    assert {"dispute", "prohibition", "terms", "terms_kind", "lineage", "held_under", "registered"} <= reasons


def test_a_constraint_that_is_not_open_is_satisfied() -> None:
    for case in CASES:
        decision = decision_of(case)
        if decision.outcome is Outcome.PERMIT:
            assert all(rule.state is State.SATISFIED for rule in decision.rules)
