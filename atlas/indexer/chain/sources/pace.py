"""How much an endpoint is asked for at once: additive increase, multiplicative decrease. Pure.

Two numbers, each with its own signal. The blocks of a range halve when the endpoint calls an answer too large or
is out of time; the requests under way halve when it is asked too often. Success lets both grow back.
A size that was refused is remembered as a ceiling; it is only tried again after RETRY_AFTER successes below it.
"""

import msgspec

FIRST_CONCURRENCY = 8
RETRY_AFTER = 64
# Growth takes this many successes from one to the maximum.
_STEPS = 16


class Limits(msgspec.Struct, frozen=True):
    """The most that is asked for: blocks of a range, and requests under way."""

    range_blocks: int = 500
    concurrency: int = 16


class Pace(msgspec.Struct, frozen=True):
    """What is asked for now; ``ceiling`` is the longest range that was not refused."""

    limits: Limits
    range_blocks: int
    concurrency: int
    ceiling: int
    successes: int = 0  # in a row, at the ceiling or below

    @classmethod
    def start(cls, limits: Limits) -> "Pace":
        """Begin with long ranges and several requests: an endpoint that minds will say so."""
        most = limits.range_blocks
        return cls(limits, most, min(FIRST_CONCURRENCY, limits.concurrency), most)

    def succeeded(self, blocks: int | None) -> "Pace":
        """A request was answered; ``blocks`` is the length of its range, None when it had none."""
        concurrency = min(self.limits.concurrency, self.concurrency + 1)
        if blocks is None or blocks < self.range_blocks:
            return msgspec.structs.replace(self, concurrency=concurrency)
        step = max(1, self.limits.range_blocks // _STEPS)
        ceiling, successes = self.ceiling, self.successes + 1
        if successes >= RETRY_AFTER and self.range_blocks == ceiling:
            ceiling, successes = min(self.limits.range_blocks, ceiling + step), 0
        grown = min(ceiling, self.range_blocks + step)
        return Pace(self.limits, grown, concurrency, ceiling, successes)

    def too_large(self, blocks: int, suggested: int | None) -> "Pace":
        """A range of ``blocks`` was refused; ``suggested`` is what the endpoint said that it would answer."""
        ceiling = max(1, min(self.ceiling, blocks - 1))
        if suggested is not None:
            ceiling = max(1, min(ceiling, suggested))
        wanted = ceiling if suggested is not None else max(1, blocks // 2)
        return Pace(self.limits, min(self.range_blocks, wanted), self.concurrency, ceiling)

    def timed_out(self, blocks: int | None) -> "Pace":
        """No answer came in time."""
        slower = self.overloaded()
        return slower if blocks is None else slower.too_large(blocks, None)

    def overloaded(self) -> "Pace":
        """The endpoint is asked too often."""
        return msgspec.structs.replace(self, concurrency=max(1, self.concurrency // 2))
