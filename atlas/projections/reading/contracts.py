"""How logs are read: the watched contracts, events and ABIs that a fold has met in the log.

A log is read by the ABI of its contract if that is watched at its block, else by the first watch that lists its
first topic. What the log says first stands, and says nothing of what was recorded before it.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from atlas.protocol.abi import AbiDecoder, compile_abi, parse_abi
from atlas.protocol.artifacts import load
from atlas.protocol.errors import MalformedAbi, MissingArtifact, UndecodableLog
from atlas.protocol.facts import RecordedAbi, WatchedContract, WatchedEvents
from atlas.protocol.outside import OutsideAbi


class Reading(msgspec.Struct, frozen=True):
    """The ABI that reads a log: a shipped one by its name, or with the hash a recorded one."""

    abi: str
    sha256: bytes | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether it is an ABI of this package."""
        return self.sha256 is None


class Watch(msgspec.Struct, frozen=True):
    """From ledger position ``position`` on, logs of blocks from ``start_block`` on are read so."""

    position: int
    start_block: int
    reading: Reading


Met: TypeAlias = tuple[int, WatchedContract | WatchedEvents | RecordedAbi]
"""A fact that says how logs are read, with its position."""


class Contracts:
    """Watches by contract and by first topic, in the order of the log, and the recorded ABIs."""

    def __init__(self, met: Iterable[Met] = ()) -> None:
        self._by_address: dict[tuple[str, bytes], list[Watch]] = {}
        self._by_topic: dict[tuple[str, bytes], list[Watch]] = {}
        self._first: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self._decoders: dict[Reading, AbiDecoder] = {}
        self._recorded: dict[bytes, tuple[int, bytes]] = {}
        for position, fact in met:
            self.learn(position, fact)

    def learn(self, position: int, fact: WatchedContract | WatchedEvents | RecordedAbi) -> None:
        """From ``position`` on, logs are read as ``fact`` says."""
        match fact:
            case WatchedContract():
                watch = Watch(position, fact.start_block, Reading(fact.abi, fact.abi_sha256))
                self._by_address.setdefault((fact.chain, fact.address), []).append(watch)
                if fact.abi_sha256 is None:
                    self._first.setdefault((fact.chain, fact.abi), []).append((position, fact.address))
            case WatchedEvents():
                watch = Watch(position, fact.start_block, Reading(fact.abi, fact.abi_sha256))
                for topic in fact.topics:
                    self._by_topic.setdefault((fact.chain, topic), []).append(watch)
            case RecordedAbi():
                self._recorded.setdefault(fact.sha256, (position, fact.json))

    def watches(self, chain: str, address: bytes, topic: bytes | None) -> Iterator[Watch]:
        """What may read logs of ``address`` with this first topic, the first that holds at the log before others."""
        yield from self._by_address.get((chain, address), ())
        if topic is not None:
            yield from self._by_topic.get((chain, topic), ())

    def decoder(self, reading: Reading) -> tuple[AbiDecoder, int]:
        """The events of an ABI as columns, and the position from which on it is known. Raises UndecodableLog."""
        decoder = self._decoders.get(reading)
        if decoder is None:
            decoder = self._decoders[reading] = self._compiled(reading)
        return decoder, 0 if reading.sha256 is None else self._recorded[reading.sha256][0]

    def first(self, chain: str, abi: str, position: int) -> bytes | None:
        """The address of the first contract on ``chain`` with this shipped ABI, as known at ``position``."""
        for met, address in self._first.get((chain, abi), ()):
            return address if met <= position else None
        return None

    def _compiled(self, reading: Reading) -> AbiDecoder:
        if reading.sha256 is None:
            return _shipped(reading)
        if reading.sha256 not in self._recorded:
            raise unknown_abi(reading)
        return compile_abi(reading.abi, parse_abi(self._recorded[reading.sha256][1]))


def require_readable(fact: RecordedAbi) -> None:
    """Return when ``fact`` is an ABI under its own hash. Raises MalformedAbi."""
    if OutsideAbi(fact.json).sha256 != fact.sha256:
        raise MalformedAbi(f"the ABI is not the one with the SHA-256 {fact.sha256.hex()}")
    compile_abi("recorded", parse_abi(fact.json))
    if rb"\u0000" in fact.json:  # in a name, which no text column of PostgreSQL holds
        raise MalformedAbi("the ABI has a name with the character U+0000")


def _shipped(reading: Reading) -> AbiDecoder:
    try:
        return compile_abi(reading.abi, load(reading.abi).abi)
    except MissingArtifact as error:
        raise unknown_abi(reading) from error


def unknown_abi(reading: Reading) -> UndecodableLog:
    """A log whose ABI is neither shipped nor recorded before it."""
    return UndecodableLog("unknown_abi", f"the ABI {reading.abi} is not known at this position of the log")
