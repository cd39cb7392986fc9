from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.sdk.delivery import Backoff


def longest(failures: int, retry_after_s: float | None = None) -> list[float]:
    backoff = Backoff(base_s=1, cap_s=10, draw=lambda: 1.0)
    return [backoff.next_s(retry_after_s) for _ in range(failures)]


def test_waits_double_up_to_the_cap() -> None:
    assert longest(6) == [1, 2, 4, 8, 10, 10]


def test_waits_begin_anew_after_a_success() -> None:
    backoff = Backoff(base_s=1, cap_s=10, draw=lambda: 1.0)
    assert [backoff.next_s(), backoff.next_s()] == [1, 2]
    backoff.reset()
    assert backoff.next_s() == 1


def test_a_wait_is_never_shorter_than_the_server_wished() -> None:
    assert Backoff(base_s=1, cap_s=10, draw=lambda: 0.0).next_s(30) == 30
    assert longest(3, 30) == [31, 31, 31]


@given(st.integers(0, 2000), st.floats(0, 1))
def test_a_wait_is_between_zero_and_the_cap_however_often_it_failed(failures: int, drawn: float) -> None:
    backoff = Backoff(base_s=0.5, cap_s=60, draw=lambda: drawn)
    for _ in range(failures):
        backoff.next_s()
    assert 0 <= backoff.next_s() <= 60
