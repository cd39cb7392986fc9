"""Payloads by column are what ``facts.decode`` reads one by one, and no others are taken."""

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from atlas.projections.reading.payloads import read_payloads
from atlas.protocol import facts
from atlas.protocol.errors import MalformedFact
from atlas.protocol.facts import ChainLog

WORD = st.binary(min_size=32, max_size=32)
NUMBER = st.one_of(st.integers(0, 300), st.integers(0, 2**53 - 1), st.sampled_from([127, 128, 255, 256, 65535, 65536]))
LOG = st.builds(
    ChainLog,
    chain=st.sampled_from(["eip155:1", "eip155:31337", "é"]),
    block_number=NUMBER,
    block_hash=WORD,
    block_time=NUMBER,
    tx_hash=WORD,
    tx_index=NUMBER,
    log_index=NUMBER,
    address=st.binary(min_size=20, max_size=20),
    topics=st.lists(WORD, max_size=4).map(tuple),
    data=st.one_of(st.binary(max_size=40), st.sampled_from([b"\x01" * 255, b"\x02" * 256, b"\x03" * 65536])),
)
ODD = st.one_of(
    LOG.map(lambda log: facts.encode(msgspec.structs.replace(log, block_hash=log.block_hash[1:]))),
    LOG.map(lambda log: facts.encode(msgspec.structs.replace(log, block_number=2**60))),
    LOG.map(lambda log: facts.encode(msgspec.structs.replace(log, topics=(bytes(32),) * 5))),
    LOG.map(lambda log: facts.encode(log) + b"\x00"),
    LOG.map(lambda log: facts.encode(log)[:-1]),
    LOG.map(lambda log: facts.encode(log).replace(b"\xc4\x14", b"\xc5\x00\x14")),
    st.binary(max_size=80),
)


@given(st.lists(LOG, min_size=1, max_size=12))
def test_ordinary_logs_are_read_as_one_by_one(logs: list[ChainLog]) -> None:
    found, refused = read_payloads(pa.array([facts.encode(log) for log in logs], pa.binary()))
    assert refused == []
    assert sorted(np.concatenate([columns.rows for columns in found]).tolist()) == list(range(len(logs)))
    for columns in found:
        topics = zip(*(columns.batch.column(place).to_pylist() for place in range(4)), strict=True)
        for place, (row, listed) in enumerate(zip(columns.rows.tolist(), topics, strict=True)):
            log = logs[row]
            assert columns.chain == log.chain
            assert columns.block_numbers[place] == log.block_number
            assert columns.block_times[place] == log.block_time
            assert columns.log_indexes[place] == log.log_index
            assert columns.block_hashes[place].item() == log.block_hash
            assert columns.tx_hashes[place].item() == log.tx_hash
            assert columns.addresses[place].item() == log.address
            assert tuple(topic for topic in listed if topic is not None) == log.topics
            assert columns.batch.column(4)[place].as_py() == log.data


@given(st.lists(st.one_of(LOG.map(facts.encode), ODD), min_size=1, max_size=8), st.integers(0, 3))
def test_bytes_that_are_no_canonical_log_are_left_alone(payloads: list[bytes], offset: int) -> None:
    column = pa.array([b"\x9a"] * offset + payloads, pa.binary()).slice(offset)
    found, refused = read_payloads(column)
    taken = [row for columns in found for row in columns.rows.tolist()]
    assert sorted([*taken, *refused]) == list(range(len(payloads)))
    for row, payload in enumerate(payloads):
        try:
            facts.decode(payload, ChainLog)
        except MalformedFact:
            assert row in refused


@given(LOG, st.data())
def test_a_log_with_any_byte_changed_is_read_as_it_is_or_not_at_all(log: ChainLog, data: st.DataObject) -> None:
    payload = bytearray(facts.encode(log)[:400])
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    found, _ = read_payloads(pa.array([bytes(payload)], pa.binary()))
    for columns in found:
        decoded = facts.decode(bytes(payload), ChainLog)
        assert columns.block_numbers[0] == decoded.block_number
        assert columns.addresses[0].item() == decoded.address
        assert columns.batch.column(4)[0].as_py() == decoded.data
