"""Reading blocks with their logs from a source, every answer checked before it counts.

Near the head logs are asked for by block hash: no reorganisation can come between header and logs, and a
block whose bloom has nothing that is wanted is not asked for at all. Deep in history they are asked for by range;
what a range holds is fetched first, perhaps in advance, and judged when its turn has come.
"""

from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.checks import require_linked
from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.forkchoice import Decision, NeedParents, WindowBlock, choose
from atlas.indexer.chain.gathering import Gathering, Known, Reading, TargetsOf, logs_by_hash, logs_by_range
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.ranges import Span
from atlas.indexer.chain.rules import Targets
from atlas.indexer.chain.source import Log, Source
from atlas.indexer.errors import InconsistentAnswers
from atlas.protocol.facts import BlockRef


class FetchedSpan(msgspec.Struct, frozen=True):
    """What an endpoint said about ``span``, by what of ``targets`` it was asked for; all headers, or none of them."""

    span: Span
    targets: Targets
    logs: tuple[tuple[LogFilter, tuple[Log, ...]], ...]
    headers: tuple[Header, ...]


class SpanReading(msgspec.Struct, frozen=True):
    """What a span of history holds, its last header, and all its headers, linked, where all were asked for."""

    reading: Reading
    last: Header
    headers: tuple[Header, ...] = ()


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


def read_blocks(source: Source, headers: Sequence[Header], targets_of: TargetsOf, known: Known) -> Reading:
    """The wanted logs of ``headers`` (ascending), by block hash."""
    gathering = Gathering(source, targets_of, known)

    def ask(wanted: LogFilter, first: int) -> list[Log]:
        asked = [header for header in headers if header.number >= first and wanted.may_match(header.logs_bloom)]
        return logs_by_hash(source, asked, wanted) if asked else []

    groups: dict[LogFilter, list[Header]] = {}
    for header in headers:
        for wanted in targets_of(header.number).filters:
            if wanted.may_match(header.logs_bloom):
                groups.setdefault(wanted, []).append(header)
    for wanted, group in groups.items():
        gathering.add(wanted, logs_by_hash(source, group, wanted))
    gathering.follow_children(ask)
    while gathering.ask_again(headers):
        gathering.follow_children(ask)
    return gathering.reading(headers)


def fetch_span(
    source: Source, span: Span, targets: Targets, *, every_header: bool, anchor: WindowBlock | None
) -> FetchedSpan:
    """All that can be asked about ``span`` before the one below it is known.

    ``anchor`` is a stored block above it, if there is one: who has it has the stored chain below it too.
    """
    logs = [(wanted, tuple(logs_by_range(source, span.first, span.last, wanted))) for wanted in targets.filters]
    numbers = range(span.first, span.last + 1) if every_header and targets.rules else ()
    return FetchedSpan(span, targets, tuple(logs), headers_below(source, numbers, anchor) if numbers else ())


def settle_span(
    source: Source,
    fetched: FetchedSpan,
    children: Sequence[bytes],
    known: Known,
    *,
    parent_hash: bytes | None,
    anchor: WindowBlock | None,
) -> SpanReading:
    """What was fetched, held against its headers, and the logs of ``children`` that were not asked for then.

    ``parent_hash`` is what the first block must name as its parent, if known. With headers, all are linked and an empty
    answer is held against each bloom.
    """
    span, targets, headers = fetched.span, fetched.targets, fetched.headers
    if not targets.rules:
        return SpanReading(Reading(), source.headers([span.last])[0])
    if headers:
        require_linked(headers[0].parent_hash if parent_hash is None else parent_hash, headers)
    gathering = Gathering(source, lambda _: targets, known)

    def ask(wanted: LogFilter, first: int) -> list[Log]:
        return logs_by_range(source, first, span.last, wanted)

    for wanted, logs in fetched.logs:
        gathering.add(wanted, logs)
    missing = [address for address in children if not targets.watches(address)]
    if missing:
        gathering.want(dict.fromkeys(missing, span.first))
        for wanted in Targets(children=tuple(missing)).filters:
            for log in ask(wanted, span.first):
                gathering.add(LogFilter(addresses=(log.address,)), [log])
    gathering.follow_children(ask)
    while headers and gathering.ask_again(headers):
        gathering.follow_children(ask)
    found = headers or headers_below(source, sorted({*gathering.heights(), span.last}), anchor)
    return SpanReading(gathering.reading(found), found[-1], headers)


def headers_below(source: Source, numbers: Sequence[int], anchor: WindowBlock | Header | None) -> tuple[Header, ...]:
    """Headers by number, and with them, in one request, that of ``anchor``: the same node should have answered.

    Raises InconsistentAnswers where it has another block at that height.
    """
    if anchor is None:
        return tuple(source.headers(numbers))
    *headers, last = source.headers([*numbers, anchor.number])
    require_same(source, last, anchor)
    return tuple(headers)


def _path_above(source: Source, tip: WindowBlock, head: Header, max_blocks: int) -> list[Header]:
    if head.number <= tip.number or head.parent_hash == tip.hash:
        return [head]
    headers = source.headers(range(tip.number + 1, min(head.number, tip.number + max_blocks) + 1))
    require_linked(headers[0].parent_hash, headers)
    return headers


def require_same(source: Source, header: Header, block: WindowBlock | BlockRef | Header) -> None:
    """``header``, as given now, is the stored ``block``. Raises InconsistentAnswers."""
    if header.hash != block.hash:
        raise InconsistentAnswers(
            f"block {block.number} is 0x{header.hash.hex()} at {source.name}, but 0x{block.hash.hex()} a moment ago",
            hint="The chain moved between two answers, or several nodes answer behind this URL.",
        )
