"""The books of royalties, read from the views: works and shares, derivations, receipts, payments, holds, one rule.

    works      a pool's shares are fixed when the work is registered (W4); a work without a pool is its first owner's
    links      a derivation owes the revenue share, ceiling and guarantee of the terms that it was made under; made by
               the parent's owner, or under terms that name no share, it owes nothing
    holds      of the asset while a dispute over it as a whole is pending (``atlas.rights.holds``)
    currency   of the chain's pools: its AtlasToken as CAIP-19

Books are closed: with a work come all that derive from it, whose receipts it shares in, and all that those rest on.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from atlas.ledger.database import Database
from atlas.projections.errors import BooksTooLarge
from atlas.projections.rights import LINE, Query, Row, named_license, reached, terms_of
from atlas.protocol.ids import checksum_address, format_aaid
from atlas.protocol.parameters import WHOLE_BPS
from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.decisions.state import Dispute
from atlas.rights.errors import InvalidRevenue
from atlas.rights.holds import holds_of
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.revenue import Books, Payment, Receipt, RuleFrom, Share, Work
from atlas.rights.royalties.rounding import FIRST_LISTED

VIEWS: Final = frozenset({"licensing", "provenance", "revenue"})
"""The views that books are read from."""
MOST_RECEIPTS: Final = 100_000

_BELOW = """
with recursive link as (
    select child, parent from view_provenance.derivatives where valid_to is null and valid_from <= %(upto)s
),
below as (
    select asset from unnest(%(assets)s::bytea[]) as asset
    union
    select link.child from link join below on link.parent = below.asset
)
select asset from below
"""
_EARNING = """
select earning.aaid from (
select distinct pool.aaid from view_revenue.shares as share
join view_revenue.pools as pool using (chain, contract, pool_id)
where share.payee = %(payee)s and share.valid_to is null and pool.valid_to is null and pool.valid_from <= %(upto)s
union
select aaid from (
    select distinct on (aaid) aaid, owner from view_licensing.ownerships
    where valid_to is null and position <= %(upto)s order by aaid, position
) as first
where owner = %(payee)s and not exists (
    select from view_revenue.pools where pools.aaid = first.aaid and pools.valid_to is null
)
) as earning
where %(chain)s::text is null or exists (
    select from view_provenance.assets where assets.aaid = earning.aaid and assets.chain = %(chain)s
)
"""
_WORKS = """
select distinct on (aaid) aaid, position, owner from view_licensing.ownerships
where aaid = any(%(assets)s) and valid_to is null and position <= %(upto)s order by aaid, position
"""
_POOLS = """
select pool.aaid, pool.chain, pool.contract, pool.pool_id, share.payee, share.role, share.share_bps
from view_revenue.pools as pool join view_revenue.shares as share using (chain, contract, pool_id)
where pool.aaid = any(%(assets)s) and pool.valid_to is null and share.valid_to is null
  and pool.valid_from <= %(upto)s
order by pool.aaid, share.ordinal
"""
_LICENSES = """
select position, license_id, chain, aaid, terms from view_licensing.licenses
where aaid = any(%(assets)s) and valid_to is null
"""
_RECEIPTS = """
select receipt.valid_from, extract(epoch from receipt.received_at)::bigint, pool.aaid, receipt.kind,
       receipt.amount_wei, receipt.chain
from view_revenue.receipts as receipt join view_revenue.pools as pool using (chain, contract, pool_id)
where pool.aaid = any(%(assets)s) and pool.valid_to is null and receipt.valid_to is null
  and receipt.valid_from <= %(upto)s
order by receipt.valid_from limit %(limit)s
"""
_CLAIMS = """
select claim.position, extract(epoch from claim.claimed_at)::bigint, pool.aaid, claim.payee, claim.amount_wei,
       claim.chain
from view_revenue.claims as claim join view_revenue.pools as pool using (chain, contract, pool_id)
where pool.aaid = any(%(assets)s) and pool.valid_to is null and claim.valid_to is null and claim.position <= %(upto)s
"""
_ROUNDS = """
select aaid, grant_position, extract(epoch from opened_at)::bigint, opened_position,
       extract(epoch from ruled_at)::bigint, ruled_position
from view_licensing.dispute_rounds
where aaid = any(%(assets)s) and valid_to is null and opened_position <= %(upto)s
"""
_TOKENS = """
select chain, address from view_chains.contracts where abi = 'AtlasToken' and valid_to is null order by chain, address
"""


def books_of(
    database: Database, payee: bytes, *, rule: str, upto: int | None = None, chain: str | None = None
) -> Books:
    """The books that a payee's statement depends on, as the views stand now. Raises what ``read_books`` raises."""
    with database.connection() as connection:
        connection.execute(b"set transaction isolation level repeatable read, read only")

        def query(statement: str, parameters: Mapping[str, object]) -> Sequence[Row]:
            return connection.execute(statement.encode(), parameters).fetchall()

        end = reached(query, VIEWS) if upto is None else upto
        return read_books(query, earning_works(query, payee, upto=end, chain=chain), rule=rule, upto=end)


def earning_works(query: Query, payee: bytes, *, upto: int, chain: str | None = None) -> tuple[bytes, ...]:
    """The works, of one chain or of all, that ``payee`` has a share in: of their pools, else as the first owner."""
    return tuple(sorted(row[0] for row in query(_EARNING, {"payee": payee, "upto": upto, "chain": chain})))


def sources_of(query: Query, asset: bytes, *, upto: int) -> tuple[bytes, ...]:
    """``asset``, and all that it derives from."""
    return tuple(dict.fromkeys((asset, *(row[1] for row in query(LINE, {"assets": [asset], "upto": upto})))))


def read_books(query: Query, works: Iterable[bytes], *, rule: str, upto: int, most: int = MOST_RECEIPTS) -> Books:
    """The books of ``works`` up to position ``upto``, by one royalty rule.

    Raises BooksTooLarge above ``most`` receipts, InvalidRevenue for a work with two pools. The engine checks the rest.
    """
    below = sorted(row[0] for row in query(_BELOW, {"assets": list(works), "upto": upto}))
    links = query(LINE, {"assets": below, "upto": upto})
    whole = sorted({*below, *(row[1] for row in links)})
    every = {"assets": whole, "upto": upto}
    licenses = query(_LICENSES, every)
    about = {"assets": below, "upto": upto, "limit": most + 1}
    receipts = query(_RECEIPTS, about)
    if len(receipts) > most:
        raise BooksTooLarge(
            f"there are more than {most:,} receipts up to position {upto}", hint="Ask for an earlier position."
        )
    currencies = _Currencies(query(_TOKENS, {}))
    paid = query(_CLAIMS, about)
    entries = [*receipts, *paid]
    return Books(
        currency=currencies[entries[0][-1]] if entries else currencies.first,
        rules=(RuleFrom(0, rule),),
        works=_works(query(_WORKS, every), query(_POOLS, every)),
        links=tuple(_link(row, named_license(row, licenses)) for row in links),
        receipts=tuple(
            Receipt(place, at, asset, RevenueKind(kind), int(amount), currencies[chain])
            for place, at, asset, kind, amount, chain in receipts
        ),
        payments=tuple(
            Payment(place, at, asset, payee, int(amount), currencies[chain])
            for place, at, asset, payee, amount, chain in paid
        ),
        holds=holds_of(_dispute(row, upto) for row in query(_ROUNDS, every)),
    )


def _works(first: Sequence[Row], pools: Sequence[Row]) -> tuple[Work, ...]:
    shares: dict[bytes, list[Share]] = {}
    pool_of: dict[bytes, Row] = {}
    for row in pools:
        asset, payee, role, share_bps = row[0], *row[4:]
        if pool_of.setdefault(asset, row[1:4]) != row[1:4]:
            raise InvalidRevenue(
                f"{format_aaid(asset)} has two revenue pools", hint="Watch one RevenuePool contract a chain."
            )
        shares.setdefault(asset, []).append(Share(payee, Beneficiary(role), Fraction(share_bps, WHOLE_BPS)))
    return tuple(
        Work(position, asset, FIRST_LISTED, tuple(shares.get(asset, ())) or _whole(owner))
        for asset, position, owner in first
    )


def _whole(owner: bytes) -> tuple[Share, ...]:
    return (Share(owner, Beneficiary.CREATOR, Fraction(1)),)


def _link(row: Row, named: Row | None) -> Link:
    child, parent, _, _, position = row
    terms = None if named is None else terms_of(named[4])
    price = None if terms is None else terms.price
    if price is None:
        return Link(position, child, parent, Fraction(0))
    share = Fraction(price.share_bps or 0, WHOLE_BPS)
    return Link(position, child, parent, share, price.ceiling_wei, price.minimum_guarantee_wei or 0)


def _dispute(row: Row, upto: int) -> Dispute:
    """One round of a dispute, as known at a position."""
    asset, grant, opened_at, opened, ruled_at, ruled = row
    is_known = ruled is not None and ruled <= upto
    ended = (ruled_at, ruled) if is_known else (None, None)
    return Dispute(asset, opened_at, opened, grant, ended_at=ended[0], ended_position=ended[1])


class _Currencies:
    """What is paid with on each chain, as CAIP-19: its AtlasToken."""

    def __init__(self, tokens: Sequence[Row]) -> None:
        self._tokens = {chain: f"{chain}/erc20:{checksum_address(address)}" for chain, address in reversed(tokens)}

    def __getitem__(self, chain: str) -> str:
        return self._tokens.get(chain, f"{chain}/atlas:token")

    @property
    def first(self) -> str:
        """The currency of books without an entry."""
        return next(iter(self._tokens.values()), "atlas:none/atlas:token")
