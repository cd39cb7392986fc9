"""What the engine does around a handler, seen through views made for it."""

from collections.abc import Mapping

import pytest
from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.fold import Fold
from atlas.projections.projector import Projector
from atlas.projections.tables.declarations import AccountTable, EntityTable, text, uint256
from atlas.projections.tables.findings import MAX_DETAIL_CHARACTERS
from atlas.projections.view import Handler, View
from atlas.protocol import facts
from atlas.protocol.errors import ProtocolError
from atlas.protocol.events import PoolCreated, Transfer
from atlas.rights.errors import RightsError
from tests.projections.chain import ZERO, Block, address, contract_fact, digest, reorg_fact
from tests.projections.rows import balances, current, issues, query, undecodable

ALICE, BOB = address("alice"), address("bob")
SEEN = EntityTable("seen", key=(text("name"),), values=(uint256("number"),))
COUNTS = AccountTable("counts", key=(text("name"),))


def count(event: Transfer, fold: Fold) -> None:
    """Writes to both tables, and refuses a transfer of 13 after that."""
    fold.put(SEEN, "last", number=event.value)
    fold.post(COUNTS, "all", delta=event.value, block_number=event.origin.block_number)
    if event.value == 13:
        raise ProtocolError("thirteen\x00\ud800" + "!" * 5_000)
    if event.value == 14:
        raise RightsError("fourteen")
    if event.value == 15:
        fold.report("odd", "fifteen")
        fold.report("odd", "still fifteen")


def projected(database: Database, ledger: Ledger, *said: Fact, handlers: Mapping[type, Handler]) -> list[int]:
    positions = ledger.append(said)
    view = View(name="test", version=1, tables=(SEEN, COUNTS), handlers=handlers)
    Projector(database, ledger, {"test": view}, page_facts=3).catch_up()
    return positions


def test_a_refused_fact_leaves_nothing_but_an_issue(database: Database, ledger: Ledger) -> None:
    block = Block(1)
    said = [block.transfer(ZERO, ALICE, value) for value in (5, 13, 14, 7)]
    positions = projected(database, ledger, contract_fact("AtlasToken"), *said, handlers={Transfer: count})
    assert balances(database, "test", "counts") == {("all",): 12}
    rows = query(database, sql.SQL("select number, valid_from from view_test.seen order by valid_from"))
    assert [tuple(row.values()) for row in rows] == [(5, positions[1]), (7, positions[4])]
    assert issues(database, "test") == [(positions[2], "protocol-error"), (positions[3], "rights-error")]


def test_the_detail_of_an_issue_can_be_stored_whatever_it_says(database: Database, ledger: Ledger) -> None:
    projected(
        database, ledger, contract_fact("AtlasToken"), Block(1).transfer(ZERO, ALICE, 13), handlers={Transfer: count}
    )
    (row,) = query(database, sql.SQL("select detail from projections.issues"))
    assert row["detail"].startswith("Transfer: thirteen\\0\\ud800!")
    assert len(row["detail"]) < MAX_DETAIL_CHARACTERS + 10


def test_a_handler_can_report_and_still_apply(database: Database, ledger: Ledger) -> None:
    positions = projected(
        database, ledger, contract_fact("AtlasToken"), Block(1).transfer(ZERO, ALICE, 15), handlers={Transfer: count}
    )
    assert issues(database, "test") == [(positions[1], "odd"), (positions[1], "odd")]
    assert balances(database, "test", "counts") == {("all",): 15}


def test_a_log_is_read_only_after_its_contract_is_watched(database: Database, ledger: Ledger) -> None:
    block = Block(1)
    positions = projected(
        database,
        ledger,
        block.transfer(ZERO, ALICE, 1),
        contract_fact("AtlasToken"),
        block.transfer(ZERO, ALICE, 2),
        handlers={Transfer: count},
    )
    assert undecodable(database, "test") == [(positions[0], "unwatched")]
    assert balances(database, "test", "counts") == {("all",): 2}


def test_a_log_before_the_first_block_of_its_contract_is_not_read(database: Database, ledger: Ledger) -> None:
    said = [
        contract_fact("AtlasToken", start_block=5),
        Block(4).transfer(ZERO, ALICE, 1),
        Block(5).transfer(ZERO, ALICE, 2),
    ]
    positions = projected(database, ledger, *said, handlers={Transfer: count})
    assert undecodable(database, "test") == [(positions[1], "unwatched")]
    assert balances(database, "test", "counts") == {("all",): 2}


def test_logs_of_contracts_that_a_view_does_not_follow_are_no_concern_of_it(database: Database, ledger: Ledger) -> None:
    block = Block(1)
    said = [
        contract_fact("AtlasToken"),
        contract_fact("RevenuePool"),
        block.log("RevenuePool", "PoolCreated", 1, digest("asset"), ALICE),
        block.raw_log((digest("?"),), b"", contract=address("RevenuePool")),
        block.log("AtlasToken", "Approval", ALICE, BOB, 1),
    ]
    projected(database, ledger, *said, handlers={Transfer: count})
    assert undecodable(database, "test") == []
    assert issues(database, "test") == []
    assert current(database, "test", "seen") == []


def test_bytes_that_are_no_fact_are_undecodable(database: Database, ledger: Ledger) -> None:
    block, stream = Block(1), facts.stream_id("noise")
    said = [
        Fact(stream, version, topic, b"\xc1")
        for version, topic in enumerate((facts.LOG_TOPIC, facts.CONTRACT_TOPIC, facts.REORGED_TOPIC))
    ]
    positions = projected(
        database, ledger, *said, contract_fact("AtlasToken"), block.transfer(ZERO, ALICE, 1), handlers={Transfer: count}
    )
    assert undecodable(database, "test") == [(position, "malformed-fact") for position in positions[:3]]
    assert balances(database, "test", "counts") == {("all",): 1}


def test_a_contract_that_cannot_be_stored_is_undecodable(database: Database, ledger: Ledger) -> None:
    positions = projected(database, ledger, contract_fact("AtlasToken", start_block=2**63), handlers={Transfer: count})
    assert undecodable(database, "test") == [(positions[0], "unstorable-value")]


def test_a_rewind_takes_back_findings_and_contracts_met_since(database: Database, ledger: Ledger) -> None:
    kept, gone = Block(1), Block(2)
    said = [
        contract_fact("AtlasToken"),
        kept.transfer(ZERO, ALICE, 1),
        gone.transfer(ZERO, ALICE, 13),
        contract_fact("RevenuePool"),
        gone.raw_log((), b"", contract=address("AtlasToken")),
    ]
    positions = projected(database, ledger, *said, handlers={Transfer: count, PoolCreated: lambda _event, _fold: None})
    assert (len(issues(database, "test")), len(undecodable(database, "test"))) == (1, 1)
    projected(
        database,
        ledger,
        reorg_fact(0, kept, (gone,)),
        handlers={Transfer: count, PoolCreated: lambda _event, _fold: None},
    )
    assert issues(database, "test") == undecodable(database, "test") == []
    rows = query(database, sql.SQL("select abi, position from projections.contracts order by position"))
    assert [tuple(row.values()) for row in rows] == [("AtlasToken", positions[0]), ("RevenuePool", positions[3])]


def test_a_value_column_that_is_not_declared_is_a_fault(database: Database, ledger: Ledger) -> None:
    def misspelled(event: Transfer, fold: Fold) -> None:
        fold.put(SEEN, "last", number=event.value, nmuber=event.value)

    with pytest.raises(AssertionError, match="nmuber"):
        projected(
            database,
            ledger,
            contract_fact("AtlasToken"),
            Block(1).transfer(ZERO, ALICE, 1),
            handlers={Transfer: misspelled},
        )
