"""Additive increase, multiplicative decrease."""

from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.sources.pace import RETRY_AFTER, Limits, Pace

LIMITS = Limits(range_blocks=1_000, concurrency=16)


def succeeded(pace: Pace, times: int, blocks: int | None = None) -> Pace:
    for _ in range(times):
        pace = pace.succeeded(blocks or pace.range_blocks)
    return pace


def test_it_starts_fast() -> None:
    pace = Pace.start(LIMITS)
    assert pace.range_blocks == 1_000
    assert pace.concurrency == 8


def test_a_refused_range_is_halved_and_grows_back_by_steps_below_the_refused_size() -> None:
    pace = Pace.start(LIMITS).too_large(1_000, None)
    assert pace.range_blocks == 500
    grown = [pace := pace.succeeded(pace.range_blocks) for _ in range(20)]
    assert [each.range_blocks for each in grown[:3]] == [562, 624, 686]
    assert grown[-1].range_blocks == 999


def test_the_range_that_the_endpoint_names_is_taken_at_once_and_kept() -> None:
    pace = Pace.start(LIMITS).too_large(1_000, 300)
    assert pace.range_blocks == 300
    assert succeeded(pace, RETRY_AFTER - 1).range_blocks == 300
    assert succeeded(pace, RETRY_AFTER).range_blocks == 362
    assert succeeded(pace, 20 * RETRY_AFTER).range_blocks == 1_000


def test_a_named_range_that_is_not_smaller_is_no_reason_to_repeat_the_question() -> None:
    assert Pace.start(LIMITS).too_large(1_000, 50_000).range_blocks < 1_000


def test_short_ranges_say_nothing_about_long_ones() -> None:
    pace = Pace.start(LIMITS).too_large(1_000, None)
    assert succeeded(pace, 50, blocks=3).range_blocks == 500


def test_too_many_requests_halve_their_number_only() -> None:
    pace = Pace.start(LIMITS).overloaded()
    assert (pace.concurrency, pace.range_blocks) == (4, 1_000)
    assert succeeded(pace, 20).concurrency == 16


def test_a_time_out_halves_both() -> None:
    pace = Pace.start(LIMITS).timed_out(800)
    assert (pace.concurrency, pace.range_blocks) == (4, 400)


@given(
    st.integers(1, 5_000),
    st.integers(1, 64),
    st.lists(st.tuples(st.sampled_from("olst"), st.integers(1, 9_999), st.integers(1, 9_999))),
)
def test_whatever_happens_both_stay_within_their_limits(
    range_blocks: int, concurrency: int, events: list[tuple[str, int, int]]
) -> None:
    pace = Pace.start(Limits(range_blocks, concurrency))
    for event, share, suggested in events:
        blocks = 1 + share % pace.range_blocks
        match event:
            case "o":
                pace = pace.succeeded(pace.range_blocks)
            case "l":
                before = pace.range_blocks
                pace = pace.too_large(before, suggested if suggested % 2 else None)
                assert pace.range_blocks < before or before == 1
            case "s":
                pace = pace.timed_out(blocks)
            case _:
                pace = pace.overloaded()
        assert 1 <= pace.range_blocks <= pace.ceiling <= range_blocks
        assert 1 <= pace.concurrency <= concurrency
