"""What decisions rest on: facts as a fold of the ledger knows them, each with its position and its validity.

Two times belong to every fact. It holds in the world from ``starts_at`` (seconds since 1970) until before its
end; and it is known from its ledger ``position`` on. An end that became known later than its fact, as a
revocation does, has a position of its own, and before that position nobody knew of it.
"""

from typing import NamedTuple

import msgspec

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.decisions.reasons import Action
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import EVERYTHING, Extent


class At(NamedTuple):
    """Decide for the instant ``valid_time``, by what the ledger said up to ``known_position``."""

    valid_time: int  # seconds since 1970
    known_position: int


class Ownership(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From ``starts_at`` on, ``owner`` owns the asset, until the next such fact."""

    asset: bytes
    owner: bytes
    starts_at: int
    position: int


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A granted licence."""

    position: int
    license_id: int
    asset: bytes
    licensee: bytes
    kind: LicenseKind
    terms: Terms | None  # None when only their hash is known
    starts_at: int
    expires_at: int | None  # None is perpetual
    revoked_at: int | None = None
    revoked_position: int | None = None  # None: known with the grant
    licensor: bytes | None = None  # None: the registry that recorded it had the owner grant it
    under: int | None = None  # the position of the grant that this one sub-licenses
    exclusive: bool = False  # as recorded; the terms may say so too


class RecordedUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A use that was made under a grant."""

    grant: int  # its position
    at: int
    position: int
    count: int = 1
    exposure_s: int = 0


class Fulfilment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The licensee paid, reported or credited, as a grant asks.

    A payment counts for what was due first; one that came with the grant itself, as the price of an offer that
    was taken, is such a fact too. A report counts for all that was to be reported ``until`` then.
    """

    grant: int  # its position
    action: Action
    at: int
    position: int
    amount_wei: int = 0  # of a payment
    until: int | None = None  # of a report; None is the instant it was made
    use: int | None = None  # of an attribution: the position of the recorded use that was credited


class Prohibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A takedown, a ruling or a reservation: within ``scope`` nobody (or not ``account``) may use the asset."""

    asset: bytes
    cause: str  # takedown, infringement, reservation
    starts_at: int
    position: int
    territories: Extent = EVERYTHING
    media: Extent = EVERYTHING
    account: bytes | None = None
    ended_at: int | None = None
    ended_position: int | None = None


class Dispute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dispute over an asset, or over one grant on it; what its ruling says arrives as facts of its own."""

    asset: bytes
    starts_at: int
    position: int
    grant: int | None = None
    ended_at: int | None = None
    ended_position: int | None = None


class Portrait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The asset shows, or sounds like, a real person."""

    asset: bytes
    person: bytes  # how the ledger names the person: a hash
    position: int


class Authorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person allows the use of the portrait, to all or to one account."""

    asset: bytes
    person: bytes
    starts_at: int
    position: int
    account: bytes | None = None
    territories: Extent = EVERYTHING
    media: Extent = EVERYTHING
    ended_at: int | None = None
    ended_position: int | None = None


class Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``child`` was made from ``parent``, under a grant."""

    child: bytes
    parent: bytes
    position: int
    grant: int | None = None  # its position, where there is one on record
    by_owner: bool = False  # the registry that recorded it had the parent's own owner make it


class MeasureTaken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measure was taken for an asset (a review passed, a watermark put in), or failed."""

    asset: bytes
    measure: Measure
    territories: Extent
    at: int
    position: int
    passed: bool = True


class RightsState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All facts that decisions may rest on, in any order."""

    ownerships: tuple[Ownership, ...] = ()
    grants: tuple[Grant, ...] = ()
    uses: tuple[RecordedUse, ...] = ()
    fulfilments: tuple[Fulfilment, ...] = ()
    prohibitions: tuple[Prohibition, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    portraits: tuple[Portrait, ...] = ()
    authorizations: tuple[Authorization, ...] = ()
    derivations: tuple[Derivation, ...] = ()
    measures: tuple[MeasureTaken, ...] = ()


def in_force(fact: Prohibition | Dispute | Authorization, at: At) -> bool:
    """Whether the fact is known at ``at``, and holds then."""
    if fact.position > at.known_position or fact.starts_at > at.valid_time:
        return False
    if fact.ended_at is None or fact.ended_at > at.valid_time:
        return True
    return fact.ended_position is not None and fact.ended_position > at.known_position


def as_known(grant: Grant, position: int) -> Grant:
    """The grant as it was known at ``position``: without a revocation that came later."""
    if grant.revoked_position is None or grant.revoked_position <= position:
        return grant
    return msgspec.structs.replace(grant, revoked_at=None, revoked_position=None)


def revocation(grant: Grant, at: At) -> int | None:
    """When the grant was revoked, as far as is known at ``at``."""
    unknown = grant.revoked_position is not None and grant.revoked_position > at.known_position
    return None if unknown else grant.revoked_at
