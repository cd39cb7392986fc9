"""The log's commands, as an operator and an auditor type them."""

import json
from pathlib import Path

import pytest

from atlas.indexer.workers.keys import WorkerKey
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.artifacts import load as load_artifact
from atlas.protocol.ids import checksum_address
from tests.anvil import CHAIN, Anvil
from tests.cli.commands import CommandLine
from tests.ledger.examples import facts
from tests.ledger.witness import WitnessServer


@pytest.fixture
def key(run: CommandLine, config: Path, database_url: str) -> str:
    """The verifier key of a log with 10 facts, under a checkpoint."""
    run("keys", "init", "--config", str(config))
    assert run("ledger", "checkpoint", "--config", str(config)).code == 0
    append(database_url, "a", 10)
    assert run("ledger", "checkpoint", "--config", str(config)).code == 0
    return run("keys", "show", "--config", str(config)).output.strip()


def append(url: str, name: str, count: int) -> None:
    with Database(url) as database:
        Ledger(database).append(facts(name, count))


def test_a_proof_is_checked_without_the_database(run: CommandLine, config: Path, key: str, tmp_path: Path) -> None:
    file = tmp_path / "seven.tlog-proof"
    written = run("ledger", "proof", "7", "--output", str(file), "--config", str(config))
    assert (written.code, written.output) == (0, "")
    assert run("ledger", "proof", "7", "--config", str(config)).output == file.read_text()
    config.unlink()
    payload = tmp_path / "payload"
    payload.write_bytes(facts("a", 10)[6].payload)
    checked = run("ledger", "check-proof", str(file), "--key", key, "--payload", str(payload))
    assert checked.code == 0
    assert "position 7 of localhost/atlas-ledger" in checked.output
    proven = json.loads(run("ledger", "check-proof", str(file), "--key", key, "--json").output)
    assert (proven["position"], proven["topic"], proven["tree_size"]) == (7, "test.fact", 10)
    payload.write_bytes(b"other")
    assert run("ledger", "check-proof", str(file), "--key", key, "--payload", str(payload)).code == 1


def test_a_proof_of_another_key_or_a_damaged_one_is_refused(
    run: CommandLine, config: Path, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "proof"
    run("ledger", "proof", "7", "--output", str(file), "--config", str(config))
    stranger = Signer.generate("localhost/atlas-ledger").verifier.format()
    assert run("ledger", "check-proof", str(file), "--key", stranger).code == 1
    assert run("ledger", "check-proof", str(file), "--key", "no key").code == 2
    file.write_text(file.read_text().replace("index 6", "index 5"))
    assert run("ledger", "check-proof", str(file), "--key", key).code == 1
    file.write_text("nothing")
    assert run("ledger", "check-proof", str(file), "--key", key).code == 4
    missing = run("ledger", "check-proof", str(tmp_path / "missing"), "--key", key)
    assert "missing: cannot be read" in missing.errors


@pytest.mark.usefixtures("key")
def test_a_position_that_no_checkpoint_covers_is_refused(run: CommandLine, config: Path) -> None:
    ran = run("ledger", "proof", "11", "--config", str(config))
    assert ran.code == 2
    assert "covers 10 facts" in ran.errors
    assert run("ledger", "proof", "7", "--size", "8", "--config", str(config)).code == 2
    assert run("ledger", "proof", "0", "--config", str(config)).code == 2


def test_growth_is_proven_against_the_checkpoint_that_was_kept(
    run: CommandLine, config: Path, key: str, database_url: str, tmp_path: Path
) -> None:
    kept, proof = tmp_path / "kept.note", tmp_path / "growth"
    kept.write_text(run("ledger", "checkpoint", "--config", str(config)).output)
    append(database_url, "b", 5)
    run("ledger", "checkpoint", "--config", str(config))
    assert run("ledger", "consistency", "10", "15", "--output", str(proof), "--config", str(config)).code == 0
    checked = run("ledger", "check-consistency", str(proof), "--note", str(kept), "--key", key, "--json")
    assert json.loads(checked.output)["new_size"] == 15
    assert run("ledger", "consistency", "10", "14", "--config", str(config)).code == 2
    assert run("ledger", "consistency", "12", "10", "--config", str(config)).code == 2
    proof.write_text(proof.read_text().replace("old 10", "old 9"))
    assert run("ledger", "check-consistency", str(proof), "--note", str(kept), "--key", key).code == 1


@pytest.mark.usefixtures("key")
def test_a_range_is_verified(run: CommandLine, config: Path) -> None:
    ran = run("ledger", "verify", "--from", "3", "--to", "7", "--config", str(config))
    assert "5 facts from position 3" in ran.output
    verified = json.loads(run("ledger", "verify", "--json", "--config", str(config)).output)
    assert (verified["first"], verified["last"], verified["tree_size"]) == (1, 10, 10)
    assert run("ledger", "verify", "--from", "3", "--to", "11", "--config", str(config)).code == 2


@pytest.mark.usefixtures("key")
def test_stats_are_for_people_and_for_machines(run: CommandLine, config: Path) -> None:
    assert "head                  10" in run("ledger", "stats", "--config", str(config)).output
    numbers = json.loads(run("ledger", "stats", "--json", "--config", str(config)).output)
    assert (numbers["head"], numbers["checkpoints"], numbers["checkpoint_size"]) == (10, 2, 10)
    assert numbers["size_bytes"] > 0


def test_a_key_is_handed_over_and_the_log_verifies_with_both(
    run: CommandLine, config: Path, key: str, database_url: str, tmp_path: Path
) -> None:
    new_key = run("keys", "next", str(tmp_path / "next.key"), "--config", str(config)).output.strip()
    tomorrow = tmp_path / "tomorrow.toml"
    tomorrow.write_text(config.read_text() + '[ledger]\nkey_file = "next.key"\n')
    refused = run("ledger", "hand-over", str(tomorrow), "--config", str(config))
    assert (refused.code, "lacks the present key" in refused.errors) == (2, True)
    tomorrow.write_text(tomorrow.read_text() + f'retired_keys = ["{key}"]\n')
    handed_over = run("ledger", "hand-over", str(tomorrow), "--config", str(config))
    assert handed_over.output.count("— localhost/atlas-ledger ") == 2
    append(database_url, "b", 5)
    assert run("ledger", "checkpoint", "--config", str(config)).code == 1
    assert run("ledger", "checkpoint", "--config", str(tomorrow)).output.startswith("localhost/atlas-ledger\n15\n")
    assert run("keys", "show", "--config", str(tomorrow)).output.split() == [key, new_key]
    assert run("ledger", "verify", "--config", str(tomorrow)).code == 0
    file = tmp_path / "proof"
    run("ledger", "proof", "3", "--size", "10", "--output", str(file), "--config", str(tomorrow))
    for keys in ([key], [new_key], [key, new_key]):
        options = [option for one in keys for option in ("--key", one)]
        assert run("ledger", "check-proof", str(file), *options).code == 0


def test_a_witness_cosigns_and_a_proof_says_so(run: CommandLine, config: Path, key: str, tmp_path: Path) -> None:
    assert run("ledger", "cosign", "--config", str(config)).code == 2
    with WitnessServer("witness.example.org/w", bytes(32), key) as witness:
        config.write_text(config.read_text() + f'[[witnesses]]\nkey = "{witness.vkey}"\nurl = "{witness.url}"\n')
        assert "Cosigned by witness.example.org/w" in run("ledger", "cosign", "--config", str(config)).output
        note = run("ledger", "checkpoint", "--config", str(config)).output.encode()
        (tmp_path / "cosigned.note").write_bytes(note + witness.cosignature(note))
        imported = run("ledger", "cosign", "--note", str(tmp_path / "cosigned.note"), "--json", "--config", str(config))
        assert list(json.loads(imported.output)) == ["witness.example.org/w"]
        (tmp_path / "plain.note").write_bytes(note)
        plain = run("ledger", "cosign", "--note", str(tmp_path / "plain.note"), "--config", str(config))
        assert (plain.code, "none of the configured witnesses" in plain.errors) == (1, True)
        file = tmp_path / "proof"
        run("ledger", "proof", "3", "--output", str(file), "--config", str(config))
        checked = run("ledger", "check-proof", str(file), "--key", key, "--witness", witness.vkey)
        assert "witness.example.org/w" in checked.output
    away = run("ledger", "cosign", "--config", str(config))
    assert away.code == 3


def test_a_checkpoint_is_anchored_by_a_key_of_our_own(run: CommandLine, config: Path, key: str, tmp_path: Path) -> None:
    assert key
    with Anvil() as node:
        contract = checksum_address(node.deploy(load_artifact("CheckpointAnchor").bytecode))
        sender = WorkerKey.create(tmp_path / "sender.key")
        unset = run("ledger", "anchor", "--config", str(config))
        assert (unset.code, "CheckpointAnchor" in unset.errors) == (2, True)
        config.write_text(
            f'{config.read_text()}[[chains]]\nchain = "{CHAIN}"\nrpc_url = "{node.url}"\n'
            f'[[chains.contracts]]\nabi = "CheckpointAnchor"\naddress = "{contract}"\n'
        )
        unset = run("ledger", "anchor", "--config", str(config))
        assert (unset.code, "no sender" in unset.errors) == (2, True)
        config.write_text(f'{config.read_text()}[anchoring]\nkey_file = "sender.key"\n')
        assert run("ledger", "anchor", "--config", str(config)).code == 1  # the address has no funds
        node.rpc("anvil_setBalance", checksum_address(sender.address), hex(10**18))
        anchored = json.loads(run("ledger", "anchor", "--json", "--config", str(config)).output)
        assert (anchored["tree_size"], anchored["sender"]) == (10, checksum_address(sender.address))
        (log,) = node.rpc("eth_getTransactionReceipt", anchored["transaction"])["logs"]
        assert log["data"].startswith(anchored["root_hash"])
    assert run("ledger", "anchor", "--config", str(config)).code == 3
