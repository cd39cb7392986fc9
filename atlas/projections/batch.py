"""One batch of the log into one build of a view, in one transaction: rows, findings and position together.

The orphan set at log position ``q`` is the fold of all reorgs up to ``q``, and the view at ``q`` is the fold of
all facts up to ``q`` without those of orphaned blocks. When a batch from ``p`` to ``q`` holds a reorg of blocks
whose facts lie at or before ``p``, the build is rewound to before the first of them and folded forward again,
facts that were not orphaned included: they keep their own positions. So the result depends on ``q`` alone,
whatever the batches were.
"""

from collections.abc import Iterator
from uuid import UUID

import psycopg
from pyarrow.compute import field

from atlas.ledger.log import ArrowTable, Ledger
from atlas.projections.builds import Build
from atlas.projections.fold import Fold, Stores
from atlas.projections.folding import Folder
from atlas.projections.reading.orphans import orphaned_after
from atlas.projections.tables.findings import Findings
from atlas.protocol import facts
from atlas.protocol.errors import MalformedFact
from atlas.protocol.facts import ChainReorged

_FOLLOWED = (facts.ABI_TOPIC, facts.CONTRACT_TOPIC, facts.EVENTS_TOPIC, facts.REORGED_TOPIC)


class Batch:
    """Folds the log from the stores' position up to ``upto`` in pages of ``page_facts`` positions."""

    def __init__(self, cursor: psycopg.Cursor, ledger: Ledger, build: Build, stores: Stores, page_facts: int) -> None:
        self._cursor = cursor
        self._ledger = ledger
        self._build = build
        self._stores = stores
        self._page_facts = page_facts
        self._topics = _topics(build)
        self._findings = Findings(build.name)

    def fold(self, upto: int) -> None:
        """Bring the build to log position ``upto``, within the caller's transaction."""
        after = self._stores.position
        page = self._ledger.table(after=after, upto=upto, topics=self._topics)
        before, orphaned = self._orphans(page)
        rewound = self._rewind(before ^ orphaned) if before != orphaned else after
        for start in range(rewound, after, self._page_facts):
            end = min(start + self._page_facts, after)
            self._apply(self._ledger.table(after=start, upto=end, topics=self._topics), orphaned)
        self._apply(page, orphaned)
        self._build.reach(self._cursor, upto)
        self._stores.position = upto

    def _apply(self, page: ArrowTable, orphaned: frozenset[bytes]) -> None:
        fold = Fold(self._cursor, self._stores, self._findings)
        Folder(self._build, fold, self._findings, self._cursor).apply(page, orphaned)
        self._stores.flush(self._cursor, self._findings)

    def _orphans(self, page: ArrowTable) -> tuple[frozenset[bytes], frozenset[bytes]]:
        """The orphan sets before and after the page; the second is stored."""
        before = self._build.orphans(self._cursor)
        after = orphaned_after(before, self._reorgs(page))
        if after != before:
            self._build.set_orphans(self._cursor, before, after)
        return before, after

    def _reorgs(self, page: ArrowTable) -> Iterator[ChainReorged]:
        for payload in page.filter(field("topic") == facts.REORGED_TOPIC).column("payload").to_pylist():
            try:
                yield facts.decode(payload or b"", ChainReorged)
            except MalformedFact:
                continue  # kept as undecodable when the page is folded

    def _rewind(self, changed: frozenset[bytes]) -> int:
        """Rewind to before the first fact of the ``changed`` blocks; the position that the build then stands at."""
        after = self._stores.position
        first = min((position for stream in changed for position in self._positions(stream)), default=after + 1)
        if first > after:
            return after
        self._stores.settle(self._cursor)
        self._build.rewind(self._cursor, first - 1)
        self._stores.forget(self._build.contracts(self._cursor))
        return first - 1

    def _positions(self, stream: bytes) -> Iterator[int]:
        """Where this view meets facts of a block."""
        for fact in self._ledger.stream(UUID(bytes=stream)):
            if fact.topic in self._topics:
                yield fact.position


def _topics(build: Build) -> tuple[str, ...]:
    """The topics of the view, and those that the engine itself follows for it."""
    return tuple(sorted({*build.view.topics, *_FOLLOWED}))
