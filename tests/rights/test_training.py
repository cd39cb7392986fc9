import msgspec
import pytest

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidPolicy
from atlas.rights.exchange.training import training_assertion
from atlas.rights.odrl.policies import LicensePolicy, PolicyType
from atlas.rights.terms.document import license_terms, terms_hash
from atlas.rights.terms.extents import EVERYTHING, Extent, extent
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope
from tests.rights.odrl.policies import AGREEMENT, TAKER

OFFER = msgspec.structs.replace(AGREEMENT, type=PolicyType.OFFER, assignee=None)


def offer(modifications: Extent) -> LicensePolicy:
    terms = license_terms(LicenseKind.DERIVATIVE, Scope(modifications=modifications), Price(share_bps=500))
    return msgspec.structs.replace(OFFER, terms=terms)


@pytest.mark.parametrize("modifications", [extent("train_model"), extent("edit", "train_model"), EVERYTHING], ids=str)
def test_an_offer_that_includes_training_makes_it_constrained_by_its_terms(modifications: Extent) -> None:
    made = offer(modifications)
    entry = {"use": "constrained", "constraint_info": f"license 0x{terms_hash(made.terms).hex()}"}
    expected = {"entries": {"cawg.ai_generative_training": entry, "cawg.ai_training": entry}}
    assert training_assertion([OFFER, made]) == expected


@pytest.mark.parametrize("modifications", [extent("edit"), extent("*", without=("train_model",))], ids=str)
def test_without_one_training_is_not_allowed(modifications: Extent) -> None:
    entries = training_assertion([offer(modifications)])["entries"]
    no = {"use": "notAllowed"}
    assert entries == {"cawg.ai_generative_training": no, "cawg.ai_training": no}


def test_what_is_between_parties_says_nothing_to_everybody() -> None:
    for changes in ({"type": PolicyType.AGREEMENT}, {"assignee": TAKER}):
        with pytest.raises(InvalidPolicy, match="no offer to everybody"):
            training_assertion([msgspec.structs.replace(OFFER, **changes)])


def test_an_assertion_is_about_one_asset() -> None:
    with pytest.raises(InvalidPolicy, match="several assets"):
        training_assertion([OFFER, msgspec.structs.replace(OFFER, asset=bytes(32))])
