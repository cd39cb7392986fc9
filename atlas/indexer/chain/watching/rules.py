"""What is indexed: rules, and the children that factories name. Pure.

    Contract    every log of one address
    Factory     one event of one address, each naming a child in one of its parameters: every log of that child,
                from the block of the event on, those of the same block before the event too
    Events      every log with one of some first topics, of any address

A rule is known by its ``key``; what was recorded under a key stays as it was recorded.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeAlias

import msgspec
import numpy as np

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.logs import Logs, Mask, is_one_of
from atlas.indexer.chain.source import Log
from atlas.protocol.facts import BlockRef
from atlas.protocol.keccak import keccak256

ADDRESS_BYTES = 20
INDEXED_PLACES = 3  # the topics after the first
MAX_PLACES = 256
MAX_ADDRESSES = 500  # in one filter: endpoints bound the size of a request


class Contract(msgspec.Struct, frozen=True):
    """Logs of ``address`` (20 bytes) are recorded from ``start_block`` on; readers use the ABI called ``abi``.

    ``abi_sha256`` names the recorded ABI, None for one that is shipped.
    """

    abi: str
    address: bytes
    start_block: int
    abi_sha256: bytes | None = None

    @property
    def key(self) -> bytes:
        """The address."""
        return self.address


class Factory(msgspec.Struct, frozen=True, kw_only=True):
    """Logs of ``address`` with the first topic ``event`` are recorded, and every log of the children they name.

    ``place`` is where a log has the child: 0 to 2 in the topics after the first, from 3 on in the words of its data.
    """

    abi: str
    address: bytes
    start_block: int
    event: bytes
    place: int
    child_abi: str
    abi_sha256: bytes | None = None
    child_abi_sha256: bytes | None = None

    @property
    def key(self) -> bytes:
        """Address, topic and place."""
        return self.address + self.event + bytes([self.place])

    @property
    def contract(self) -> Contract:
        """The factory as a contract with an ABI."""
        return Contract(self.abi, self.address, self.start_block, self.abi_sha256)


class Events(msgspec.Struct, frozen=True):
    """Logs of any address whose first topic is one of ``topics`` (ascending) are recorded from ``start_block`` on."""

    abi: str
    topics: tuple[bytes, ...]
    start_block: int
    abi_sha256: bytes | None = None

    @property
    def key(self) -> bytes:
        """A hash of the topics."""
        return keccak256(b"".join(self.topics))


Rule: TypeAlias = Contract | Factory | Events


class Child(msgspec.Struct, frozen=True):
    """What a log of the factory ``rule`` (its key) named: ``address`` is watched from ``block`` on."""

    rule: bytes
    address: bytes
    block: BlockRef
    log_index: int


class Targets(msgspec.Struct, frozen=True, dict=True):
    """What is read in blocks in which nothing starts: rules, and the children known before those blocks."""

    rules: tuple[Rule, ...] = ()
    children: tuple[bytes, ...] = ()

    @cached_property
    def filters(self) -> tuple[LogFilter, ...]:
        """What to ask for: together they match all that is wanted, and a little more where factories share one."""
        addresses = tuple(
            dict.fromkeys([*(rule.address for rule in self.rules if isinstance(rule, Contract)), *self.children])
        )
        asked = [
            LogFilter(addresses=addresses[start : start + MAX_ADDRESSES])
            for start in range(0, len(addresses), MAX_ADDRESSES)
        ]
        factories = [rule for rule in self.rules if isinstance(rule, Factory) and rule.address not in self._addresses]
        if factories:
            asked.append(
                LogFilter(
                    addresses=tuple(dict.fromkeys(rule.address for rule in factories)),
                    topics=tuple(dict.fromkeys(rule.event for rule in factories)),
                )
            )
        if self._topics:
            asked.append(LogFilter(topics=tuple(sorted(self._topics))))
        return tuple(asked)

    @property
    def has_factories(self) -> bool:
        """Whether logs can name children."""
        return bool(self._factories)

    def watches(self, address: bytes) -> bool:
        """Whether all logs of ``address`` are asked for."""
        return address in self._addresses

    def wants(self, log: Log) -> bool:
        """Whether a rule asks for this log."""
        if log.address in self._addresses:
            return True
        topic = log.topics[0] if log.topics else b""
        return topic in self._topics or (log.address, topic) in self._factories

    def select(self, logs: Logs) -> Mask:
        """Which of ``logs`` ``wants`` says yes to."""
        topics = logs.topics[0]
        return is_one_of(logs.addresses, self._addresses) | is_one_of(topics, self._topics) | self.naming(logs)

    def naming(self, logs: Logs) -> Mask:
        """Which of ``logs`` are factories' events."""
        found = np.zeros(len(logs), np.bool_)
        for address, topic in self._factories:
            found |= is_one_of(logs.addresses, [address]) & is_one_of(logs.topics[0], [topic])
        return found

    def children_in(self, logs: Iterable[Log]) -> list[Child]:
        """The children that the logs name, in order, once a rule; what names no address is passed over."""
        found: dict[tuple[bytes, bytes], Child] = {}
        for log in logs:
            for rule in self._factories.get((log.address, log.topics[0]), ()) if log.topics else ():
                address = child_address(log, rule.place)
                if address is not None:
                    block = BlockRef(log.block_number, log.block_hash)
                    found.setdefault((rule.key, address), Child(rule.key, address, block, log.log_index))
        return list(found.values())

    @cached_property
    def _addresses(self) -> frozenset[bytes]:
        return frozenset(self.children).union(rule.address for rule in self.rules if isinstance(rule, Contract))

    @cached_property
    def _topics(self) -> frozenset[bytes]:
        return frozenset(topic for rule in self.rules if isinstance(rule, Events) for topic in rule.topics)

    @cached_property
    def _factories(self) -> dict[tuple[bytes, bytes], list[Factory]]:
        factories: dict[tuple[bytes, bytes], list[Factory]] = {}
        for rule in self.rules:
            if isinstance(rule, Factory):
                factories.setdefault((rule.address, rule.event), []).append(rule)
        return factories


def child_address(log: Log, place: int) -> bytes | None:
    """The address at ``place`` of a factory's log; None where there is none, or zero."""
    if place < INDEXED_PLACES:
        word = log.topics[1 + place] if len(log.topics) > 1 + place else b""
    else:
        start = 32 * (place - INDEXED_PLACES)
        word = log.data[start : start + 32]
    return word[12:] if len(word) == 32 and not any(word[:12]) and any(word[12:]) else None


def started(rules: Iterable[Rule], number: int) -> tuple[Rule, ...]:
    """The rules that are in force in block ``number``."""
    return tuple(rule for rule in rules if rule.start_block <= number)


def subject(rule: Rule) -> Contract | Events:
    """What a rule says about how logs are read, apart from children."""
    return rule.contract if isinstance(rule, Factory) else rule


def new_children(found: Sequence[Child], known: frozenset[tuple[bytes, bytes]]) -> list[Child]:
    """Those of ``found`` whose rule and address are not ``known``."""
    return [child for child in found if (child.rule, child.address) not in known]
