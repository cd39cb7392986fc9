"""A made-up chain for tests: blocks, and logs as the real contracts would emit them."""

from functools import cache
from typing import Any

import rlp
from eth_abi.abi import encode

from atlas.ledger.log import Fact
from atlas.protocol import facts
from atlas.protocol.abi import EventLayout, compile_event
from atlas.protocol.artifacts import load
from atlas.protocol.facts import BlockHeader, BlockRef, ChainFinalized, ChainLog, ChainReorged, WatchedContract
from atlas.protocol.ids import derive_aaid
from atlas.protocol.keccak import keccak256

CHAIN = "eip155:31337"
ZERO = bytes(20)
GENESIS_TIME = 1_700_000_000


def address(name: str) -> bytes:
    return keccak256(name.encode())[-20:]


def digest(name: str) -> bytes:
    return keccak256(name.encode())


def contract_fact(abi: str, chain: str = CHAIN, start_block: int = 0, contract: bytes | None = None) -> Fact:
    """The contract of this ABI, at ``address(abi)`` unless ``contract`` says otherwise."""
    contract = contract or address(abi)
    payload = WatchedContract(chain, contract, abi, start_block)
    return Fact(facts.contract_stream(chain, contract), 0, facts.CONTRACT_TOPIC, facts.encode(payload))


def aaid_of(token_id: int) -> bytes:
    return derive_aaid(CHAIN, address("AssetRegistry"), token_id)


class Block:
    """Block ``number`` of fork ``fork``; its logs are counted in the order in which they are made."""

    def __init__(self, number: int, fork: str = "", chain: str = CHAIN) -> None:
        self.number, self.fork, self.chain = number, fork, chain
        self.time = GENESIS_TIME + 12 * number
        fields = [digest(f"{fork}/parent")] + [b""] * 14
        fields[8], fields[11] = _quantity(number), _quantity(self.time)
        self.rlp: bytes = rlp.encode(fields)
        self.hash = keccak256(self.rlp)
        self._logs = 0

    @property
    def ref(self) -> BlockRef:
        return BlockRef(self.number, self.hash)

    def header(self) -> Fact:
        payload = facts.encode(BlockHeader(self.chain, self.rlp))
        return Fact(facts.block_stream(self.chain, self.hash), 0, facts.HEADER_TOPIC, payload)

    def log(self, abi: str, event: str, *values: Any, tx: str = "", contract: bytes | None = None) -> Fact:
        layout = event_layout(abi, event)
        indexed = [
            encode([parameter.type], [value])
            for parameter, value in zip(layout.parameters, values, strict=True)
            if parameter.indexed
        ]
        rest = [
            (parameter.type, value)
            for parameter, value in zip(layout.parameters, values, strict=True)
            if not parameter.indexed
        ]
        data = encode([kind for kind, _ in rest], [value for _, value in rest])
        return self.raw_log((layout.topic, *indexed), data, tx=tx, contract=contract or address(abi))

    def raw_log(self, topics: tuple[bytes, ...], data: bytes, *, contract: bytes, tx: str = "") -> Fact:
        index = self._logs
        self._logs += 1
        payload = ChainLog(
            chain=self.chain,
            block_number=self.number,
            block_hash=self.hash,
            block_time=self.time,
            tx_hash=digest(f"{self.fork}/{self.number}/{tx}"),
            tx_index=0,
            log_index=index,
            address=contract,
            topics=topics,
            data=data,
        )
        return Fact(facts.block_stream(self.chain, self.hash), 1 + index, facts.LOG_TOPIC, facts.encode(payload))

    def transfer(self, sender: bytes, recipient: bytes, value: int, *, tx: str = "") -> Fact:
        return self.log("AtlasToken", "Transfer", sender, recipient, value, tx=tx)


def finalized_fact(block: Block, version: int) -> Fact:
    payload = facts.encode(ChainFinalized(block.chain, block.ref))
    return Fact(facts.finality_stream(block.chain), version, facts.FINALIZED_TOPIC, payload)


def reorg_fact(version: int, ancestor: Block, orphaned: tuple[Block, ...], restored: tuple[Block, ...] = ()) -> Fact:
    payload = ChainReorged(
        ancestor.chain, ancestor.ref, tuple(block.ref for block in orphaned), tuple(block.ref for block in restored)
    )
    return Fact(facts.reorg_stream(ancestor.chain), version, facts.REORGED_TOPIC, facts.encode(payload))


@cache
def event_layout(abi: str, event: str) -> EventLayout:
    return next(compile_event(entry) for entry in load(abi).abi if entry["type"] == "event" and entry["name"] == event)


def _quantity(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
