"""How the indexer of a chain fares, stored for whoever looks, and what the operator decides about it.

    ok        the endpoint's answers fit what is stored
    retrying  the endpoint gives no usable answer; it is asked again
    lagging   the endpoint's head is below all that is stored: it is far behind, or another chain
    forked    the endpoint's chain left the stored one below the window, or below a finalized block

``lagging`` and ``forked`` stay until the endpoint's chain fits again, or the operator decides to follow it.
"""

import time
from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.progress import Progress, State
from atlas.indexer.errors import NothingToResolve
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerError

STATES: tuple[State, ...] = ("ok", "retrying", "lagging", "forked")
TROUBLE: frozenset[State] = frozenset({"lagging", "forked"})
WRITE_INTERVAL_S = 2.0

_WRITE = """
insert into indexer.standing as old (chain, state, reason, hint, since, tip, head, finalized, blocks_left, blocks_per_s,
    facts_per_s, updated_at)
values (%s, %s, %s, %s, now(), %s, %s, %s, %s, %s, %s, now())
on conflict (chain) do update set state = excluded.state, reason = excluded.reason, hint = excluded.hint,
    since = case when old.state = excluded.state then old.since else excluded.since end,
    tip = coalesce(excluded.tip, old.tip), head = coalesce(excluded.head, old.head),
    finalized = coalesce(excluded.finalized, old.finalized),
    blocks_left = coalesce(excluded.blocks_left, old.blocks_left), blocks_per_s = excluded.blocks_per_s,
    facts_per_s = excluded.facts_per_s, updated_at = excluded.updated_at
"""
_READ = """
select chain, state, reason, hint, extract(epoch from now() - since)::float8, tip, head, finalized, blocks_left,
    blocks_per_s, facts_per_s, extract(epoch from now() - updated_at)::float8
from indexer.standing order by chain
"""

# The row is locked: who says that the trouble is over has either said so, or waits and finds the decision.
_DECIDE = b"""
with troubled as (select chain from indexer.standing where chain = %(chain)s and state = any(%(trouble)s) for update)
insert into indexer.decisions (chain, follow, contradicting_finality)
select chain, %(follow)s, %(contradicting_finality)s from troubled
on conflict (chain) do update set follow = excluded.follow,
    contradicting_finality = excluded.contradicting_finality, decided_at = now()
"""


class ChainStanding(msgspec.Struct, frozen=True):
    """What was last said of a chain's indexer; None is not known yet."""

    chain: str
    state: State
    reason: str
    hint: str
    since_s: float  # so long ago the state began
    tip: int | None
    head: int | None
    finalized: int | None
    blocks_left: int | None
    blocks_per_s: float
    facts_per_s: float
    age_s: float  # so long ago it was said

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None when it cannot be told."""
        if self.blocks_left == 0:
            return 0.0
        return None if self.blocks_left is None or self.blocks_per_s <= 0 else self.blocks_left / self.blocks_per_s


class ResolvedBy(msgspec.Struct, frozen=True):
    """What the operator decided about a chain that is lagging or forked."""

    follow: bool
    contradicting_finality: bool


class StandingWriter:
    """Stores what ``Progress`` says: at once when the state changes, else now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: State | None = None
        self._due = 0.0

    def __call__(self, progress: Progress) -> None:
        """Raises DatabaseUnreachable."""
        now = time.monotonic()
        status = progress.status
        if status.state == self._last and now < self._due:
            return
        with self._database.connection() as connection:
            connection.execute(
                _WRITE.encode(),
                (
                    progress.chain,
                    status.state,
                    status.reason,
                    status.hint,
                    progress.tip,
                    progress.head,
                    progress.finalized,
                    progress.blocks_left,
                    progress.blocks_per_s,
                    progress.facts_per_s,
                ),
            )
            if status.state == "ok":  # a decision was about the trouble that is over
                connection.execute("delete from indexer.decisions where chain = %s", (progress.chain,))
        self._last, self._due = status.state, now + WRITE_INTERVAL_S


def standings(database: Database) -> list[ChainStanding]:
    """Of every chain that was indexed here once. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        return [ChainStanding(*row) for row in connection.execute(_READ.encode()).fetchall()]


def trouble(database: Database, chains: Sequence[str]) -> str | None:
    """Why what is served about ``chains`` may not be what they say now; None when nothing is known against it."""
    try:
        found = [one for one in standings(database) if one.chain in chains and one.state in TROUBLE]
    except LedgerError as error:
        return error.message
    return "; ".join(f"{one.chain} is {one.state}: {one.reason}" for one in found) or None


def decide(database: Database, chain: str, *, follow: bool, contradicting_finality: bool) -> ChainStanding:
    """Store the operator's decision, for the indexer of ``chain`` to act on. Raises NothingToResolve.

    It counts for the trouble of now: one that is over in the meantime takes no decision along to the next.
    """
    found = [one for one in standings(database) if one.chain == chain]
    with database.connection() as connection:
        said = {"follow": follow, "contradicting_finality": contradicting_finality}
        stored = connection.execute(_DECIDE, {**said, "chain": chain, "trouble": sorted(TROUBLE)}).rowcount
    if not stored or not found:
        state = f"is {found[0].state}" if found else "was never indexed here"
        raise NothingToResolve(
            f"{chain} {state}: there is nothing to resolve", hint="`atlas-ledger chain status` says how chains stand."
        )
    return found[0]


def decision(database: Database, chain: str) -> ResolvedBy | None:
    """What the operator has decided about ``chain``, None when nothing was. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        row = connection.execute(
            "select follow, contradicting_finality from indexer.decisions where chain = %s", (chain,)
        ).fetchone()
    return None if row is None else ResolvedBy(*row)
