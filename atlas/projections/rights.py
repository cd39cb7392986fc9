"""The facts that decisions about a use rest on, read from the views as values of the rights engine.

The rows say of each fact from which ledger position it is known, and so of its end; the engine judges what is known at
a position. Rows are the current ones: what orphaned blocks said is not among them (ADR 0011).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.decisions.reasons import Action
from atlas.rights.decisions.state import (
    At,
    Authorization,
    Derivation,
    Dispute,
    Fulfilment,
    Grant,
    MeasureTaken,
    Ownership,
    Portrait,
    Prohibition,
    RecordedUse,
    RightsState,
    revocation,
)
from atlas.rights.errors import InvalidTerms
from atlas.rights.planning.plans import Offer
from atlas.rights.terms.document import Terms, parse_terms, terms_bytes, terms_from_uri
from atlas.rights.terms.extents import Extent

Row: TypeAlias = tuple[Any, ...]
Query: TypeAlias = Callable[[str, Mapping[str, object]], Sequence[Row]]
"""Runs one statement with named parameters on the database that has the views; its rows."""

VIEWS: Final = frozenset({"licensing", "provenance"})
"""The views that decisions rest on."""

LINE: Final = """
with recursive link as (
    select * from view_provenance.derivatives where valid_to is null and valid_from <= %(upto)s
),
line as (
    select child, parent, license_id, chain, valid_from from link where child = any(%(assets)s)
    union
    select link.child, link.parent, link.license_id, link.chain, link.valid_from
    from link join line on link.child = line.parent
)
select child, parent, license_id, chain, valid_from from line order by valid_from, child, parent
"""
"""All derivations that ``assets`` rest on, up to position ``upto``.

The license is named by its chain and number; 0 is a derivation by the parent's owner.
"""

_REACHED = "select coalesce(min(position), 0) from projections.views where name = any(%(names)s)"
_OWNERS = """
select aaid, owner, extract(epoch from starts_at)::bigint, position
from view_licensing.ownerships where aaid = any(%(assets)s) and valid_to is null
"""
_LICENSES = """
select position, license_id, chain, aaid, licensee, kind, terms, extract(epoch from starts_at)::bigint,
       extract(epoch from expires_at)::bigint, extract(epoch from revoked_at)::bigint, revoked_position, exclusive
from view_licensing.licenses where aaid = any(%(assets)s) and valid_to is null
"""
_AGREEMENTS = """
select position, agreement_id, aaid, licensor, licensee, kind, terms, extract(epoch from starts_at)::bigint,
       extract(epoch from expires_at)::bigint, extract(epoch from revoked_at)::bigint, revoked_position, exclusive,
       under
from view_licensing.agreements where aaid = any(%(assets)s) and valid_to is null
"""
_OFFERS = """
select position, offer_id, aaid, kind, terms_uri, terms_hash, price_wei, duration_s, exclusive, licensor,
       withdrawn_position
from view_licensing.offers where aaid = any(%(assets)s) and valid_to is null order by position
"""
_ROUNDS = """
select aaid, grant_position, extract(epoch from opened_at)::bigint, opened_position,
       extract(epoch from ruled_at)::bigint, ruled_position, remedy, suspended_position
from view_licensing.dispute_rounds where aaid = any(%(assets)s) and valid_to is null
"""
_PROHIBITIONS = """
select aaid, cause, account, territories, media, extract(epoch from starts_at)::bigint, position,
       extract(epoch from ended_at)::bigint, ended_position
from view_licensing.prohibitions where aaid = any(%(assets)s) and valid_to is null
"""
_PORTRAITS = """
select aaid, person, position from view_licensing.portraits where aaid = any(%(assets)s) and valid_to is null
"""
_AUTHORIZATIONS = """
select aaid, person, account, territories, media, extract(epoch from starts_at)::bigint, position,
       extract(epoch from ended_at)::bigint, ended_position
from view_licensing.authorizations
where aaid = any(%(assets)s) and valid_from <= %(upto)s and (valid_to is null or valid_to > %(upto)s)
"""
# As known then: a withdrawal takes the place of the end that was known from the beginning.
_MEASURES = """
select aaid, measure, territories, extract(epoch from taken_at)::bigint, position, passed
from view_licensing.measures where aaid = any(%(assets)s) and valid_to is null
"""
_USES = """
select grant_position, extract(epoch from used_at)::bigint, position, count, exposure_s
from view_licensing.uses where grant_position = any(%(grants)s) and valid_to is null
"""
_FULFILMENTS = """
select grant_position, action, extract(epoch from fulfilled_at)::bigint, position, amount_wei,
       extract(epoch from reported_until)::bigint, use_position
from view_licensing.fulfilments where grant_position = any(%(grants)s) and valid_to is null
union all
select license.position, 'pay', extract(epoch from license.starts_at)::bigint, license.position, offer.price_wei,
       null, null
from view_licensing.licenses as license join view_licensing.offers as offer using (chain, registry, offer_id)
where license.position = any(%(grants)s) and offer.price_wei > 0 and license.valid_to is null and offer.valid_to is null
"""
# Who takes an offer pays its price in the same transaction.


def reached(query: Query, views: Iterable[str]) -> int:
    """The last ledger position that all ``views`` have folded."""
    return query(_REACHED, {"names": sorted(views)})[0][0]


def read_rights(query: Query, assets: Iterable[bytes], known_position: int) -> RightsState:
    """What the views have on ``assets`` and all they derive from, for decisions as known at ``known_position``."""
    asked = list(assets)
    links = query(LINE, {"assets": asked, "upto": known_position})
    about = {"assets": list(dict.fromkeys((*asked, *(link[1] for link in links)))), "upto": known_position}
    licenses = query(_LICENSES, about)
    grants = [*map(_license, licenses), *map(_agreement, query(_AGREEMENTS, about))]
    positions = frozenset(grant.position for grant in grants)
    rounds = query(_ROUNDS, about)
    return RightsState(
        ownerships=tuple(Ownership(*row) for row in query(_OWNERS, about)),
        grants=tuple(_as_ruled(grants, rounds, known_position)),
        uses=tuple(RecordedUse(*row) for row in query(_USES, {"grants": list(positions)})),
        fulfilments=tuple(map(_fulfilment, query(_FULFILMENTS, {"grants": list(positions)}))),
        prohibitions=tuple(map(_prohibition, query(_PROHIBITIONS, about))),
        disputes=tuple(_dispute(row, positions) for row in rounds),
        portraits=tuple(Portrait(*row) for row in query(_PORTRAITS, about)),
        authorizations=tuple(map(_authorization, query(_AUTHORIZATIONS, about))),
        derivations=tuple(_derivation(link, licenses) for link in links),
        measures=tuple(map(_measure, query(_MEASURES, about))),
    )


def read_offers(query: Query, assets: Iterable[bytes]) -> tuple[Offer, ...]:
    """The licences that were ever on offer for ``assets``, with when they were withdrawn."""
    return tuple(map(_offer, query(_OFFERS, {"assets": list(assets)})))


def named_license(link: Row, licenses: Iterable[Row]) -> Row | None:
    """The license that a derivation names; where two registries have such a one, which it was is unknown."""
    _, parent, license_id, chain, _ = link
    named = [row for row in licenses if row[1:4] == (license_id, chain, parent)]
    return named[0] if len(named) == 1 else None


def terms_of(document: object) -> Terms | None:
    """The terms in a column; None where only their hash is known, or this program cannot read them."""
    if document is None:
        return None
    try:
        return parse_terms(terms_bytes(document))
    except InvalidTerms:
        return None


def _license(row: Row) -> Grant:
    position, license_id, _, aaid, licensee, kind, terms, start, end, revoked, revoked_position, exclusive = row
    return Grant(
        position=position,
        license_id=int(license_id),
        asset=aaid,
        licensee=licensee,
        kind=LicenseKind(kind),
        terms=terms_of(terms),
        starts_at=start,
        expires_at=end,
        revoked_at=revoked,
        revoked_position=revoked_position,
        exclusive=exclusive,
    )


def _offer(row: Row) -> Offer:
    position, offer_id, aaid, kind, uri, terms_hash, price, duration, exclusive, licensor, withdrawn = row
    try:
        terms = terms_from_uri(uri, terms_hash)
    except InvalidTerms:
        terms = None
    return Offer(
        position=position,
        offer_id=int(offer_id),
        asset=aaid,
        kind=LicenseKind(kind),
        terms=terms,
        price_wei=int(price),
        duration_s=duration or None,
        exclusive=exclusive,
        licensor=licensor,
        withdrawn_position=withdrawn,
    )


def _agreement(row: Row) -> Grant:
    position, agreement, aaid, licensor, licensee, kind, terms, start, end, revoked, revoked_position, *rest = row
    exclusive, under = rest
    return Grant(
        position=position,
        license_id=int.from_bytes(agreement),
        asset=aaid,
        licensee=licensee,
        kind=LicenseKind(kind),
        terms=terms_of(terms),
        starts_at=start,
        expires_at=end,
        revoked_at=revoked,
        revoked_position=revoked_position,
        licensor=licensor,
        under=under,
        exclusive=exclusive,
    )


def _as_ruled(grants: Iterable[Grant], rounds: Sequence[Row], known_position: int) -> Iterable[Grant]:
    """Grants that a ruling revoked end with it, unless an appeal is known to have suspended that."""
    ruled: dict[int, tuple[int, int]] = {}
    for _, grant, _, _, ruled_at, position, remedy, suspended in rounds:
        is_in_force = suspended is None or suspended > known_position
        if remedy == "revoke" and is_in_force and position <= known_position:
            ruled[grant] = min(ruled.get(grant, (ruled_at, position)), (ruled_at, position))
    for grant in grants:
        end = ruled.get(grant.position)
        own = revocation(grant, At(0, known_position))
        if end is None or (own is not None and own <= end[0]):
            yield grant
        else:
            yield msgspec.structs.replace(grant, revoked_at=end[0], revoked_position=end[1])


def _dispute(row: Row, grants: frozenset[int]) -> Dispute:
    """Over a grant that is on record; what names another is over the asset, so that it is not without effect."""
    aaid, grant, opened, opened_position, ruled, ruled_position, _, _ = row
    over = grant if grant in grants else None
    return Dispute(aaid, opened, opened_position, over, ended_at=ruled, ended_position=ruled_position)


def _prohibition(row: Row) -> Prohibition:
    aaid, cause, account, territories, media, start, position, end, ended_position = row
    return Prohibition(
        *(aaid, cause, start, position, _extent(territories), _extent(media), account),
        ended_at=end,
        ended_position=ended_position,
    )


def _authorization(row: Row) -> Authorization:
    aaid, person, account, territories, media, start, position, end, ended_position = row
    return Authorization(
        *(aaid, person, start, position, account, _extent(territories), _extent(media)),
        ended_at=end,
        ended_position=ended_position,
    )


def _derivation(link: Row, licenses: Sequence[Row]) -> Derivation:
    child, parent, license_id, _, position = link
    named = named_license(link, licenses)
    return Derivation(child, parent, position, None if named is None else named[0], by_owner=license_id == 0)


def _fulfilment(row: Row) -> Fulfilment:
    grant, action, at, position, amount, until, use = row
    return Fulfilment(grant, Action(action), at, position, int(amount), until, use)


def _measure(row: Row) -> MeasureTaken:
    aaid, measure, territories, taken_at, position, passed = row
    return MeasureTaken(aaid, Measure(measure), _extent(territories), taken_at, position, passed)


def _extent(document: object) -> Extent:
    return msgspec.convert(document, Extent)
