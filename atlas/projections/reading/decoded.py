"""Events of any ABI, for views that follow all of them, and events by column, for handlers that take many at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, TypeAlias

import msgspec

from atlas.projections.reading.arguments import arguments_as_json
from atlas.projections.reading.payloads import Cells, Integers, LogColumns
from atlas.projections.tables.amounts import Amounts, of_words
from atlas.projections.tables.declarations import AccountTable, EntityTable
from atlas.protocol.abi import EventType, python_values
from atlas.protocol.abi.types import WORD_BYTES, AbiType, WordType
from atlas.protocol.events import Origin
from atlas.protocol.logs import ArrowArray


class DecodedEvent(msgspec.Struct, frozen=True):
    """An event of any watched contract, by a shipped ABI or one from outside."""

    origin: Origin
    abi: str
    event: str
    signature: str  # as hashed
    arguments: dict[str, Any]  # JSON, see ``atlas.projections.reading.arguments``


@dataclass(frozen=True)
class EventBatch:
    """Events of one type on one chain, in the order of the log, by column."""

    kind: type  # of what ``events`` makes of them: an event of ``atlas.protocol.events``, or DecodedEvent
    abi: str
    event: EventType
    logs: LogColumns
    positions: Integers
    arguments: tuple[ArrowArray, ...]  # in ABI order

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def chain(self) -> str:
        """The chain of them all, as a CAIP-2 name."""
        return self.logs.chain

    @property
    def block_numbers(self) -> Integers:
        """The number of each one's block."""
        return self.logs.block_numbers

    @property
    def block_times(self) -> Integers:
        """The time of each one's block, in seconds since 1970."""
        return self.logs.block_times

    @property
    def log_indexes(self) -> Integers:
        """The place of each log in its block."""
        return self.logs.log_indexes

    @property
    def tx_hashes(self) -> Cells:
        """The hash of each one's transaction."""
        return self.logs.tx_hashes

    @property
    def contracts(self) -> Cells:
        """The contract that emitted each."""
        return self.logs.addresses

    @cached_property
    def columns(self) -> list[Any]:
        """The arguments, a column a parameter, in ABI order: what tables and accounts take without looking at each.

        Integers above 64 bits are Amounts, below NumPy arrays, addresses and bytes1 to bytes32 Arrow arrays; all else
        is a list.
        """
        pairs = zip(self.event.parameters, self.arguments, strict=True)
        return [_column(parameter.kind_in_log, column) for parameter, column in pairs]

    @cached_property
    def values(self) -> list[list[Any]]:
        """The arguments, a list a parameter, in ABI order."""
        pairs = zip(self.event.parameters, self.arguments, strict=True)
        return [python_values(parameter.kind_in_log, column) for parameter, column in pairs]

    def argument(self, name: str) -> list[Any]:
        """The arguments of the parameter called ``name`` in the ABI."""
        return self.values[[parameter.name for parameter in self.event.parameters].index(name)]

    @cached_property
    def arguments_json(self) -> list[str]:
        """All arguments of each as the text of a JSON object, see ``atlas.projections.reading.arguments``."""
        return arguments_as_json(self.event, self.arguments) or ["{}"] * len(self)

    def origins(self) -> Iterable[Origin]:
        """Where each comes from."""
        return map(
            Origin,
            self.positions.tolist(),
            repeat(self.chain),
            self.block_numbers.tolist(),
            self.logs.block_hashes.tolist(),
            self.block_times.tolist(),
            self.tx_hashes.tolist(),
            self.log_indexes.tolist(),
            self.contracts.tolist(),
        )

    def events(self) -> Iterable[Any]:
        """Them one by one."""
        if self.kind is not DecodedEvent:
            return map(self.kind, self.origins(), *self.values)
        arguments = map(msgspec.json.decode, self.arguments_json)
        named = repeat(self.abi), repeat(self.event.name), repeat(self.event.signature)
        return map(DecodedEvent, self.origins(), *named, arguments)


@dataclass(frozen=True)
class Inserted:
    """A row an event, in a table whose key is the column ``position``; ``columns`` are its value columns by name.

    A column has a value an event (a list, a NumPy or Arrow array, Amounts), or is one value for all of them.
    """

    table: EntityTable
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Posted:
    """A posting an event: the key column by column, as in ``Inserted``, and a delta each."""

    table: AccountTable
    key: tuple[Any, ...]
    deltas: Amounts | list[int]


Written: TypeAlias = Inserted | Posted
BulkHandler: TypeAlias = Callable[[EventBatch], Iterable[Written]]
"""A pure function of the events: what they write, whatever the tables hold.

It must write what the handler of the same type writes event by event, its postings in the same order; no handler
may read those rows. When it raises what a handler may raise, the events are folded one by one.
"""


def _column(kind: AbiType, column: ArrowArray) -> Any:  # noqa: ANN401 - see ``EventBatch.columns``
    if not isinstance(kind, WordType) or kind.family == "bool":
        return python_values(kind, column)
    if kind.family not in ("uint", "int"):
        return column
    if str(column.type).startswith("fixed_size_binary"):
        content = column.buffers()[1].slice(column.offset * WORD_BYTES, len(column) * WORD_BYTES)
        return of_words(content, signed=kind.family == "int")
    return column.to_numpy()
