"""Logs as columns say the same as logs one by one, and refuse the same."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.columns import parse_log_columns
from atlas.indexer.errors import EndpointError, LyingEndpoint, MalformedResponse
from atlas.protocol.logs import LOG_SCHEMA

HASH = "0x" + "ab" * 32
LOG: dict[str, Any] = {
    "address": "0x" + "cd" * 20,
    "topics": [HASH],
    "data": "0x0102",
    "blockNumber": "0x10",
    "blockHash": HASH,
    "transactionHash": "0x" + "ef" * 32,
    "transactionIndex": "0x1",
    "logIndex": "0x2",
    "removed": False,
}


def quantities(most: int) -> st.SearchStrategy[str]:
    return st.integers(0, most).map(hex) | st.integers(0, most).map(lambda value: f"0x0{value:X}")


def data(least: int, most: int) -> st.SearchStrategy[str]:
    binary = st.binary(min_size=least, max_size=most)
    return binary.map(lambda value: "0x" + value.hex()) | binary.map(lambda value: "0x" + value.hex().upper())


LOGS = st.fixed_dictionaries(
    {
        "address": data(20, 20),
        "topics": st.lists(data(32, 32), max_size=4),
        "data": data(0, 100),
        "blockNumber": quantities(2**63 - 1),
        "blockHash": data(32, 32),
        "transactionHash": data(32, 32),
        "transactionIndex": quantities(2**31 - 1),
        "logIndex": quantities(2**31 - 1),
        "removed": st.just(False),
        "blockTimestamp": st.just("0x1"),
    }
)


def parsed(*logs: dict[str, Any]) -> list[dict[str, Any]]:
    columns = parse_log_columns(json.dumps(logs).encode())
    columns.validate(full=True)
    assert columns.schema == LOG_SCHEMA
    return columns.to_pylist()


def one_by_one(log: dict[str, Any]) -> dict[str, Any]:
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    return {
        "block_number": int(log["blockNumber"], 16),
        "block_hash": bytes.fromhex(log["blockHash"][2:]),
        "tx_hash": bytes.fromhex(log["transactionHash"][2:]),
        "tx_index": int(log["transactionIndex"], 16),
        "log_index": int(log["logIndex"], 16),
        "address": bytes.fromhex(log["address"][2:]),
        **{f"topic{place}": topics[place] if place < len(topics) else None for place in range(4)},
        "data": bytes.fromhex(log["data"][2:]),
    }


@given(st.lists(LOGS, max_size=30))
def test_columns_say_what_the_logs_say(logs: list[dict[str, Any]]) -> None:
    assert parsed(*logs) == [one_by_one(log) for log in logs]


def test_no_logs_are_no_rows() -> None:
    assert parsed() == []


WRONG: list[tuple[str, Any, str]] = [
    ("address", "0x" + "cd" * 19, r"length >= 42 - at `\$\[\d\].address`"),
    ("address", "cd" * 21, "address should be hexadecimal"),
    ("address", "0x" + "cd" * 19 + "c ", "address should be hexadecimal"),
    ("address", "0x" + "cd" * 19 + "cé", "address should be hexadecimal"),
    ("blockHash", "0x" + "ab" * 31 + "zz", "blockHash should be hexadecimal"),
    ("blockHash", None, "Expected `str`"),
    ("transactionHash", "0X" + "ab" * 32, "transactionHash should be hexadecimal"),
    ("topics", ["0x" + "ab" * 33], r"length <= 66 - at `\$\[\d\].topics"),
    ("topics", [HASH] * 5, "length <= 4"),
    ("data", "0x123", "data should be hexadecimal"),
    ("data", "", "data should be hexadecimal"),
    ("data", "1234", "data should be hexadecimal"),
    ("data", "0012", "data should be hexadecimal"),
    ("data", "0x0x12", "data should be hexadecimal"),
    ("data", "0x12 34 ", "data should be hexadecimal"),
    ("blockNumber", "0x8000000000000000", "below 2\\*\\*63"),
    ("blockNumber", "16", "hexadecimal quantity"),
    ("logIndex", "0x", "hexadecimal quantity"),
    ("logIndex", "0x80000000", "at most"),
    ("transactionIndex", "-0x1", "hexadecimal quantity"),
    ("removed", "yes", "Expected `bool`"),
]


@pytest.mark.parametrize("among", [0, 3])
@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_a_field_out_of_form_is_refused_and_named(field: str, value: Any, message: str, among: int) -> None:
    with pytest.raises(MalformedResponse, match=message):
        parsed(*[LOG] * among, {**LOG, field: value}, *[LOG] * among)


@pytest.mark.parametrize("field", [name for name in LOG if name != "removed"])
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(MalformedResponse, match="missing required field"):
        parsed({name: value for name, value in LOG.items() if name != field})


def test_two_wrong_values_that_make_up_for_each_other_are_refused() -> None:
    short, long = {**LOG, "address": "0x" + "cd" * 19}, {**LOG, "address": "0x" + "cd" * 21}
    with pytest.raises(MalformedResponse, match="address"):
        parsed(short, long)
    with pytest.raises(MalformedResponse, match="data"):
        parsed({**LOG, "data": "0x1"}, {**LOG, "data": "0x123"})


def test_a_removed_log_is_a_lie() -> None:
    with pytest.raises(LyingEndpoint, match=f"a log of block {HASH} is marked as removed"):
        parsed(LOG, {**LOG, "removed": True})


@given(st.binary(max_size=200))
def test_random_bytes_are_no_logs_and_raise_nothing_but_an_endpoint_error(noise: bytes) -> None:
    with suppress(EndpointError):
        assert len(parse_log_columns(b"[" + noise)) == 0


def _cut(body: bytes, at: int, _: bytes) -> bytes:
    return body[:at]


def _insert(body: bytes, at: int, noise: bytes) -> bytes:
    return body[:at] + noise + body[at:]


def _replace(body: bytes, at: int, noise: bytes) -> bytes:
    return body[:at] + noise + body[at + len(noise) :]


@given(
    st.sampled_from([_cut, _insert, _replace]),
    st.integers(0, 10_000),
    st.binary(min_size=1, max_size=3) | st.sampled_from([b'"', b"0x", b" ", b"\\u0030", b"]", b"null", b"1e9"]),
)
def test_a_mutated_answer_is_parsed_or_an_endpoint_error(
    mutate: Callable[[bytes, int, bytes], bytes], at: int, noise: bytes
) -> None:
    body = json.dumps([LOG, {**LOG, "topics": [], "data": "0x"}]).encode()
    try:
        columns = parse_log_columns(mutate(body, at % len(body), noise))
    except EndpointError:
        return
    columns.validate(full=True)
