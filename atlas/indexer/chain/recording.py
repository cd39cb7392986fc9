"""From blocks to the facts that the log keeps of them (``atlas.protocol.facts``). Pure; nothing is decoded."""

from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.config import Contract
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Log
from atlas.ledger.log import Fact
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
    contract_stream,
    encode,
    finality_stream,
    reorg_stream,
)


class BlockLogs(msgspec.Struct, frozen=True):
    """A block and its watched logs, checked against each other."""

    header: Header
    logs: tuple[Log, ...]


def contract_fact(chain: str, contract: Contract) -> Fact:
    """That ``contract`` is watched."""
    payload = WatchedContract(chain, contract.address, contract.abi, contract.start_block)
    return Fact(contract_stream(chain, contract.address), 0, CONTRACT_TOPIC, encode(payload))


def header_fact(chain: str, header: Header) -> Fact:
    """The header of a block, as hashed."""
    return Fact(block_stream(chain, header.hash), 0, HEADER_TOPIC, encode(BlockHeader(chain, header.rlp)))


def block_facts(chain: str, blocks: Sequence[BlockLogs]) -> list[Fact]:
    """Header and logs of each block, in order."""
    facts: list[Fact] = []
    for block in blocks:
        facts.append(header_fact(chain, block.header))
        stream = facts[-1].stream
        facts.extend(
            Fact(stream, 1 + log.log_index, LOG_TOPIC, encode(_chain_log(chain, block.header.time_s, log)))
            for log in block.logs
        )
    return facts


def reorged_fact(
    chain: str, version: int, ancestor: BlockRef, orphaned: Sequence[BlockRef], restored: Sequence[BlockRef]
) -> Fact:
    """That the fork choice changed for recorded blocks."""
    payload = ChainReorged(chain, ancestor, tuple(orphaned), tuple(restored))
    return Fact(reorg_stream(chain), version, REORGED_TOPIC, encode(payload))


def finalized_fact(chain: str, version: int, block: BlockRef) -> Fact:
    """That ``block`` and all before it are final."""
    return Fact(finality_stream(chain), version, FINALIZED_TOPIC, encode(ChainFinalized(chain, block)))


def _chain_log(chain: str, block_time: int, log: Log) -> ChainLog:
    return ChainLog(
        chain=chain,
        block_number=log.block_number,
        block_hash=log.block_hash,
        block_time=block_time,
        tx_hash=log.tx_hash,
        tx_index=log.tx_index,
        log_index=log.log_index,
        address=log.address,
        topics=log.topics,
        data=log.data,
    )
