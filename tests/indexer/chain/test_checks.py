"""Blooms, and logs against them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.verification.checks import require_in_block, require_linked, require_proven, require_within
from atlas.indexer.errors import InconsistentAnswers, LyingEndpoint
from atlas.protocol.evm.bloom import bits, may_contain
from tests.anvil import Anvil

ADDRESS = b"\x0a" * 20
TOPIC = b"\x0b" * 32
HASH = b"\x01" * 32


def header(*values: bytes, number: int = 7, block_hash: bytes = HASH, parent_hash: bytes = bytes(32)) -> Header:
    """A header whose bloom has ``values``."""
    bloom = 0
    for value in values:
        bloom |= bits(value)
    return Header(number, block_hash, parent_hash, 1_000, bloom, b"")


def log(*, number: int = 7, index: int = 0, address: bytes = ADDRESS, topics: tuple[bytes, ...] = (TOPIC,)) -> Log:
    """A log of block 7."""
    return Log(number, HASH, b"\x02" * 32, 0, index, address, topics, b"")


def test_the_bloom_of_a_real_block_is_made_of_its_logs(anvil: Anvil) -> None:
    emitter = anvil.deploy()
    number = anvil.emit(emitter, topic=5, count=3)
    bloom = int(anvil.rpc("eth_getBlockByNumber", hex(number), False)["logsBloom"], 16)
    assert bloom == bits(emitter) | bits((5).to_bytes(32, "big"))


@given(st.lists(st.binary(min_size=20, max_size=32), max_size=20))
def test_a_bloom_never_denies_what_it_was_made_of(values: list[bytes]) -> None:
    made = header(*values)
    assert all(may_contain(made.logs_bloom, value) for value in values)
    assert LogFilter(addresses=tuple(values)).may_match(made.logs_bloom) == bool(values)


def test_an_empty_bloom_leaves_no_room() -> None:
    assert not LogFilter(addresses=(ADDRESS,)).may_match(header().logs_bloom)
    assert not LogFilter(topics=(TOPIC,)).may_match(header(ADDRESS).logs_bloom)
    assert LogFilter().may_match(header().logs_bloom)


def test_logs_in_order_and_in_their_block_pass() -> None:
    logs = [log(index=0), log(index=3), log(number=8, index=0)]
    require_within(logs, 7, 8, LogFilter(addresses=(ADDRESS,)))
    require_in_block(logs[:2], header(ADDRESS, TOPIC))


@pytest.mark.parametrize(
    "logs",
    [
        [log(index=1), log(index=1)],
        [log(index=2), log(index=1)],
        [log(number=8), log(number=7)],
        [log(number=6)],
        [log(number=9)],
        [log(address=b"\x0c" * 20)],
    ],
)
def test_logs_out_of_order_or_not_asked_for_are_lies(logs: list[Log]) -> None:
    with pytest.raises(LyingEndpoint):
        require_within(logs, 7, 8, LogFilter(addresses=(ADDRESS,)))


def test_a_log_of_an_event_that_was_not_asked_for_is_a_lie() -> None:
    require_within([log()], 7, 7, LogFilter(topics=(TOPIC,)))
    with pytest.raises(LyingEndpoint, match="of an event"):
        require_within([log()], 7, 7, LogFilter(topics=(b"\x0e" * 32,)))


@pytest.mark.parametrize(
    "made",
    [header(ADDRESS), header(TOPIC), header(ADDRESS, TOPIC, block_hash=bytes(32)), header(ADDRESS, TOPIC, number=8)],
)
def test_logs_of_another_block_or_outside_its_bloom_are_lies(made: Header) -> None:
    with pytest.raises(LyingEndpoint):
        require_in_block([log()], made)


def test_headers_that_do_not_name_each_other_are_not_linked() -> None:
    first = header(number=7, block_hash=b"\x07" * 32, parent_hash=b"\x06" * 32)
    second = header(number=8, block_hash=b"\x08" * 32, parent_hash=b"\x07" * 32)
    require_linked(b"\x06" * 32, [first, second])
    with pytest.raises(InconsistentAnswers, match="block 7"):
        require_linked(bytes(32), [first, second])
    with pytest.raises(InconsistentAnswers, match="block 8"):
        require_linked(b"\x06" * 32, [second, first])


def test_logs_that_are_those_of_the_receipts_pass() -> None:
    other = log(index=1, address=b"\x0c" * 20)
    require_proven([log(index=0), log(index=2)], [log(index=0), other, log(index=2)], header(), LogFilter((ADDRESS,)))
    require_proven([], [other], header(), LogFilter((ADDRESS,)))


@pytest.mark.parametrize(
    ("given_logs", "message"),
    [
        ([log(index=0)], "2 logs that were asked for, by its receipts; 1 were given"),
        ([], "0 were given"),
        ([log(index=0), log(index=2), log(index=3)], "3 were given"),
        ([log(index=0), log(index=1)], "log 1 of block 7 is not log 2"),
        ([log(index=0, topics=()), log(index=2)], "log 0 of block 7 is not log 0"),
    ],
)
def test_logs_left_out_made_up_or_changed_are_lies_against_the_receipts(given_logs: list[Log], message: str) -> None:
    proven = [log(index=0), log(index=2)]
    with pytest.raises(LyingEndpoint, match=message):
        require_proven(given_logs, proven, header(), LogFilter((ADDRESS,)))
