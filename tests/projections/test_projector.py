import threading
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.operations.redacting import redact
from atlas.projections import projector as projector_module
from atlas.projections.builds import Build, Stage
from atlas.projections.errors import NewerView, OutdatedView, UnknownView, ViewBusy, ViewDiffers
from atlas.projections.fold import Fold
from atlas.projections.projector import Projector
from atlas.projections.tables.declarations import EntityTable, text, uint256
from atlas.projections.view import View
from atlas.projections.views import VIEWS
from atlas.projections.views.supply import transferred
from atlas.protocol.events import Transfer
from tests.projections.chain import ZERO, Block, address, contract_fact
from tests.projections.rows import balances, query, undecodable

TOKEN, ALICE, BOB = address("AtlasToken"), address("alice"), address("bob")
SUPPLY = VIEWS["supply"]
ONLY_SUPPLY = {"supply": SUPPLY}
NEWER = SUPPLY.version + 1


@pytest.fixture
def recorded(ledger: Ledger) -> int:
    """The head of a log with a mint of 100 and nine transfers of 1."""
    block = Block(1)
    ledger.append(
        [
            contract_fact("AtlasToken"),
            block.transfer(ZERO, ALICE, 100),
            *(block.transfer(ALICE, BOB, 1) for _ in range(9)),
        ]
    )
    return ledger.head()


def expected_balances() -> dict[tuple[Any, ...], int]:
    return {(TOKEN, ALICE): 91, (TOKEN, BOB): 9}


def doubling(event: Transfer, fold: Fold) -> None:
    transferred(msgspec.structs.replace(event, value=2 * event.value), fold)


def changed(**changes: Any) -> dict[str, View]:
    return {"supply": msgspec.structs.replace(SUPPLY, **changes)}


def test_a_step_folds_one_batch(database: Database, ledger: Ledger, recorded: int) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY, page_facts=4)
    projector.prepare()
    assert [projector.step("supply") for _ in range(4)] == [4, 8, recorded, recorded]
    assert balances(database, "supply", "balances") == expected_balances()


def test_a_failed_step_leaves_the_view_as_it_was(
    database: Database, ledger: Ledger, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY, page_facts=4)
    projector.prepare()
    projector.step("supply")
    before = balances(database, "supply", "balances")
    with monkeypatch.context() as patch:
        patch.setattr(Build, "reach", _fail)
        with pytest.raises(ZeroDivisionError):
            projector.step("supply")
    assert balances(database, "supply", "balances") == before
    projector.catch_up()
    assert balances(database, "supply", "balances") == expected_balances()
    assert projector.compare("supply") == recorded


def test_a_fault_of_a_handler_is_not_swallowed(database: Database, ledger: Ledger, recorded: int) -> None:
    projector = Projector(database, ledger, changed(handlers={**SUPPLY.handlers, Transfer: _fail}))
    with pytest.raises(ZeroDivisionError):
        projector.catch_up()


def test_an_empty_log_is_caught_up_with(database: Database, ledger: Ledger, projector: Projector) -> None:
    assert projector.catch_up() == 0
    assert [status.position for status in projector.status()] == [0] * len(VIEWS)


def test_status_names_version_lag_and_findings(database: Database, ledger: Ledger, recorded: int) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY)
    projector.catch_up()
    block = Block(2)
    ledger.append([block.raw_log((), b"", contract=TOKEN), block.transfer(BOB, ALICE, 50)])
    (before,) = projector.status()
    assert (before.name, before.version, before.position, before.lag) == ("supply", SUPPLY.version, recorded, 2)
    projector.catch_up()
    (after,) = projector.status()
    assert (after.lag, after.undecodable, after.issues) == (0, 1, 1)


def test_an_unknown_view_is_refused(projector: Projector) -> None:
    with pytest.raises(UnknownView, match="'sales'"):
        projector.step("sales")


def test_a_view_without_tables_must_be_prepared(projector: Projector) -> None:
    with pytest.raises(OutdatedView, match="no tables"):
        projector.step("supply")


def test_run_follows_the_log_until_it_is_stopped(database: Database, ledger: Ledger, recorded: int) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Projector(database, ledger, ONLY_SUPPLY).run, args=(stop,))
    thread.start()
    try:
        ledger.append([Block(2).transfer(ALICE, BOB, 1)])
        wait_for_position(database, ledger.head())
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()
    assert balances(database, "supply", "balances")[TOKEN, BOB] == 10


def test_two_running_projectors_fold_each_fact_once(database: Database, ledger: Ledger) -> None:
    stop = threading.Event()
    threads = [
        threading.Thread(target=Projector(database, ledger, ONLY_SUPPLY, page_facts=3).run, args=(stop,))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    try:
        ledger.append([contract_fact("AtlasToken"), Block(1).transfer(ZERO, ALICE, 1_000)])
        for number in range(2, 20):
            block = Block(number)
            ledger.append([block.transfer(ALICE, BOB, 1) for _ in range(5)])
        wait_for_position(database, ledger.head())
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=30)
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 910, (TOKEN, BOB): 90}
    assert Projector(database, ledger, ONLY_SUPPLY).compare("supply") == ledger.head()


def test_a_held_view_is_left_alone_and_reported_as_busy(
    database: Database, ledger: Ledger, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "BUSY_TIMEOUT_S", 0.2)
    projector = Projector(database, ledger, ONLY_SUPPLY)
    projector.prepare()
    with database.connection() as other, other.cursor() as cursor:
        Build(SUPPLY).lock(cursor)
        assert projector.step("supply") == 0
        with pytest.raises(ViewBusy, match="has stood at 0 of"):
            projector.catch_up()


def test_a_rebuild_repairs_a_damaged_view(database: Database, ledger: Ledger, recorded: int) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY, page_facts=4)
    projector.catch_up()
    damage(database)
    with pytest.raises(ViewDiffers):
        projector.compare("supply")
    assert projector.rebuild("supply") == recorded
    assert projector.compare("supply") == recorded
    assert balances(database, "supply", "balances") == expected_balances()
    assert schemas(database) == ["view_supply"]
    assert [status.name for status in projector.status()] == ["supply"]


def test_a_projector_that_ran_before_a_rebuild_does_not_bring_the_damage_back(
    database: Database, ledger: Ledger, recorded: int
) -> None:
    running, other = Projector(database, ledger, ONLY_SUPPLY), Projector(database, ledger, ONLY_SUPPLY)
    other.catch_up()
    with database.connection() as connection:
        connection.execute("update view_supply.balances set balance = 1000")
    block = Block(2)
    ledger.append([block.transfer(ALICE, BOB, 1)])
    running.catch_up()
    other.rebuild("supply")
    ledger.append([block.transfer(ALICE, BOB, 1)])
    running.catch_up()
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 89, (TOKEN, BOB): 11}
    assert other.compare("supply") == recorded + 2


def test_an_interrupted_rebuild_goes_on_where_it_was(
    database: Database, ledger: Ledger, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY, page_facts=4)
    projector.catch_up()
    with monkeypatch.context() as patch:
        patch.setattr(Projector, "_swap", _fail)
        with pytest.raises(ZeroDivisionError):
            projector.rebuild("supply")
    assert [(status.name, status.position) for status in projector.status()] == [
        ("supply", recorded),
        ("supply:next", recorded),
    ]
    assert Projector(database, ledger, ONLY_SUPPLY).rebuild("supply") == recorded
    assert [status.name for status in projector.status()] == ["supply"]


def test_readers_read_the_old_tables_until_the_swap(
    database: Database, ledger: Ledger, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Projector(database, ledger, ONLY_SUPPLY).catch_up()
    newer = Projector(database, ledger, changed(version=NEWER, handlers={Transfer: doubling}), page_facts=4)
    seen: list[dict[tuple[Any, ...], int]] = []
    original = Build.reach

    def reach(build: Build, *arguments: Any) -> None:
        seen.append(balances(database, "supply", "balances"))
        original(build, *arguments)

    monkeypatch.setattr(Build, "reach", reach)
    newer.catch_up()
    assert seen == [expected_balances()] * 3
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 182, (TOKEN, BOB): 18}
    assert [(status.name, status.version) for status in newer.status()] == [("supply", NEWER)]


def test_a_reader_in_a_transaction_does_not_hold_up_the_swap(
    database: Database, ledger: Ledger, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY)
    projector.catch_up()
    # The old tables are dropped after the swap, when their last reader has gone.
    monkeypatch.setattr(Projector, "_drop", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with database.connection() as reader:
        reader.execute("select count(*) from view_supply.balances")
        assert projector.rebuild("supply") == recorded
        assert reader.execute("select count(*) from view_supply.balances").fetchone() == (2,)


def test_a_view_of_an_older_version_is_not_stepped(database: Database, ledger: Ledger, recorded: int) -> None:
    Projector(database, ledger, ONLY_SUPPLY).catch_up()
    with pytest.raises(OutdatedView):
        Projector(database, ledger, changed(version=NEWER)).step("supply")


def test_a_view_whose_tables_changed_is_rebuilt(database: Database, ledger: Ledger, recorded: int) -> None:
    Projector(database, ledger, ONLY_SUPPLY).catch_up()
    extra = EntityTable("extra", key=(text("name"),), values=(uint256("number"),))
    Projector(database, ledger, changed(tables=(*SUPPLY.tables, extra))).catch_up()
    assert balances(database, "supply", "balances") == expected_balances()
    assert query(database, sql.SQL("select * from view_supply.extra")) == []


def test_a_view_of_a_newer_program_is_refused(database: Database, ledger: Ledger, recorded: int) -> None:
    Projector(database, ledger, changed(version=NEWER)).catch_up()
    with pytest.raises(NewerView, match=f"version {NEWER}"):
        Projector(database, ledger, ONLY_SUPPLY).catch_up()


@dataclass(frozen=True)
class Damage:
    statement: str
    table: str


@pytest.mark.parametrize(
    "damage",
    [
        Damage("update view_supply.balances set balance = balance + 1", "balances"),
        Damage("delete from view_supply.balances_postings where position = 3", "balances_postings"),
        Damage("insert into projections.issues values ('supply', 3, 0, 'made-up', '')", "issues"),
        Damage("insert into projections.orphans values ('supply', '\\x00112233445566778899aabbccddeeff')", "orphans"),
        Damage(
            "insert into view_supply.burns values ('c', '\\x', 0, '\\x', 'direct', 1, '\\x', 'epoch', 1, 1, null)",
            "burns",
        ),
    ],
    ids=lambda damage: damage.table,
)
def test_comparison_names_the_first_table_that_differs(
    database: Database, ledger: Ledger, recorded: int, damage: Damage
) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY)
    projector.catch_up()
    assert projector.compare("supply") == recorded
    with database.connection() as connection:
        connection.execute(damage.statement.encode())
    with pytest.raises(ViewDiffers) as caught:
        projector.compare("supply")
    assert (caught.value.view, caught.value.table) == ("supply", damage.table)
    assert schemas(database) == ["view_supply"]


def test_comparison_leaves_nothing_behind(database: Database, ledger: Ledger, recorded: int) -> None:
    projector = Projector(database, ledger, ONLY_SUPPLY, page_facts=3)
    projector.catch_up()
    projector.compare("supply")
    assert schemas(database) == ["view_supply"]
    assert [status.name for status in projector.status()] == ["supply"]


def test_builds_have_names_and_schemas_of_their_own() -> None:
    assert [(Build(SUPPLY, stage).name, Build(SUPPLY, stage).schema) for stage in Stage] == [
        ("supply", "view_supply"),
        ("supply:next", "view_supply_next"),
        ("supply:check", "view_supply_check"),
    ]


def damage(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("update view_supply.balances set balance = balance + 1")


def schemas(database: Database) -> list[str]:
    statement = sql.SQL("select nspname from pg_namespace where nspname like 'view%' order by 1")
    return [row["nspname"] for row in query(database, statement)]


def wait_for_position(database: Database, position: int) -> None:
    statement = sql.SQL("select position from projections.views where name = 'supply'")
    pause = threading.Event()
    for _ in range(300):
        if [row["position"] for row in query(database, statement)] == [position]:
            return
        pause.wait(0.1)
    raise AssertionError(f"the view did not reach {position}")


def _fail(*_: object) -> None:
    raise ZeroDivisionError


def test_a_redacted_fact_is_a_finding_and_the_fold_goes_on(database: Database, ledger: Ledger, recorded: int) -> None:
    redact(ledger, 5, reason="court order", authoriser="counsel", decided_at_ms=0)
    projector = Projector(database, ledger, ONLY_SUPPLY)
    projector.prepare()
    assert projector.step("supply") == recorded + 1
    assert undecodable(database, "supply") == [(5, "redacted")]
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 92, (TOKEN, BOB): 8}
