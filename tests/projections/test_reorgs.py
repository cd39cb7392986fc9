"""The views at a log position depend on that position alone: not on batches, crashes, reorgs or who projected."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.builds import Build
from atlas.projections.projector import Projector
from atlas.projections.views import VIEWS
from tests.projections import naive
from tests.projections.chain import ZERO, Block, aaid_of, address, contract_fact, digest, reorg_fact
from tests.projections.naive import Handed, Header, Moved, Registered, Reorged, Said, Watched
from tests.projections.rows import issues, undecodable

HOLDERS = [ZERO, *(address(name) for name in "abc")]
TESTED = {name: VIEWS[name] for name in ("chains", "provenance", "supply")}


class Crash(Exception):
    """The process ends before the transaction is committed."""


class Story:
    """A chain that grows, loses blocks and finds them again; ``log`` and ``facts`` are what is recorded of it."""

    def __init__(self) -> None:
        self.log: list[Said] = []
        self.facts: list[Fact] = []
        self.canonical: list[Block] = []
        self.lost: list[tuple[Block, ...]] = []
        self._reorgs = self._forks = 0

    def watch(self, abi: str) -> None:
        self._record(Watched(abi), contract_fact(abi))

    def mine(self, contents: list[tuple[str, int, int, int]]) -> None:
        """A block on the tip, with its header first."""
        number = self.canonical[-1].number + 1 if self.canonical else 1
        self._forks += 1
        block = Block(number, fork=str(self._forks))
        self.canonical.append(block)
        self._record(Header(block), block.header())
        for content in contents:
            self.say(block, *content)

    def say(self, block: Block, kind: str, first: int, second: int, amount: int) -> None:
        sender, recipient = HOLDERS[first % len(HOLDERS)], HOLDERS[second % len(HOLDERS)]
        if kind == "move":
            self._record(Moved(block, sender, recipient, amount), block.transfer(sender, recipient, amount))
        elif kind == "register":
            token_id = amount % 3 + 1
            creator = HOLDERS[1 + first % 3]
            values = (aaid_of(token_id), token_id, creator, 0, digest("content"), digest("metadata"), "")
            self._record(Registered(block, token_id, creator), block.log("AssetRegistry", "AssetRegistered", *values))
        else:
            token_id = amount % 3 + 1
            # From a holder: a transfer from the zero address is a minting.
            fact = block.log("AssetRegistry", "Transfer", HOLDERS[1], recipient, token_id)
            self._record(Handed(block, token_id, recipient), fact)

    def lose(self, depth: int) -> None:
        """The last blocks leave the chain."""
        gone = tuple(self.canonical[-depth:])
        if gone:
            del self.canonical[-depth:]
            self.lost.append(gone)
            self._reorg(gone, ())

    def find(self, which: int) -> None:
        """Blocks that were lost come back, where their parent is canonical, instead of those that replaced them."""
        fitting = [blocks for blocks in self.lost if blocks[0].number <= len(self.canonical) + 1]
        if not fitting:
            return
        restored = fitting[which % len(fitting)]
        self.lost.remove(restored)
        height = restored[0].number - 1
        gone = tuple(self.canonical[height:])
        self.canonical[height:] = restored
        if gone:
            self.lost.append(gone)
        self._reorg(gone, restored)

    def add(self, which: int, content: tuple[str, int, int, int]) -> None:
        """A log of a block that is canonical, not always the last one, is recorded late."""
        if self.canonical:
            self.say(self.canonical[which % len(self.canonical)], *content)

    def straggle(self, which: int, content: tuple[str, int, int, int]) -> None:
        """A log of a block that is lost by now is recorded late."""
        if self.lost:
            self.say(self.lost[which % len(self.lost)][0], *content)

    def _reorg(self, orphaned: tuple[Block, ...], restored: tuple[Block, ...]) -> None:
        self._record(Reorged(orphaned, restored), reorg_fact(self._reorgs, Block(0), orphaned, restored))
        self._reorgs += 1

    def _record(self, said: Said, fact: Fact) -> None:
        self.log.append(said)
        self.facts.append(fact)


CONTENT = st.tuples(
    st.sampled_from(["move", "move", "register", "hand"]), st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)
)
CHAPTER = st.one_of(
    st.tuples(st.just("mine"), st.lists(CONTENT, max_size=4)),
    st.tuples(st.just("mine"), st.lists(CONTENT, max_size=4)),
    st.tuples(st.just("lose"), st.integers(1, 3)),
    st.tuples(st.just("find"), st.integers(0, 3)),
    st.tuples(st.just("add"), st.integers(0, 3), CONTENT),
    st.tuples(st.just("straggle"), st.integers(0, 3), CONTENT),
    st.tuples(st.just("watch"), st.sampled_from(["AtlasToken", "AssetRegistry"])),
)
# Who steps, how far, and whether it crashes at the end.
STEP = st.tuples(
    st.sampled_from([0, 0, 0, 1]), st.sampled_from([1, 2, 3, 50]), st.sampled_from([False, False, False, True])
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    watched_first=st.booleans(),
    chapters=st.lists(CHAPTER, min_size=1, max_size=14),
    steps=st.lists(STEP, min_size=1, max_size=12),
    appended=st.lists(st.integers(1, 12), min_size=1, max_size=5),
)
def test_the_views_at_a_position_are_the_naive_fold_up_to_it(
    database: Database,
    ledger: Ledger,
    watched_first: bool,
    chapters: list[tuple[Any, ...]],
    steps: list[tuple[int, int, bool]],
    appended: list[int],
) -> None:
    empty(database)
    story = told(chapters, watched_first=watched_first)
    projectors = [Projector(database, ledger, TESTED) for _ in range(2)]
    projectors[0].prepare()
    turns = cycle(steps)
    recorded = 0
    for count in cycle(appended):
        ledger.append(story.facts[recorded : recorded + count])
        recorded = ledger.head()
        for name in TESTED:
            reached = 0
            while reached < recorded:
                reached = step(projectors, name, *next(turns))
                if reached < recorded:
                    require_naive(database, name, naive.fold(story.log, reached))
        expected = naive.fold(story.log, recorded)
        for name in TESTED:
            require_naive(database, name, expected)
        if recorded == len(story.facts):
            break
    for name in TESTED:
        assert projectors[0].compare(name) == recorded


def test_a_projector_forgets_what_it_remembers_of_lost_blocks(database: Database, ledger: Ledger) -> None:
    story = Story()
    story.watch("AtlasToken")
    story.watch("AssetRegistry")
    story.mine([("move", 0, 1, 7), ("register", 0, 0, 0)])
    story.mine([("move", 1, 2, 3), ("hand", 0, 2, 0), ("move", 0, 3, 5)])
    projector = Projector(database, ledger, TESTED)
    recorded = 0
    for chapter in (
        lambda: story.lose(1),
        lambda: story.mine([("move", 0, 1, 1), ("hand", 0, 3, 0), ("move", 0, 3, 1)]),
        lambda: story.find(0),
        lambda: story.mine([("move", 0, 1, 1), ("move", 0, 2, 1), ("move", 0, 3, 1), ("hand", 0, 1, 0)]),
    ):
        ledger.append(story.facts[recorded:])
        recorded = len(story.facts)
        projector.catch_up()
        for name in TESTED:
            require_naive(database, name, naive.fold(story.log, recorded))
        chapter()


def test_what_changes_nothing_makes_no_version(database: Database, ledger: Ledger) -> None:
    story = Story()
    story.watch("AssetRegistry")
    story.mine([("register", 0, 0, 0), ("hand", 0, 2, 0), ("hand", 0, 2, 0)])
    story.mine([("hand", 0, 2, 0)])
    projector = Projector(database, ledger, TESTED)
    ledger.append(story.facts)
    projector.catch_up()
    require_naive(database, "provenance", naive.fold(story.log, len(story.facts)))


def test_a_contract_met_after_a_lost_block_is_not_known_before_it_is_met_again(
    database: Database, ledger: Ledger
) -> None:
    story = Story()
    story.mine([])
    story.mine([("move", 0, 1, 7)])
    story.add(0, ("register", 0, 0, 0))
    story.watch("AssetRegistry")
    story.add(0, ("register", 0, 0, 1))
    projector = Projector(database, ledger, TESTED)
    ledger.append(story.facts)
    projector.catch_up()
    story.lose(1)
    ledger.append(story.facts)
    projector.catch_up()
    for name in TESTED:
        require_naive(database, name, naive.fold(story.log, len(story.facts)))
        assert projector.compare(name) == len(story.facts)


def told(chapters: list[tuple[Any, ...]], *, watched_first: bool) -> Story:
    story = Story()
    if watched_first:
        story.watch("AtlasToken")
        story.watch("AssetRegistry")
    for chapter, *arguments in chapters:
        if chapter != "watch" or Watched(*arguments) not in story.log:
            getattr(story, chapter)(*arguments)
    if not story.log:
        story.watch("AtlasToken")
    return story


def step(projectors: list[Projector], name: str, who: int, facts: int, crashes: bool) -> int:
    projector = projectors[who]
    projector._page_facts = facts  # pyright: ignore[reportPrivateUsage]
    if not crashes:
        return projector.step(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Build, "reach", crash)
        with pytest.raises(Crash):
            projector.step(name)
    return projector.step(name)


def crash(*_: object) -> None:
    raise Crash


def require_naive(database: Database, name: str, expected: naive.Views) -> None:
    {"chains": require_chains, "provenance": require_provenance, "supply": require_supply}[name](database, expected)


def require_chains(database: Database, expected: naive.Views) -> None:
    rows = fetch(database, "select head_hash from view_chains.chains where valid_to is null")
    assert rows == ([(expected.head,)] if expected.head else [])


def require_provenance(database: Database, expected: naive.Views) -> None:
    rows = fetch(
        database,
        "select token_id::int, owner, valid_from, valid_to from view_provenance.assets order by token_id, valid_from",
    )
    assert rows == expected.assets
    assert issues(database, "provenance") == expected.provenance_issues
    assert undecodable(database, "provenance") == [(position, "unwatched") for position in expected.unwatched]


def require_supply(database: Database, expected: naive.Views) -> None:
    assert dict(fetch(database, "select holder, balance::int from view_supply.balances")) == expected.balances
    columns = "holder, position, ordinal, delta::int, balance::int"
    rows = fetch(database, f"select {columns} from view_supply.balances_postings order by 1, 2, 3")
    assert rows == expected.postings
    found = "select position, reason from projections.issues where view = 'supply' and detail like 'balances %'"
    assert fetch(database, f"{found} order by position, ordinal") == expected.supply_issues
    assert undecodable(database, "supply") == [(position, "unwatched") for position in expected.unwatched]


def fetch(database: Database, statement: str) -> list[Any]:
    with database.connection() as connection:
        return connection.execute(statement.encode()).fetchall()


def empty(database: Database) -> None:
    """An empty log, and views of it."""
    with database.connection() as connection, connection.cursor() as cursor:
        cursor.execute("truncate ledger.events, ledger.tiles")
        cursor.execute("update ledger.head set position = 0")
        for view in TESTED.values():
            build = Build(view)
            if build.state(cursor) is not None:
                build.rewind(cursor, 0)
                build.set_orphans(cursor, build.orphans(cursor), frozenset())
                build.reach(cursor, 0)


def cycle(values: list[Any]) -> Iterator[Any]:
    while True:
        yield from values
