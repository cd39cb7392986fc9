from pathlib import Path

import psycopg

from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerBehindCheckpoint
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.recovery import behind_checkpoint
from atlas.ledger.schema import set_partition_facts
from tests.cli.commands import CommandLine
from tests.ledger.examples import facts


def fill(url: str, count: int) -> None:
    with Database(url) as database:
        migrate(database, MIGRATIONS)
        with database.connection() as connection:
            set_partition_facts(connection, 256)
        Ledger(database).append(facts("a", count, topic="test.fact"))


def test_a_log_goes_to_the_archive_and_comes_back(run: CommandLine, config: Path, database_url: str) -> None:
    fill(database_url, 600)
    run("keys", "init", "--config", str(config))
    archived = run("ledger", "archive", "--config", str(config))
    assert (archived.code, archived.output.splitlines()) == (
        0,
        ["archived positions 1 to 256", "archived positions 257 to 512"],
    )
    assert "No partition is complete" in run("ledger", "archive", "--config", str(config)).output
    assert "dropped positions 257 to 512" in run("ledger", "drop", "--config", str(config)).output
    assert "Nothing is archived" in run("ledger", "drop", "--config", str(config)).output
    verified = run("ledger", "verify", "--config", str(config))
    assert "The log is as it was signed: 600 facts" in verified.output
    refused = run("ledger", "restore", "--config", str(config))
    assert (refused.code, "600 facts" in refused.errors) == (2, True)


def test_a_damaged_archive_is_named_with_its_position(
    run: CommandLine, config: Path, database_url: str, tmp_path: Path
) -> None:
    fill(database_url, 600)
    run("keys", "init", "--config", str(config))
    run("ledger", "archive", "--config", str(config))
    next(tmp_path.glob("archive/*257-*/tiles.parquet")).unlink()
    ran = run("ledger", "verify", "--config", str(config))
    assert ran.code == 1
    assert "tiles.parquet" in ran.errors


def test_a_payload_is_redacted_with_its_reason(run: CommandLine, config: Path, database_url: str) -> None:
    fill(database_url, 10)
    run("keys", "init", "--config", str(config))
    ran = run("ledger", "redact", "7", "--reason", "court order", "--authoriser", "counsel", "--config", str(config))
    assert ran.code == 0
    assert "The payload at position 7 is withheld (20 bytes" in ran.output
    run("ledger", "checkpoint", "--config", str(config))
    assert run("ledger", "verify", "--config", str(config)).code == 0
    unknown = run("ledger", "redact", "70", "--reason", "r", "--authoriser", "a", "--config", str(config))
    assert (unknown.code, "no fact at position 70" in unknown.errors) == (2, True)
    assert "It has those from 1 to 11." in unknown.errors
    decision = run("ledger", "redact", "11", "--reason", "r", "--authoriser", "a", "--config", str(config))
    assert (decision.code, "what to do: Name the position of another fact." in decision.errors) == (2, True)


def test_an_operator_resumes_a_halted_log(run: CommandLine, config: Path, database_url: str) -> None:
    fill(database_url, 10)
    with Database(database_url) as database:
        assert isinstance(behind_checkpoint(database, 20, 10), LedgerBehindCheckpoint)
    decision = ("ledger", "resume", "--reason", "the backup is all there is", "--authoriser", "operator")
    ran = run(*decision, "--config", str(config))
    assert "Appending goes on after position 10" in ran.output
    assert run(*decision, "--config", str(config)).code == 2


def test_a_database_from_an_old_backup_is_halted_by_whoever_opens_it(
    run: CommandLine, config: Path, database_url: str, tmp_path: Path
) -> None:
    fill(database_url, 600)
    run("keys", "init", "--config", str(config))
    published = run("ledger", "checkpoint", "--config", str(config)).output
    assert (tmp_path / "checkpoint.note").read_text() == published
    _go_back(database_url, 512)
    for command in (["checkpoint"], ["verify"], ["archive"], ["redact", "7", "--reason", "r", "--authoriser", "a"]):
        ran = run("ledger", *command, "--config", str(config))
        assert (ran.code, ran.output) == (1, "")
        assert "over 600 facts is signed, and the log has 512" in ran.errors
        assert "ledger resume" in ran.errors
    assert "over 600 facts is signed" in run("ledger", "stats", "--config", str(config)).output
    sign = run("sign", "--config", str(config))
    assert (sign.code, "nothing is appended" in sign.errors) == (1, True)
    resumed = run("ledger", "resume", "--reason", "all there is", "--authoriser", "o", "--config", str(config))
    assert "Appending goes on after position 512" in resumed.output
    (aside,) = tmp_path.glob("checkpoint.note.*Z")
    assert aside.read_text() == published
    assert str(aside) in resumed.output
    assert run("ledger", "checkpoint", "--config", str(config)).output.startswith("localhost/atlas-ledger\n513\n")


def test_what_the_archive_lacks_is_said_after_restoring_it(
    run: CommandLine, config: Path, database_url: str, tmp_path: Path
) -> None:
    fill(database_url, 600)
    run("keys", "init", "--config", str(config))
    run("ledger", "archive", "--config", str(config))
    with psycopg.connect(database_url) as connection:
        connection.execute("drop schema ledger cascade")
        connection.execute("drop schema if exists indexer cascade")
        for (view,) in connection.execute("select nspname from pg_namespace where nspname ~ '^(view|prov|proj)'"):
            connection.execute(f'drop schema "{view}" cascade'.encode())
    ran = run("ledger", "restore", "--config", str(config))
    assert "The log has 512 facts again" in ran.output
    assert (ran.code, "over 600 facts is signed, and the log has 512" in ran.errors) == (1, True)
    assert run("ledger", "resume", "--reason", "r", "--authoriser", "o", "--config", str(config)).code == 0


def _go_back(url: str, head: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("delete from ledger.events where position > %s", (head,))
        connection.execute("delete from ledger.keys where position > %s", (head,))
        connection.execute("update ledger.head set position = %s", (head,))
        connection.execute("delete from ledger.tiles")
        connection.execute("delete from ledger.checkpoints where tree_size > %s", (head,))
