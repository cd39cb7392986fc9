"""Policies that tests start from, and that hypothesis draws."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from atlas.protocol.ids import account_id
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, Reservation, encode_policy, with_uid
from atlas.rights.terms.document import license_terms
from atlas.rights.terms.extents import EVERYTHING, extent
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope
from tests.rights.drawn import DRAWN, extents

OWNER, TAKER = (account_id("eip155:1", bytes([number]) * 20) for number in (1, 2))
ASSET = bytes.fromhex("ab" * 32)
ETHER = "eip155:1/slip44:60"

BEAUTY = license_terms(
    LicenseKind.COMMERCIAL,
    Scope(
        industries=extent("beauty"),
        territories=extent("EU@2020-02-01", without=("MT",)),
        duration_s=31_536_000,
        exclusive=True,
    ),
    Price(annual_wei=10**22),
)
AGREEMENT = with_uid(
    LicensePolicy(
        type=PolicyType.AGREEMENT,
        uid="",
        assigner=OWNER,
        assignee=TAKER,
        asset=ASSET,
        terms=BEAUTY,
        currency=ETHER,
        issued_at=1_772_323_200,
        reservations=(Reservation(territories=extent("RU")),),
    )
)

_ACCOUNTS = st.builds(account_id, st.sampled_from(["eip155:1", "eip155:31337"]), st.binary(min_size=20, max_size=20))
_SOME = st.just(EVERYTHING)


@st.composite
def drawn(draw: st.DrawFn) -> LicensePolicy:
    """Offers and agreements on any terms."""
    kind = draw(st.sampled_from(PolicyType))
    assignee = draw(_ACCOUNTS if kind is PolicyType.AGREEMENT else st.none() | _ACCOUNTS)
    reservations = st.builds(
        Reservation,
        territories=_SOME | extents("territories", limited=True),
        media=_SOME | extents("media", limited=True),
        is_for_all=st.just(True) if assignee is None else st.booleans(),
    )
    return with_uid(
        LicensePolicy(
            type=kind,
            uid="",
            assigner=draw(_ACCOUNTS),
            assignee=assignee,
            asset=draw(st.binary(min_size=32, max_size=32)),
            terms=draw(DRAWN),
            currency=draw(st.none() | st.just(ETHER)),
            issued_at=draw(st.none() | st.integers(0, 2**63 - 1)),
            reservations=tuple(draw(st.lists(reservations, max_size=2))),
        )
    )


def changed(change: Callable[[Any], object]) -> bytes:
    """The agreement, after somebody changed its document."""
    document = json.loads(encode_policy(AGREEMENT))
    change(document)
    return json.dumps(document).encode()


def foreign(**permission: Any) -> bytes:
    """A policy of somebody who knows nothing of this profile."""
    rule = {"action": "use", "target": "ex:film", "assigner": "ex:studio", **permission}
    context = ["http://www.w3.org/ns/odrl.jsonld", {"ex": "http://example.com/"}]
    return json.dumps({"@context": context, "@type": "Set", "uid": "ex:policy", "permission": [rule]}).encode()


def constraint(left: str, operator: str, right: Any, **more: Any) -> dict[str, Any]:
    """A constraint as ODRL writes it."""
    return {"leftOperand": left, "operator": operator, "rightOperand": right, **more}
