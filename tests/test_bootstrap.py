"""What the API of the wired program serves beside GraphQL."""

from pathlib import Path

import anyio
import httpx
from starlette.applications import Starlette

from atlas.bootstrap import create_keys, open_program
from atlas.indexer.workers.keys import WorkerKey
from atlas.settings import Settings
from tests.ledger.auditor import audit
from tests.ledger.examples import facts


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
