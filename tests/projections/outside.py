"""Contracts from outside as their standards describe them, their logs, and the facts that say how they are read.

Events of ERC-4626 (a tokenized vault) and of a Governor (OpenZeppelin's, after Compound's), written from the standards.
"""

import json
from typing import Any

from eth_abi.abi import encode

from atlas.ledger.log import Fact
from atlas.protocol import facts
from atlas.protocol.abi import AbiType, EventType, parse_abi
from atlas.protocol.abi.event import parse_events
from atlas.protocol.abi.types import WordType
from atlas.protocol.facts import RecordedAbi, WatchedContract, WatchedEvents
from atlas.protocol.keccak import keccak256
from atlas.protocol.outside import OutsideAbi, read_abi
from tests.projections.chain import CHAIN, Block


def _event(name: str, *parameters: str) -> dict[str, Any]:
    """An entry of an ABI, its parameters as Solidity writes them: ``address indexed sender``."""
    inputs = [parameter.split() for parameter in parameters]
    return {
        "type": "event",
        "name": name,
        "inputs": [{"type": each[0], "name": each[-1], "indexed": "indexed" in each} for each in inputs],
    }


def _abi(*events: dict[str, Any]) -> OutsideAbi:
    return read_abi(json.dumps(events).encode())


VAULT = _abi(
    _event("Deposit", "address indexed sender", "address indexed owner", "uint256 assets", "uint256 shares"),
    _event(
        "Withdraw",
        "address indexed sender",
        "address indexed receiver",
        "address indexed owner",
        "uint256 assets",
        "uint256 shares",
    ),
)
GOVERNOR = _abi(
    _event(
        "ProposalCreated",
        "uint256 proposalId",
        "address proposer",
        "address[] targets",
        "uint256[] values",
        "string[] signatures",
        "bytes[] calldatas",
        "uint256 voteStart",
        "uint256 voteEnd",
        "string description",
    ),
    _event(
        "VoteCast", "address indexed voter", "uint256 proposalId", "uint8 support", "uint256 weight", "string reason"
    ),
    _event("Labelled", "string indexed label"),
)


def event_of(abi: OutsideAbi, name: str) -> EventType:
    return next(event for event in parse_events(parse_abi(abi.json)) if event.name == name)


def abi_fact(abi: OutsideAbi) -> Fact:
    return Fact(facts.abi_stream(abi.sha256), 0, facts.ABI_TOPIC, facts.encode(RecordedAbi(abi.sha256, abi.json)))


def watch_fact(name: str, abi: OutsideAbi, contract: bytes, start_block: int = 0) -> Fact:
    payload = WatchedContract(CHAIN, contract, name, start_block, abi.sha256)
    return Fact(facts.contract_stream(CHAIN, contract), 0, facts.CONTRACT_TOPIC, facts.encode(payload))


def child_fact(block: Block, name: str, abi: OutsideAbi, contract: bytes, log_index: int = 0) -> Fact:
    """The child that the first parameter of a factory's event names: a fact of the event's block."""
    payload = WatchedContract(CHAIN, contract, name, block.number, abi.sha256)
    version = facts.child_version(log_index, 0)
    return Fact(facts.block_stream(CHAIN, block.hash), version, facts.CONTRACT_TOPIC, facts.encode(payload))


def events_fact(name: str, abi: OutsideAbi, *events: str, start_block: int = 0) -> Fact:
    topics = tuple(sorted(event_of(abi, event).topic for event in events))
    payload = WatchedEvents(CHAIN, topics, name, start_block, abi.sha256)
    return Fact(facts.events_stream(CHAIN, topics), 0, facts.EVENTS_TOPIC, facts.encode(payload))


def log_fact(block: Block, contract: bytes, abi: OutsideAbi, name: str, *values: Any, tx: str = "") -> Fact:
    """The log that the contract emits for this event, encoded by eth-abi."""
    event = event_of(abi, name)
    pairs = list(zip(event.parameters, values, strict=True))
    topics = [_topic(parameter.kind, value) for parameter, value in pairs if parameter.indexed]
    plain = [(parameter.type, value) for parameter, value in pairs if not parameter.indexed]
    data = encode([kind for kind, _ in plain], [value for _, value in plain])
    return block.raw_log((event.topic, *topics), data, contract=contract, tx=tx)


def _topic(kind: AbiType, value: Any) -> bytes:
    return encode([kind.canonical], [value]) if isinstance(kind, WordType) else keccak256(value.encode())
