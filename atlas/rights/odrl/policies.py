"""A license as an ODRL policy under this project's profile: an offer or an agreement, with one canonical form.

    {"@context":["http://www.w3.org/ns/odrl.jsonld",{"atlas":"urn:atlas-ledger:odrl:1:", ...}],
     "@type":"Agreement","uid":"urn:uuid:...","profile":"urn:atlas-ledger:odrl:1",
     "atlas:currency":"eip155:1/slip44:60","atlas:termsFormat":..,"atlas:termsHash":"0x...",
     "dct:issued":{"@type":"xsd:dateTime","@value":"2026-03-01T00:00:00Z"},
     "permission":[{"action":"atlas:useCommercially","assigner":"eip155:1:0x...","assignee":"eip155:1:0x...",
                    "target":"aaid:...","constraint":[...],"duty":[...]}],
     "obligation":[{"action":"ensureExclusivity","assignee":"<the assigner>","target":"aaid:..."}],
     "conflict":"prohibit","prohibition":[{"action":"use","target":"aaid:...", ...}]}

An exclusive license obliges its assigner to ensure exclusivity; credit, payments, reports and what follows from delay
are duties of the permission; reservations (uses that nobody, or that the assignee, may make at all) are prohibitions.
The parties are CAIP-10 accounts, the asset is its AAID. Documents are UTF-8 JSON with sorted keys and no spaces; the
hash that a signature or a fact refers to is keccak256 of that form, and ``parse_policy`` takes no other.
"""

from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from atlas.protocol.errors import AtlasError
from atlas.protocol.ids import format_aaid, parse_account_id
from atlas.protocol.keccak import keccak256
from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.delays import write_obligations
from atlas.rights.odrl.names import CONTEXT, KIND_ACTIONS, PROFILE, short
from atlas.rights.odrl.payments import write_price
from atlas.rights.odrl.scoping import Json, typed, write_extent, write_scope
from atlas.rights.odrl.times import write_instant
from atlas.rights.terms.document import Terms, terms_hash
from atlas.rights.terms.extents import EVERYTHING, Extent
from atlas.rights.terms.prices import CURRENCY
from atlas.rights.terms.scopes import DIMENSIONS, check_scope

_encoder = msgspec.json.Encoder(order="sorted")


class PolicyType(StrEnum):
    """An offer grants nothing; an agreement names who is granted what."""

    OFFER = "Offer"
    AGREEMENT = "Agreement"


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of the asset that the policy prohibits, whatever other licenses allow."""

    territories: Extent = EVERYTHING
    media: Extent = EVERYTHING
    is_for_all: bool = True  # else for the assignee alone


class LicensePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Terms between parties about an asset. Construction checks nothing; encoding checks all."""

    type: PolicyType
    uid: str
    assigner: str  # CAIP-10
    assignee: str | None  # CAIP-10; an offer may be made to anyone
    asset: bytes  # AAID
    terms: Terms
    currency: str | None = None  # CAIP-19; of the amounts in the price
    issued_at: int | None = None  # seconds since 1970: durations and years of the license run from here
    reservations: tuple[Reservation, ...] = ()


RESERVED_DIMENSIONS: Final = ("territories", "media")


def encode_policy(policy: LicensePolicy) -> bytes:
    """The canonical document. Raises InvalidPolicy, InvalidTerms or MalformedId, naming the field."""
    _check(policy)
    return _encoder.encode(policy_document(policy))


def policy_hash(policy: LicensePolicy) -> bytes:
    """The 32 bytes that a signature over the policy refers to: keccak256 of the canonical document."""
    return keccak256(encode_policy(policy))


def with_uid(policy: LicensePolicy) -> LicensePolicy:
    """The policy under a name made from all that it says: ``urn:uuid:`` and a version 5 UUID."""
    unnamed = _encoder.encode(policy_document(msgspec.structs.replace(policy, uid="")))
    name = uuid5(NAMESPACE_URL, f"{PROFILE}:{keccak256(unnamed).hex()}")
    return msgspec.structs.replace(policy, uid=name.urn)


def policy_document(policy: LicensePolicy) -> Json:
    """The policy as a JSON-LD object."""
    found: Json = {
        "@context": CONTEXT,
        "@type": policy.type.value,
        "uid": policy.uid,
        "profile": PROFILE,
        "atlas:termsFormat": policy.terms.format,
        "atlas:termsHash": f"0x{terms_hash(policy.terms).hex()}",
        "permission": [_permission(policy)],
    }
    if policy.currency is not None:
        found["atlas:currency"] = policy.currency
    if policy.issued_at is not None:
        found["dct:issued"] = typed(write_instant(policy.issued_at), "dateTime")
    if policy.terms.scope.exclusive:
        target = format_aaid(policy.asset)
        found["obligation"] = [{"action": "ensureExclusivity", "assignee": policy.assigner, "target": target}]
    if policy.reservations:
        found["conflict"] = "prohibit"
        found["prohibition"] = [_prohibition(policy, each) for each in policy.reservations]
    return found


def _permission(policy: LicensePolicy) -> Json:
    terms = policy.terms
    duties: list[Json] = [{"action": "attribute"}] if terms.scope.attribution else []
    if terms.price is not None:
        duties.extend(write_price(terms.price))
    duties.extend(write_obligations(terms.obligations))
    rule = _rule(policy, short(KIND_ACTIONS[terms.kind]), to_all=False)
    return {**rule, **_stated("constraint", write_scope(terms.scope)), **_stated("duty", duties)}


def _prohibition(policy: LicensePolicy, reservation: Reservation) -> Json:
    extents = [each for key in RESERVED_DIMENSIONS for each in write_extent(key, getattr(reservation, key))]
    return {**_rule(policy, "use", to_all=reservation.is_for_all), **_stated("constraint", extents)}


def _rule(policy: LicensePolicy, action: str, *, to_all: bool) -> Json:
    rule: Json = {"action": action, "assigner": policy.assigner, "target": format_aaid(policy.asset)}
    if policy.assignee is not None and not to_all:
        rule["assignee"] = policy.assignee
    return rule


def _stated(key: str, values: list[Json]) -> dict[str, Any]:
    """An empty list says nothing in JSON-LD, so it is not written."""
    return {key: values} if values else {}


def _check(policy: LicensePolicy) -> None:
    check_scope(policy.terms.scope)  # format 1 has channels of more than 200 characters, which no use can name
    for field in ("assigner", "assignee"):
        account: str | None = getattr(policy, field)
        if account is not None:
            _check_account(field, account)
    if policy.type is PolicyType.AGREEMENT and policy.assignee is None:
        raise InvalidPolicy("an agreement names its assignee", hint="An offer may be made to anyone.")
    if ":" not in policy.uid or policy.uid.startswith("_:"):
        raise InvalidPolicy(f"uid {policy.uid[:100]!r} is no IRI", hint="Write it like urn:uuid:...")
    if policy.currency is not None and CURRENCY.fullmatch(policy.currency) is None:
        raise InvalidPolicy(f"currency {policy.currency[:100]!r} names none", hint="Write it as eip155:1/slip44:60.")
    if policy.issued_at is not None and not 0 <= policy.issued_at < 2**63:
        raise InvalidPolicy(f"issued_at is seconds since 1970, got {policy.issued_at}")
    for reservation in policy.reservations:
        for key in RESERVED_DIMENSIONS:
            DIMENSIONS[key].check(key, getattr(reservation, key))


def _check_account(field: str, account: str) -> None:
    try:
        parse_account_id(account)
    except AtlasError as error:
        raise InvalidPolicy(f"{field}: {error.message}", hint=error.hint) from error
