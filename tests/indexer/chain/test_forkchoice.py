"""Fork choice against a model that knows the whole tree of blocks."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.forkchoice import (
    BeyondWindow,
    Decision,
    Extend,
    NeedParents,
    Reorg,
    Unchanged,
    WindowBlock,
    choose,
)
from atlas.indexer.chain.header import Header


def child(parent: Header | None, salt: int) -> Header:
    """A block on ``parent``; another ``salt`` gives another block."""
    parent_hash = bytes(32) if parent is None else parent.hash
    number = 0 if parent is None else parent.number + 1
    block_hash = hashlib.sha256(parent_hash + salt.to_bytes(4, "big")).digest()
    return Header(number, block_hash, parent_hash, 1_000 + number, 0, b"")


def line(parent: Header | None, length: int, salt: int = 0) -> list[Header]:
    """``length`` blocks on top of ``parent``."""
    blocks: list[Header] = []
    for _ in range(length):
        parent = child(parent, salt)
        blocks.append(parent)
    return blocks


def stored(headers: list[Header]) -> tuple[WindowBlock, ...]:
    """The headers as a window."""
    return tuple(WindowBlock(block.number, block.hash, block.parent_hash, block.time_s, True) for block in headers)


CHAIN = line(None, 10)
WINDOW = stored(CHAIN[4:])  # heights 4 to 9


def test_a_path_right_after_the_tip_extends() -> None:
    path = line(CHAIN[-1], 3)
    assert choose(WINDOW, path) == Extend(tuple(path))


def test_a_path_that_overlaps_extends_by_what_is_new() -> None:
    path = [*CHAIN[7:], *line(CHAIN[-1], 2)]
    assert choose(WINDOW, path) == Extend(tuple(path[3:]))


def test_another_block_at_the_height_of_the_tip_is_a_reorg() -> None:
    other = line(CHAIN[8], 1, salt=1)
    assert choose(WINDOW, other) == Reorg(WINDOW[4], WINDOW[5:], tuple(other))


def test_a_lower_head_on_another_branch_is_a_reorg() -> None:
    other = line(CHAIN[5], 2, salt=1)
    assert choose(WINDOW, other) == Reorg(WINDOW[1], WINDOW[2:], tuple(other))


def test_a_lower_head_on_the_stored_chain_changes_nothing() -> None:
    assert choose(WINDOW, [CHAIN[6]]) == Unchanged()


def test_an_unknown_parent_inside_the_window_is_asked_for() -> None:
    path = line(CHAIN[5], 4, salt=1)[2:]
    assert choose(WINDOW, path) == NeedParents(7, path[0].parent_hash)


def test_a_gap_above_the_tip_is_asked_for() -> None:
    path = line(CHAIN[-1], 5)[3:]
    assert choose(WINDOW, path) == NeedParents(12, path[0].parent_hash)


def test_another_block_at_the_oldest_height_is_beyond_the_window() -> None:
    assert choose(WINDOW, line(CHAIN[3], 2, salt=1)) == BeyondWindow(WINDOW[0])


def test_a_parent_that_is_not_the_oldest_block_is_not_asked_for() -> None:
    path = line(CHAIN[3], 2, salt=1)[1:]
    assert path[0].number - 1 == WINDOW[0].number
    assert choose(WINDOW, path) == BeyondWindow(WINDOW[0])


def test_a_fork_right_after_the_oldest_block_is_within_the_window() -> None:
    other = line(CHAIN[4], 1, salt=1)
    assert choose(WINDOW, other) == Reorg(WINDOW[0], WINDOW[1:], tuple(other))


def test_a_head_below_the_window_is_beyond_it() -> None:
    assert choose(WINDOW, [CHAIN[2]]) == BeyondWindow(WINDOW[0])


@st.composite
def trees(draw: st.DrawFn) -> list[Header]:
    """Up to 40 blocks, each on any earlier one; the first is the genesis."""
    blocks = [child(None, 0)]
    for salt in range(1, draw(st.integers(2, 40))):
        # Mostly on a recent block, so that there are long branches as well as wide forks.
        depth = draw(st.integers(0, min(len(blocks) - 1, 12)))
        blocks.append(child(blocks[len(blocks) - 1 - depth], salt))
    return blocks


def ancestry(block: Header, tree: list[Header]) -> list[Header]:
    """The chain from the genesis to ``block``."""
    by_hash = {header.hash: header for header in tree}
    chain = [block]
    while chain[0].number > 0:
        chain.insert(0, by_hash[chain[0].parent_hash])
    return chain


def decide(window: tuple[WindowBlock, ...], chain: list[Header], portion: int) -> Decision:
    """Ask for parents, ``portion`` at a time, until there is a decision."""
    start = len(chain) - 1
    while True:
        decision = choose(window, chain[start:])
        if not isinstance(decision, NeedParents):
            return decision
        assert decision == NeedParents(chain[start - 1].number, chain[start - 1].hash)
        start = max(0, start - portion)


@given(tree=trees(), data=st.data(), window_blocks=st.integers(1, 12), portion=st.integers(1, 5))
def test_any_head_of_any_tree_is_decided_as_the_whole_tree_says(
    tree: list[Header], data: st.DataObject, window_blocks: int, portion: int
) -> None:
    canonical = ancestry(data.draw(st.sampled_from(tree)), tree)
    chain = ancestry(data.draw(st.sampled_from(tree)), tree)
    window = stored(canonical[-window_blocks:])

    shared = [block for block in window if block.hash in {header.hash for header in chain}]
    decision = decide(window, chain, portion)
    if not shared:
        assert decision == BeyondWindow(window[0])
        return
    ancestor = shared[-1]
    orphaned = tuple(block for block in window if block.number > ancestor.number)
    adopted = tuple(header for header in chain if header.number > ancestor.number)
    if not adopted:
        assert decision == Unchanged()
    elif not orphaned:
        assert decision == Extend(adopted)
    else:
        assert decision == Reorg(ancestor, orphaned, adopted)
