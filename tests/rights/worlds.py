"""Small worlds of facts, and uses to decide in them: what the properties of decisions are tried on."""

from typing import TypeVar

import msgspec
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.reasons import Action
from atlas.rights.decisions.state import (
    At,
    Authorization,
    Derivation,
    Dispute,
    Fulfilment,
    Grant,
    Ownership,
    Portrait,
    Prohibition,
    RecordedUse,
    RightsState,
)
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import EVERYTHING, NOTHING, extent
from atlas.rights.terms.obligations import Effect, Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Period, Scope

ASSET, PARENT, GRANDPARENT = b"\xaa" * 32, b"\xbb" * 32, b"\xcc" * 32
OWNER, LICENSEE, STRANGER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
PERSON = b"\xdd" * 32

TIMES = st.integers(0, 6)
POSITIONS = st.integers(1, 9)
MOMENTS = st.builds(At, TIMES, POSITIONS)
ACCOUNTS = st.sampled_from([OWNER, LICENSEE, STRANGER])
ASSETS = st.sampled_from([ASSET, PARENT])
KINDS = st.sampled_from([LicenseKind.COMMERCIAL, LicenseKind.DERIVATIVE])
ENDS = st.none() | TIMES
TERRITORIES = st.sampled_from([EVERYTHING, extent("DE"), extent("EU@2020-02-01", without=("DE",)), extent("FR", "US")])
MEDIA = st.sampled_from([EVERYTHING, extent("film"), extent("film", without=("trailer",)), extent("game")])
OPEN = st.just(EVERYTHING)
PERIODS = st.just(Period()) | st.builds(Period, st.none() | st.integers(0, 3), st.none() | st.integers(4, 6))
SCOPES = st.builds(
    Scope,
    territories=TERRITORIES,
    media=MEDIA,
    channels=OPEN | st.sampled_from([extent("tv"), extent("tv", without=("tv.kids",)), extent("web")]),
    languages=OPEN | st.sampled_from([extent("de"), extent("de-AT")]),
    works=OPEN | st.just(extent("dark-harbour")),
    modifications=st.sampled_from([NOTHING, EVERYTHING, extent("edit"), extent("trim")]),
    period=PERIODS,
    duration_s=st.none() | st.integers(1, 5),
    max_uses=st.none() | st.integers(1, 3),
    max_exposure_s=st.none() | st.integers(1, 9),
    sublicense_depth=st.sampled_from([None, 0, 1]),
    exclusive=st.booleans(),
)
OBLIGATIONS = st.just(Obligations()) | st.builds(
    Obligations, grace_s=st.integers(0, 2), when_late=st.sampled_from(Effect), late_fee_bps=st.sampled_from([0, 5_000])
)
PRICES = st.none() | st.builds(Price, flat_wei=st.just(4))


def by_position(each: Grant | Ownership) -> int:
    """A position is of one fact."""
    return each.position


@st.composite
def a_grant(draw: st.DrawFn) -> Grant:
    kind = draw(KINDS)
    terms = Terms(2, kind, draw(SCOPES), draw(PRICES), draw(OBLIGATIONS))
    return Grant(
        position=draw(POSITIONS),
        license_id=1,
        asset=draw(ASSETS),
        licensee=draw(ACCOUNTS),
        kind=kind,
        terms=draw(st.sampled_from([terms, terms, None])),
        starts_at=draw(TIMES),
        expires_at=draw(ENDS),
        revoked_at=draw(ENDS),
        revoked_position=draw(st.none() | POSITIONS),
        licensor=draw(st.none() | ACCOUNTS),
        under=draw(st.none() | POSITIONS),
    )


OWNERSHIPS = st.lists(st.builds(Ownership, ASSETS, ACCOUNTS, TIMES, POSITIONS), max_size=2, unique_by=by_position)
PROHIBITIONS = st.builds(
    Prohibition,
    asset=ASSETS,
    cause=st.just("takedown"),
    starts_at=TIMES,
    position=POSITIONS,
    territories=TERRITORIES,
    media=MEDIA,
    account=st.none() | ACCOUNTS,
    ended_at=ENDS,
    ended_position=st.none() | POSITIONS,
)
DISPUTES = st.builds(
    Dispute, ASSETS, TIMES, POSITIONS, grant=st.none() | POSITIONS, ended_at=ENDS, ended_position=st.none() | POSITIONS
)
PORTRAITS = st.builds(Portrait, ASSETS, st.just(PERSON), POSITIONS)
AUTHORIZATIONS = st.builds(
    Authorization, ASSETS, st.just(PERSON), TIMES, POSITIONS, territories=TERRITORIES, media=MEDIA, ended_at=ENDS
)
DERIVATIONS = st.lists(
    st.builds(Derivation, st.just(ASSET), st.just(PARENT), POSITIONS, st.none() | POSITIONS, st.booleans())
    | st.builds(Derivation, st.just(PARENT), st.just(GRANDPARENT), POSITIONS, st.none(), st.just(True)),
    max_size=2,
)
RECORDED = st.builds(RecordedUse, POSITIONS, TIMES, POSITIONS, st.integers(1, 2), st.integers(0, 4))
FULFILMENTS = st.builds(
    Fulfilment, POSITIONS, st.sampled_from(Action), TIMES, POSITIONS, amount_wei=st.integers(0, 6), use=st.none()
)
BORN = (Ownership(ASSET, OWNER, 0, 0), Ownership(PARENT, STRANGER, 0, 0), Ownership(GRANDPARENT, STRANGER, 0, 0))


@st.composite
def worlds(draw: st.DrawFn) -> RightsState:
    """Few facts of every kind; the owners of the first day are always known."""
    return RightsState(
        ownerships=(*BORN, *draw(OWNERSHIPS)),
        grants=tuple(draw(st.lists(a_grant(), max_size=5, unique_by=by_position))),
        uses=tuple(draw(st.lists(RECORDED, max_size=2))),
        fulfilments=tuple(draw(st.lists(FULFILMENTS, max_size=2))),
        prohibitions=tuple(draw(st.lists(PROHIBITIONS, max_size=1))),
        disputes=tuple(draw(st.lists(DISPUTES, max_size=1))),
        portraits=tuple(draw(st.lists(PORTRAITS, max_size=1))),
        authorizations=tuple(draw(st.lists(AUTHORIZATIONS, max_size=1))),
        derivations=tuple(draw(DERIVATIONS)),
    )


FEW = st.sampled_from([EVERYTHING, extent("DE", "FR")])
WIDE_SCOPES = st.builds(
    Scope,
    territories=FEW,
    modifications=st.just(EVERYTHING),
    duration_s=st.sampled_from([None, 4]),
    sublicense_depth=st.sampled_from([None, 0]),
)


@st.composite
def derived_worlds(draw: st.DrawFn) -> RightsState:
    """A work of LICENSEE, made under a wide licence; what happens to the works, to the licence and to its holder."""
    kind = LicenseKind.DERIVATIVE
    terms = Terms(2, kind, draw(WIDE_SCOPES), Price(flat_wei=4), draw(OBLIGATIONS))
    revoked_at, revoked_position = draw(st.sampled_from([(None, None), (5, None), (3, 6)]))
    made_under = Grant(2, 2, PARENT, LICENSEE, kind, terms, 1, draw(ENDS), revoked_at, revoked_position)
    rival = msgspec.structs.replace(made_under, position=1, licensee=STRANGER, exclusive=True)
    dispute = Dispute(PARENT, 2, 5, 2, ended_at=draw(ENDS), ended_position=draw(st.none() | POSITIONS))
    sold = Ownership(ASSET, draw(ACCOUNTS), draw(TIMES), draw(POSITIONS))
    return RightsState(
        ownerships=(*BORN, msgspec.structs.replace(BORN[0], owner=LICENSEE, position=1), *draw(some_of(sold))),
        grants=(made_under, *draw(some_of(rival))),
        derivations=(Derivation(ASSET, PARENT, 3, 2),),
        disputes=draw(some_of(dispute)),
        fulfilments=draw(some_of(Fulfilment(2, Action.PAY, 3, 4, 4))),
    )


Fact = TypeVar("Fact")


def some_of(fact: Fact) -> st.SearchStrategy[tuple[Fact, ...]]:
    """Mostly nothing."""
    return st.sampled_from([(), (), (fact,)])


USES = st.builds(
    Use,
    asset=st.just(ASSET),
    account=ACCOUNTS,
    territory=st.sampled_from(["DE", "FR", "US", "*"]),
    media=st.sampled_from(["film", "trailer", "game"]),
    kind=st.none() | KINDS,
    channel=st.sampled_from([None, "tv", "tv.kids", "*"]),
    language=st.sampled_from([None, "de", "de-AT"]),
    work=st.sampled_from([None, "dark-harbour", "bright-harbour"]),
    modification=st.sampled_from([None, "trim", "edit"]),
    count=st.integers(1, 2),
    exposure_s=st.integers(0, 5),
    distributed=st.booleans(),
)


def with_more(state: RightsState, **facts: object) -> RightsState:
    """The world with other facts."""
    return msgspec.structs.replace(state, **facts)
