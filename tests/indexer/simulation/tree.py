"""A tree of blocks with real headers, and what the logs in it mean. Pure, seeded."""

import random
from collections.abc import Sequence

import msgspec
import rlp

from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.watching.rules import Contract, Events, Factory, Rule
from atlas.protocol.evm.bloom import bits
from atlas.protocol.evm.receipts import SUCCEEDED, Receipt, ReceiptLog, logs_bloom
from atlas.protocol.evm.roots import receipts_root
from atlas.protocol.keccak import keccak256
from atlas.protocol.outside import OutsideAbi, read_abi

CREATED = keccak256(b"Created(address)")
NAMED = keccak256(b"Named(uint256,address)")
SHOUTED = keccak256(b"Shouted(string)")
OTHER = keccak256(b"Other()")


def address(name: str) -> bytes:
    """A made-up address."""
    return keccak256(name.encode())[12:]


def word(value: bytes) -> bytes:
    """Left-padded to 32 bytes."""
    return value.rjust(32, b"\0")


CONTRACTS = [address(f"contract {index}") for index in range(3)]
FACTORIES = [address(f"factory {index}") for index in range(2)]
CHILDREN = [address(f"child {index}") for index in range(6)]
STRANGERS = [address(f"stranger {index}") for index in range(3)]

RULES: tuple[Rule, ...] = (
    Contract("A", CONTRACTS[0], 0),
    Contract("B", CONTRACTS[1], 9),
    Contract("C", CONTRACTS[2], 25),
    Factory(abi="F", address=FACTORIES[0], start_block=0, event=CREATED, place=0, child_abi="K"),
    Factory(abi="G", address=FACTORIES[1], start_block=4, event=NAMED, place=4, child_abi="L"),
    Events("E", (SHOUTED,), 6),
)


OUTSIDE: OutsideAbi = read_abi(
    b"""[
    {"type": "event", "name": "Other", "inputs": []},
    {"type": "event", "name": "Created", "inputs": [{"name": "child", "type": "address", "indexed": true}]},
    {"type": "event", "name": "Named", "inputs": [
        {"name": "number", "type": "uint256"}, {"name": "child", "type": "address"}]}]"""
)
"""An ABI that is not shipped."""

ALL_RULES: tuple[Rule, ...] = (
    *(
        msgspec.structs.replace(rule, abi_sha256=OUTSIDE.sha256, child_abi_sha256=OUTSIDE.sha256)
        if isinstance(rule, Factory)
        else msgspec.structs.replace(rule, abi_sha256=OUTSIDE.sha256)
        for rule in RULES
    ),
    Contract("Stranger", STRANGERS[0], 12),
)
"""With ABIs from outside, one rule excepted."""


Said = tuple[bytes, tuple[bytes, ...], bytes]  # address, topics, data


class Block(msgspec.Struct, frozen=True):
    """A header that hashes to its hash, and all logs of the block."""

    header: Header
    logs: tuple[Log, ...]


def make_block(parent: Block | None, said: Sequence[Said], salt: int) -> Block:
    """A block on ``parent``; another ``salt`` gives another block."""
    number = 0 if parent is None else parent.header.number + 1
    parent_hash = bytes(32) if parent is None else parent.header.hash
    bloom = 0
    for emitter, topics, _ in said:
        for value in (emitter, *topics):
            bloom |= bits(value)
    roots = [bytes(32), bytes(20), bytes(32), bytes(32), receipts_root(receipts_of(said))]
    fields = [parent_hash, *roots, bloom.to_bytes(256, "big"), b"", _integer(number)]
    encoded: bytes = rlp.encode([*fields, b"", b"", _integer(1_000 + number), b"", bytes(32), salt.to_bytes(8, "big")])
    header = Header(number, keccak256(encoded), parent_hash, 1_000 + number, bloom, encoded)
    logs = tuple(
        Log(number, header.hash, keccak256(header.hash + bytes([index // 2])), index // 2, index, *log)
        for index, log in enumerate(said)
    )
    return Block(header, logs)


def receipts_of(said: Sequence[Said]) -> list[Receipt]:
    """Of a block that says this, two logs a transaction."""
    receipts: list[Receipt] = []
    for first in range(0, len(said), 2):
        logs = tuple(ReceiptLog(*log) for log in said[first : first + 2])
        receipts.append(Receipt(2, SUCCEEDED, 21_000 * (len(receipts) + 1), logs_bloom(logs), logs))
    return receipts


def random_logs(rng: random.Random, children: int = 6) -> list[Said]:
    """What a block says: mostly nothing, sometimes a crowd; children may speak before they are named."""
    said: list[Said] = []
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3, 8))):
        data = word(rng.randbytes(2))
        child = rng.choice(CHILDREN[:children])
        said.append(
            rng.choice(
                (
                    (rng.choice(CONTRACTS), (OTHER,), data),
                    (rng.choice(CONTRACTS), (), data),
                    (child, (OTHER, word(rng.choice(CHILDREN))), data),
                    (FACTORIES[0], (CREATED, word(child)), b""),
                    (FACTORIES[0], (OTHER, word(child)), data),
                    (FACTORIES[1], (NAMED,), word(b"\1") + word(child)),
                    (FACTORIES[1], (NAMED,), b"\xff" * 64),
                    (rng.choice((*STRANGERS, *CONTRACTS)), (SHOUTED,), data),
                    (rng.choice(STRANGERS), (OTHER,), data),
                )
            )
        )
    return said


def grow(parent: Block | None, length: int, rng: random.Random) -> list[Block]:
    """``length`` blocks on ``parent``."""
    blocks: list[Block] = []
    for _ in range(length):
        parent = make_block(parent, random_logs(rng), rng.getrandbits(60))
        blocks.append(parent)
    return blocks


def wanted_logs(chain: Sequence[Block], rules: Sequence[Rule]) -> tuple[list[Log], set[tuple[bytes, bytes, str]]]:
    """What an indexer of ``chain`` must record: logs, and children as (block hash, address, ABI)."""
    logs: list[Log] = []
    named: set[tuple[bytes, bytes, str]] = set()
    known: set[tuple[bytes, bytes]] = set()
    for block in chain:
        number = block.header.number
        for log in block.logs:
            for rule in rules:
                child = _named(rule, log)
                if child is not None and rule.start_block <= number and (rule.key, child) not in known:
                    known.add((rule.key, child))
                    assert isinstance(rule, Factory)
                    named.add((block.header.hash, child, rule.child_abi))
        children = {child for _, child in known}
        logs += [log for log in block.logs if log.address in children or any(_asks(rule, log) for rule in rules)]
    return logs, named


def _asks(rule: Rule, log: Log) -> bool:
    if rule.start_block > log.block_number:
        return False
    if isinstance(rule, Contract):
        return log.address == rule.address
    if isinstance(rule, Events):
        return log.topics[:1] == rule.topics[:1]
    return log.address == rule.address and log.topics[:1] == (rule.event,)


def _named(rule: Rule, log: Log) -> bytes | None:
    if not isinstance(rule, Factory) or log.address != rule.address or log.topics[:1] != (rule.event,):
        return None
    place = log.topics[1] if rule.place == 0 else log.data[32:64]
    return place[12:] if place[:12] == bytes(12) else None


def _integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
