"""Reports, and what follows from delay, as duties."""

import json
from typing import Any

import msgspec
import pytest

from atlas.rights.errors import InvalidTerms, RightsError, UnsupportedPolicy
from atlas.rights.odrl.delays import write_obligations
from atlas.rights.odrl.policies import LicensePolicy, encode_policy
from atlas.rights.odrl.reading import read_policy
from atlas.rights.terms.obligations import NO_OBLIGATIONS, Effect, Obligations
from tests.rights.odrl.policies import AGREEMENT, constraint

ALL = Obligations(report_every_s=86_400, grace_s=60, late_fee_bps=525, when_late=Effect.SUSPEND)
LENGTH, PERCENT = "xsd:duration", "xsd:decimal"


def obliged(obligations: Obligations) -> LicensePolicy:
    terms = msgspec.structs.replace(AGREEMENT.terms, obligations=obligations)
    return msgspec.structs.replace(AGREEMENT, terms=terms)


def duty(action: str, *refinements: dict[str, Any]) -> dict[str, Any]:
    return {"action": [{"rdf:value": {"@id": f"atlas:{action}"}, "refinement": list(refinements)}]}


REPORT = duty("reportUse", constraint("timeInterval", "eq", {"@type": LENGTH, "@value": "PT86400S"}))
GRACE = constraint("atlas:graceTime", "eq", {"@type": LENGTH, "@value": "PT60S"})
FEE = constraint("percentage", "eq", {"@type": PERCENT, "@value": "5.25"})
LATE = constraint("atlas:whenLate", "eq", {"@id": "atlas:suspend"})


@pytest.mark.parametrize(
    ("obligations", "duties"),
    [
        (NO_OBLIGATIONS, []),
        (Obligations(report_every_s=86_400), [REPORT]),
        (Obligations(grace_s=60), [duty("answerForDelay", GRACE)]),
        (ALL, [REPORT, duty("answerForDelay", GRACE, FEE, LATE)]),
    ],
    ids=str,
)
def test_obligations_are_duties_with_what_they_ask_for(obligations: Obligations, duties: list[dict[str, Any]]) -> None:
    assert list(write_obligations(obligations)) == duties


def test_without_the_hash_of_the_terms_obligations_read_the_same() -> None:
    document = json.loads(encode_policy(obliged(ALL)))
    del document["atlas:termsHash"]
    assert read_policy(json.dumps(document).encode()).require() == obliged(ALL)


@pytest.mark.parametrize(
    ("duty", "error"),
    [
        (duty("reportUse"), UnsupportedPolicy),
        (duty("reportUse", GRACE), UnsupportedPolicy),
        (duty("reportUse", constraint("timeInterval", "eq", "P1M")), InvalidTerms),
        (duty("reportUse", constraint("timeInterval", "eq", "PT86400.5S")), InvalidTerms),
        (duty("reportUse", constraint("timeInterval", "eq", "PT60S")), InvalidTerms),
        (duty("reportUse", constraint("timeInterval", "lteq", "P1D")), UnsupportedPolicy),
        (duty("answerForDelay", GRACE, GRACE), InvalidTerms),
        (duty("answerForDelay", constraint("percentage", "eq", "0.001")), InvalidTerms),
        (duty("answerForDelay", constraint("percentage", "eq", "101")), InvalidTerms),
        (duty("answerForDelay", constraint("atlas:whenLate", "eq", {"@id": "atlas:forgive"})), InvalidTerms),
        (duty("answerForDelay", constraint("atlas:whenLate", "eq", "suspend")), InvalidTerms),
        ({"action": "inform"}, UnsupportedPolicy),
    ],
    ids=str,
)
def test_what_obligations_cannot_say_is_refused_where_it_stands(duty: dict[str, Any], error: type[RightsError]) -> None:
    document = json.loads(encode_policy(AGREEMENT))
    del document["atlas:termsHash"]
    document["permission"][0]["duty"].append(duty)
    with pytest.raises(error, match=r"^\$\.permission\[0\]"):
        read_policy(json.dumps(document).encode()).require()


def test_each_duty_is_stated_once() -> None:
    document = json.loads(encode_policy(obliged(ALL)))
    document["permission"][0]["duty"].append(duty("answerForDelay", GRACE))
    with pytest.raises(InvalidTerms, match="grace_s is stated twice"):
        read_policy(json.dumps(document).encode()).require()
