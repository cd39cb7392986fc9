"""What to ask for next: ranges of blocks in which what is read stays the same, and how long they are. Pure."""

from collections.abc import Iterable

import msgspec

from atlas.indexer.chain.watching.rules import Rule, started

GROWTH = 16  # a range grows by one sixteenth of the longest one
LOGS_A_RANGE = 10_000  # about as many as one commit takes without holding much in memory


class Span(msgspec.Struct, frozen=True):
    """Blocks ``first`` to ``last``, both included, and the rules in force in all of them (perhaps none)."""

    first: int
    last: int
    rules: tuple[Rule, ...]


class RangeSize:
    """How many blocks one request spans: halved when an endpoint refuses, and a little longer after each success.

    Where blocks have many logs, as many blocks as have about LOGS_A_RANGE.
    """

    def __init__(self, max_blocks: int) -> None:
        self._max_blocks = max_blocks
        self.blocks = max(1, max_blocks // 4)

    def refused(self, span: Span) -> bool:
        """Ask for half of ``span`` from now on; False when it was one block, which has no half."""
        width = span.last - span.first + 1
        self.blocks = min(self.blocks, max(1, width // 2))
        return width > 1

    def answered(self, span: Span, logs: int = 0) -> None:
        """A span with so many logs was answered: if it was of full length, the next one may be longer."""
        width = span.last - span.first + 1
        if logs > LOGS_A_RANGE:
            self.blocks = min(self.blocks, max(1, width * LOGS_A_RANGE // logs))
        elif width >= self.blocks:
            longer = min(self._max_blocks, self.blocks + max(1, self._max_blocks // GROWTH))
            if logs * longer <= LOGS_A_RANGE * width:
                self.blocks = longer


def next_span(rules: Iterable[Rule], *, first: int, limit: int, max_blocks: int) -> Span:
    """The longest span from ``first`` that ends at or before ``limit`` and at no block where a rule starts.

    ``first`` is at most ``limit``. A span without a rule may be longer than ``max_blocks``.
    """
    known = tuple(rules)
    in_force = started(known, first)
    later_starts = [rule.start_block for rule in known if rule.start_block > first]
    last = min([limit, *(start - 1 for start in later_starts)])
    if in_force:
        last = min(last, first + max_blocks - 1)
    return Span(first, last, in_force)


def first_anchor(rules: Iterable[Rule], *, head: int, window_blocks: int) -> int:
    """The block to begin after: right before the first rule, and deep enough to see a reorganisation there."""
    first_start = min(rule.start_block for rule in rules)
    return max(0, min(first_start - 1, head - window_blocks))
