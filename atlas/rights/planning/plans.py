"""A planned work: which assets it uses, how, where and when, and the licences that are on offer.

A plan is cut into needs: one use of one asset in one medium, in countries and for a time that every fact on record
treats alike. All of a need is permitted, or none of it, so that deciding one country and one instant decides it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import msgspec

from atlas.protocol.ids import ADDRESS_BYTES
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.jurisdictions import RULES
from atlas.rights.decisions.state import At, Grant
from atlas.rights.decisions.uses import Use, check_use
from atlas.rights.errors import InvalidTerms, InvalidUse, PlanTooLarge
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import EVERYTHING, Extent, countries
from atlas.rights.terms.scopes import DIMENSIONS


class PlannedUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One use of one asset in the work. What a licence limits and the plan does not state, no licence is found for."""

    asset: bytes  # AAID
    media: tuple[str, ...]  # all of them
    territories: Extent = EVERYTHING
    kind: LicenseKind | None = None
    channel: str | None = None
    work: str | None = None
    project: str | None = None
    series: str | None = None
    language: str | None = None
    format: str | None = None
    industry: str | None = None
    modification: str | None = None
    count: int = 1  # all uses together; every licence that carries a part of them counts them all
    exposure_s: int = 0
    distributed: bool = True


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``account`` plans from ``starts_at`` until before ``ends_at``, in seconds since 1970."""

    account: bytes  # address
    starts_at: int
    ends_at: int
    uses: tuple[PlannedUse, ...]


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A licence that anyone may take; it is live from its position on until it is withdrawn."""

    position: int
    offer_id: int
    asset: bytes
    kind: LicenseKind
    terms: Terms | None  # None when only their hash is known
    price_wei: int = 0  # to be paid when it is taken; it counts towards what the terms ask for
    duration_s: int | None = None  # from when it is taken; None is perpetual
    exclusive: bool = False
    licensor: bytes | None = None  # None: the registry that recorded it had the owner make it
    withdrawn_position: int | None = None


class Need(msgspec.Struct, frozen=True):
    """What has to be permitted: one planned use in one medium, in ``territories``, for a time."""

    use: int  # its place in the plan
    asset: bytes
    media: str
    territories: tuple[str, ...]  # ISO 3166-1 alpha-2, sorted
    starts_at: int
    ends_at: int

    @property
    def weight(self) -> int:
        """How many countries it is for, each second of its time."""
        return len(self.territories) * (self.ends_at - self.starts_at)


_STATED: Final = tuple(name for name in PlannedUse.__struct_fields__ if name not in ("media", "territories"))


def check_plan(plan: Plan) -> None:
    """Raise InvalidUse, naming what, for a plan that is empty or outside the vocabulary."""
    if len(plan.account) != ADDRESS_BYTES:
        raise InvalidUse(f"an address has {ADDRESS_BYTES} bytes, got {len(plan.account)}", hint="Pass the raw bytes.")
    if not 0 <= plan.starts_at < plan.ends_at < 2**62:
        raise InvalidUse(
            f"the plan ends at {plan.ends_at}, not after its start at {plan.starts_at}",
            hint="A plan runs from its start until before its end, in seconds since 1970.",
        )
    for planned in plan.uses:
        _check_territories(planned.territories)
        if not planned.media or len(set(planned.media)) != len(planned.media):
            raise InvalidUse("media is a list of different names, at least one", hint="Name the media of the use.")
        for media in planned.media:
            check_use(use_of(plan, planned, media, "*"))


def use_of(plan: Plan, planned: PlannedUse, media: str, territory: str) -> Use:
    """A planned use at one place."""
    stated: dict[str, Any] = {name: getattr(planned, name) for name in _STATED}
    return Use(account=plan.account, media=media, territory=territory, **stated)


def needs_of(plan: Plan, rights: Rights, at: At, most: int) -> tuple[Need, ...]:
    """The plan cut where any fact on record begins, ends or has a border; offers made grants are among the facts.

    Raises PlanTooLarge above ``most`` needs.
    """
    needs: list[Need] = []
    for number, planned in enumerate(plan.uses):
        assets = frozenset(rights.pedigree(planned.asset, at).assets)
        grants = [grant for grant in rights.state.grants if grant.asset in assets]
        places = [*_alike(countries(planned.territories), _borders(assets, grants, rights))]
        instants = _instants(plan, assets, grants, rights)
        if len(needs) + len(places) * len(planned.media) * (len(instants) - 1) > most:
            raise PlanTooLarge(
                f"the plan falls into more than {most:,} needs", hint="Plan fewer uses, media or countries at once."
            )
        for start, end in pairwise(instants):
            for media in planned.media:
                needs.extend(Need(number, planned.asset, media, place, start, end) for place in places)
    return tuple(needs)


def _check_territories(value: Extent) -> None:
    try:
        DIMENSIONS["territories"].check("territories", value)
    except InvalidTerms as error:
        raise InvalidUse(error.message, hint=error.hint) from error
    if not countries(value):
        raise InvalidUse("territories names nothing", hint="Name a country, a group, or * for everywhere.")


def _alike(planned: frozenset[str], borders: Iterable[Extent]) -> Iterator[tuple[str, ...]]:
    """The planned countries, those together that lie on the same side of every border."""
    sets = [countries(border) for border in borders]
    sides: defaultdict[tuple[bool, ...], list[str]] = defaultdict(list)
    for code in sorted(planned):
        sides[tuple(code in each for each in sets)].append(code)
    return map(tuple, sides.values())


def _borders(assets: frozenset[bytes], grants: Iterable[Grant], rights: Rights) -> set[Extent]:
    facts = (*rights.state.prohibitions, *rights.state.authorizations)
    found = {fact.territories for fact in facts if fact.asset in assets}
    found.update(grant.terms.scope.territories for grant in grants if grant.terms is not None)
    found.update(rule.territories for rule in RULES)
    return found


def _instants(plan: Plan, assets: frozenset[bytes], grants: Iterable[Grant], rights: Rights) -> list[int]:
    """When anything begins or ends within the plan, its own start and end included."""
    state = rights.state
    found = [plan.starts_at, plan.ends_at, *(rule.since for rule in RULES)]
    for grant in grants:
        term = rights.term(grant)
        found += [grant.starts_at, term.begins_at, term.ends_at or 0, grant.revoked_at or 0]
    for fact in (*state.prohibitions, *state.authorizations, *state.disputes):
        if fact.asset in assets:
            found += [fact.starts_at, fact.ended_at or 0]
    found += [fact.starts_at for fact in state.ownerships if fact.asset in assets]
    found += [fact.at for fact in (*state.measures, *state.uses)]
    return sorted({each for each in found if plan.starts_at <= each <= plan.ends_at})


def as_grant(offer: Offer, plan: Plan, position: int) -> Grant:
    """The licence that ``plan.account`` holds when it takes the offer at the start of the plan."""
    end = None if offer.duration_s is None else plan.starts_at + offer.duration_s
    return Grant(
        position=position,
        license_id=offer.offer_id,
        asset=offer.asset,
        licensee=plan.account,
        kind=offer.kind,
        terms=offer.terms,
        starts_at=plan.starts_at,
        expires_at=end,
        licensor=offer.licensor,
        exclusive=offer.exclusive,
    )
