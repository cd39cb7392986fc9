import os
from pathlib import Path

import psycopg

from tests.cli.commands import CommandLine


def test_keys_are_made_once_and_shown(run: CommandLine, config: Path) -> None:
    made = run("keys", "init", "--config", str(config))
    shown = run("keys", "show", "--config", str(config))
    assert (made.code, shown.code) == (0, 0)
    assert shown.output.strip() in made.output
    again = run("keys", "init", "--config", str(config))
    assert again.code != 0
    assert run("keys", "show", "--config", str(config)).output == shown.output


def test_without_a_key_a_checkpoint_says_how_to_make_one(run: CommandLine, config: Path) -> None:
    ran = run("ledger", "checkpoint", "--config", str(config))
    assert ran.code != 0
    assert "checkpoint.key" in ran.errors


def test_a_checkpoint_is_signed_and_the_log_verifies_against_it(run: CommandLine, config: Path) -> None:
    run("keys", "init", "--config", str(config))
    note = run("ledger", "checkpoint", "--config", str(config))
    assert note.output.startswith("localhost/atlas-ledger\n0\n")
    ran = run("ledger", "verify", "--config", str(config))
    assert ran.code == 0
    assert "The log is as it was signed: 0 facts" in ran.output


def test_a_tampered_log_is_refused_with_the_position(run: CommandLine, config: Path, database_url: str) -> None:
    run("keys", "init", "--config", str(config))
    run("status", "--config", str(config))
    with psycopg.connect(database_url) as connection:
        connection.execute("select ledger.make_room(1)")
        connection.execute(
            "insert into ledger.events (position, stream, version, topic, payload, leaf_hash)"
            " values (1, gen_random_uuid(), 0, 'x', 'y', sha256('z'))"
        )
        connection.execute("update ledger.head set position = 1")
    run("ledger", "checkpoint", "--config", str(config))
    ran = run("ledger", "verify", "--config", str(config))
    assert ran.code != 0
    assert "position 1" in ran.errors


def test_a_note_that_cannot_be_read_is_named(run: CommandLine, config: Path, tmp_path: Path) -> None:
    run("keys", "init", "--config", str(config))
    missing = run("ledger", "verify", "--config", str(config), "--note", str(tmp_path / "no.note"))
    assert missing.code == 2
    assert "no.note: cannot be read" in missing.errors
    (tmp_path / "bad.note").write_text("nothing signed")
    assert run("ledger", "verify", "--config", str(config), "--note", str(tmp_path / "bad.note")).code != 0


def test_status_is_for_people_and_for_machines(run: CommandLine, config: Path) -> None:
    assert "supply" in run("status", "--config", str(config)).output
    assert '"log_head":0' in run("status", "--json", "--config", str(config)).output


def test_a_log_without_a_checkpoint_is_not_one_that_failed(run: CommandLine, config: Path) -> None:
    run("keys", "init", "--config", str(config))
    ran = run("ledger", "verify", "--config", str(config))
    assert ran.code == 2
    assert "no checkpoint was signed yet" in ran.errors


def test_keys_that_cannot_be_written_are_a_matter_of_configuration(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "atlas-ledger.toml"
    config.write_text(f'[data]\ndirectory = "{tmp_path / "file" / "below"}"\n')
    ran = run("keys", "init", "--config", str(config))
    assert ran.code == 2
    assert "keys cannot be written" in ran.errors


def test_a_role_that_may_only_read_sees_how_the_log_stands(
    run: CommandLine, config: Path, database_url: str, tmp_path: Path
) -> None:
    run("keys", "init", "--config", str(config))
    run("ledger", "checkpoint", "--config", str(config))
    role = f"reader_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"create role {role} login in role pg_read_all_data".encode())
        try:
            own = tmp_path / "reader.toml"
            own.write_text(config.read_text().replace("//postgres:@", f"//{role}@"))
            for command in (["ledger", "stats"], ["status"]):
                assert run(*command, "--config", str(own)).code == 0
            verified = run("ledger", "verify", "--config", str(own))
            assert (verified.code, "the schema is not checked" in verified.errors) == (2, True)
        finally:
            admin.execute(f"drop role {role}".encode())
