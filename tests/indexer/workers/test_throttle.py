import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RateLimited
from atlas.indexer.workers.intake.throttle import Rate, Throttle

WORKER, OTHER = bytes(20), bytes([1] * 20)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_worker_waits_as_long_as_it_takes_until_there_is_room() -> None:
    clock = Clock()
    throttle = Throttle(Rate(), Rate(records_per_s=10), burst_s=2, clock=clock)
    throttle.charge_worker(WORKER, 20, 0)
    with pytest.raises(RateLimited) as refused:
        throttle.charge_worker(WORKER, 15, 0)
    assert refused.value.retry_after_s == 2
    throttle.charge_worker(OTHER, 20, 0)
    clock.now_s = 1.5
    throttle.charge_worker(WORKER, 15, 0)


def test_more_than_a_full_bucket_is_taken_when_it_is_full_and_then_paid_off() -> None:
    clock = Clock()
    throttle = Throttle(Rate(), Rate(records_per_s=10), burst_s=1, clock=clock)
    throttle.charge_worker(WORKER, 30, 0)
    clock.now_s = 2.0
    with pytest.raises(RateLimited):
        throttle.charge_worker(WORKER, 1, 0)
    clock.now_s = 2.2
    throttle.charge_worker(WORKER, 1, 0)


def test_everybody_together_is_bounded_too() -> None:
    throttle = Throttle(Rate(records_per_s=10, bytes_per_s=100), Rate(), burst_s=1, clock=Clock())
    throttle.charge(60)
    with pytest.raises(RateLimited):
        throttle.charge(60)
    throttle.charge_worker(WORKER, 6, 0)
    with pytest.raises(RateLimited):
        throttle.charge_worker(OTHER, 6, 0)


def test_without_limits_nothing_is_refused() -> None:
    throttle = Throttle(Rate(), Rate(), clock=Clock())
    for _ in range(3):
        throttle.charge(10**12)
        throttle.charge_worker(WORKER, 10**9, 10**12)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=40))
def test_over_time_no_more_is_taken_than_the_rate_and_one_burst(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    throttle = Throttle(Rate(), Rate(records_per_s=7), burst_s=10, clock=clock)
    taken = 0
    for pause_s, records in steps:
        clock.now_s += pause_s
        try:
            throttle.charge_worker(WORKER, records, 0)
        except RateLimited:
            continue
        taken += records
        assert taken <= 7 * (clock.now_s + 10) + 1e-6
