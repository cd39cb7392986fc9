"""Planning of ranges."""

from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.ranges import RangeSize, Span, first_anchor, next_span
from atlas.indexer.chain.watching.config import Contract

CONTRACTS = st.lists(st.integers(0, 60), min_size=1, max_size=6).map(
    lambda starts: [Contract(f"C{index}", index.to_bytes(20, "big"), start) for index, start in enumerate(starts)]
)


@given(contracts=CONTRACTS, first=st.integers(0, 70), blocks=st.integers(1, 80), max_blocks=st.integers(1, 30))
def test_spans_cover_every_block_once_and_watch_what_is_due_in_each(
    contracts: list[Contract], first: int, blocks: int, max_blocks: int
) -> None:
    limit = first + blocks - 1
    covered: list[int] = []
    while not covered or covered[-1] < limit:
        span = next_span(contracts, first=covered[-1] + 1 if covered else first, limit=limit, max_blocks=max_blocks)
        numbers = range(span.first, span.last + 1)
        assert len(numbers) <= max_blocks or not span.rules
        for number in numbers:
            assert span.rules == tuple(contract for contract in contracts if contract.start_block <= number)
        covered.extend(numbers)
    assert covered == list(range(first, limit + 1))


@given(contracts=CONTRACTS, head=st.integers(0, 100), window_blocks=st.integers(1, 50))
def test_the_first_anchor_is_before_every_contract_and_leaves_the_window_to_be_linked(
    contracts: list[Contract], head: int, window_blocks: int
) -> None:
    anchor = first_anchor(contracts, head=head, window_blocks=window_blocks)
    assert 0 <= anchor <= head
    assert anchor == 0 or anchor <= head - window_blocks
    assert all(anchor < max(1, contract.start_block) for contract in contracts)


def test_a_span_ends_before_the_block_where_another_contract_starts() -> None:
    contracts = [Contract("A", b"a" * 20, 1), Contract("B", b"b" * 20, 50)]
    span = next_span(contracts, first=10, limit=1000, max_blocks=500)
    assert (span.first, span.last, span.rules) == (10, 49, (contracts[0],))


def test_a_refused_range_is_halved_and_grows_back() -> None:
    size = RangeSize(64)
    assert size.refused(Span(1, 16, ()))
    assert size.blocks == 8
    size.answered(Span(1, 8, ()))
    assert size.blocks == 12
    for _ in range(20):
        size.answered(Span(1, size.blocks, ()))
    assert size.blocks == 64


def test_a_short_range_that_was_answered_says_nothing_about_longer_ones() -> None:
    size = RangeSize(64)
    size.refused(Span(1, 16, ()))
    size.answered(Span(1, 5, ()))
    assert size.blocks == 8


def test_blocks_with_many_logs_make_short_ranges_and_others_long_ones_again() -> None:
    size = RangeSize(64)
    size.answered(Span(1, 16, ()), 40_000)
    assert size.blocks == 4
    size.answered(Span(1, 4, ()), 10_000)
    assert size.blocks == 4
    size.answered(Span(1, 4, ()), 5_000)
    assert size.blocks == 8
    size.answered(Span(1, 1, ()), 50_000)
    assert size.blocks == 1


def test_one_block_cannot_be_halved() -> None:
    size = RangeSize(64)
    assert not size.refused(Span(7, 7, ()))
    assert size.blocks == 1
