"""From the bytes of an ``eth_getLogs`` answer to Arrow columns, on one core; baseline: json.loads and a loop."""

import json
import random
import time
from collections.abc import Callable, Iterator

import pyarrow as pa

from atlas.indexer.chain.columns import parse_log_columns
from atlas.indexer.chain.rpc.calls import results_in_order
from atlas.protocol.logs import LOG_SCHEMA, ArrowBatch
from benchmarks.measuring import Figure, against, best

LOGS_A_BLOCK = 100
LOGS_AN_ANSWER = 10_000  # where providers draw the line
_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def figures(quick: bool) -> Iterator[Figure]:
    """``rpc_to_arrow_logs_per_s``."""
    body = answer(LOGS_AN_ANSWER)
    assert columnar(body).equals(by_hand(body))
    runs = 5 if quick else 25
    value = best(runs, lambda: _per_cpu_second(lambda: columnar(body)))
    baseline = best(runs, lambda: _per_cpu_second(lambda: by_hand(body)))
    yield against("rpc_to_arrow_logs_per_s", value, "logs/s", baseline)


def columnar(body: bytes) -> ArrowBatch:
    """As the indexer does it: envelope, checks and all."""
    return parse_log_columns(results_in_order(body, 1, "the benchmark")[0])


def by_hand(body: bytes) -> ArrowBatch:
    """As one does it first: an object for each log, a call for each field; nothing is checked."""
    rows: dict[str, list[object]] = {name: [] for name in LOG_SCHEMA.names}
    for log in json.loads(body)["result"]:
        rows["block_number"].append(int(log["blockNumber"], 16))
        rows["block_hash"].append(bytes.fromhex(log["blockHash"][2:]))
        rows["tx_hash"].append(bytes.fromhex(log["transactionHash"][2:]))
        rows["tx_index"].append(int(log["transactionIndex"], 16))
        rows["log_index"].append(int(log["logIndex"], 16))
        rows["address"].append(bytes.fromhex(log["address"][2:]))
        rows["data"].append(bytes.fromhex(log["data"][2:]))
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        for place in range(4):
            rows[f"topic{place}"].append(topics[place] if place < len(topics) else None)
    return pa.RecordBatch.from_pydict(rows, schema=LOG_SCHEMA)


def answer(count: int) -> bytes:
    """A node's answer with ``count`` token transfers, the same each time."""
    dice = random.Random(1)
    logs = [_transfer(dice, index) for index in range(count)]
    return json.dumps({"jsonrpc": "2.0", "id": 0, "result": logs}, separators=(",", ":")).encode()


def _transfer(dice: random.Random, index: int) -> dict[str, object]:
    number, place = divmod(index, LOGS_A_BLOCK)
    return {
        "address": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
        "topics": [_TRANSFER, *(f"0x{dice.getrandbits(160):064x}" for _ in range(2))],
        "data": f"0x{dice.getrandbits(64):064x}",
        "blockHash": f"0x{number + 2**255:064x}",
        "blockNumber": hex(number),
        "blockTimestamp": hex(1_700_000_000 + number),
        "transactionHash": f"0x{dice.getrandbits(256):064x}",
        "transactionIndex": hex(place),
        "logIndex": hex(place),
        "removed": False,
    }


def _per_cpu_second(work: Callable[[], object]) -> float:
    """How many logs ``work`` reads in a second of this process's processor time."""
    start = time.process_time()
    work()
    return LOGS_AN_ANSWER / (time.process_time() - start)
