"""What the chain tests share: indexers over a real node, and what their facts amount to."""

from contextlib import ExitStack
from typing import Any

from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import StepResult
from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.sources.proven import ProvenEndpoint
from atlas.indexer.chain.verification.evidence import keep_evidence
from atlas.indexer.chain.watching.config import ChainConfig, Contract
from atlas.indexer.chain.watching.rules import Rule
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger, RecordedFact
from atlas.protocol.evm.families import ETHEREUM
from atlas.protocol.facts import (
    HEADER_TOPIC,
    LOG_TOPIC,
    REORGED_TOPIC,
    BlockHeader,
    ChainLog,
    ChainReorged,
    block_stream,
    decode,
)
from atlas.protocol.keccak import keccak256
from tests.anvil import CHAIN, Anvil

MAX_STEPS = 500

LogKey = tuple[bytes, int, bytes, tuple[bytes, ...], bytes]  # block hash, log index, address, topics, data


class Workbench:
    """An emitter on a node, and indexers of it into one database."""

    def __init__(self, anvil: Anvil, ledger: Ledger, database: Database, emitter: bytes | None = None) -> None:
        self.anvil = anvil
        self.ledger = ledger
        self.database = database
        self.emitter = emitter or anvil.deploy()
        self._closing = ExitStack()

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def config(self, *contracts: Rule, **settings: Any) -> ChainConfig:
        """Settings that index ``contracts``, by default the emitter from block 1."""
        defaults: dict[str, Any] = {
            "chain": CHAIN,
            "rpc_url": self.anvil.url,
            "contracts": contracts or (Contract("Emitter", self.emitter, 1),),
        }
        return ChainConfig(**(defaults | settings))

    def indexer(self, *contracts: Rule, **settings: Any) -> ChainIndexer:
        """An indexer with these settings."""
        config = self.config(*contracts, **settings)
        is_proven = config.verify == "receipts"
        source = self._proven(config.rpc_url) if is_proven else connect(config.rpc_url)
        indexer = ChainIndexer(config, source, self.ledger, self.database)
        self._closing.callback(source.close)
        self._closing.callback(indexer.close)
        return indexer

    def _proven(self, url: str) -> ProvenEndpoint:
        return ProvenEndpoint(
            RpcClient(url), ETHEREUM, lambda name, lie: keep_evidence(self.database, CHAIN, name, lie)
        )

    def facts(self) -> list[RecordedFact]:
        """The whole log."""
        return list(self.ledger.facts(after=0))

    def reorgs(self) -> list[ChainReorged]:
        """The reorganisations recorded."""
        return [decode(fact.payload, ChainReorged) for fact in self.facts() if fact.topic == REORGED_TOPIC]

    def require_true_to_chain(self) -> None:
        """The facts amount to exactly the logs that the node has now."""
        assert canonical_logs(self.facts()) == node_logs(self.anvil)


def catch_up(indexer: ChainIndexer) -> StepResult:
    """Step until there is nothing left to read."""
    result = indexer.step()
    for _ in range(MAX_STEPS):
        if result.caught_up:
            return result
        result = indexer.step()
    raise AssertionError(f"not caught up after {MAX_STEPS} steps: {result}")


def canonical_logs(facts: list[RecordedFact]) -> set[LogKey]:
    """The logs that count, read as a view reads them: without orphaned blocks, with those that returned."""
    gone: set[bytes] = set()
    headers: set[bytes] = set()
    logs: list[ChainLog] = []
    for fact in facts:
        if fact.topic == HEADER_TOPIC:
            headers.add(keccak256(decode(fact.payload, BlockHeader).rlp))
        elif fact.topic == LOG_TOPIC:
            logs.append(decode(fact.payload, ChainLog))
            assert fact.stream == block_stream(CHAIN, logs[-1].block_hash)
            assert fact.version == 1 + logs[-1].log_index
        elif fact.topic == REORGED_TOPIC:
            reorged = decode(fact.payload, ChainReorged)
            assert gone.isdisjoint(block.hash for block in reorged.orphaned)
            assert gone.issuperset(block.hash for block in reorged.restored)
            gone |= {block.hash for block in reorged.orphaned}
            gone -= {block.hash for block in reorged.restored}
            assert headers.issuperset(block.hash for block in (*reorged.orphaned, *reorged.restored))
    assert headers.issuperset(log.block_hash for log in logs)
    return {(log.block_hash, log.log_index, log.address, log.topics, log.data) for log in logs} - {
        (log.block_hash, log.log_index, log.address, log.topics, log.data) for log in logs if log.block_hash in gone
    }


def node_logs(anvil: Anvil) -> set[LogKey]:
    """All logs that the node has."""
    answer = anvil.rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    return {
        (
            bytes.fromhex(log["blockHash"][2:]),
            int(log["logIndex"], 16),
            bytes.fromhex(log["address"][2:]),
            tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in answer
    }
