from pathlib import Path

import psycopg
import pytest

from atlas.cli.console import INTERNAL_ERROR
from tests.anvil import Anvil, free_port
from tests.cli.commands import CommandLine

COMMANDS = ["demo", "up", "index", "project", "sign", "serve", "status", "verify", "ledger", "keys", "config"]
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def with_chain(config: Path, url: str, *, chain: str = "eip155:31337", contract: str = ADDRESS) -> str:
    text = config.read_text() + (
        f'[[chains]]\nchain = "{chain}"\nrpc_url = "{url}"\n'
        f'[[chains.contracts]]\nabi = "AtlasToken"\naddress = "{contract}"\n'
    )
    config.write_text(text)
    return str(config)


def test_help_names_every_command(run: CommandLine) -> None:
    ran = run("--help")
    assert ran.code == 0
    assert all(command in ran.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(run: CommandLine, command: str) -> None:
    ran = run(command, "--help")
    assert (ran.code, "Usage" in ran.output) == (0, True)


def test_an_unknown_command_is_a_usage_error(run: CommandLine) -> None:
    ran = run("fly")
    assert ran.code == 2
    assert "fly" in ran.errors


def test_a_configuration_error_names_the_key_and_exits_with_2(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[server]\nport = 0\n")
    ran = run("status", "--config", str(file))
    assert ran.code == 2
    assert "server.port = 0" in ran.errors
    assert "what to do" in ran.errors


def test_an_unreachable_database_exits_with_3_and_hides_the_password(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "atlas-ledger.toml"
    url = f"postgresql://someone:secret@127.0.0.1:{free_port()}/nothing"
    file.write_text(f'[data]\ndirectory = "{tmp_path}"\n[database]\nurl = "{url}"\n')
    ran = run("status", "--config", str(file))
    assert ran.code == 3
    assert "127.0.0.1" in ran.errors
    assert "secret" not in ran.errors


def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    run: CommandLine, config: Path, database_url: str
) -> None:
    assert run("keys", "init", "--config", str(config)).code == 0
    assert run("status", "--config", str(config)).code == 0
    newer = "insert into ledger.migrations (room, number, statements_hash) values ('ledger', 99, sha256('x'))"
    with psycopg.connect(database_url) as connection:
        connection.execute(newer.encode())
    ran = run("status", "--config", str(config))
    assert ran.code == 2
    assert "migration 99 of ledger" in ran.errors
    assert "upgrade" in ran.errors


def test_indexing_without_a_chain_is_refused(run: CommandLine, config: Path) -> None:
    ran = run("index", "--config", str(config))
    assert ran.code == 2
    assert "no chain" in ran.errors


def test_a_node_that_is_down_at_the_start_exits_with_3_and_names_the_url(run: CommandLine, config: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = run("index", "--config", with_chain(config, url))
    assert ran.code == 3
    assert url in ran.errors


def test_a_node_of_another_chain_is_refused(run: CommandLine, config: Path) -> None:
    with Anvil() as node:
        ran = run("index", "--config", with_chain(config, node.url, chain="eip155:1"))
    assert ran.code == 2
    assert "eip155:31337, not eip155:1" in ran.errors


def test_an_address_without_code_is_refused(run: CommandLine, config: Path) -> None:
    with Anvil() as node:
        ran = run("index", "--config", with_chain(config, node.url))
    assert ran.code == 2
    assert "has no code" in ran.errors


def test_a_port_in_use_exits_with_3_and_names_it(run: CommandLine, config: Path) -> None:
    with Anvil() as other:
        config.write_text(config.read_text() + f"[server]\nport = {other.port}\n")
        ran = run("serve", "--config", str(config))
    assert ran.code == 3
    assert f"cannot listen on 127.0.0.1:{other.port}" in ran.errors


def test_an_unexpected_fault_is_said_to_be_one(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path | None) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("atlas.cli.config.load", broken)
    ran = run("config", "check")
    assert ran.code == INTERNAL_ERROR
    assert "internal error: RuntimeError: a fault" in ran.errors
