"""Which blocks count: the orphan set, a fold of the log's ``chain.reorged`` facts (D7).

A block is known by the id of its stream, so that whether a fact counts is told without reading it.
"""

from collections.abc import Iterable

from atlas.protocol.facts import ChainReorged, block_stream


def orphaned_after(orphaned: frozenset[bytes], reorgs: Iterable[ChainReorged]) -> frozenset[bytes]:
    """The orphan set, once ``reorgs`` (in log order) have happened on top of ``orphaned``."""
    streams = set(orphaned)
    for reorg in reorgs:
        streams.update(block_stream(reorg.chain, block.hash).bytes for block in reorg.orphaned)
        streams.difference_update(block_stream(reorg.chain, block.hash).bytes for block in reorg.restored)
    return frozenset(streams)
