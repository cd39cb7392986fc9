"""What the API of the wired program serves beside GraphQL."""

import threading
import time
from pathlib import Path

import anyio
import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from atlas.bootstrap import create_keys, open_program
from atlas.indexer.workers.keys import WorkerKey
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.errors import AppendingHalted, LedgerBehindCheckpoint
from atlas.ledger.recovery import halted_because
from atlas.settings import Settings
from tests.ledger.auditor import audit
from tests.ledger.examples import facts
from tests.ledger.witness import WitnessServer


def get(app: Starlette, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://atlas.test") as client:
            return await client.get(path)

    return anyio.run(send)


def settings(database_url: str, directory: object) -> Settings:
    return Settings.model_validate({"database": {"url": database_url}, "data": {"directory": str(directory)}})


def test_the_log_and_its_metrics_are_served_by_the_api(database_url: str, tmp_path: object) -> None:
    configured = settings(database_url, tmp_path)
    verifier = create_keys(configured).verifier
    with open_program(configured) as program:
        program.ledger.append(facts("a", 300))
        program.checkpointer.checkpoint()
        assert program.api() is not program.api()
        app = program.api()
        entries = audit(lambda name: get(app, f"/log/{name}").raise_for_status().content, verifier.format())
        assert len(entries) == 300
        metrics = get(app, "/metrics").text
    assert "atlas_ledger_head 300.0" in metrics
    assert "atlas_ledger_append_facts_sum 300.0" in metrics
    assert 'atlas_http_requests_total{method="GET",status="200"}' in metrics


def test_the_log_is_served_without_the_key_that_signs(database_url: str, tmp_path: object) -> None:
    with open_program(settings(database_url, tmp_path)) as program:
        assert get(program.api(), "/log/checkpoint").status_code == 404


def lose(database_url: str, head: int) -> None:
    """Leave of the log what a backup of an earlier moment has."""
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from ledger.events where position > %s", (head,))
        connection.execute("delete from ledger.keys where position > %s", (head,))
        connection.execute("update ledger.head set position = %s", (head,))
        connection.execute("delete from ledger.tiles")
        connection.execute("delete from ledger.checkpoints where tree_size > %s", (head,))


def test_a_database_that_went_back_is_halted_by_being_opened(database_url: str, tmp_path: Path) -> None:
    configured = settings(database_url, tmp_path)
    create_keys(configured)
    with open_program(configured) as program:
        program.ledger.append(facts("a", 10))
        program.checkpointer.checkpoint()
    lose(database_url, 4)
    with open_program(configured) as program:
        assert halted_because(program.database) == "a checkpoint over 10 facts is signed, and the log has 4"
        for service in (program.chain_services, program.checkpoint_service):
            with pytest.raises(AppendingHalted):
                service()
        assert "atlas_ledger_halted 1.0" in get(program.api(), "/metrics").text
        assert [fact.position for fact in program.ledger.facts(after=0)] == [1, 2, 3, 4]


def test_a_database_that_goes_back_while_the_signer_runs_is_halted(database_url: str, tmp_path: Path) -> None:
    configured = settings(database_url, tmp_path)
    create_keys(configured)
    with open_program(configured) as program:
        program.ledger.append(facts("a", 10))
        program.checkpointer.checkpoint()
        signer = program.checkpoint_service()
        lose(database_url, 4)
        with pytest.raises(LedgerBehindCheckpoint):
            signer.run(threading.Event())
        with pytest.raises(AppendingHalted):
            program.ledger.append(facts("b", 1))


def test_each_checkpoint_is_cosigned_in_the_background(database_url: str, tmp_path: Path) -> None:
    configured = settings(database_url, tmp_path)
    key = create_keys(configured).verifier.format()
    stop = threading.Event()
    with WitnessServer("witness.example.org/w", bytes(32), key) as witness:
        known = [{"key": witness.vkey, "url": witness.url}, {"key": away(), "url": "http://127.0.0.1:9/w"}]
        configured = Settings.model_validate(
            configured.model_dump()
            | {"witnesses": known, "ledger": {"checkpoint_interval_s": 0.1, "cosignatures_required": 1}}
        )
        with open_program(configured) as program:
            assert get(program.api(), "/log/checkpoint").status_code == 404
            services = [program.checkpoint_service(), *program.cosigning_services()]
            threads = [threading.Thread(target=service.run, args=[stop]) for service in services]
            for thread in threads:
                thread.start()
            for count in (5, 9):
                program.ledger.append(facts("a", count))
                app, deadline_s = program.api(), time.monotonic() + 30
                while f"\n{count}\n" not in get(app, "/log/checkpoint").text and time.monotonic() < deadline_s:
                    time.sleep(0.05)
                assert "— witness.example.org/w " in get(app, "/log/checkpoint").text
            metrics = get(program.api(), "/metrics").text
            stop.set()
            for thread in threads:
                thread.join(timeout=30)
    assert 'atlas_ledger_cosigned_size{witness="witness.example.org/w"} 9.0' in metrics
    assert 'atlas_ledger_cosignature_age_seconds{witness="witness.example.org/w"}' in metrics
    assert 'atlas_ledger_witness_failures_total{error="WitnessUnreachable",witness="away.example.org/w"}' in metrics


def away() -> str:
    """The key of a witness that is never there."""
    return Witness("away.example.org/w", bytes(32)).format()


def test_spans_obey_the_rates_of_the_settings(database_url: str, tmp_path: Path) -> None:
    WorkerKey.create(tmp_path / "collector.key")
    configured = settings(database_url, tmp_path)
    workers = configured.workers.model_copy(
        update={"collector_key_file": tmp_path / "collector.key", "bytes_per_s": 0.1}
    )

    async def send(app: Starlette) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://atlas.test") as client:
            return (await client.post("/v1/traces", json={"resourceSpans": []})).status_code

    with open_program(configured.model_copy(update={"workers": workers})) as program:
        app = program.api()
        assert [anyio.run(send, app) for _ in range(2)] == [200, 429]
