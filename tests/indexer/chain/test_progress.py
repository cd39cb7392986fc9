"""Rates."""

import pytest

from atlas.indexer.chain.progress import RATE_INTERVAL_S, RateMeter


class Clock:
    """A clock that is moved by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_rates_are_counts_over_elapsed_time() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    for _ in range(4):
        clock.now_s += 1
        meter.add(blocks=10, facts=30)
    assert meter.per_second() == pytest.approx((10, 30))


def test_rates_forget_what_is_long_ago() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    meter.add(blocks=1_000_000, facts=1_000_000)
    for _ in range(round(RATE_INTERVAL_S) + 3):
        clock.now_s += 1
        meter.add(blocks=10, facts=30)
    assert meter.per_second() == pytest.approx((10, 30), rel=0.01)


def test_nothing_done_is_a_rate_of_nothing() -> None:
    assert RateMeter(Clock()).per_second() == (0, 0)
