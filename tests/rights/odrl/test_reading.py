"""What is read of policies, ours with something changed, and those of others."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import CurrencyMismatch, InvalidPolicy, InvalidTerms, TermsMismatch, UnsupportedPolicy
from atlas.rights.odrl.losses import Weight
from atlas.rights.odrl.policies import LicensePolicy, encode_policy
from atlas.rights.odrl.reading import read_policy
from atlas.rights.terms.extents import NOTHING, extent
from atlas.rights.terms.scopes import narrower
from tests.rights.odrl.policies import AGREEMENT, changed, constraint, drawn, foreign

ATLAS = "urn:atlas-ledger:odrl:1"


def permission(document: Any) -> Any:
    return document["permission"][0]


def limits(*constraints: dict[str, Any]) -> Callable[[Any], object]:
    """The agreement with other constraints beside its own, under another hash of terms."""

    def change(document: Any) -> None:
        del document["atlas:termsHash"]
        permission(document)["constraint"].extend(constraints)

    return change


def paid(value: Any, **more: Any) -> Callable[[Any], object]:
    """The agreement with another amount."""

    def change(document: Any) -> None:
        refinement = permission(document)["duty"][1]["action"][0]["refinement"][0]
        refinement.update(rightOperand=value, **more)

    return change


def shares(document: Any) -> None:
    """The agreement with two shares, of which one is bounded."""
    of = [constraint("percentage", "eq", 5)]
    bound = constraint("atlas:payTotal", "lteq", 9, unit={"@id": "atlas:wei"})
    duties = (("shareRevenue", [*of, bound]), ("sharePerformance", of))
    permission(document)["duty"] = [
        {"action": {"rdf:value": {"@id": f"atlas:{name}"}, "refinement": refinement}} for name, refinement in duties
    ]


SPATIAL = "$.permission[0].constraint[6]"
AMOUNT = "$.permission[0].duty[1].action[0].refinement[0]"


Change = Callable[[Any], object]

UNSAID: list[tuple[Change, str, type[Exception] | None]] = [
    (limits(constraint("spatial", "isAnyOf", ["DE", "XX"])), f"{SPATIAL}.rightOperand[1]", InvalidTerms),
    (limits(constraint("dateTime", "lt", "soon")), SPATIAL, InvalidTerms),
    (limits(constraint("dateTime", "lt", "2026-01-01T00:00:00")), SPATIAL, InvalidTerms),
    (
        limits(
            constraint("dateTime", "gteq", "2027-01-01T00:00:00Z"),
            constraint("dateTime", "lt", "2026-01-01T00:00:00Z"),
        ),
        "$.permission[0]",
        InvalidTerms,
    ),
    (limits(constraint("resolution", "lteq", 100)), SPATIAL, UnsupportedPolicy),
    (limits(constraint("atlas:mood", "eq", "sad")), SPATIAL, UnsupportedPolicy),
    (limits(constraint("spatial", "hasPart", "DE")), SPATIAL, UnsupportedPolicy),
    (limits(constraint("spatial", "isAnyOf", [])), SPATIAL, UnsupportedPolicy),
    (limits(constraint("count", "gteq", 3)), SPATIAL, UnsupportedPolicy),
    (limits(constraint("count", "lteq", 2.5)), SPATIAL, InvalidTerms),
    (limits(constraint("elapsedTime", "lt", "P1Y")), SPATIAL, InvalidTerms),
    (limits(constraint("count", "lteq", 3, unit="ex:dozen")), SPATIAL, UnsupportedPolicy),
    (limits(constraint("count", "lteq", 3, status=1)), f"{SPATIAL}.status", UnsupportedPolicy),
    (limits({"or": [constraint("spatial", "eq", "DE"), constraint("media", "eq", "game")]}), SPATIAL, None),
    (paid("1.5"), AMOUNT, InvalidTerms),
    (paid(1.5), AMOUNT, InvalidTerms),
    (paid("-1"), AMOUNT, InvalidTerms),
    (paid("100", unit="iso4217:EUR"), AMOUNT, CurrencyMismatch),
    (shares, "$.permission[0].duty[0]", UnsupportedPolicy),
    (paid(str(2**256)), "$.permission[0]", InvalidTerms),
    (lambda document: document.update({"atlas:termsHash": "0x" + "00" * 32}), "$.atlas:termsHash", TermsMismatch),
    (lambda document: document.update({"atlas:termsFormat": 1}), "$.atlas:termsFormat", UnsupportedPolicy),
    (lambda document: document.update({"profile": [ATLAS, "ex:other"]}), "$.profile", UnsupportedPolicy),
    (lambda document: document.update({"inheritFrom": "ex:parent"}), "$.inheritFrom", UnsupportedPolicy),
    (lambda document: document.update({"@type": "Request"}), "$", UnsupportedPolicy),
    (lambda document: document.update({"conflict": "perm"}), "$.conflict", UnsupportedPolicy),
    (lambda document: document.pop("conflict"), "$.conflict", UnsupportedPolicy),
    (lambda document: document.update({"expires": "tomorrow"}), "$.expires", UnsupportedPolicy),
    (lambda document: permission(document).update({"ex:only": "Sundays"}), '$.permission[0]["ex:only"]', None),
    (
        lambda document: permission(document).update({"remedy": {"action": "inform"}}),
        "$.permission[0].remedy",
        UnsupportedPolicy,
    ),
    (lambda document: permission(document).update({"action": "use"}), "$.permission[0].action", UnsupportedPolicy),
    (lambda document: permission(document).update({"action": ["use", "sell"]}), "$.permission[0].action", None),
    (
        lambda document: permission(document)["duty"][0].update(target="ex:other"),
        "$.permission[0].duty[0].target",
        UnsupportedPolicy,
    ),
    (lambda document: permission(document)["duty"].append({"action": "delete"}), "$.permission[0].duty[2]", None),
    (
        lambda document: permission(document)["duty"][0].update(constraint=constraint("event", "lt", "ex:opening")),
        "$.permission[0].duty[0].constraint",
        UnsupportedPolicy,
    ),
    (lambda document: document["permission"].append({"action": "use"}), "$.permission", UnsupportedPolicy),
    (lambda document: document["obligation"][0].update(action="inform"), "$.obligation[0]", UnsupportedPolicy),
    (lambda document: document["prohibition"][0].update(action="print"), "$.prohibition[0]", UnsupportedPolicy),
    (
        lambda document: document["prohibition"][0]["constraint"].append(constraint("count", "lteq", 2)),
        "$.prohibition[0]",
        UnsupportedPolicy,
    ),
]


@pytest.mark.parametrize(("change", "path", "error"), UNSAID)
def test_what_terms_cannot_say_is_reported_by_its_path_and_permits_nothing(
    change: Change, path: str, error: type[Exception] | None
) -> None:
    reading = read_policy(changed(change))
    assert (reading.terms, reading.policy) == (None, None)
    (loss,) = (loss for loss in reading.losses if loss.weight is Weight.LIMIT)
    assert loss.path == path
    with pytest.raises(error or UnsupportedPolicy) as raised:
        reading.require()
    assert str(raised.value).startswith(path)


NAMELESS: list[tuple[Change, str]] = [
    (lambda document: permission(document).update(assignee="ex:bob"), "$.permission[0].assignee"),
    (lambda document: permission(document).update(target="ex:film"), "$.permission[0].target"),
    (lambda document: permission(document).pop("assigner"), "$.permission[0]"),
    (lambda document: document.update({"@type": "Set"}), "$"),
    (lambda document: document.pop("uid"), "$"),
]


@pytest.mark.parametrize(("change", "path"), NAMELESS)
def test_parties_without_a_name_here_leave_the_terms_and_no_grant(change: Change, path: str) -> None:
    def alone(document: Any) -> None:
        del document["prohibition"], document["obligation"], document["atlas:termsHash"]
        change(document)

    reading = read_policy(changed(alone))
    assert reading.terms is not None
    assert reading.policy is None
    assert [(loss.path, loss.weight) for loss in reading.losses] == [(path, Weight.NAME)]


def test_a_description_is_noted_and_changes_nothing() -> None:
    reading = read_policy(changed(lambda document: document.update({"dct:title": "Beauty in Europe"})))
    assert reading.policy == AGREEMENT
    assert [(loss.path, loss.weight) for loss in reading.losses] == [('$["dct:title"]', Weight.NOTE)]


def test_a_policy_in_another_currency_than_the_expected_is_refused() -> None:
    with pytest.raises(CurrencyMismatch, match="atlas:currency"):
        read_policy(encode_policy(AGREEMENT), currency="eip155:1/slip44:966")


def test_a_plain_policy_is_read_as_a_kind_of_license_when_told_which() -> None:
    asked = [
        constraint("spatial", "eq", "DE"),
        constraint("media", "isPartOf", "film"),
        constraint("deliveryChannel", "isPartOf", "tv"),
    ]
    document = foreign(constraint=asked, duty=[{"action": "attribute"}])
    (loss,) = (loss for loss in read_policy(document).losses if loss.weight is Weight.LIMIT)
    assert (loss.path, loss.hint) == ("$.permission[0].action", "Say which kind of license it is (--kind).")
    terms = read_policy(document, kind=LicenseKind.COMMERCIAL).terms
    assert terms is not None
    scope = terms.scope
    assert (terms.format, scope.territories, scope.media, scope.attribution) == (1, extent("DE"), extent("film"), True)
    assert (scope.modifications, scope.sublicense_depth) == (NOTHING, 0)


def test_without_the_profile_a_name_in_a_list_stands_for_itself_alone() -> None:
    broad = read_policy(foreign(constraint=[constraint("media", "isAnyOf", ["film"])]), kind=LicenseKind.COMMERCIAL)
    assert [loss.path for loss in broad.losses if loss.weight is Weight.LIMIT] == [
        "$.permission[0].constraint[0].rightOperand[0]"
    ]
    narrow = read_policy(
        foreign(constraint=[constraint("spatial", "isAnyOf", ["AT", "DE"])]), kind=LicenseKind.COMMERCIAL
    )
    assert narrow.terms is not None


@pytest.mark.parametrize(
    ("operator", "text", "starts_at", "ends_at"),
    [
        ("lt", "1970-01-02T00:00:00Z", None, 86_400),
        ("lteq", "1970-01-02T00:00:00Z", None, 86_401),
        ("lt", "1970-01-02T01:00:00+01:00", None, 86_400),
        ("lteq", "1970-01-01T00:00:10.999Z", None, 11),
        ("lt", "1970-01-01T00:00:10.001Z", None, 11),
        ("gteq", "1970-01-01T00:00:10.001Z", 11, None),
        ("gt", "1970-01-01T00:00:10Z", 11, None),
    ],
)
def test_instants_are_read_as_half_open_seconds(
    operator: str, text: str, starts_at: int | None, ends_at: int | None
) -> None:
    def change(document: Any) -> None:
        limits(constraint("dateTime", operator, {"@type": "xsd:dateTime", "@value": text}))(document)

    terms = read_policy(changed(change)).terms
    assert terms is not None
    assert (terms.scope.period.starts_at, terms.scope.period.ends_at) == (starts_at, ends_at)


@given(drawn(), st.data())
def test_no_constraint_that_is_added_widens_what_is_read(policy: LicensePolicy, data: st.DataObject) -> None:
    """Whatever is put into a permission is read as a limit, or leaves nothing."""
    document = json.loads(encode_policy(policy))
    del document["atlas:termsHash"]
    operator = data.draw(st.sampled_from(["eq", "isAnyOf", "isNoneOf", "lteq", "isPartOf", "ex:like"]))
    right = data.draw(st.sampled_from(["DE", "film", "5", "2026-01-01T00:00:00Z"]))
    left = data.draw(st.sampled_from(["spatial", "media", "count", "dateTime", "purpose"]))
    document["permission"][0].setdefault("constraint", []).append(constraint(left, operator, right))
    terms = read_policy(json.dumps(document).encode()).terms
    if terms is not None:
        assert narrower(terms.scope, policy.terms.scope)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"[[]]", b'{"type":"Set"}', b'"Set"', b"\xff", b"[" * 99])
def test_what_is_no_policy_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidPolicy):
        read_policy(data)


@given(st.data())
def test_a_document_with_one_part_changed_is_read_or_refused_by_a_typed_error(data: st.DataObject) -> None:
    document = json.loads(encode_policy(AGREEMENT))
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], str | int) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(st.sampled_from([None, 5, 1.5, "", "use", [], {}, [[]], {"@id": "x:y"}, True]))
            break
        place = place[key]
    with suppress(InvalidPolicy):
        reading = read_policy(json.dumps(document).encode())
        assert (reading.policy is None) <= bool(reading.losses)
