"""The logs of some blocks, gathered until nothing that is wanted can be missing as far as blooms tell.

What a factory's event names is wanted too, from the block of that event on: the more is gathered, the more may be
wanted, in the same blocks. How logs are asked for (by range, by block hash) is the caller's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import msgspec
import numpy as np

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.logs import Logs, Mask, by_column, distinct, is_one_of, joined
from atlas.indexer.chain.recording import BlockLogs
from atlas.indexer.chain.source import Log, Source
from atlas.indexer.chain.verification.checks import require_same
from atlas.indexer.chain.verification.column_checks import require_in_blocks, require_within
from atlas.indexer.chain.watching.rules import MAX_ADDRESSES, Child, Targets, new_children
from atlas.indexer.errors import InconsistentAnswers
from atlas.protocol.evm.bloom import may_contain
from atlas.protocol.facts import BlockRef

TargetsOf: TypeAlias = Callable[[int], Targets]
"""What is wanted in the block of a height, children found here excepted."""

Ask: TypeAlias = Callable[[LogFilter, int], Sequence[Log]]
"""The logs that a filter matches in the blocks from a height on, each checked against the filter."""

Known: TypeAlias = frozenset[tuple[bytes, bytes]]
"""Rules (their keys) and the addresses that they have named before."""

NO_LOGS = by_column([])


class Reading(msgspec.Struct, frozen=True):
    """Blocks that have watched logs, ascending; ``unproven`` have none, but their bloom leaves room for some.

    ``logs`` are those of all ``blocks``, one block after the other.
    """

    blocks: tuple[BlockLogs, ...] = ()
    logs: Logs = NO_LOGS
    unproven: tuple[BlockRef, ...] = ()

    @property
    def children(self) -> list[Child]:
        """The children that the logs name."""
        return [child for block in self.blocks for child in block.children]


class Gathering:
    """Logs by height and index, and the children found in them."""

    def __init__(self, source: Source, targets_of: TargetsOf, known: Known) -> None:
        self._source = source
        self._targets_of = targets_of
        self._known = known
        self._logs = NO_LOGS
        self._added: list[Logs] = []  # kept, but not yet among ``_logs``
        self._starts: dict[bytes, int] = {}  # of the addresses that are wanted because of what was found here
        self._answered: dict[LogFilter, set[bytes]] = {}  # the blocks, by hash, that an answer to it had logs of
        self._asked_again: set[tuple[bytes, LogFilter]] = set()
        self._unproven: dict[bytes, BlockRef] = {}

    def add(self, wanted: LogFilter, given: Sequence[Log]) -> None:
        """Keep what is wanted of an answer to ``wanted``."""
        logs = by_column(given)
        kept = self._is_wanted(logs)
        if kept.any():
            self._added.append(logs.where(kept))
        # Of a child that may turn out to have been named earlier: then it is asked for again.
        late = is_one_of(logs.addresses, self._starts) & ~kept
        self._answered.setdefault(wanted, set()).update(distinct(logs.where(~late).block_hashes))

    def add_by_address(self, given: Sequence[Log]) -> None:
        """As ``add``, each address's logs as an answer about it."""
        logs = by_column(given)
        for address in distinct(logs.addresses):
            self.add(LogFilter(addresses=(address,)), logs.where(is_one_of(logs.addresses, [address])))

    def want(self, addresses: Mapping[bytes, int]) -> None:
        """From these heights on, logs of these addresses are wanted too."""
        for address, start in addresses.items():
            self._starts[address] = min(start, self._starts.get(address, start))

    def follow_children(self, ask: Ask) -> None:
        """Ask for the logs of children that were found, until there is no new one."""
        while fresh := self._fresh_children():
            self.want(fresh)
            addresses = sorted(fresh)
            for start in range(0, len(addresses), MAX_ADDRESSES):
                portion = tuple(addresses[start : start + MAX_ADDRESSES])
                self.add_by_address(ask(LogFilter(addresses=portion), min(fresh[address] for address in portion)))

    def ask_again(self, headers: Sequence[Header]) -> bool:
        """Ask by hash, once, what gave no log of a block whose bloom leaves room for some; whether there were any."""
        groups: dict[LogFilter, list[Header]] = {}
        for header in headers:
            for wanted in self._doubtful(header):
                self._asked_again.add((header.hash, wanted))
                groups.setdefault(wanted, []).append(header)
        empty: dict[bytes, Header] = {}
        found = False
        for wanted, group in groups.items():
            logs = logs_by_hash(self._source, group, wanted)
            self.add(wanted, logs)
            answered = set(distinct(logs.block_hashes))
            empty.update((header.hash, header) for header in group if header.hash not in answered)
            found = found or len(logs) > 0
        self._require_known(list(empty.values()))
        self._unproven.update((header.hash, BlockRef(header.number, header.hash)) for header in empty.values())
        return found

    def heights(self) -> list[int]:
        """Of the blocks that have logs."""
        return np.unique(self._in_order().numbers).tolist()

    def reading(self, headers: Iterable[Header]) -> Reading:
        """What was gathered, each block with its header. Raises LyingEndpoint for a log that is not in its block."""
        logs = self._in_order()
        heights, starts, block = np.unique(logs.numbers, return_index=True, return_inverse=True)
        by_number = {header.number: header for header in headers}
        found = [by_number[number] for number in heights.tolist()]
        if found:
            require_in_blocks(logs, found, block)
        children: dict[int, list[Child]] = {}
        for child in self._children():
            children.setdefault(child.block.number, []).append(child)
        bounds = pairwise([*starts.tolist(), len(logs)])
        blocks = [
            BlockLogs(header, logs[start:end], tuple(children.get(header.number, ())))
            for header, (start, end) in zip(found, bounds, strict=True)
        ]
        unproven = (block for block in self._unproven.values() if block.number not in heights)
        return Reading(tuple(blocks), logs, tuple(sorted(unproven, key=lambda block: block.number)))

    def _is_wanted(self, logs: Logs) -> Mask:
        """By a rule, or as a child's from its block on."""
        wanted = np.zeros(len(logs), np.bool_)
        for targets, rows in self._by_targets(logs):
            wanted |= targets.select(logs) & rows
        for address, start in self._starts.items() if self._starts else ():
            wanted |= is_one_of(logs.addresses, [address]) & (logs.numbers >= start)
        return wanted

    def _by_targets(self, logs: Logs) -> Iterator[tuple[Targets, Mask]]:
        """What is wanted in the blocks of ``logs``, and where it is that."""
        heights, block = np.unique(logs.numbers, return_inverse=True)
        targets = [self._targets_of(number) for number in heights.tolist()]
        for each in dict.fromkeys(map(id, targets)):
            here = np.array([id(one) == each for one in targets], np.bool_)
            yield targets[int(np.argmax(here))], here[block]

    def _in_order(self) -> Logs:
        """All that was kept, once. Raises InconsistentAnswers.

        Nothing takes the place of what was given before: of two forks at one height, both would be judged by one.
        """
        if self._added:
            parts = [each for each in (self._logs, *self._added) if len(each)]
            self._logs, self._added = self._merged(joined(parts)), []
        return self._logs

    def _merged(self, logs: Logs) -> Logs:
        order = np.lexsort((logs.indexes, logs.numbers))
        logs = logs if (np.diff(order) == 1).all() else logs.take(order)
        again = (np.diff(logs.numbers) == 0) & (np.diff(logs.indexes) == 0)
        for row in np.flatnonzero(again).tolist():
            before, log = logs[row], logs[row + 1]
            if before != log:
                raise InconsistentAnswers(
                    f"log {log.log_index} of block {log.block_number} is in 0x{before.block_hash.hex()} by one answer "
                    f"of {self._source.name}, and in 0x{log.block_hash.hex()} by another, or not the same log",
                    hint="The chain moved between two answers, or several nodes answer behind this URL.",
                )
        return logs.where(np.append(True, ~again)) if len(logs) else logs

    def _children(self) -> list[Child]:
        logs = self._in_order()
        found: dict[tuple[bytes, bytes], Child] = {}
        naming = np.zeros(len(logs), np.bool_)
        for targets, rows in self._by_targets(logs):
            if targets.has_factories:
                naming |= targets.naming(logs) & rows
        for log in logs.where(naming):
            for child in new_children(self._targets_of(log.block_number).children_in([log]), self._known):
                found.setdefault((child.rule, child.address), child)
        return list(found.values())

    def _fresh_children(self) -> dict[bytes, int]:
        """Addresses that nothing asked for yet, and from where on they are wanted."""
        fresh: dict[bytes, int] = {}
        for child in self._children():
            number = child.block.number
            if not self._targets_of(number).watches(child.address):
                fresh[child.address] = min(number, fresh.get(child.address, number))
        return {address: number for address, number in fresh.items() if number < self._starts.get(address, number + 1)}

    def _doubtful(self, header: Header) -> list[LogFilter]:
        """What the bloom leaves room for, and no answer had: it may have come from a node without the block."""
        return [
            wanted
            for wanted in self._filters_at(header)
            if header.hash not in self._answered.get(wanted, ())
            and wanted.may_match(header.logs_bloom)
            and (header.hash, wanted) not in self._asked_again
        ]

    def _filters_at(self, header: Header) -> list[LogFilter]:
        filters = list(self._targets_of(header.number).filters)
        begun = [
            LogFilter(addresses=(address,))
            for address, start in self._starts.items()
            if start <= header.number and may_contain(header.logs_bloom, address)
        ]
        return [*filters, *begun]

    def _require_known(self, headers: Sequence[Header]) -> None:
        """A node without a block has no logs of it either: its empty answer means nothing."""
        given = self._source.headers([header.number for header in headers]) if headers else []
        for before, now in zip(headers, given, strict=True):
            require_same(self._source.name, now, before)


def logs_by_range(source: Source, first: int, last: int, wanted: LogFilter) -> Logs:
    """As asked for by range, each log of that range and wanted. Raises LyingEndpoint."""
    logs = by_column(source.logs_in_range(first, last, wanted))
    require_within(logs, first, last, wanted)
    return logs


def logs_by_hash(source: Source, headers: Sequence[Header], wanted: LogFilter) -> Logs:
    """As asked for by block hash, each log of its block and wanted. Raises LyingEndpoint."""
    answers = list(map(by_column, source.logs_of_blocks([header.hash for header in headers], wanted)))
    for header, logs in zip(headers, answers, strict=True):
        require_within(logs, header.number, header.number, wanted)
        require_in_blocks(logs, [header], np.zeros(len(logs), np.int64))
    return joined(answers)
