"""Reading blocks with their logs from a source, every answer checked before it counts.

Near the head logs are asked for by block hash: no reorganisation can come between header and logs, and a
block whose bloom has no watched address is not asked for at all. Deep in history they are asked for by range.
"""

from collections.abc import Mapping, Sequence

import msgspec

from atlas.indexer.chain.checks import (
    may_have_logs,
    require_in_block,
    require_linked,
    require_within,
)
from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.forkchoice import Decision, NeedParents, WindowBlock, choose
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.ranges import Span
from atlas.indexer.chain.recording import BlockLogs
from atlas.indexer.chain.source import Log, Source
from atlas.indexer.errors import InconsistentAnswers
from atlas.protocol.facts import BlockRef


class Reading(msgspec.Struct, frozen=True):
    """Blocks that have watched logs, ascending; ``unproven`` have none, but their bloom leaves room for some."""

    blocks: tuple[BlockLogs, ...] = ()
    unproven: tuple[BlockRef, ...] = ()


class SpanReading(msgspec.Struct, frozen=True):
    """What a span of history holds, and its last header."""

    reading: Reading
    last: Header


def decide(source: Source, window: Sequence[WindowBlock], head: Header, max_blocks: int) -> Decision:
    """What the chain up to ``head``, at most ``max_blocks`` above the stored tip, means for the stored ``window``."""
    path = _path_above(source, window[-1], head, max_blocks)
    decision = choose(window, path)
    while isinstance(decision, NeedParents):
        # Twice as far back each time: a deep reorganisation takes few round trips.
        first = max(window[0].number + 1, decision.number - len(path))
        parents = source.headers(range(first, decision.number + 1))
        path = [*parents, *path]
        require_linked(path[0].parent_hash, path)
        decision = choose(window, path)
    return decision


def read_blocks(source: Source, headers: Sequence[Header], watched: Sequence[tuple[bytes, ...]]) -> Reading:
    """The logs of ``headers``, by block hash; ``watched`` are the addresses to watch in each."""
    candidates = [
        (header, addresses)
        for header, addresses in zip(headers, watched, strict=True)
        if may_have_logs(header, addresses)
    ]
    asked: dict[tuple[bytes, ...], list[Header]] = {}
    for header, addresses in candidates:
        asked.setdefault(addresses, []).append(header)
    blocks: list[BlockLogs] = []
    for addresses, group in asked.items():
        blocks.extend(_ask_by_hash(source, group, addresses))
    return _settled(source, blocks, {header.hash: addresses for header, addresses in candidates})


def read_span(source: Source, span: Span, parent_hash: bytes | None, *, every_header: bool) -> SpanReading:
    """The logs of ``span``, by range; ``parent_hash`` is what its first block must name as its parent, if known.

    With ``every_header`` all headers are fetched and linked, and an empty answer is held against each bloom.
    """
    numbers = range(span.first, span.last + 1)
    if not span.addresses:
        return SpanReading(Reading(), source.headers([span.last])[0])
    logs = source.logs_in_range(span.first, span.last, LogFilter(span.addresses))
    require_within(logs, span.first, span.last, span.addresses)
    by_number: dict[int, list[Log]] = {}
    for log in logs:
        by_number.setdefault(log.block_number, []).append(log)
    headers = source.headers(numbers if every_header else sorted({*by_number, span.last}))
    if every_header:
        require_linked(headers[0].parent_hash if parent_hash is None else parent_hash, headers)
    blocks = [_checked(header, by_number.get(header.number, [])) for header in headers]
    candidates = {block.header.hash: span.addresses for block in blocks if _open(block, span.addresses, every_header)}
    return SpanReading(_settled(source, blocks, candidates), headers[-1])


def _path_above(source: Source, tip: WindowBlock, head: Header, max_blocks: int) -> list[Header]:
    if head.number <= tip.number or head.parent_hash == tip.hash:
        return [head]
    headers = source.headers(range(tip.number + 1, min(head.number, tip.number + max_blocks) + 1))
    require_linked(headers[0].parent_hash, headers)
    return headers


def _open(block: BlockLogs, addresses: Sequence[bytes], every_header: bool) -> bool:
    return every_header and not block.logs and may_have_logs(block.header, addresses)


def _checked(header: Header, logs: Sequence[Log]) -> BlockLogs:
    require_in_block(logs, header)
    return BlockLogs(header, tuple(logs))


def _ask_by_hash(source: Source, headers: Sequence[Header], addresses: tuple[bytes, ...]) -> list[BlockLogs]:
    answers = source.logs_of_blocks([header.hash for header in headers], LogFilter(addresses))
    blocks: list[BlockLogs] = []
    for header, logs in zip(headers, answers, strict=True):
        require_within(logs, header.number, header.number, addresses)
        blocks.append(_checked(header, logs))
    return blocks


def _settled(source: Source, blocks: Sequence[BlockLogs], watched: Mapping[bytes, tuple[bytes, ...]]) -> Reading:
    """Ask once more about the ``watched`` blocks (by hash) that came without logs; what stays empty is unproven."""
    found: list[BlockLogs] = []
    unproven: list[BlockRef] = []
    for block in sorted(blocks, key=lambda block: block.header.number):
        header = block.header
        settled = block
        if not block.logs and header.hash in watched:
            _require_known(source, header)
            settled = _ask_by_hash(source, [header], watched[header.hash])[0]
            if not settled.logs:
                unproven.append(BlockRef(header.number, header.hash))
        if settled.logs:
            found.append(settled)
    return Reading(tuple(found), tuple(unproven))


def _require_known(source: Source, header: Header) -> None:
    """A node without the block has no logs of it either: its empty answer means nothing."""
    if source.header(header.hash) is None:
        raise InconsistentAnswers(
            f"{source.name} no longer has block {header.number} 0x{header.hash.hex()}",
            hint="The chain moved, or several nodes answer behind this URL.",
        )
