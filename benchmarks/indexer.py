"""The indexer against its peers and limits, topic by topic: each figure beside its baseline of the same run."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.figures import backfill, decoding, following, intake, receipts, rpc
from benchmarks.measuring import Figure, options, report

TOPICS = (backfill, following, decoding, rpc, receipts, intake)


def figures(*, quick: bool) -> Iterator[Figure]:
    """Every figure, topic by topic."""
    for topic in TOPICS:
        yield from topic.figures(quick)


if __name__ == "__main__":
    arguments = options(__doc__)
    report("indexer", figures(quick=arguments.quick), as_json=arguments.json)
