"""Reading blocks with their logs from a source, every answer checked before it counts.

Near the head logs are asked for by block hash: no reorganisation can come between header and logs, and a
block whose bloom has nothing that is wanted is not asked for at all. Deep in history they are asked for by range;
what a range holds is fetched first, perhaps in advance, and judged when its turn has come.
"""

from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.forkchoice import Decision, NeedParents, WindowBlock, choose
from atlas.indexer.chain.gathering import NO_LOGS, Gathering, Known, Reading, TargetsOf, logs_by_hash, logs_by_range
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.logs import Logs
from atlas.indexer.chain.ranges import Span
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.verification.checks import require_linked, require_same
from atlas.indexer.chain.watching.rules import Targets
from atlas.indexer.errors import InconsistentAnswers


class FetchedSpan(msgspec.Struct, frozen=True):
    """What an endpoint said about ``span``, by what of ``targets`` it was asked for.

    ``headers`` are all of the span; where not all are asked for, ``last`` is its last one, from before the logs.
    """

    span: Span
    targets: Targets
    logs: tuple[tuple[LogFilter, Logs], ...] = ()
    headers: tuple[Header, ...] = ()
    last: Header | None = None


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

    def ask(wanted: LogFilter, first: int) -> Logs:
        asked = [header for header in headers if header.number >= first and wanted.may_match(header.logs_bloom)]
        return logs_by_hash(source, asked, wanted) if asked else NO_LOGS

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


def fetch_span(source: Source, span: Span, targets: Targets, *, every_header: bool, anchor: WindowBlock) -> FetchedSpan:
    """All that can be asked about ``span`` before the one below it is known; ``anchor`` as in ``settle_span``."""
    if not targets.rules:
        return FetchedSpan(span, targets)
    last = None if every_header else headers_beside(source, [span.last], anchor)[0]
    logs = [(wanted, logs_by_range(source, span.first, span.last, wanted)) for wanted in targets.filters]
    headers: Sequence[Header] = ()
    if every_header:
        numbers = range(span.first, span.last + 1)
        is_above = anchor.number > span.last  # below, the parent hashes lead to it
        headers = headers_beside(source, numbers, anchor) if is_above else source.headers(numbers)
    return FetchedSpan(span, targets, tuple(logs), tuple(headers), last)


def settle_span(
    source: Source, fetched: FetchedSpan, children: Sequence[bytes], known: Known, *, anchor: WindowBlock
) -> SpanReading:
    """What was fetched, held against its headers, and the logs of ``children`` that were not asked for then.

    ``anchor`` is the stored block right below the span, or one above it: the span is on its chain. With all headers,
    these are linked, to the anchor where they meet it, and an empty answer is held against each bloom. Without, the
    last one is the same before the logs and after them. Raises EndpointError.
    """
    span, targets, headers = fetched.span, fetched.targets, fetched.headers
    if not targets.rules:
        return SpanReading(Reading(), headers_beside(source, [span.last], anchor)[0])
    _require_joined(headers, anchor)
    gathering = Gathering(source, lambda _: targets, known)

    def ask(wanted: LogFilter, first: int) -> Logs:
        return logs_by_range(source, first, span.last, wanted)

    for wanted, logs in fetched.logs:
        gathering.add(wanted, logs)
    missing = [address for address in children if not targets.watches(address)]
    if missing:
        gathering.want(dict.fromkeys(missing, span.first))
        for wanted in Targets(children=tuple(missing)).filters:
            gathering.add_by_address(ask(wanted, span.first))
    gathering.follow_children(ask)
    while headers and gathering.ask_again(headers):
        gathering.follow_children(ask)
    found = headers or headers_beside(source, sorted({*gathering.heights(), span.last}), anchor)
    if fetched.last is not None:
        require_same(source.name, found[-1], fetched.last)
    return SpanReading(gathering.reading(found), found[-1], headers)


def headers_beside(source: Source, numbers: Sequence[int], anchor: WindowBlock | Header) -> tuple[Header, ...]:
    """Headers by number, and with them that of ``anchor``: the same node should have answered.

    It is asked for before and after the last one: one of the two comes in the same batch, wherever batches are cut.
    Raises InconsistentAnswers where there is another block at that height.
    """
    *others, last = numbers
    *headers, before, header, after = source.headers([*others, anchor.number, last, anchor.number])
    require_same(source.name, before, anchor)
    require_same(source.name, after, anchor)
    return (*headers, header)


def _require_joined(headers: Sequence[Header], anchor: WindowBlock) -> None:
    """The parent hashes lead from each of ``headers`` to the next, and to ``anchor`` right beside them."""
    if not headers:
        return
    is_below = anchor.number == headers[0].number - 1
    require_linked(anchor.hash if is_below else headers[0].parent_hash, headers)
    if anchor.number == headers[-1].number + 1 and anchor.parent_hash != headers[-1].hash:
        raise InconsistentAnswers(
            f"block {anchor.number} is stored with the parent 0x{anchor.parent_hash.hex()}, "
            f"but block {headers[-1].number} is 0x{headers[-1].hash.hex()}",
            hint="Several nodes answer behind this URL, and one of them is on another fork.",
        )


def _path_above(source: Source, tip: WindowBlock, head: Header, max_blocks: int) -> list[Header]:
    if head.number <= tip.number or head.parent_hash == tip.hash:
        return [head]
    headers = source.headers(range(tip.number + 1, min(head.number, tip.number + max_blocks) + 1))
    require_linked(headers[0].parent_hash, headers)
    return headers
