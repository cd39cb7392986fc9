"""The chain's commands, as an operator and an auditor type them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.indexer.chain.verification.evidence import keep_evidence
from atlas.indexer.errors import Exchange, LyingEndpoint
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.facts import LOG_TOPIC
from tests.anvil import CHAIN, Anvil
from tests.cli.commands import CommandLine
from tests.indexer.chain.workbench import Workbench, catch_up


@pytest.fixture
def node() -> Iterator[Anvil]:
    with Anvil() as node:
        yield node


@pytest.fixture
def indexed(run: CommandLine, config: Path, database_url: str, node: Anvil) -> list[int]:
    """The positions of two recorded logs of one transaction."""
    assert run("status", "--config", str(config)).code == 0
    with Database(database_url) as database, Workbench(node, Ledger(database), database) as bench:
        node.emit(bench.emitter, topic=5, count=2)
        catch_up(bench.indexer())
        positions = [fact.position for fact in bench.facts() if fact.topic == LOG_TOPIC]
    config.write_text(f'{config.read_text()}[[chains]]\nchain = "{CHAIN}"\nrpc_url = "{node.url}"\n')
    return positions


def test_a_recorded_log_is_proven_and_checked_without_node_or_database(
    run: CommandLine, config: Path, indexed: list[int], node: Anvil, tmp_path: Path
) -> None:
    file = tmp_path / "log.proof"
    written = run("chain", "prove", str(indexed[1]), "--output", str(file), "--config", str(config))
    assert (written.code, written.output) == (0, "")
    assert run("chain", "prove", str(indexed[1]), "--config", str(config)).output == file.read_text()
    block_hash = "0x" + node.block_hash(node.head()).hex()
    node.stop()
    config.unlink()
    checked = run("chain", "check-proof", str(file), "--block-hash", block_hash)
    assert checked.code == 0
    assert "Proven: log 1 of transaction 0" in checked.output
    assert "--block-hash" not in checked.output
    assert "compare it with the chain's" in run("chain", "check-proof", str(file)).output
    assert f"{CHAIN} (as the file says)" in checked.output  # no header names its chain
    proven = json.loads(run("chain", "check-proof", str(file), "--json").output)
    assert (proven["block_hash"], proven["log_index"], proven["log_place"]) == (block_hash, 1, 1)
    assert proven["topics"] == ["0x" + (5).to_bytes(32, "big").hex()]
    assert len(proven["transaction_hash"]) == 66


def test_a_proof_of_another_block_or_a_damaged_one_is_refused(
    run: CommandLine, config: Path, indexed: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "log.proof"
    run("chain", "prove", str(indexed[0]), "--output", str(file), "--config", str(config))
    other = run("chain", "check-proof", str(file), "--block-hash", "0x" + "ab" * 32)
    assert (other.code, "not of 0xabab" in other.errors) == (1, True)
    assert run("chain", "check-proof", str(file), "--block-hash", "0xab").code == 4
    text = file.read_text()
    file.write_text(text.replace('"log_place":0', '"log_place":1'))
    assert run("chain", "check-proof", str(file)).code == 1
    file.write_text(text.replace("0xf9", "0xf8", 1))
    assert run("chain", "check-proof", str(file)).code == 4
    file.write_text("nothing")
    assert run("chain", "check-proof", str(file)).code == 4
    assert "cannot be read" in run("chain", "check-proof", str(tmp_path / "missing")).errors
    endless = run("chain", "check-proof", "/dev/zero")
    assert (endless.code, "larger than" in endless.errors) == (4, True)


def test_what_cannot_be_proven_says_why(run: CommandLine, config: Path, indexed: list[int], node: Anvil) -> None:
    contract = run("chain", "prove", "1", "--config", str(config))
    assert (contract.code, "chain.contract" in contract.errors) == (2, True)
    assert run("chain", "prove", "999", "--config", str(config)).code == 2
    nowhere = run("chain", "prove", str(indexed[0]), "--output", "/nowhere/proof", "--config", str(config))
    assert (nowhere.code, "cannot be written" in nowhere.errors) == (2, True)
    node.stop()
    assert run("chain", "prove", str(indexed[0]), "--config", str(config)).code == 3
    config.write_text(config.read_text().split("[[chains]]")[0])
    unknown = run("chain", "prove", str(indexed[0]), "--config", str(config))
    assert (unknown.code, "not configured" in unknown.errors) == (2, True)


def test_evidence_is_shown_for_people_and_for_machines(run: CommandLine, config: Path, database_url: str) -> None:
    assert "No endpoint" in run("chain", "evidence", "--config", str(config)).output
    said = Exchange(b'[{"method":"eth_getBlockReceipts"}]', b'{"[bold]":1}')
    with Database(database_url) as database:
        for _ in range(2):
            keep_evidence(database, CHAIN, "http://node/***", LyingEndpoint("left out [red]", exchange=said))
    text = run("chain", "evidence", "--config", str(config)).output
    assert "http://node/***  2 times" in text
    assert "left out [red]" in text
    (told,) = json.loads(run("chain", "evidence", "--json", "--config", str(config)).output)
    assert (told["chain"], told["times"], told["response"]) == (CHAIN, 2, '{"[bold]":1}')
    assert json.loads(run("chain", "evidence", "--chain", "eip155:1", "--json", "--config", str(config)).output) == []
    misspelled = run("chain", "evidence", "--chain", "eip155-1", "--config", str(config))
    assert (misspelled.code, "CAIP-2" in misspelled.errors) == (4, True)
