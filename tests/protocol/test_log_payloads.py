"""Payloads written by column are those of each log by itself."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.facts import ChainLog, encode
from atlas.protocol.log_payloads import log_payloads
from atlas.protocol.logs import LOG_SCHEMA

EDGES = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**31 - 1]
SMALL = st.sampled_from(EDGES)
LARGE = st.sampled_from([*EDGES, 2**31, 2**32 - 1, 2**32, 2**63 - 1])
WORD = st.binary(min_size=32, max_size=32)
DATA = st.binary(max_size=70) | st.sampled_from([bytes(255), bytes(256), bytes(65_535), bytes(65_536)])
LOG = st.builds(
    ChainLog,
    chain=st.just(""),
    block_number=LARGE,
    block_hash=WORD,
    block_time=LARGE,
    tx_hash=WORD,
    tx_index=SMALL,
    log_index=SMALL,
    address=st.binary(min_size=20, max_size=20),
    topics=st.lists(WORD, max_size=4).map(tuple),
    data=DATA,
)


@given(st.sampled_from(["eip155:1", "eip155:" + "9" * 24, "eip155:" + "9" * 25]), st.lists(LOG, max_size=6), st.data())
def test_each_payload_is_the_canonical_one(chain: str, logs: list[ChainLog], data: st.DataObject) -> None:
    columns = [
        [log.block_number for log in logs],
        [log.block_hash for log in logs],
        [log.tx_hash for log in logs],
        [log.tx_index for log in logs],
        [log.log_index for log in logs],
        [log.address for log in logs],
        *([log.topics[n] if len(log.topics) > n else None for log in logs] for n in range(4)),
        [log.data for log in logs],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, LOG_SCHEMA, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=LOG_SCHEMA)
    start = data.draw(st.integers(0, len(logs)))
    times = np.array([log.block_time for log in logs], np.int64)
    expected = [
        encode(ChainLog(chain, *(getattr(log, name) for name in ChainLog.__struct_fields__[1:]))) for log in logs
    ]
    assert log_payloads(chain, times[start:], batch.slice(start)) == expected[start:]
