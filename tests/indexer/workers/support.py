"""Records to send, a server to send them to, and processes to kill."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import uvicorn
from starlette.types import ASGIApp

from atlas.indexer.workers import Model, Worker, WorkerKey
from atlas.indexer.workers.sdk.delivery import Backoff
from atlas.indexer.workers.sdk.recording import config_digest
from atlas.ledger.log import Ledger
from atlas.protocol.facts import worker_stream
from atlas.protocol.generation import Compute, Cost, GenerationRecord, Output, open_envelope, seal
from atlas.protocol.vocabulary import Agent

REPOSITORY = Path(__file__).parents[3]
KEY = WorkerKey(bytes(31) + b"\x01")
OTHER_KEY = WorkerKey(bytes(31) + b"\x02")
MODEL = Model("wan", "2.2", "alibaba")
PATIENCE_S = 30.0


def record(key: WorkerKey, sequence: int, **changes: object) -> GenerationRecord:
    """A valid record; ``changes`` replace fields."""
    plain = GenerationRecord(
        format=1,
        worker=key.address,
        sequence=sequence,
        agent=Agent.VIDEO,
        model=MODEL,
        prompt=f"shot {sequence}",
        inputs=(),
        outputs=(Output("video", bytes(32), "video/mp4", 1),),
        parameters={"steps": 30},
        seed=7,
        config_sha256=config_digest(MODEL, {"steps": 30}, 7),
        compute=Compute("cpu", 1, 10, 1, None, None),
        cost=Cost("70", "10", "20"),
        started_at_ms=1_700_000_000_000,
        ended_at_ms=1_700_000_000_010,
    )
    return msgspec.structs.replace(plain, **changes)


def envelope(sequence: int, *, key: WorkerKey = KEY, **changes: object) -> bytes:
    """A sealed record."""
    return seal(record(key, sequence, **changes), key.secret)


def generate(worker: Worker, prompt: str) -> None:
    """One short generation."""
    with worker.generation(agent="video", model=MODEL, prompt=prompt) as recording:
        recording.output(prompt.encode(), role="video", media_type="video/mp4")


def stored_prompts(ledger: Ledger, key: WorkerKey = KEY) -> list[str]:
    """The prompts in a worker's stream, in order; the versions are checked to be dense."""
    facts = ledger.stream(worker_stream(key.address))
    assert [fact.version for fact in facts] == list(range(len(facts)))
    records = [open_envelope(fact.payload).record for fact in facts]
    assert [one.sequence for one in records] == list(range(len(facts)))
    return [one.prompt for one in records]


def impatient() -> Backoff:
    """Back-off for tests."""
    return Backoff(base_s=0.02, cap_s=0.1)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(app: ASGIApp, port: int | None = None) -> Generator[str]:
    """``app`` behind a real uvicorn; yields its URL."""
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off", loop="asyncio"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def eventually(holds: Callable[[], object]) -> None:
    """Return once ``holds()`` is true; fail when that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


@contextmanager
def process(*arguments: object) -> Generator[subprocess.Popen[str]]:
    """A process of ``processes.py``; killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.indexer.workers.processes", *map(str, arguments)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()
            running.wait(PATIENCE_S)


def answers(endpoint: str) -> bool:
    """Whether the intake at ``endpoint`` answers."""
    try:
        return httpx.get(f"{endpoint}/workers/0x{KEY.address.hex()}", timeout=5).is_success
    except httpx.HTTPError:
        return False
