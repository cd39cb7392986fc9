"""Decisions signed by made-up people, for tests."""

from typing import Any, TypeVar

import msgspec

from atlas.protocol.decisions import AgreementSigned, Authored, Decision, decision_id
from atlas.protocol.keccak import keccak256
from atlas.protocol.signing import address_of, sign_digest
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.proceedings import Authorities
from atlas.rights.terms.document import encode_terms, license_terms, terms_hash
from atlas.rights.terms.extents import extent
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope

Kind = TypeVar("Kind", bound=Decision)
Act = TypeVar("Act", bound=Authored)

PEOPLE = ("ada", "ben", "judge", "other judge", "reviewer", "guardian", "stranger")
KEYS = {address_of(keccak256(name.encode())): keccak256(name.encode()) for name in PEOPLE}
ADA, BEN, JUDGE, OTHER_JUDGE, REVIEWER, GUARDIAN, STRANGER = KEYS
ASSET = b"\x11" * 32
NOW = 1_780_000_000
AUTHORITIES = Authorities(frozenset({JUDGE, OTHER_JUDGE}), frozenset({REVIEWER}))
DERIVATIVE_TERMS = license_terms(
    LicenseKind.DERIVATIVE,
    Scope(modifications=extent("adapt")),
    Price(share_bps=1_000),
)


def signed(decision: Kind) -> Kind:
    """The decision with the signatures of those who have to sign."""
    digest = decision_id(decision)
    return msgspec.structs.replace(
        decision, signatures=tuple(sign_digest(digest, KEYS[signer]) for signer in decision.signers)
    )


def decided(kind: type[Act], author: bytes, **fields: Any) -> Act:
    """A signed decision of one author."""
    return signed(kind(author=author, issued_at=fields.pop("issued_at", NOW), **fields))


def agreement(**changes: Any) -> AgreementSigned:
    """Ada licenses ``ASSET`` to Ben, signed by both."""
    fields: dict[str, Any] = {
        "asset": ASSET,
        "licensor": ADA,
        "licensee": BEN,
        "terms_hash": terms_hash(DERIVATIVE_TERMS),
        "starts_at": NOW - 1_000,
        "document": encode_terms(DERIVATIVE_TERMS),
        "issued_at": NOW,
        **changes,
    }
    return signed(AgreementSigned(**fields))
