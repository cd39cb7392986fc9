"""A span of history from a node whose answers are of two forks: nothing of the one passes for the other."""

import random
from collections.abc import Sequence

import pytest

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.ranges import Span
from atlas.indexer.chain.reading import SpanReading, fetch_span, settle_span
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.watching.rules import Contract, Events, Rule, Targets
from atlas.indexer.errors import InconsistentAnswers
from tests.indexer.simulation.node import Faults, SimulatedNode, World
from tests.indexer.simulation.tree import CONTRACTS, OTHER, SHOUTED, STRANGERS, Block, Said, make_block

RULES: tuple[Rule, ...] = (Contract("A", CONTRACTS[0], 0), Events("E", (SHOUTED,), 0))
OURS: Said = (CONTRACTS[0], (OTHER,), b"")
SHOUT: Said = (STRANGERS[0], (SHOUTED,), b"")
GENESIS = make_block(None, [], 0)


class TwoFaced(SimulatedNode):
    """A node that answers some questions from ``others``, another fork."""

    def __init__(self, chain: Sequence[Block], others: Sequence[Block] = ()) -> None:
        world = World(1, GENESIS)
        world.adopt(0, chain)
        super().__init__(world, random.Random(0), Faults())
        self.others = [GENESIS, *others]
        self.batches: list[Sequence[bytes]] = []

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> list[Log]:
        if wanted.addresses is None or not self.others[1:]:
            return super().logs_in_range(first, last, wanted)
        found = [log for block in self.others[first : last + 1] for log in block.logs]
        return [log for log in found if wanted.matches(log.address, log.topics)]

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[list[Log]]:
        self.batches.append(hashes)
        return super().logs_of_blocks(hashes, wanted)


class Forgetful(TwoFaced):
    """A node that first gives no log of a range."""

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> list[Log]:
        return []


class Stitching(TwoFaced):
    """A node that gives the headers of ``others`` below its head."""

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        return [(self.others if number < len(self.others) else self.world.chain)[number].header for number in numbers]


def chain(*said: Sequence[Said], salt: int) -> list[Block]:
    """Blocks above the genesis."""
    blocks = [GENESIS]
    for number, each in enumerate(said):
        blocks.append(make_block(blocks[-1], each, 1_000 * salt + number))
    return blocks[1:]


def anchored(block: Block) -> WindowBlock:
    """A block as it is stored."""
    header = block.header
    return WindowBlock(header.number, header.hash, header.parent_hash, header.time_s, recorded=False)


def read(node: SimulatedNode, blocks: int, *, anchor: Block = GENESIS) -> SpanReading:
    """The span of the first ``blocks`` above the genesis."""
    span = Span(1, blocks, RULES)
    fetched = fetch_span(node, span, Targets(RULES), every_header=True, anchor=anchored(anchor))
    return settle_span(node, fetched, (), frozenset(), anchor=anchored(anchor))


def test_a_log_of_one_fork_does_not_take_the_place_of_a_log_of_another() -> None:
    """Both are log 0 of block 1: the height would count as answered, and log 1 would be lost."""
    node = TwoFaced(chain([SHOUT, OURS], salt=1), chain([OURS], salt=2))
    with pytest.raises(InconsistentAnswers, match="by one answer of"):
        read(node, 1)


def test_all_blocks_that_leave_room_for_logs_are_asked_for_again_at_once() -> None:
    node = Forgetful(chain([OURS], [], [OURS], [OURS, SHOUT], salt=1))
    reading = read(node, 4).reading
    assert [(block.header.number, len(block.logs)) for block in reading.blocks] == [(1, 1), (3, 1), (4, 2)]
    assert [len(hashes) for hashes in node.batches] == [3, 1]
    assert not reading.unproven


def test_without_headers_a_reorganisation_after_the_logs_were_given_is_noticed() -> None:
    node = TwoFaced(chain([], [], salt=1))
    span = Span(1, 2, RULES)
    fetched = fetch_span(node, span, Targets(RULES), every_header=False, anchor=anchored(GENESIS))
    node.world.adopt(0, chain([OURS], [], salt=2))
    with pytest.raises(InconsistentAnswers, match="block 2 is"):
        settle_span(node, fetched, (), frozenset(), anchor=anchored(GENESIS))


def test_history_of_another_fork_does_not_pass_for_what_is_below_a_stored_block() -> None:
    ours = chain([OURS], [], [], salt=1)
    assert [block.header.number for block in read(TwoFaced(ours), 2, anchor=ours[2]).reading.blocks] == [1]
    with pytest.raises(InconsistentAnswers, match="is stored with the parent"):
        read(Stitching(ours, chain([], [], salt=2)), 2, anchor=ours[2])


def test_the_stored_block_above_history_is_asked_for_beside_the_last_of_it() -> None:
    ours = chain([], [], [], [], salt=1)
    with pytest.raises(InconsistentAnswers, match="a moment ago"):
        read(TwoFaced(ours), 2, anchor=chain([], [], [], [], salt=2)[3])
