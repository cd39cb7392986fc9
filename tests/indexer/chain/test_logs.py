"""Logs by column are the logs that they were made of, and are judged as each by itself."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.logs import by_column, distinct, is_one_of, joined
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.verification import checks, column_checks
from atlas.indexer.chain.watching.rules import Contract, Events, Factory, Targets
from atlas.indexer.errors import LyingEndpoint
from atlas.protocol.evm.bloom import bits

ADDRESSES = [bytes([number]) * 20 for number in range(1, 4)]
TOPICS = [bytes([number]) * 32 for number in range(11, 14)]
HASHES = [bytes([number]) * 32 for number in range(2)]
LOG = st.builds(
    Log,
    block_number=st.integers(7, 9),
    block_hash=st.sampled_from(HASHES),
    tx_hash=st.just(bytes(32)),
    tx_index=st.integers(0, 3),
    log_index=st.integers(0, 4),
    address=st.sampled_from(ADDRESSES),
    topics=st.lists(st.sampled_from(TOPICS), max_size=4).map(tuple),
    data=st.binary(max_size=40),
)
LOGS = st.lists(LOG, max_size=5)
SOME_ADDRESSES = st.none() | st.lists(st.sampled_from(ADDRESSES), max_size=3).map(tuple)
SOME_TOPICS = st.none() | st.lists(st.sampled_from(TOPICS), max_size=3).map(tuple)
FILTER = st.builds(LogFilter, addresses=SOME_ADDRESSES, topics=SOME_TOPICS)


def verdict(check: Callable[[], None]) -> str | None:
    """What a check refuses, in its words."""
    try:
        check()
    except LyingEndpoint as error:
        return error.message
    return None


@given(LOGS, LOGS)
def test_they_read_as_a_sequence(logs: list[Log], others: list[Log]) -> None:
    columns = by_column(logs)
    assert columns == logs
    assert [columns[place] for place in range(len(logs))] == logs
    assert columns[1:3] == logs[1:3]
    assert columns[::-1] == logs[::-1]
    assert joined([columns, by_column(others)]) == [*logs, *others]
    assert by_column(columns) is columns
    assert sorted(distinct(columns.addresses)) == sorted({log.address for log in logs})


@given(LOGS, st.lists(st.sampled_from([*ADDRESSES, b"", b"\x01"]), max_size=3))
def test_values_are_found_among_others_of_any_length(logs: list[Log], values: list[bytes]) -> None:
    found = is_one_of(by_column(logs).addresses, values)
    assert found.tolist() == [log.address in values for log in logs]


@given(st.booleans(), LOGS, FILTER)
def test_logs_that_were_not_asked_for_are_refused_alike(ascending: bool, logs: list[Log], wanted: LogFilter) -> None:
    logs = sorted(logs, key=lambda log: (log.block_number, log.log_index)) if ascending else logs
    expected = verdict(lambda: checks.require_within(logs, 7, 8, wanted))
    assert verdict(lambda: column_checks.require_within(by_column(logs), 7, 8, wanted)) == expected
    assert column_checks.matching(by_column(logs), wanted).tolist() == [
        wanted.matches(log.address, log.topics) for log in logs
    ]


@given(LOGS, st.lists(st.sampled_from([*ADDRESSES, *TOPICS]), max_size=6))
def test_logs_that_are_not_in_their_block_are_refused_alike(logs: list[Log], values: list[bytes]) -> None:
    bloom = 0
    for value in values:
        bloom |= bits(value)
    headers = [Header(number, HASHES[0], bytes(32), 1, bloom, b"") for number in (7, 8)]
    block = np.array([index % 2 for index in range(len(logs))], np.int64)
    expected = next(
        (
            words
            for log, place in zip(logs, block.tolist(), strict=True)
            if (words := verdict(lambda log=log, place=place: checks.require_in_block([log], headers[place])))
        ),
        None,
    )
    assert verdict(lambda: column_checks.require_in_blocks(by_column(logs), headers, block)) == expected


@given(LOGS)
def test_rules_select_what_they_want(logs: list[Log]) -> None:
    factory = Factory(abi="F", address=ADDRESSES[1], start_block=0, event=TOPICS[1], place=0, child_abi="C")
    targets = Targets((Contract("A", ADDRESSES[0], 0), Events("E", (TOPICS[0],), 0), factory))
    assert targets.select(by_column(logs)).tolist() == [targets.wants(log) for log in logs]
    assert targets.naming(by_column(logs)).tolist() == [
        log.address == ADDRESSES[1] and log.topics[:1] == (TOPICS[1],) for log in logs
    ]
