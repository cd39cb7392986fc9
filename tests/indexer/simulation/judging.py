"""What the facts of a chain amount to, and what they ought to."""

from collections.abc import Sequence
from typing import Any

from atlas.indexer.chain.watching.rules import Rule
from atlas.ledger.log import Ledger
from atlas.protocol.facts import (
    CONTRACT_TOPIC,
    FINALIZED_TOPIC,
    HEADER_TOPIC,
    LOG_TOPIC,
    REORGED_TOPIC,
    BlockHeader,
    BlockRef,
    ChainFinalized,
    ChainLog,
    ChainReorged,
    WatchedContract,
    block_stream,
    decode,
)
from atlas.protocol.keccak import keccak256
from tests.indexer.simulation.tree import Block, wanted_logs

LogKey = tuple[bytes, int, bytes, tuple[bytes, ...], bytes]
Canonical = tuple[set[LogKey], set[tuple[bytes, bytes, str]]]  # logs; children by block hash, address, ABI


def canonical(ledger: Ledger, chain: str, after: int, rules: Sequence[Rule], blocks: Sequence[Block]) -> Canonical:
    """What counts of the chain's facts: read as a view reads them; what only dropped rules wanted is left out."""
    gone: set[bytes] = set()
    headers: set[bytes] = set()
    logs: list[ChainLog] = []
    children: list[tuple[bytes, WatchedContract]] = []
    final: list[BlockRef] = []
    streams = {block_stream(chain, block.header.hash): block.header.hash for block in blocks}
    for fact in ledger.facts(after=after):
        if fact.topic == HEADER_TOPIC and decode(fact.payload, BlockHeader).chain == chain:
            headers.add(keccak256(decode(fact.payload, BlockHeader).rlp))
        elif fact.topic == LOG_TOPIC and decode(fact.payload, ChainLog).chain == chain:
            logs.append(decode(fact.payload, ChainLog))
            assert logs[-1].block_hash in headers, "a log comes before its header"
        elif fact.topic == CONTRACT_TOPIC and decode(fact.payload, WatchedContract).chain == chain:
            if fact.version:
                children.append((streams.get(fact.stream, b""), decode(fact.payload, WatchedContract)))
        elif fact.topic == REORGED_TOPIC and decode(fact.payload, ChainReorged).chain == chain:
            reorged = decode(fact.payload, ChainReorged)
            assert gone.isdisjoint(block.hash for block in reorged.orphaned), "orphaned twice"
            assert gone.issuperset(block.hash for block in reorged.restored), "restored, but never orphaned"
            assert headers.issuperset(block.hash for block in (*reorged.orphaned, *reorged.restored)), "not recorded"
            gone |= {block.hash for block in reorged.orphaned}
            gone -= {block.hash for block in reorged.restored}
            final = [block for block in final if block.number <= reorged.ancestor.number]
        elif fact.topic == FINALIZED_TOPIC and decode(fact.payload, ChainFinalized).chain == chain:
            block = decode(fact.payload, ChainFinalized).block
            assert block.hash in headers, "a block is final before its header is there"
            final += [block] if block not in final else []  # said again when a later one was left
    assert headers.issuperset(log.block_hash for log in logs)
    ours, named = expected_of(blocks, rules)
    on_chain = {block.header.hash for block in blocks}
    assert on_chain.issuperset(block.hash for block in final), "what is recorded as final is not on the chain"
    heights = [block.number for block in final]
    assert heights == sorted(set(heights)), "finality went back"
    stray = {log.block_hash for log in logs} - gone - on_chain
    assert not stray, f"{len(stray)} blocks that are not on the chain count"
    kept = {_key(log) for log in logs if log.block_hash not in gone}
    everything = {_key(log) for block in blocks for log in block.logs}
    assert kept <= everything
    found_children = {
        (block_hash, child.address, child.abi)
        for block_hash, child in children
        if block_hash and block_hash not in gone
    }
    return kept & ours if kept >= ours else kept, found_children & named if found_children >= named else found_children


def expected_of(blocks: Sequence[Block], rules: Sequence[Rule]) -> Canonical:
    """What counts of a chain, by a reading of it written for itself."""
    logs, named = wanted_logs(blocks, rules)
    return {_key(log) for log in logs}, named


def _key(log: Any) -> tuple[bytes, int, bytes, tuple[bytes, ...], bytes]:
    return log.block_hash, log.log_index, log.address, log.topics, log.data


def difference(found: Canonical, expected: Canonical) -> str:
    """In numbers."""
    lost, extra = expected[0] - found[0], found[0] - expected[0]
    return (
        f"{len(lost)} logs lost, {len(extra)} too many; "
        f"children lost {len(expected[1] - found[1])}, too many {len(found[1] - expected[1])}"
    )
