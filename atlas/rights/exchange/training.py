"""What licenses on offer say about training models, as the assertion ``cawg.training-mining`` (CAWG 1.1).

    {"entries":{"cawg.ai_generative_training":{"constraint_info":"license 0x...","use":"constrained"},
                "cawg.ai_training":{"constraint_info":"license 0x...","use":"constrained"}}}

The assertion is about an asset and speaks to everybody, so it is made of the licenses that anyone may take: one
that includes the modification ``train_model`` makes training ``constrained``, by the terms with that hash; where
none does, training is ``notAllowed``. It is never ``allowed``: a license always has terms. Inference and data
mining are no modifications that terms can name, so their entries are left out, which says nothing of them.
"""

from collections.abc import Sequence
from typing import Any, Final

from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.policies import LicensePolicy, PolicyType
from atlas.rights.terms.document import Terms, terms_hash
from atlas.rights.terms.extents import extent
from atlas.rights.terms.scopes import DIMENSIONS

LABEL: Final = "cawg.training-mining"
ENTRIES: Final = ("cawg.ai_generative_training", "cawg.ai_training")
LEFT_OUT: Final = ("cawg.ai_inference", "cawg.data_mining")

_TRAINING = extent("train_model")


def training_assertion(offers: Sequence[LicensePolicy]) -> dict[str, Any]:
    """The assertion's data for an asset, from its offers to everybody. Raises InvalidPolicy for other policies."""
    for offer in offers:
        if offer.type is not PolicyType.OFFER or offer.assignee is not None:
            raise InvalidPolicy(f"{offer.uid} is no offer to everybody", hint="Leave out what is between parties.")
    if len({offer.asset for offer in offers}) > 1:
        raise InvalidPolicy("the offers are about several assets", hint="An assertion is about one.")
    allowing = [offer.terms for offer in offers if _allows_training(offer.terms)]
    if not allowing:
        return {"entries": {name: {"use": "notAllowed"} for name in ENTRIES}}
    hashes = sorted({f"0x{terms_hash(terms).hex()}" for terms in allowing})
    entry = {"use": "constrained", "constraint_info": f"license {', '.join(hashes)}"}
    return {"entries": {name: dict(entry) for name in ENTRIES}}


def _allows_training(terms: Terms) -> bool:
    return DIMENSIONS["modifications"].covers(terms.scope.modifications, _TRAINING)
