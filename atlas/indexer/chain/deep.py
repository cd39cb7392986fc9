"""A fork that leaves the stored chain below its window, from the facts of the log. Pure.

The log has the header of every block with a wanted log. The highest of them that the endpoint's chain still has is
where reading begins again: between it and the fork no block of the old chain was recorded, and the new one's are read.

    log      1 - 5 - 9 - 12 - 30 - 31        recorded and canonical so far
    chain    1 - 5 - 9 - x    y    z         block 12 is another one: the fork is between 9 and 12
    base     9                               orphaned: 12, 30, 31
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from atlas.ledger.log import RecordedFact
from atlas.protocol.evm.rlp import decode_list, to_integer
from atlas.protocol.facts import (
    HEADER_TOPIC,
    REORGED_TOPIC,
    BlockHeader,
    BlockRef,
    ChainReorged,
    block_stream,
    decode,
)
from atlas.protocol.keccak import keccak256

TOPICS = (HEADER_TOPIC, REORGED_TOPIC)
_NUMBER = 8  # the ninth field of a header


class RecordedChain(msgspec.Struct, frozen=True):
    """What the log has of a chain: its canonical blocks in ascending order, and its orphaned ones."""

    blocks: tuple[BlockRef, ...]
    orphans: tuple[BlockRef, ...]


class Fork(msgspec.Struct, frozen=True):
    """The highest stored block that is shared, None when none is; what gives way, and what had before."""

    ancestor: BlockRef | None
    orphaned: tuple[BlockRef, ...]
    orphans: tuple[BlockRef, ...]


def recorded_chain(facts: Iterable[RecordedFact], chain: str, lowest: int = 0) -> RecordedChain:
    """The fold of the ``TOPICS`` in a log, of blocks from the height ``lowest`` on.

    Raises MalformedFact, MalformedRlp.
    """
    blocks: dict[bytes, BlockRef] = {}
    gone: dict[bytes, BlockRef] = {}
    for fact in facts:
        if fact.redaction is not None:
            continue
        if fact.topic == HEADER_TOPIC:
            header = decode(fact.payload, BlockHeader)
            block_hash = keccak256(header.rlp)
            if header.chain == chain and fact.stream == block_stream(chain, block_hash):
                number = to_integer(decode_list(header.rlp)[_NUMBER], "the number of a block header")
                if number >= lowest:
                    blocks[block_hash] = BlockRef(number, block_hash)
        elif fact.topic == REORGED_TOPIC:
            reorged = decode(fact.payload, ChainReorged)
            if reorged.chain == chain:
                gone.update((block.hash, block) for block in reorged.orphaned if block.number >= lowest)
                for block in reorged.restored:
                    gone.pop(block.hash, None)
    canonical = (block for block in blocks.values() if block.hash not in gone)
    return RecordedChain(_ascending(canonical), _ascending(gone.values()))


def find_fork(
    recorded: RecordedChain, window: Iterable[BlockRef], canonical_hash: Callable[[int], bytes | None]
) -> Fork:
    """Where a chain leaves what is stored; ``canonical_hash`` is its block's hash at a height, None above its head.

    Blocks are linked, so that what is shared is a beginning: few heights are asked for.
    """
    known = _ascending({*recorded.blocks, *window})
    low, high = 0, len(known)
    while low < high:
        middle = (low + high) // 2
        if canonical_hash(known[middle].number) == known[middle].hash:
            low = middle + 1
        else:
            high = middle
    ancestor = known[low - 1] if low else None
    above = -1 if ancestor is None else ancestor.number
    orphaned = tuple(block for block in recorded.blocks if block.number > above)
    return Fork(ancestor, orphaned, recorded.orphans)


def _ascending(blocks: Iterable[BlockRef]) -> tuple[BlockRef, ...]:
    return tuple(sorted(blocks, key=lambda block: (block.number, block.hash)))


def supporters(answers: Sequence[tuple[str, bytes | None]], stored: bytes) -> list[str]:
    """The endpoints, by name, that have the ``stored`` block at its height."""
    return [name for name, block_hash in answers if block_hash == stored]
