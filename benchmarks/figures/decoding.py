"""Decoding logs into columns, against eth-abi a log at a time and against a decoder in Rust that also writes Arrow.

Rates are per second of processor time on one thread: they hold while other work shares the machine. The peers read
topics and data that are known to be of the event; ours also finds out which event each log is, and what is not
canonical. The Rust decoder gives integers as decimal256, ours 256-bit ones as big-endian words.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
from eth_abi.abi import decode, encode

from atlas.protocol.abi import AbiDecoder, compile_abi, python_values
from atlas.protocol.abi.event import EventType, parse_event
from atlas.protocol.decoding import decode_event, decode_events
from atlas.protocol.facts import ChainLog
from atlas.protocol.logs import LOG_SCHEMA, TOPIC_COLUMNS, ArrowBatch
from benchmarks.measuring import Figure, against, alone

RUST = import_module("cherry_core") if find_spec("cherry_core") else None
_ROUNDS = 7
_PEER_LOGS = 2_000


@dataclass(frozen=True)
class Case:
    """Logs of one event: as a batch, as topics and data, and the event as the Rust decoder wants it."""

    name: str
    decoder: AbiDecoder
    batch: ArrowBatch
    logs: list[tuple[list[bytes], bytes]]
    rust_signature: str

    @property
    def event(self) -> EventType:
        """The event of all logs."""
        return self.decoder.events[0]

    def by_columns(self) -> object:
        """Ours."""
        return self.decoder.decode(self.batch)

    def by_eth_abi(self) -> list[tuple[Any, ...]]:
        """The peer's values, of the first logs; the indexed parameters' words before the others, in one call a log."""
        indexed = [parameter.type for parameter in self.event.indexed]
        plain = [parameter.type for parameter in self.event.plain]
        return [(*decode(indexed, b"".join(topics)), *decode(plain, data)) for topics, data in self.logs[:_PEER_LOGS]]

    def by_rust(self) -> object:
        """The peer's columns."""
        assert RUST is not None
        return RUST.evm_decode_events(self.rust_signature, self.rust_batch)

    @cached_property
    def rust_batch(self) -> ArrowBatch:
        """The batch with binary columns of no fixed width, which the Rust decoder takes."""
        return self.batch.select([*TOPIC_COLUMNS, "data"]).cast(
            pa.schema([(name, pa.binary()) for name in (*TOPIC_COLUMNS, "data")])
        )

    def check(self) -> None:
        """Both read the same: a fast wrong answer is no figure."""
        (found,) = self.decoder.decode(self.batch.slice(0, _PEER_LOGS)).events
        pairs = zip(self.event.parameters, found.columns.columns[1:], strict=True)
        ours = list(zip(*(python_values(item.kind, column) for item, column in pairs), strict=True))
        theirs = [tuple(map(_raw, values)) for values in self.by_eth_abi()]
        assert ours == theirs, f"{self.name}: not what eth-abi reads"


def _raw(value: Any) -> Any:  # noqa: ANN401 - any value of the ABI
    """An address as bytes, where eth-abi gives text."""
    return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else value


def _case(name: str, entry: dict[str, Any], rows: list[tuple[list[bytes], bytes]], signature: str) -> Case:
    count, topic = len(rows), parse_event(entry).topic
    columns: dict[str, list[Any]] = {
        field.name: [bytes(field.type.byte_width) if pa.types.is_fixed_size_binary(field.type) else 1] * count
        for field in LOG_SCHEMA
    }
    columns["topic0"] = [topic] * count
    for number, column in enumerate(TOPIC_COLUMNS[1:]):
        columns[column] = [topics[number] if number < len(topics) else None for topics, _ in rows]
    columns["data"] = [data for _, data in rows]
    arrays = [pa.array(columns[field.name], field.type) for field in LOG_SCHEMA]
    return Case(
        name, compile_abi(name, [entry]), pa.RecordBatch.from_arrays(arrays, schema=LOG_SCHEMA), rows, signature
    )


def _entry(name: str, *parameters: tuple[str, str, bool]) -> dict[str, Any]:
    inputs = [{"name": each, "type": kind, "indexed": indexed} for each, kind, indexed in parameters]
    return {"type": "event", "name": name, "inputs": inputs}


def static_case(count: int) -> Case:
    """ERC-20 transfers."""
    made = random.Random(1)
    holders = [bytes(12) + made.randbytes(20) for _ in range(5_000)]
    rows = [
        ([made.choice(holders), made.choice(holders)], made.randrange(10**24).to_bytes(32, "big")) for _ in range(count)
    ]
    entry = _entry("Transfer", ("from", "address", True), ("to", "address", True), ("value", "uint256", False))
    return _case("static", entry, rows, "Transfer(address indexed from, address indexed to, uint256 value)")


def dynamic_case(count: int) -> Case:
    """A text of up to 80 characters, up to five numbers, and up to 100 bytes."""
    made = random.Random(2)
    contents = [
        encode(
            ["string", "uint256[]", "bytes"],
            [
                "".join(made.choices("abcdefghij é", k=made.randrange(80))),
                [made.randrange(10**24) for _ in range(made.randrange(6))],
                made.randbytes(made.randrange(100)),
            ],
        )
        for _ in range(_PEER_LOGS)
    ]
    rows = [([bytes(12) + made.randbytes(20)], made.choice(contents)) for _ in range(count)]
    parameters = (("sender", "address", True), ("memo", "string", False), ("ids", "uint256[]", False))
    entry = _entry("Sent", *parameters, ("payload", "bytes", False))
    return _case("dynamic", entry, rows, "Sent(address indexed sender, string memo, uint256[] ids, bytes payload)")


def _per_cpu_second(count: int, work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return count / (time.process_time() - start)


def _rounds(*measured: tuple[int, Callable[[], object]]) -> list[float]:
    """The best rate of each, measured in turns, so that what else the machine does meets all alike."""
    rates = [[_per_cpu_second(count, work) for count, work in measured] for _ in range(_ROUNDS)]
    return [max(each) for each in zip(*rates, strict=True)]


def figures(quick: bool) -> Iterator[Figure]:
    """Static and dynamic events against both peers, and typed events in batches against one by one."""
    count = 50_000 if quick else 200_000
    for case in (static_case(count), dynamic_case(count)):
        case.check()
        ours, theirs = _rounds((count, case.by_columns), (_PEER_LOGS, case.by_eth_abi))
        yield against(f"decode_{case.name}_vs_eth_abi", ours, "logs/s", theirs)
        if RUST is not None:
            assert len(case.rust_batch) == count
            ours, theirs = _rounds((count, case.by_columns), (count, case.by_rust))
            yield against(f"decode_{case.name}_vs_rust", ours, "logs/s", theirs)
    if RUST is None:
        print("decode_*_vs_rust: not measured, cherry_core cannot be imported (PyPI: cherry-core)", file=sys.stderr)
    yield from _typed(count // 10)


def _typed(count: int) -> Iterator[Figure]:
    """What projections take: a struct an event."""
    case = static_case(count)
    abi, topic = "AtlasToken", case.event.topic
    place = ("eip155:1", 1, bytes(32), 1, bytes(32), 1, 1, bytes(20))
    logs = [ChainLog(*place, (topic, *topics), data) for topics, data in case.logs]
    positions = range(count)
    many, one = _rounds(
        (count, lambda: decode_events(abi, logs, positions)),
        (count, lambda: [decode_event(abi, log, position) for position, log in enumerate(logs)]),
    )
    yield against("decode_events_vs_one_by_one", many, "logs/s", one)
    yield alone("decode_events_us", 1e6 / many, "us/log")
