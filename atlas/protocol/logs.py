"""Logs as columns: what an endpoint's answer becomes, and what the decoder takes."""

import pyarrow as pa

LOG_SCHEMA = pa.schema(
    [
        pa.field("block_number", pa.int64(), nullable=False),
        pa.field("block_hash", pa.binary(32), nullable=False),
        pa.field("tx_hash", pa.binary(32), nullable=False),
        pa.field("tx_index", pa.int32(), nullable=False),
        pa.field("log_index", pa.int32(), nullable=False),
        pa.field("address", pa.binary(20), nullable=False),
        pa.field("topic0", pa.binary(32)),
        pa.field("topic1", pa.binary(32)),
        pa.field("topic2", pa.binary(32)),
        pa.field("topic3", pa.binary(32)),
        pa.field("data", pa.binary(), nullable=False),
    ]
)
