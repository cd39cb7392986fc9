"""From blocks to the facts that the log keeps of them (``atlas.protocol.facts``). Pure; nothing is decoded."""

from collections.abc import Mapping, Sequence
from itertools import islice, repeat

import msgspec
import numpy as np

from atlas.indexer.chain.header import Header
from atlas.indexer.chain.logs import Logs
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.watching.rules import Child, Contract, Events, Factory, Rule, subject
from atlas.ledger.log import Fact
from atlas.protocol.facts import (
    ABI_TOPIC,
    CONTRACT_TOPIC,
    EVENTS_TOPIC,
    FINALIZED_TOPIC,
    HEADER_TOPIC,
    LOG_TOPIC,
    REORGED_TOPIC,
    BlockHeader,
    BlockRef,
    ChainFinalized,
    ChainReorged,
    RecordedAbi,
    WatchedContract,
    WatchedEvents,
    abi_stream,
    block_stream,
    child_version,
    contract_stream,
    encode,
    events_stream,
    finality_stream,
    reorg_stream,
)
from atlas.protocol.log_payloads import log_payloads
from atlas.protocol.outside import OutsideAbi

MAX_BLOCKS_NAMED = 100_000  # by one chain.reorged: a payload is bounded


class BlockLogs(msgspec.Struct, frozen=True):
    """A block and its watched logs, checked against each other, and the children that they name."""

    header: Header
    logs: Sequence[Log]
    children: tuple[Child, ...] = ()


def rule_facts(chain: str, rules: Sequence[Rule], abis: Sequence[OutsideAbi]) -> list[Fact]:
    """How the logs of ``rules`` are read: the ABIs from outside that they name, and what they watch."""
    named = {sha256 for rule in rules for sha256 in _abis_of(rule)}
    recorded = [RecordedAbi(abi.sha256, abi.json) for abi in abis if abi.sha256 in named]
    facts = [Fact(abi_stream(abi.sha256), 0, ABI_TOPIC, encode(abi)) for abi in recorded]
    return [*facts, *(_rule_fact(chain, subject(rule)) for rule in rules)]


def child_fact(chain: str, factory: Factory, child: Child) -> Fact:
    """That ``child`` is watched from its block on: a fact of that block, before its logs."""
    number = child.block.number
    payload = WatchedContract(chain, child.address, factory.child_abi, number, factory.child_abi_sha256)
    version = child_version(child.log_index, factory.place)
    return Fact(block_stream(chain, child.block.hash), version, CONTRACT_TOPIC, encode(payload))


def header_fact(chain: str, header: Header) -> Fact:
    """The header of a block, as hashed."""
    return Fact(block_stream(chain, header.hash), 0, HEADER_TOPIC, encode(BlockHeader(chain, header.rlp)))


def block_facts(chain: str, blocks: Sequence[BlockLogs], logs: Logs, factories: Mapping[bytes, Factory]) -> list[Fact]:
    """Header, children and logs of each block, in order.

    ``logs`` are those of all ``blocks``; ``factories`` by key are what named the children.
    """
    times = np.repeat([block.header.time_s for block in blocks], [len(block.logs) for block in blocks])
    payloads = iter(log_payloads(chain, times.astype(np.int64), logs.batch))
    versions = iter((1 + logs.indexes).tolist())
    facts: list[Fact] = []
    for block in blocks:
        facts.append(header_fact(chain, block.header))
        stream = facts[-1].stream
        facts.extend(child_fact(chain, factories[child.rule], child) for child in block.children)
        count = len(block.logs)
        facts.extend(map(Fact, repeat(stream), islice(versions, count), repeat(LOG_TOPIC), islice(payloads, count)))
    return facts


def reorged_facts(
    chain: str, version: int, ancestor: BlockRef, orphaned: Sequence[BlockRef], restored: Sequence[BlockRef]
) -> list[Fact]:
    """That the fork choice changed for recorded blocks: one fact, or several where they are too many for one."""
    facts: list[Fact] = []
    for start in range(0, max(len(orphaned), len(restored)), MAX_BLOCKS_NAMED):
        named = slice(start, start + MAX_BLOCKS_NAMED)
        payload = ChainReorged(chain, ancestor, tuple(orphaned[named]), tuple(restored[named]))
        facts.append(Fact(reorg_stream(chain), version + len(facts), REORGED_TOPIC, encode(payload)))
    return facts


def finalized_fact(chain: str, version: int, block: BlockRef) -> Fact:
    """That ``block`` and all before it are final."""
    return Fact(finality_stream(chain), version, FINALIZED_TOPIC, encode(ChainFinalized(chain, block)))


def _rule_fact(chain: str, rule: Contract | Events) -> Fact:
    if isinstance(rule, Contract):
        contract = WatchedContract(chain, rule.address, rule.abi, rule.start_block, rule.abi_sha256)
        return Fact(contract_stream(chain, rule.address), 0, CONTRACT_TOPIC, encode(contract))
    events = WatchedEvents(chain, rule.topics, rule.abi, rule.start_block, rule.abi_sha256)
    return Fact(events_stream(chain, rule.topics), 0, EVENTS_TOPIC, encode(events))


def _abis_of(rule: Rule) -> list[bytes]:
    named = [rule.abi_sha256, rule.child_abi_sha256 if isinstance(rule, Factory) else None]
    return [sha256 for sha256 in named if sha256 is not None]
