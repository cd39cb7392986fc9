"""The intake: records a second of one core, in batches under one signature, against a signature each.

What is measured is the processor time of this process, which is the intake: its ASGI application is called with whole
requests and answers them, over a real log in PostgreSQL. The database's own processes are not counted; what they
took is shown beside it, as is the time that passed.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
from starlette.types import Message

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from atlas.indexer.workers.intake.app import Limits, intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.schema import MIGRATIONS as WORKER_MIGRATIONS
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.wire import FRAMES_TYPE, join_frames
from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.protocol.batches import seal_batch
from atlas.protocol.generation import Compute, Cost, GenerationRecord, Input, Model, Output, open_envelope, seal
from atlas.protocol.inclusion import MAX_BATCH_RECORDS
from atlas.protocol.vocabulary import Agent
from benchmarks.measuring import Figure, against, alone, options, report

LIMITS = Limits(max_body_bytes=64 << 20)


def figures(quick: bool) -> Iterator[Figure]:
    """All figures, ``quick`` with fewer records."""
    batches, singles = (4, 2_000) if quick else (16, 8_000)
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory)) as server,
        Database(server.url, max_connections=4) as database,
    ):
        migrate(database, (*MIGRATIONS, *WORKER_MIGRATIONS))
        yield from _measured(Bench(Ledger(database), Path(directory)), batches, singles)


def _measured(bench: "Bench", batches: int, singles: int) -> Iterator[Figure]:
    bench.post([single_frames(WorkerKey(bytes(31) + b"\x01"), 0, 100)])
    bench.post([[batch_frame(WorkerKey(bytes(31) + b"\x02"), 0, 100)]])
    one_each, each_key = WorkerKey(bytes(31) + b"\x03"), WorkerKey(bytes(31) + b"\x04")
    per_record = bench.post([single_frames(one_each, start, 256) for start in range(0, singles, 256)])
    bodies = [
        [batch_frame(each_key, start, MAX_BATCH_RECORDS)] for start in range(0, batches * MAX_BATCH_RECORDS, 4096)
    ]
    per_batch = bench.post(bodies)
    bench.check()
    yield against("intake_records_per_s", per_batch.records_per_cpu_s, "records/s of CPU", per_record.records_per_cpu_s)
    yield against("intake_records_per_wall_s", per_batch.records_per_s, "records/s", per_record.records_per_s)
    yield alone("intake_database_us_per_record", per_batch.database_us, "us of CPU")
    yield alone("intake_stored_bytes_per_record", bench.stored_bytes(), "bytes")
    yield alone("intake_repeats_per_s", bench.post(bodies).records_per_cpu_s, "records/s of CPU")


class Pace(msgspec.Struct, frozen=True):
    """How fast records went in."""

    records_per_cpu_s: float
    records_per_s: float
    database_us: float


class Bench:
    """An intake over a log, called as a server calls it."""

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        self._directory = directory
        self._ledger = ledger
        self._app = intake_app(Intake(ledger, lambda worker: True), LIMITS)
        self._expected = 0

    def post(self, submissions: Sequence[Sequence[bytes]]) -> Pace:
        """Send the submissions one after the other."""
        bodies = [join_frames(frames) for frames in submissions]
        database_s, cpu_s, wall_s = self._database_cpu_s(), _own_cpu_s(), time.perf_counter()
        answers = asyncio.run(self._send(bodies))
        wall_s, cpu_s = time.perf_counter() - wall_s, _own_cpu_s() - cpu_s
        database_s = self._database_cpu_s() - database_s
        receipts = [msgspec.json.decode(answer)["receipts"] for answer in answers]
        count = sum(map(len, receipts))
        self._expected += sum(not one["duplicate"] for part in receipts for one in part)
        return Pace(count / cpu_s, count / wall_s, 1e6 * database_s / count)

    def check(self) -> None:
        """Everything that was confirmed is in the log, and verifies alone."""
        assert self._ledger.head() == self._expected
        for position in (1, self._expected // 2, self._expected):
            (fact,) = self._ledger.facts(after=position - 1, upto=position)
            assert open_envelope(fact.payload).record.sequence == fact.version

    def stored_bytes(self) -> float:
        """The mean payload of the newest batch."""
        head = self._ledger.head()
        facts = list(self._ledger.facts(after=head - MAX_BATCH_RECORDS))
        return sum(len(fact.payload) for fact in facts) / len(facts)

    def _database_cpu_s(self) -> float:
        return _database_cpu_s(self._directory)

    async def _send(self, bodies: Sequence[bytes]) -> list[bytes]:
        return [await self._request(body) for body in bodies]

    async def _request(self, body: bytes) -> bytes:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/records",
            "raw_path": b"/records",
            "query_string": b"",
            "headers": [(b"content-type", FRAMES_TYPE.encode()), (b"content-length", str(len(body)).encode())],
        }
        sent: list[Message] = []
        pieces = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]

        async def receive() -> Message:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        assert sent[0]["status"] == 200, sent
        return b"".join(message.get("body", b"") for message in sent[1:])


def record(key: WorkerKey, sequence: int) -> GenerationRecord:
    """A record such as workers send: one input, one output, some parameters."""
    return GenerationRecord(
        format=1,
        worker=key.address,
        sequence=sequence,
        agent=Agent.VIDEO,
        model=Model("wan-video", "2.2.1", "example"),
        prompt=f"Shot {sequence}: the lighthouse at night, a calm sea, stars, 35 mm, slow dolly in",
        inputs=(Input("storyboard", sequence.to_bytes(32, "big"), "image/png", 1_048_576, None),),
        outputs=(Output("video", sequence.to_bytes(32, "little"), "video/mp4", 25_000_000),),
        parameters={"steps": 30, "guidance": "7.5", "sampler": "euler", "upscale": False},
        seed=sequence,
        config_sha256=bytes(32),
        compute=Compute("NVIDIA H100", 1, 31_000, 31, 21_700_000, 40_000_000_000),
        cost=Cost("40000000000000000", "30000000000000000", "0"),
        started_at_ms=1_700_000_000_000 + sequence,
        ended_at_ms=1_700_000_031_000 + sequence,
    )


def single_frames(key: WorkerKey, start: int, count: int) -> list[bytes]:
    """Records with a signature each."""
    return [seal(record(key, sequence), key.secret) for sequence in range(start, start + count)]


def batch_frame(key: WorkerKey, start: int, count: int) -> bytes:
    """Records under one signature."""
    return seal_batch([record(key, sequence) for sequence in range(start, start + count)], key.secret)


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _database_cpu_s(directory: Path) -> float:
    """What the processes of the server in ``directory`` have taken so far."""
    (file,) = directory.rglob("postmaster.pid")
    main = psutil.Process(int(file.read_text().split()[0]))
    times = [process.cpu_times() for process in (main, *main.children())]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    chosen = options(__doc__)
    report("intake", figures(chosen.quick), as_json=chosen.json)
