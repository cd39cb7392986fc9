from datetime import UTC, datetime

from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from tests.projections.chain import CHAIN, Block, address, contract_fact, finalized_fact, reorg_fact
from tests.projections.rows import current, query


def test_the_head_is_the_highest_recorded_block(database: Database, ledger: Ledger, projector: Projector) -> None:
    low, high = Block(3), Block(7)
    ledger.append([high.header(), low.header()])
    projector.catch_up()
    (chain,) = current(database, "chains", "chains")
    assert (chain["chain"], chain["head_number"], chain["head_hash"]) == (CHAIN, 7, high.hash)
    assert chain["head_time"] == datetime.fromtimestamp(high.time, UTC)
    assert chain["finalized_number"] is None


def test_the_head_falls_back_when_its_block_is_orphaned_and_returns_when_it_is_restored(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    low, high = Block(3), Block(7)
    ledger.append([low.header(), high.header()])
    projector.catch_up()
    ledger.append([reorg_fact(0, low, (high,))])
    projector.catch_up()
    assert [chain["head_number"] for chain in current(database, "chains", "chains")] == [3]
    ledger.append([reorg_fact(1, low, (), (high,))])
    projector.catch_up()
    assert [chain["head_number"] for chain in current(database, "chains", "chains")] == [7]


def test_a_chain_whose_every_block_is_orphaned_has_no_row(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(3)
    ledger.append([block.header(), reorg_fact(0, Block(2), (block,))])
    projector.catch_up()
    assert current(database, "chains", "chains") == []


def test_finality_is_kept_beside_the_head(database: Database, ledger: Ledger, projector: Projector) -> None:
    low, high = Block(3), Block(7)
    ledger.append([high.header(), finalized_fact(low, 0)])
    projector.catch_up()
    (chain,) = current(database, "chains", "chains")
    assert (chain["head_number"], chain["finalized_number"], chain["finalized_hash"]) == (7, 3, low.hash)


def test_a_finalized_block_above_the_head_is_the_head(database: Database, ledger: Ledger, projector: Projector) -> None:
    ledger.append([Block(3).header(), finalized_fact(Block(5), 0)])
    projector.catch_up()
    (chain,) = current(database, "chains", "chains")
    assert (chain["head_number"], chain["head_time"], chain["finalized_number"]) == (5, None, 5)


def test_finality_that_is_left_is_final_no_longer(database: Database, ledger: Ledger, projector: Projector) -> None:
    low, high, tip = Block(3), Block(7), Block(9)
    ledger.append([low.header(), finalized_fact(low, 0), high.header(), finalized_fact(high, 1), tip.header()])
    ledger.append([reorg_fact(0, high, (tip,))])
    projector.catch_up()
    assert [chain["finalized_number"] for chain in current(database, "chains", "chains")] == [7]
    ledger.append([reorg_fact(1, Block(5), (high,))])
    projector.catch_up()
    assert [chain["finalized_number"] for chain in current(database, "chains", "chains")] == [None]
    ledger.append([finalized_fact(low, 2)])
    projector.catch_up()
    (chain,) = current(database, "chains", "chains")
    assert (chain["head_number"], chain["finalized_number"], chain["finalized_hash"]) == (5, 3, low.hash)
    projector.compare("chains")


def test_is_final_tells_whether_a_block_is_finalized(database: Database, ledger: Ledger, projector: Projector) -> None:
    ledger.append([finalized_fact(Block(5), 0)])
    projector.catch_up()
    (row,) = query(
        database,
        sql.SQL(
            "select projections.is_final({chain}, 5) as at, projections.is_final({chain}, 6) as above,"
            " projections.is_final('eip155:1', 5) as elsewhere"
        ).format(chain=CHAIN),
    )
    assert row == {"at": True, "above": False, "elsewhere": False}


def test_watched_contracts_are_listed(database: Database, ledger: Ledger, projector: Projector) -> None:
    ledger.append([contract_fact("AtlasToken", start_block=12)])
    projector.catch_up()
    (contract,) = current(database, "chains", "contracts")
    assert (contract["address"], contract["abi"], contract["start_block"]) == (address("AtlasToken"), "AtlasToken", 12)
