"""Policies of any origin against requests, where the test suite has no case."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.rights.decisions.reasons import Outcome
from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.evaluate import Evaluation, evaluate
from atlas.rights.odrl.jsonld import read_document
from atlas.rights.odrl.names import INLINE_CONTEXT, ODRL_CONTEXT
from atlas.rights.odrl.reports import encode_reports
from atlas.rights.odrl.syntax import Policy, parse
from atlas.rights.odrl.world import World, read_world
from tests.rights.odrl.policies import constraint

PERMIT, DENY, UNDETERMINED = Outcome
CONTEXT = [ODRL_CONTEXT, {**INLINE_CONTEXT, "ex": "http://example.com/"}]
TODAY = {"@id": "atlas:currentTime", "dct:issued": {"@type": "xsd:dateTime", "@value": "2026-03-01T12:00:00Z"}}
READ = {"action": "read", "target": "ex:film", "assignee": "ex:alice"}
PROFILE = "urn:atlas-ledger:odrl:1"


def policy(permission: Any = (), prohibition: Any = (), **more: Any) -> Policy:
    rules = {"permission": list(permission), "prohibition": list(prohibition)}
    head = {"@context": CONTEXT, "@type": "Set", "uid": "ex:policy"}
    return parse(json.dumps(head | rules | more).encode())


def request(*constraints: dict[str, Any], **rule: Any) -> Policy:
    return policy([READ | rule | {"constraint": list(constraints)}], **{"@type": "Request", "uid": "ex:request"})


def world(*things: dict[str, Any]) -> World:
    return read_world(read_document(json.dumps({"@context": CONTEXT, "@graph": [TODAY, *things]}).encode()))


def ask(*policies: Policy, asked: Policy | None = None, **more: Any) -> Evaluation:
    return evaluate(policies, asked or request(), more.get("state", world()))


def test_what_is_permitted_is_permitted_and_the_rule_is_named() -> None:
    found = ask(policy([READ]))
    assert (found.outcome, found.why) == (PERMIT, ("$.permission[0] permits it",))


def test_what_nobody_permits_is_denied() -> None:
    assert ask(policy([READ | {"action": "print"}])).outcome is DENY


@pytest.mark.parametrize(
    "kinds", [["Offer"], ["Assertion"], ["Policy", "Set", "Offer"], ["Agreement", "Offer"]], ids=str
)
def test_an_offer_grants_nothing_before_it_is_agreed_to_whatever_else_it_is(kinds: list[str]) -> None:
    found = ask(policy([READ], **{"@type": kinds}))
    assert (found.outcome, found.why[1]) == (DENY, f"$: a policy of the type {kinds[-1]} grants nothing")


def test_an_agreement_is_a_policy_too() -> None:
    assert ask(policy([READ], **{"@type": ["Policy", "Agreement"]})).outcome is PERMIT


@pytest.mark.parametrize(
    ("conflict", "outcome"), [(None, DENY), ("prohibit", DENY), ("perm", PERMIT), ("invalid", UNDETERMINED)]
)
def test_a_prohibition_wins_unless_the_policy_says_otherwise(conflict: str | None, outcome: Outcome) -> None:
    more = {} if conflict is None else {"conflict": conflict}
    assert ask(policy([READ], [{"action": "use"}], **more)).outcome is outcome


def test_policies_with_different_strategies_leave_a_conflict_undetermined() -> None:
    one = policy([READ], conflict="perm")
    other = policy([], [{"action": "use"}], conflict="prohibit", uid="ex:other")
    assert {ask(*order).outcome for order in permutations((one, other))} == {UNDETERMINED}


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (constraint("ex:mood", "eq", "sad"), UNDETERMINED),
        (constraint("dateTime", "ex:near", "2026-03-01T00:00:00Z"), UNDETERMINED),
        (constraint("dateTime", "lt", "soon"), UNDETERMINED),
        (constraint("dateTime", "lt", "2026-03-01T00:00:00"), UNDETERMINED),
        (constraint("dateTime", "lt", "2026-03-01T13:00:00+01:00"), DENY),
        (constraint("dateTime", "lteq", "2026-03-01T13:00:00+01:00"), PERMIT),
        (constraint("dateTime", "lt", ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]), UNDETERMINED),
        (constraint("count", "lteq", 3), UNDETERMINED),
        (constraint("dateTime", "gt", "2026-01-01T00:00:00Z", status="ex:odd"), UNDETERMINED),
        (constraint("dateTime", "gt", "2026-01-01T00:00:00Z", **{"dct:title": "since"}), PERMIT),
        (
            {"leftOperand": "dateTime", "operator": "lt", "rightOperandReference": "ex:premiere"},
            UNDETERMINED,
        ),
        ({"or": [constraint("ex:mood", "eq", "sad"), constraint("dateTime", "gt", "2026-01-01T00:00:00Z")]}, PERMIT),
        ({"and": [constraint("ex:mood", "eq", "sad"), constraint("dateTime", "lt", "2026-01-01T00:00:00Z")]}, DENY),
        (
            {"xone": [constraint("dateTime", "gt", f"202{year}-01-01T00:00:00Z") for year in (5, 6)]},
            DENY,
        ),
        (
            {"xone": [constraint("dateTime", "gt", f"202{year}-01-01T00:00:00Z") for year in (5, 8)]},
            PERMIT,
        ),
        (
            {"andSequence": [constraint("dateTime", "gt", f"202{year}-01-01T00:00:00Z") for year in (5, 6)]},
            UNDETERMINED,
        ),
    ],
)
def test_what_cannot_be_judged_is_undetermined(limits: dict[str, Any], outcome: Outcome) -> None:
    assert ask(policy([READ | {"constraint": [limits]}])).outcome is outcome


def test_a_prohibition_that_cannot_be_judged_is_no_permit() -> None:
    unknown = {"action": "read", "constraint": [constraint("ex:mood", "eq", "sad")]}
    assert ask(policy([READ], [unknown])).outcome is UNDETERMINED


def test_to_ask_for_more_than_is_prohibited_is_to_ask_for_that_too() -> None:
    wide = {"action": "use", "target": "ex:film"}
    assert ask(policy([wide], [{"action": "print"}]), asked=request(action="use")).outcome is UNDETERMINED


@pytest.mark.parametrize(
    ("operator", "right", "here", "ours", "plain"),
    [
        ("isAnyOf", ["EU@2020-02-01"], "DE", PERMIT, DENY),
        ("isPartOf", "EU@2020-02-01", "DE", PERMIT, PERMIT),
        ("isAnyOf", ["DE", "AT"], "DE", PERMIT, PERMIT),
        ("eq", "EU@2020-02-01", "DE", DENY, DENY),
        ("isNoneOf", ["MT"], "DE", PERMIT, PERMIT),
        ("isNoneOf", ["MT"], "EU@2020-02-01", DENY, PERMIT),
        ("isNoneOf", ["DE"], "DE", DENY, DENY),
        ("isNoneOf", ["ex:here"], "ex:here", DENY, DENY),
        ("neq", "DE", "DE", DENY, DENY),
        ("hasPart", "DE", "EU@2020-02-01", PERMIT, PERMIT),
        ("isAllOf", ["DE", "AT"], "DE", DENY, DENY),
        ("isPartOf", "ex:dach", "DE", DENY, DENY),
    ],
)
def test_names_are_compared_by_the_vocabularies_of_terms(
    operator: str, right: object, here: str, ours: Outcome, plain: Outcome
) -> None:
    rule = READ | {"constraint": [constraint("spatial", operator, right)]}
    asked = request(constraint("spatial", "eq", here))
    assert ask(policy([rule], profile=PROFILE), asked=asked).outcome is ours
    assert ask(policy([rule]), asked=asked).outcome is plain


def test_a_request_that_states_two_values_has_to_be_within_the_limit_by_both() -> None:
    rule = READ | {"constraint": [constraint("spatial", "eq", "DE")]}
    asked = request(constraint("spatial", "eq", "DE"), constraint("spatial", "eq", "US"))
    assert ask(policy([rule]), asked=asked).outcome is UNDETERMINED


def test_who_asks_does_not_say_what_time_it_is() -> None:
    rule = READ | {"constraint": [constraint("dateTime", "lt", "2026-01-01T00:00:00Z")]}
    asked = request(constraint("dateTime", "eq", "2025-06-01T00:00:00Z"))
    assert ask(policy([rule]), asked=asked).outcome is DENY
    assert ask(policy([rule]), asked=asked, state=World()).outcome is UNDETERMINED


@pytest.mark.parametrize(("used", "outcome"), [(2, PERMIT), (4, DENY)])
def test_the_world_states_values(used: int, outcome: Outcome) -> None:
    rule = READ | {"constraint": [constraint("count", "lteq", 3)]}
    assert ask(policy([rule]), state=world(constraint("count", "eq", used))).outcome is outcome


def test_an_amount_in_another_unit_is_not_compared() -> None:
    rule = READ | {"constraint": [constraint("payAmount", "lteq", 3, unit="ex:euro")]}
    for unit, outcome in (("ex:euro", PERMIT), ("ex:dollar", UNDETERMINED)):
        assert ask(policy([rule]), state=world(constraint("payAmount", "eq", 2, unit=unit))).outcome is outcome


def test_membership_of_membership_counts_and_none_is_taken_for_granted() -> None:
    rule = READ | {"assignee": {"@id": "ex:crew", "@type": "PartyCollection"}}
    member = {"@id": "ex:alice", "partOf": "ex:lighting"}, {"@id": "ex:lighting", "partOf": "ex:crew"}
    assert ask(policy([rule]), state=world(*member)).outcome is PERMIT
    assert ask(policy([rule])).outcome is DENY


def test_a_violated_duty_is_made_good_by_its_consequences() -> None:
    duty = {"uid": "ex:pay", "action": "compensate", "consequence": {"uid": "ex:fine", "action": "compensate"}}
    rule = READ | {"duty": [duty]}

    def record(name: str, state: str) -> dict[str, Any]:
        report = "https://w3id.org/force/compliance-report#"
        return {
            "@type": f"{report}DutyReport",
            f"{report}rule": {"@id": name},
            f"{report}deonticState": {"@id": f"{report}{state}"},
        }

    violated = record("ex:pay", "Violated")
    assert ask(policy([rule])).outcome is PERMIT
    assert ask(policy([rule]), state=world(violated)).outcome is DENY
    assert ask(policy([rule]), state=world(violated, record("ex:fine", "Fulfilled"))).outcome is PERMIT
    assert ask(policy([rule]), state=world(violated, record("ex:fine", "Violated"))).outcome is DENY


@pytest.mark.parametrize(
    "more", [{"profile": "ex:profile"}, {"inheritFrom": "ex:parent"}, {"except_on": "Sundays"}], ids=str
)
def test_what_a_policy_says_beside_its_rules_and_is_not_known_is_no_permit(more: dict[str, Any]) -> None:
    assert ask(policy([READ], **more)).outcome is UNDETERMINED


def test_all_that_is_asked_has_to_be_permitted() -> None:
    both = policy([READ, READ | {"action": "print"}], **{"@type": "Request", "uid": "ex:request"})
    assert ask(policy([READ]), asked=both).outcome is DENY
    assert ask(policy([READ, READ | {"action": "print"}]), asked=both).outcome is PERMIT


def test_a_refinement_of_an_action_is_a_limit() -> None:
    action = {"rdf:value": {"@id": "odrl:read"}, "refinement": [constraint("resolution", "lteq", 300)]}
    rule = policy([READ | {"action": [action]}])
    asked = {"rdf:value": {"@id": "odrl:read"}, "refinement": [constraint("resolution", "eq", 200)]}
    assert ask(rule).outcome is UNDETERMINED
    assert ask(rule, asked=request(action=[asked])).outcome is PERMIT


def test_a_request_is_of_the_type_request() -> None:
    with pytest.raises(InvalidPolicy, match="type Request"):
        ask(policy([READ]), asked=policy([READ]))


def test_the_same_evaluation_gives_the_same_report() -> None:
    found = [encode_reports(ask(policy([READ], [{"action": "use"}]))) for _ in range(2)]
    assert found[0] == found[1]
    report = json.loads(found[0])["@graph"][0]
    assert report["atlas:outcome"] == "deny"


RIGHTS = st.sampled_from(["DE", "AT", "EU@2020-02-01", "ex:somewhere"])
LIMITS = st.builds(
    constraint,
    st.sampled_from(["spatial", "ex:mood"]),
    st.sampled_from(["eq", "neq", "isAnyOf", "isNoneOf", "isPartOf", "hasPart", "lt"]),
    RIGHTS,
)
RULES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"action": st.sampled_from(["use", "read", "print", "sell"]), "constraint": st.lists(LIMITS, max_size=2)}
)


@given(st.lists(RULES, max_size=3), st.lists(RULES, max_size=2), RULES, RIGHTS)
def test_another_prohibition_never_adds_a_permit(
    permitted: list[Any], prohibited: list[Any], more: Any, here: str
) -> None:
    asked = request(constraint("spatial", "eq", here))
    if ask(policy(permitted, [*prohibited, more]), asked=asked).outcome is PERMIT:
        assert ask(policy(permitted, prohibited), asked=asked).outcome is PERMIT


@given(st.lists(RULES, min_size=1, max_size=3), LIMITS, RIGHTS)
def test_another_constraint_never_adds_a_permit(permitted: list[Any], more: dict[str, Any], here: str) -> None:
    asked = request(constraint("spatial", "eq", here))
    narrower = [rule | {"constraint": [*rule["constraint"], more]} for rule in permitted]
    if ask(policy(narrower), asked=asked).outcome is PERMIT:
        assert ask(policy(permitted), asked=asked).outcome is PERMIT


@given(st.lists(RULES, max_size=3), st.lists(RULES, max_size=2), RIGHTS, st.randoms())
def test_the_order_of_rules_changes_no_answer(
    permitted: list[Any], prohibited: list[Any], here: str, random: Any
) -> None:
    asked = request(constraint("spatial", "eq", here))
    before = ask(policy(permitted, prohibited), asked=asked).outcome
    random.shuffle(permitted)
    random.shuffle(prohibited)
    assert ask(policy(permitted, prohibited), asked=asked).outcome is before
