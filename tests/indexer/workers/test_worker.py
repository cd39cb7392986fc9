"""The SDK against a real intake, over a real HTTP server, into a real ledger."""

import hashlib
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas.indexer.workers import ContentDirectory, Material, Worker
from atlas.indexer.workers.errors import (
    DeliveryTimeout,
    HistoryMissing,
    InvalidEndpoint,
    RecordRejected,
    SpoolBusy,
)
from atlas.indexer.workers.intake.app import intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.sdk.delivery import Backoff, DeliveryState
from atlas.indexer.workers.sdk.spool import Spool
from atlas.indexer.workers.wire import PROBLEM_TYPE, Problem, WorkerView
from atlas.ledger.log import Ledger
from atlas.protocol.facts import worker_stream
from atlas.protocol.generation import open_envelope, record_id
from atlas.protocol.vocabulary import Agent
from tests.indexer.workers.support import (
    KEY,
    MODEL,
    REPOSITORY,
    envelope,
    eventually,
    free_port,
    generate,
    impatient,
    serving,
    stored_prompts,
)

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def working(spool: Path, endpoint: str, **options: object) -> Generator[Worker]:
    with Worker(key=KEY, spool=spool, endpoint=endpoint, **({"backoff": impatient()} | options)) as worker:  # pyright: ignore[reportArgumentType]
        yield worker


def prompts(count: int) -> list[str]:
    return [f"shot {number}" for number in range(count)]


def test_a_generation_is_in_the_ledger_with_all_that_was_said(tmp_path: Path, intake: Intake, ledger: Ledger) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    with serving(intake_app(intake)) as url, working(tmp_path / "spool", url) as worker:
        with worker.generation(
            agent="video",
            model=MODEL,
            prompt="a harbour at dawn",
            inputs=[Material(b"picture", "reference", "image/png")],
            parameters={"steps": 30},
            seed=7,
        ) as recording:
            time.sleep(0.05)
            recording.output(tmp_path / "film.mp4", role="video", media_type="video/mp4")
            recording.cost(model_fee_wei=70)
        worker.flush(timeout_s=30)
    (fact,) = ledger.stream(worker_stream(KEY.address))
    signed = open_envelope(fact.payload)
    assert signed.record_id == record_id(signed.body) == recording.generated.record_id
    record = signed.record
    assert (record.agent, record.prompt, record.seed) == (Agent.VIDEO, "a harbour at dawn", 7)
    assert record.inputs[0].sha256 == hashlib.sha256(b"picture").digest()
    assert record.outputs[0].sha256 == hashlib.sha256(b"film").digest()
    assert record.cost.model_fee_wei == "70"
    assert 50 <= record.compute.runtime_ms < 10_000
    assert abs(record.started_at_ms - time.time() * 1000) < 60_000
    assert 50 <= record.ended_at_ms - record.started_at_ms < 10_000


def test_an_output_links_the_next_generation_to_its_record(tmp_path: Path, intake: Intake, ledger: Ledger) -> None:
    with serving(intake_app(intake)) as url, working(tmp_path, url) as worker:
        generate(worker, "script")
        with worker.generation(agent="script", model=MODEL, prompt="script") as script:
            script.output(b"INT. HARBOUR", role="script", media_type="text/plain")
        with worker.generation(agent="video", model=MODEL, prompt="film", inputs=[script.generated.as_input()]) as film:
            film.output(b"film", role="video", media_type="video/mp4")
        worker.flush(timeout_s=30)
    last = open_envelope(ledger.stream(worker_stream(KEY.address))[-1].payload).record
    assert last.inputs[0].record == script.generated.record_id
    assert last.inputs[0].sha256 == hashlib.sha256(b"INT. HARBOUR").digest()


def test_an_exception_propagates_and_nothing_is_recorded(tmp_path: Path) -> None:
    with working(tmp_path, NOWHERE) as worker:
        with pytest.raises(ZeroDivisionError):
            break_off(worker)
        assert (worker.status.pending, worker.status.next_sequence) == (0, 0)


def test_outputs_are_kept_under_their_hash_when_asked(tmp_path: Path) -> None:
    content = ContentDirectory(tmp_path / "content")
    with working(tmp_path / "spool", NOWHERE, content=content) as worker:
        generate(worker, "shot 0")
    assert content.path(hashlib.sha256(b"shot 0").digest()).read_bytes() == b"shot 0"


def test_a_record_is_on_disk_when_the_block_ends_without_any_server(tmp_path: Path) -> None:
    with working(tmp_path, NOWHERE) as worker:
        generate(worker, "shot 0")
        (file,) = (tmp_path / "pending").iterdir()
        assert open_envelope(file.read_bytes()).record.prompt == "shot 0"


def test_what_was_recorded_while_the_server_was_down_arrives_in_order(
    tmp_path: Path, intake: Intake, ledger: Ledger
) -> None:
    port = free_port()
    with working(tmp_path, f"http://127.0.0.1:{port}") as worker:
        for prompt in prompts(5):
            generate(worker, prompt)
        with pytest.raises(DeliveryTimeout, match="5 records are not delivered"):
            worker.flush(timeout_s=0.2)
        eventually(lambda: worker.status.state is DeliveryState.WAITING)
        assert str(port) in worker.status.reason
        with serving(intake_app(intake), port):
            worker.flush(timeout_s=30)
            eventually(lambda: worker.status.state is DeliveryState.IDLE)
        assert worker.status.reason == ""
    assert stored_prompts(ledger) == prompts(5)


def test_a_restarted_worker_delivers_what_waited(tmp_path: Path, intake: Intake, ledger: Ledger) -> None:
    with working(tmp_path, NOWHERE) as worker:
        for prompt in prompts(3):
            generate(worker, prompt)
    with serving(intake_app(intake)) as url, working(tmp_path, url) as worker:
        generate(worker, "shot 3")
        worker.flush(timeout_s=30)
    assert stored_prompts(ledger) == prompts(4)


def test_a_flush_does_not_wait_for_the_backoff(tmp_path: Path, intake: Intake) -> None:
    port = free_port()
    slow = Backoff(base_s=600, cap_s=600, draw=lambda: 1.0)
    with working(tmp_path, f"http://127.0.0.1:{port}", backoff=slow) as worker:
        generate(worker, "shot 0")
        eventually(lambda: worker.status.state is DeliveryState.WAITING)
        with serving(intake_app(intake), port):
            worker.flush(timeout_s=30)


def test_closing_does_not_wait_for_the_backoff(tmp_path: Path) -> None:
    with working(tmp_path, NOWHERE, backoff=Backoff(base_s=600, cap_s=600, draw=lambda: 1.0)) as worker:
        eventually(lambda: worker.status.state is DeliveryState.WAITING)
        before = time.monotonic()
    assert time.monotonic() - before < 5
    assert worker.status.state is DeliveryState.CLOSED


def test_an_unknown_worker_waits_until_it_is_admitted(tmp_path: Path, ledger: Ledger) -> None:
    admitted: set[bytes] = set()
    with serving(intake_app(Intake(ledger, admitted.__contains__))) as url, working(tmp_path, url) as worker:
        generate(worker, "shot 0")
        eventually(lambda: worker.status.state is DeliveryState.WAITING)
        assert "unknown_worker" in worker.status.reason
        admitted.add(KEY.address)
        worker.flush(timeout_s=30)
    assert stored_prompts(ledger) == ["shot 0"]


def test_a_conflict_stops_delivery_and_keeps_the_record_with_the_reason(tmp_path: Path, intake: Intake) -> None:
    with working(tmp_path, NOWHERE) as worker:  # records 0 and 1, before the server has others of them
        generate(worker, "shot 0")
        generate(worker, "shot 1")
    intake.submit(envelope(0, prompt="of another process"))
    with serving(intake_app(intake)) as url:
        for _ in range(2):  # a restart does not forget it
            with working(tmp_path, url) as worker:
                with pytest.raises(RecordRejected, match=r"record 0 was refused \(sequence_conflict\)") as caught:
                    worker.flush(timeout_s=30)
                assert caught.value.sequence == 0
                with pytest.raises(RecordRejected), worker.generation(agent="video", model=MODEL, prompt="x"):
                    pytest.fail("nothing expensive may run")
                assert worker.status.state is DeliveryState.STOPPED
                assert worker.status.pending == 1
    (file,) = (tmp_path / "rejected").glob("*.envelope")
    assert open_envelope(file.read_bytes()).record.prompt == "shot 0"
    assert "sequence_conflict" in file.with_suffix(".json").read_text()


def test_a_refused_record_moved_back_is_delivered_once_the_cause_is_gone(
    tmp_path: Path, intake: Intake, ledger: Ledger
) -> None:
    spool = tmp_path / "spool"
    strict = Intake(ledger, lambda worker: True, max_envelope_bytes=100)
    with serving(intake_app(strict)) as url, working(spool, url) as worker:
        generate(worker, "shot 0")
        with pytest.raises(RecordRejected, match="too_large"):
            worker.flush(timeout_s=30)
    (file,) = (spool / "rejected").glob("*.envelope")
    file.rename(spool / "pending" / file.name)
    with serving(intake_app(intake)) as url, working(spool, url) as worker:
        worker.flush(timeout_s=30)
    assert stored_prompts(ledger) == ["shot 0"]


def test_a_lost_spool_goes_on_where_the_server_is(tmp_path: Path, intake: Intake, ledger: Ledger) -> None:
    with serving(intake_app(intake)) as url:
        for number in range(3):
            with working(tmp_path / f"spool {number}", url) as worker:
                generate(worker, f"shot {number}")
                worker.flush(timeout_s=30)
    assert stored_prompts(ledger) == prompts(3)


def test_a_server_set_back_to_a_backup_gets_again_what_it_lost(
    tmp_path: Path, intake: Intake, ledger: Ledger, restored_ledger: Ledger
) -> None:
    port = free_port()
    with working(tmp_path, f"http://127.0.0.1:{port}") as worker:
        with serving(intake_app(intake), port):
            for prompt in prompts(4):
                generate(worker, prompt)
            worker.flush(timeout_s=30)
        restored = Intake(restored_ledger, lambda worker: True)
        restored.submit(ledger.stream(worker_stream(KEY.address))[0].payload)
        with serving(intake_app(restored), port):
            generate(worker, "shot 4")
            worker.flush(timeout_s=30)
    assert stored_prompts(restored_ledger) == prompts(5)


def test_a_server_that_lost_more_than_the_spool_keeps_stops_delivery(tmp_path: Path, intake: Intake) -> None:
    with Spool(tmp_path, KEY.address, keep_sent=1) as spool:
        for _ in range(3):
            spool.append(envelope)
        spool.acknowledge(3)
    with serving(intake_app(intake)) as url, working(tmp_path, url) as worker:
        with pytest.raises(HistoryMissing, match=r"expects record 0 .* kept here is 2"):
            worker.flush(timeout_s=30)
        assert worker.status.state is DeliveryState.STOPPED


def test_a_server_that_contradicts_itself_is_waited_out_and_not_hammered(tmp_path: Path) -> None:
    requests: list[float] = []

    async def deny(request: Request) -> Response:
        requests.append(time.monotonic())
        problem = Problem("Conflict", 409, "expects what it got", "sequence_gap", index=0, expected=0, got=0)
        return Response(msgspec.json.encode(problem), 409, media_type=PROBLEM_TYPE)

    app = Starlette(routes=[Route("/records", deny, methods=["POST"]), worker_route(lambda: 0)])
    with serving(app) as url, working(tmp_path, url, backoff=Backoff(base_s=600, draw=lambda: 1.0)) as worker:
        generate(worker, "shot 0")
        eventually(lambda: worker.status.state is DeliveryState.WAITING)
        assert len(requests) == 1
        assert worker.status.pending == 1


def test_the_wish_of_the_server_to_wait_is_kept_also_in_a_flush(tmp_path: Path) -> None:
    requests: list[float] = []

    async def busy(request: Request) -> Response:
        requests.append(time.monotonic())
        return Response(status_code=429, headers={"retry-after": "1"})

    app = Starlette(routes=[Route("/records", busy, methods=["POST"]), worker_route(lambda: 0)])
    with serving(app) as url, working(tmp_path, url) as worker:
        generate(worker, "shot 0")
        with pytest.raises(DeliveryTimeout):
            worker.flush(timeout_s=2.5)
    assert len(requests) >= 2
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(requests))


def test_two_workers_on_one_spool_are_refused(tmp_path: Path) -> None:
    with working(tmp_path, NOWHERE), pytest.raises(SpoolBusy):
        Worker(key=KEY, spool=tmp_path, endpoint=NOWHERE)


def test_threads_of_one_worker_share_its_numbers(tmp_path: Path, intake: Intake, ledger: Ledger) -> None:
    with serving(intake_app(intake)) as url, working(tmp_path, url) as worker:
        threads = [threading.Thread(target=generate, args=(worker, prompt)) for prompt in prompts(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        worker.flush(timeout_s=30)
    assert sorted(stored_prompts(ledger)) == sorted(prompts(12))


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::"])
def test_an_endpoint_that_is_no_http_address_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(InvalidEndpoint):
        Worker(key=KEY, spool=tmp_path, endpoint=endpoint)
    assert not list(tmp_path.iterdir())


def test_the_sdk_needs_no_database_and_no_server_library() -> None:
    program = (
        "import sys, atlas.indexer.workers;"
        "names = ('psycopg', 'pyarrow', 'strawberry', 'starlette', 'atlas.ledger');"
        "print([name for name in names if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def break_off(worker: Worker) -> None:
    with worker.generation(agent="video", model=MODEL, prompt="x") as recording:
        recording.output(b"film", role="video", media_type="video/mp4")
        _ = 1 / 0


def worker_route(next_sequence: Callable[[], int]) -> Route:
    async def progress(request: Request) -> Response:
        view = WorkerView(request.path_params["address"], True, next_sequence(), None)
        return Response(msgspec.json.encode(view), media_type="application/json")

    return Route("/workers/{address}", progress)
