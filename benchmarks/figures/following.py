"""From a new block on anvil to its row in a view: heads are told over WebSocket, as in production."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psycopg

from atlas.indexer.chain.sources.connecting import connect_pool
from atlas.indexer.chain.sources.heads import SocketWatch
from atlas.ledger.database import Database
from atlas.ledger.postgres import EmbeddedPostgres
from benchmarks.backfill.indexed import CHAIN, Following
from benchmarks.backfill.mining import TAIL_BLOCKS, Node, Shape, mine_one, mined
from benchmarks.measuring import Figure, alone

PORT = 18_546
SHAPE = Shape(blocks=1, transfers_per_block=20)
POLL_S = 0.001
PAUSE_S = 0.05
TIMEOUT_S = 30.0
_COUNT = b"select count(*) from view_benchmark.transfers"


def figures(quick: bool) -> Iterator[Figure]:
    """``head_latency_ms``, the median over blocks of 20 transfers, and the slowest of twenty."""
    blocks = 30 if quick else 200
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory)) as postgres,
        mined(SHAPE, PORT) as url,
        Database(postgres.url) as database,
    ):
        taken_ms = _latencies_ms(database, url, blocks)
    yield alone("head_latency_ms", median(taken_ms), "ms")
    yield alone("head_latency_p95_ms", sorted(taken_ms)[len(taken_ms) * 95 // 100], "ms")


def _latencies_ms(database: Database, url: str, blocks: int) -> list[float]:
    pool, watch, node = connect_pool(CHAIN, [url]), SocketWatch(url.replace("http", "ws")), Node(url)
    following = Following(database, pool, watch)
    following.start()
    following.wait(SHAPE.last_block + TAIL_BLOCKS)
    try:
        with psycopg.connect(database.url, autocommit=True) as reader:
            _await(reader, SHAPE.transfers_per_block)
            return [_one_ms(node, reader, nonce) for nonce in range(2, blocks + 2)]
    finally:
        following.stop()
        watch.close()
        pool.close()


def _one_ms(node: Node, reader: psycopg.Connection, nonce: int) -> float:
    time.sleep(PAUSE_S)
    start = time.perf_counter()
    mine_one(node, SHAPE, nonce)
    _await(reader, SHAPE.transfers_per_block * nonce)
    return 1_000 * (time.perf_counter() - start)


def _await(reader: psycopg.Connection, rows: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while reader.execute(_COUNT).fetchone() != (rows,):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the view does not reach {rows} rows")
        time.sleep(POLL_S)
