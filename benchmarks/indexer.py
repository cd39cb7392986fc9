"""The indexer against its peers, part by part: each figure beside its baseline of the same run."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.figures import decoding
from benchmarks.measuring import Figure, options, report

PARTS = (decoding,)


def measure(*, quick: bool) -> Iterator[Figure]:
    """The figures of all parts."""
    for part in PARTS:
        yield from part.figures(quick)


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__)
    report("indexer", measure(quick=chosen.quick), as_json=chosen.json)


if __name__ == "__main__":
    main()
