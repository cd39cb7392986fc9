"""Reading history range by range, the next ones fetched while the last is committed.

Ahead of time ranges are only fetched; each is judged, and what its factories' events name is asked for, when all before
it is known. So the order of the facts is the same with and without fetching ahead.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.gathering import Known
from atlas.indexer.chain.ranges import RangeSize, Span, next_span
from atlas.indexer.chain.reading import FetchedSpan, SpanReading, fetch_span, settle_span
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.chain.watching.rules import Child, Rule, Targets
from atlas.indexer.errors import RangeTooLarge


class HistoryReader:
    """Ranges of one chain, read in turn; ``executor`` fetches ahead, None: a thread of its own."""

    def __init__(self, config: ChainConfig, source: Source, executor: Executor | None = None) -> None:
        self._source = source
        self._every_header = config.verify != "off"
        self._ahead = config.prefetch_ranges
        self._size = RangeSize(config.max_range_blocks)
        self._executor = executor
        self._own: ThreadPoolExecutor | None = None
        self._fetching: deque[tuple[Span, Future[FetchedSpan]]] = deque()

    def read(
        self,
        rules: Sequence[Rule],
        children: Sequence[Child],
        *,
        first: int,
        limit: int,
        anchor: WindowBlock,
    ) -> SpanReading:
        """A range from ``first`` to ``limit`` at most; one that the endpoint refuses is halved.

        ``children`` are those that the rules have named before ``first``; ``anchor`` joins the range to the stored
        chain: the block before it, or one above it. Raises EndpointError.
        """
        known: Known = frozenset((child.rule, child.address) for child in children)
        watched = tuple(dict.fromkeys(child.address for child in children))
        while True:
            span = next_span(rules, first=first, limit=limit, max_blocks=self._size.blocks)
            try:
                fetched = self._take(span, limit) or self._fetch(span, watched, anchor)
                self._fetch_ahead(rules, watched, fetched.span, limit, anchor)
                read = settle_span(self._source, fetched, watched, known, anchor=anchor)
            except RangeTooLarge:
                self.forget()
                if not self._size.refused(span):
                    raise
            except BaseException:
                self.forget()
                raise
            else:
                self._size.answered(fetched.span, sum(len(logs) for _, logs in fetched.logs))
                return read

    def forget(self) -> None:
        """Drop what was fetched ahead."""
        while self._fetching:
            self._fetching.pop()[1].cancel()

    def close(self) -> None:
        """Stop fetching. Calling it twice does no harm."""
        self.forget()
        own, self._own = self._own, None
        if own is not None:
            own.shutdown(wait=False, cancel_futures=True)

    def _take(self, span: Span, limit: int) -> FetchedSpan | None:
        """What was fetched ahead for this range; all of it is dropped when it was for another one."""
        if not self._fetching:
            return None
        ahead, future = self._fetching.popleft()
        if (ahead.first, ahead.rules) == (span.first, span.rules) and ahead.last <= limit:
            return future.result()
        future.cancel()
        self.forget()
        return None

    def _fetch(self, span: Span, watched: Sequence[bytes], anchor: WindowBlock) -> FetchedSpan:
        targets = Targets(span.rules, tuple(watched) if span.rules else ())
        return fetch_span(self._source, span, targets, every_header=self._every_header, anchor=anchor)

    def _fetch_ahead(
        self, rules: Sequence[Rule], watched: Sequence[bytes], after: Span, limit: int, anchor: WindowBlock
    ) -> None:
        last = self._fetching[-1][0].last if self._fetching else after.last
        while len(self._fetching) < self._ahead and last < limit:
            span = next_span(rules, first=last + 1, limit=limit, max_blocks=self._size.blocks)
            self._fetching.append((span, self._run().submit(self._fetch, span, watched, anchor)))
            last = span.last

    def _run(self) -> Executor:
        if self._executor is not None:
            return self._executor
        if self._own is None:
            self._own = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
        return self._own
