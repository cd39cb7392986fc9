"""A log restored from its archive alone: the same checkpoint, and the same views."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.archive.archive import Archive
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.migrations import migrate
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.schema import set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from atlas.projections.migrations import MIGRATIONS
from atlas.projections.projector import Projector
from tests.ledger.tampering import new_log
from tests.projections.chain import ZERO, Block, address, contract_fact

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
RING = KeyRing(SIGNER.verifier)
SIZE = 512
TABLES = """
select table_schema, table_name from information_schema.tables
where table_schema like 'view\\_%' and table_type = 'BASE TABLE' order by 1, 2
"""


@pytest.fixture
def restored(postgres_url: str, database_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """An empty log with the same archive."""
    name = f"{conninfo_to_dict(database_url)['dbname']}_restored"
    with new_log(postgres_url, tmp_path / "archive", name, partition_facts=SIZE) as ledger:
        migrate(ledger.database, (*LEDGER_MIGRATIONS, *MIGRATIONS))
        yield ledger


def history() -> list[Fact]:
    """Blocks of transfers among twenty accounts."""
    people = [address(f"person {number}") for number in range(20)]
    recorded = [contract_fact("AtlasToken")]
    for number in range(1, 70):
        block, payer = Block(number), people[number % 20]
        recorded += [block.header(), block.transfer(ZERO, payer, 1_000)]
        recorded += [block.transfer(payer, people[(number + step) % 20], step) for step in range(1, 15)]
    return recorded


def views(ledger: Ledger) -> dict[str, list[str]]:
    """Every row of every view's tables, folded from the log as it is."""
    projector = Projector(ledger.database, ledger)
    projector.prepare()
    projector.catch_up()
    with ledger.database.connection() as connection:
        tables = connection.execute(TABLES.encode()).fetchall()
        return {
            f"{schema}.{table}": [
                row
                for (row,) in connection.execute(
                    f'select t::text from "{schema}"."{table}" as t order by 1'.encode()
                ).fetchall()
            ]
            for schema, table in tables
        }


def test_the_archive_alone_gives_the_same_checkpoint_and_the_same_views(
    database: Database, restored: Ledger, tmp_path: Path
) -> None:
    with database.connection() as connection:
        set_partition_facts(connection, SIZE)
    ledger, checkpointer = Ledger(database, Archive(tmp_path / "archive")), Checkpointer(database, SIGNER)
    ledger.append(history()[: 2 * SIZE])
    archiving.archive(ledger, checkpointer)
    archiving.drop(ledger, RING)
    redact(ledger, 700, reason="court order", authoriser="counsel", decided_at_ms=0, checkpointer=checkpointer)
    archiving.restore(restored, RING)
    assert (ledger.head(), restored.head()) == (2 * SIZE + 1, 2 * SIZE + 1)
    note = checkpointer.checkpoint()
    assert Checkpointer(restored.database, SIGNER).checkpoint() == note
    verify_ledger(restored, note, SIGNER.verifier)
    assert list(restored.facts(after=0)) == list(ledger.facts(after=0))
    folded = views(ledger)
    assert len(folded["view_supply.balances"]) == 20
    assert views(restored) == folded
