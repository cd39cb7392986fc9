"""Historical sync, whole process from spawn to ready, into one PostgreSQL: ours against a bare script."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from atlas.ledger.postgres import EmbeddedPostgres
from benchmarks.backfill.mining import Shape, mined
from benchmarks.measuring import Figure, alone

ROOT = Path(__file__).parents[2]
PORT = 18_545
DENSE = Shape(blocks=2_000, transfers_per_block=100)
SPARSE = Shape(blocks=10_000, transfers_per_block=5)
QUICK = {"dense": Shape(300, 100), "sparse": Shape(1_500, 5)}
GOLDEN = {DENSE: "6cc296cbc3f1b709b25ff80e6a4995db"}
RUNS = 3

_BARE = (
    "select count(*), sum(amount) from transfers",
    "select md5(string_agg('0x' || encode(account, 'hex') || ':' || balance, ',' order by account)) from balances",
)
_OURS = (
    "select count(*), sum(amount) from view_benchmark.transfers where valid_to is null",
    "select md5(string_agg('0x' || encode(account, 'hex') || ':' || balance, ',' order by account))"
    " from view_benchmark.balances",
)


@dataclass(frozen=True)
class Run:
    """One sync: how fast, and the most memory its process had."""

    transfers_per_s: float
    rss_mb: float


def figures(quick: bool) -> Iterator[Figure]:
    """``dense_vs_bare``, ``sparse_vs_bare``, ``rss_mb``."""
    shapes = QUICK if quick else {"dense": DENSE, "sparse": SPARSE}
    rss_mb = 0.0
    with tempfile.TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory)) as postgres:
        for name, shape in shapes.items():
            with mined(shape, PORT) as url:
                bare, ours = _fastest(url, postgres.url, shape, 1 if quick else RUNS)
            rss_mb = max(rss_mb, ours.rss_mb)
            ratio = round(ours.transfers_per_s / bare.transfers_per_s, 3)
            value, baseline = round(ours.transfers_per_s), round(bare.transfers_per_s)
            yield Figure(f"{name}_vs_bare", value, "events/s", baseline, ratio)
    yield alone("rss_mb", rss_mb, "MB")


def _fastest(rpc_url: str, server_url: str, shape: Shape, runs: int) -> tuple[Run, Run]:
    """The faster of several runs of each, taken in turn, so that both meet the same machine."""
    bare: list[Run] = []
    ours: list[Run] = []
    for _ in range(runs):
        bare.append(_sync("bare", rpc_url, server_url, shape, shape.last_block, _BARE))
        ours.append(_sync("indexed", rpc_url, server_url, shape, shape.last_block, _OURS))
    return max(bare, key=lambda run: run.transfers_per_s), max(ours, key=lambda run: run.transfers_per_s)


def _sync(module: str, rpc_url: str, server_url: str, shape: Shape, last: int, questions: tuple[str, str]) -> Run:
    """Sync into a new database, and hold what it has against what was mined."""
    database_url = _new_database(server_url, module)
    command = [sys.executable, "-m", f"benchmarks.backfill.{module}", rpc_url, database_url, str(last)]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ)  # noqa: S603 - this interpreter
    _, status, usage = os.wait4(process.pid, 0)
    elapsed_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    _require_exact(database_url, shape, questions)
    return Run(shape.transfers / elapsed_s, _rss_mb(usage))


def _new_database(server_url: str, name: str) -> str:
    with closing(psycopg.connect(server_url, autocommit=True)) as connection:
        connection.execute(f"drop database if exists {name}".encode())
        connection.execute(f"create database {name}".encode())
    return server_url.replace("/postgres?", f"/{name}?")


def _require_exact(database_url: str, shape: Shape, questions: tuple[str, str]) -> None:
    with closing(psycopg.connect(database_url)) as connection:
        totals, (digest,) = (next(iter(connection.execute(question.encode()))) for question in questions)
    if totals != (shape.transfers, shape.transfers * (shape.transfers + 1) // 2):
        raise RuntimeError(f"{shape} was synced as {totals}")
    if digest != GOLDEN.get(shape, digest):
        raise RuntimeError(f"the balances of {shape} have the digest {digest}")


def _rss_mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024
