"""A bare sync, ``python -m benchmarks.backfill.bare RPC_URL DATABASE_URL LAST_BLOCK``: the least any indexer does.

Headers and logs are fetched in ranges, sliced, and copied into two tables: a row for each transfer, a balance for
each account. It checks nothing, remembers nothing, and would not notice a reorganisation. It is written as one
writes such a script, with the standard library's JSON and the driver's rows.
"""

import json
import sys
from typing import Any

import httpx
import psycopg

from benchmarks.backfill.mining import CONTRACT

RANGE_BLOCKS = 100
_TABLES = """
create table transfers (
    block_number bigint not null, log_index int not null, block_time bigint not null, tx_hash bytea not null,
    sender bytea not null, recipient bytea not null, amount numeric(78, 0) not null,
    primary key (block_number, log_index)
);
create table balances (account bytea primary key, balance numeric(78, 0) not null);
"""
_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def sync(rpc_url: str, database_url: str, last: int) -> None:
    """Copy blocks 1 to ``last``."""
    balances: dict[bytes, int] = {}
    with httpx.Client(timeout=60, trust_env=False) as client, psycopg.connect(database_url) as connection:
        connection.execute(_TABLES)
        for first in range(1, last + 1, RANGE_BLOCKS):
            end = min(last, first + RANGE_BLOCKS - 1)
            times = _times(client, rpc_url, first, end)
            logs = _logs(client, rpc_url, first, end)
            with connection.cursor().copy("copy transfers from stdin") as copy:
                for log in logs:
                    copy.write_row(_row(log, times, balances))
            connection.commit()
        with connection.cursor().copy("copy balances from stdin") as copy:
            for item in balances.items():
                copy.write_row(item)


def _times(client: httpx.Client, url: str, first: int, last: int) -> dict[int, int]:
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": "eth_getBlockByNumber", "params": [hex(number), False]}
        for number in range(first, last + 1)
    ]
    blocks = json.loads(client.post(url, json=calls).content)
    return {int(block["result"]["number"], 16): int(block["result"]["timestamp"], 16) for block in blocks}


def _logs(client: httpx.Client, url: str, first: int, last: int) -> list[dict[str, Any]]:
    wanted = {"fromBlock": hex(first), "toBlock": hex(last), "address": CONTRACT, "topics": [_TRANSFER]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [wanted]}
    return json.loads(client.post(url, json=call).content)["result"]


def _row(log: dict[str, Any], times: dict[int, int], balances: dict[bytes, int]) -> tuple[object, ...]:
    number, amount = int(log["blockNumber"], 16), int(log["data"], 16)
    sender, recipient = bytes.fromhex(log["topics"][1][26:]), bytes.fromhex(log["topics"][2][26:])
    balances[sender] = balances.get(sender, 0) - amount
    balances[recipient] = balances.get(recipient, 0) + amount
    tx_hash = bytes.fromhex(log["transactionHash"][2:])
    return number, int(log["logIndex"], 16), times[number], tx_hash, sender, recipient, amount


if __name__ == "__main__":
    sync(sys.argv[1], sys.argv[2], int(sys.argv[3]))
