from atlas.projections.reading.orphans import orphaned_after
from atlas.protocol.facts import ChainReorged, block_stream
from tests.projections.chain import CHAIN, Block

A, B, C = Block(1, "a"), Block(2, "b"), Block(3, "c")


def reorged(orphaned: tuple[Block, ...], restored: tuple[Block, ...] = (), chain: str = CHAIN) -> ChainReorged:
    references = [tuple(block.ref for block in blocks) for blocks in (orphaned, restored)]
    return ChainReorged(chain, Block(0).ref, references[0], references[1])


def streams(*blocks: Block) -> frozenset[bytes]:
    return frozenset(block_stream(CHAIN, block.hash).bytes for block in blocks)


def test_a_reorg_adds_its_orphans_and_takes_out_what_it_restores() -> None:
    assert orphaned_after(frozenset(), [reorged((A, B))]) == streams(A, B)
    assert orphaned_after(streams(A, B), [reorged((C,), (B,))]) == streams(A, C)


def test_reorgs_apply_in_their_order() -> None:
    assert orphaned_after(frozenset(), [reorged((A,)), reorged((), (A,)), reorged((A,))]) == streams(A)


def test_a_block_of_another_chain_is_another_block() -> None:
    assert not orphaned_after(frozenset(), [reorged((A,), chain="eip155:1")]) & streams(A)
