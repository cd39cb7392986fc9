"""``atlas-ledger chain`` and what ``/ready`` and ``/metrics`` make of a chain in trouble."""

from pathlib import Path

import msgspec
import psycopg

from atlas.bootstrap import open_program
from atlas.settings import load
from tests.cli.commands import CommandLine
from tests.test_bootstrap import get

FORKED = (
    "insert into indexer.standing values ('eip155:1', 'forked', 'it left', 'compare', now(), 7, 9, 3, 2, 0.5, 1, now())"
)


def test_a_forked_chain_is_seen_and_resolved(run: CommandLine, config: Path, database_url: str) -> None:
    file = str(config)
    assert run("chain", "status", "--config", file).code == 0
    refused = run("chain", "resolve", "eip155:1", "--follow", "--config", file)
    assert (refused.code, "never indexed" in refused.errors) == (2, True)
    with psycopg.connect(database_url) as connection:
        connection.execute(FORKED.encode())
    ran = run("chain", "status", "--config", file)
    assert "forked" in ran.output
    assert "it left" in ran.output
    (shown,) = msgspec.json.decode(run("chain", "status", "--json", "--config", file).output)
    assert (shown["state"], shown["tip"], shown["blocks_left"]) == ("forked", 7, 2)
    assert "forked" in run("status", "--config", file).output
    assert run("chain", "resolve", "eip155:1", "--follow", "--contradicting-finality", "--config", file).code == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select chain, follow, contradicting_finality from indexer.decisions").fetchall()
    assert rows == [("eip155:1", True, True)]


def test_contradicting_finality_is_a_way_to_follow(run: CommandLine, config: Path) -> None:
    ran = run("chain", "resolve", "eip155:1", "--wait", "--contradicting-finality", "--config", str(config))
    assert ran.code == 2
    assert "says how to follow" in ran.errors


def test_readiness_drops_and_metrics_tell(config: Path, database_url: str) -> None:
    config.write_text(config.read_text() + '[[chains]]\nchain = "eip155:1"\nrpc_url = "http://node"\n')
    with open_program(load(config)) as program:
        app = program.api()
        assert get(app, "/ready").status_code == 200
        with psycopg.connect(database_url) as connection:
            connection.execute(FORKED.encode())
        answer = get(app, "/ready")
        assert (answer.status_code, "eip155:1 is forked: it left" in answer.text) == (503, True)
        metrics = get(app, "/metrics").text
    assert 'atlas_chain_state{chain="eip155:1",state="forked"} 1.0' in metrics
    assert 'atlas_chain_seconds_left{chain="eip155:1"} 4.0' in metrics
