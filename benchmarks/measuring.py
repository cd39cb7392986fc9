"""What the benchmarks share: options, one kind of figure, a table, and one JSON object a line."""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured value, beside its baseline of the same run; ``ratio`` is value over baseline."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None


def against(name: str, value: float, unit: str, baseline: float) -> Figure:
    """A figure with its baseline."""
    return Figure(name, round(value, 3), unit, round(baseline, 3), round(value / baseline, 3))


def alone(name: str, value: float, unit: str) -> Figure:
    """A figure that is held against a limit, not against a peer."""
    return Figure(name, round(value, 3), unit)


def best(runs: int, measure: Callable[[], float]) -> float:
    """The highest of several measurements: what the machine does when nothing else disturbs it."""
    return max(measure() for _ in range(runs))


def interleaved(runs: int, *measures: Callable[[], float]) -> list[tuple[float, ...]]:
    """Each measurement once a run, one after the other, so that what else the machine does meets all alike."""
    return [tuple(measure() for measure in measures) for _ in range(runs)]


def in_turns(name: str, rates: Sequence[tuple[float, float]], unit: str) -> Figure:
    """Medians over the runs: of the value, of its baseline, and of the ratio of the two within a run."""
    values, baselines = zip(*rates, strict=True)
    ratio = median(value / baseline for value, baseline in rates)
    return Figure(name, round(median(values), 3), unit, round(median(baselines), 3), round(ratio, 3))


def options(description: str | None) -> argparse.Namespace:
    """``--quick`` and ``--json``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="finish within a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    return parser.parse_args()


def per_second(count: int, work: Callable[[], object]) -> float:
    """How many of ``count`` things that ``work`` does are done in a second."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def report(title: str, figures: Iterable[Figure], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        for figure in figures:
            print(json.dumps(asdict(figure)), flush=True)
        return
    table = Table("figure", "value", "unit", "baseline", "ratio", title=title, title_justify="left")
    for column in (1, 3, 4):
        table.columns[column].justify = "right"
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
        table.add_row(figure.name, _number(figure.value), figure.unit, _number(figure.baseline), ratio)
    Console().print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3f}"
