from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.projector import Projector
from atlas.protocol.vocabulary import BurnScenario, StakeRole, Violation, ordinal
from tests.projections.chain import CHAIN, ZERO, Block, address, contract_fact, digest
from tests.projections.rows import balances, current, issues, undecodable

TOKEN, SETTLEMENT, STAKES = address("AtlasToken"), address("FeeSettlement"), address("StakeManager")
ALICE, BOB = address("alice"), address("bob")
CONTRACTS = [contract_fact(abi) for abi in ("AtlasToken", "FeeSettlement", "StakeManager", "CheckpointAnchor")]
AI_GENERATION = ordinal(BurnScenario.AI_GENERATION)


def settled(block: Block, burned: int, *, scenario: int = AI_GENERATION, tx: str = "") -> Fact:
    return block.log(
        "FeeSettlement", "PaymentSettled", 1, digest("reference"), ALICE, scenario, 100, burned, burned, 0, tx=tx
    )


def totals(database: Database) -> dict[str, int]:
    return {book: balance for (_, book), balance in balances(database, "supply", "totals").items()}


def project(ledger: Ledger, projector: Projector, facts: list[Fact]) -> list[int]:
    positions = ledger.append([*CONTRACTS, *facts])
    projector.catch_up()
    return positions[len(CONTRACTS) :]


def test_transfers_move_balances_and_a_mint_makes_supply(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    project(ledger, projector, [block.transfer(ZERO, ALICE, 100), block.transfer(ALICE, BOB, 30)])
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 70, (TOKEN, BOB): 30}
    assert totals(database) == {"minted": 100, "supply": 100}


def test_a_transfer_to_oneself_is_two_postings_and_no_change(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    project(ledger, projector, [block.transfer(ZERO, ALICE, 100), block.transfer(ALICE, ALICE, 30)])
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): 100}
    with database.connection() as connection:
        rows = connection.execute(
            "select ordinal, delta, balance from view_supply.balances_postings order by position, ordinal"
        ).fetchall()
    assert [tuple(map(int, row)) for row in rows] == [(0, 100, 100), (0, -30, 70), (1, 30, 100)]


def test_a_burn_has_the_scenario_of_its_payment_when_the_payment_comes_first(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    facts = [block.transfer(ZERO, SETTLEMENT, 100), settled(block, 18), block.transfer(SETTLEMENT, ZERO, 18)]
    project(ledger, projector, facts)
    assert totals(database) == {"minted": 100, "supply": 82, "burned": 18, "burned:ai_generation": 18}
    (burn,) = current(database, "supply", "burns")
    assert (burn["cause"], burn["amount_wei"], burn["burned_by"]) == ("ai_generation", 18, SETTLEMENT)


def test_a_burn_has_the_scenario_of_its_payment_when_the_payment_comes_after(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    facts = [block.transfer(ZERO, SETTLEMENT, 100), block.transfer(SETTLEMENT, ZERO, 18), settled(block, 18)]
    project(ledger, projector, facts)
    assert totals(database)["burned:ai_generation"] == 18
    assert totals(database)["burned:direct"] == 0
    assert [burn["cause"] for burn in current(database, "supply", "burns")] == ["ai_generation"]


def test_a_burn_has_its_scenario_when_the_settlement_is_watched_only_later(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    token, settlement, *_ = CONTRACTS
    block = Block(1)
    ledger.append([token, block.transfer(ZERO, SETTLEMENT, 100), block.transfer(SETTLEMENT, ZERO, 18)])
    projector.catch_up()
    ledger.append([settlement, settled(block, 18)])
    projector.catch_up()
    assert totals(database)["burned:ai_generation"] == 18
    assert totals(database)["burned:direct"] == 0


def test_a_stake_counts_for_its_operator_before_the_token_is_watched(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    token, _, stakes, _ = CONTRACTS
    staked = Block(1).log("StakeManager", "Staked", ALICE, ordinal(StakeRole.STUDIO), 100, 100)
    _, position, _ = ledger.append([stakes, staked, token])
    projector.catch_up()
    assert balances(database, "supply", "stakes") == {(ALICE, "studio"): 100}
    assert issues(database, "supply") == [(position, "missing-token")]


def test_burns_of_one_transaction_are_matched_by_amount_and_order(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    trading = ordinal(BurnScenario.ASSET_TRADING)
    facts = [
        block.transfer(ZERO, SETTLEMENT, 100),
        settled(block, 18),
        settled(block, 18, scenario=trading),
        block.transfer(SETTLEMENT, ZERO, 5),
        block.transfer(SETTLEMENT, ZERO, 18),
        block.transfer(SETTLEMENT, ZERO, 18),
    ]
    project(ledger, projector, facts)
    assert [burn["cause"] for burn in current(database, "supply", "burns")] == [
        "direct",
        "ai_generation",
        "asset_trading",
    ]
    books = totals(database)
    assert books["burned"] == sum(balance for book, balance in books.items() if book.startswith("burned:")) == 41


def test_a_payment_of_another_transaction_explains_no_burn(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    facts = [
        block.transfer(ZERO, SETTLEMENT, 100),
        settled(block, 18, tx="a"),
        block.transfer(SETTLEMENT, ZERO, 18, tx="b"),
    ]
    project(ledger, projector, facts)
    assert [burn["cause"] for burn in current(database, "supply", "burns")] == ["direct"]


def test_a_holder_burns_directly(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    project(ledger, projector, [block.transfer(ZERO, ALICE, 100), block.transfer(ALICE, ZERO, 7)])
    assert totals(database) == {"minted": 100, "supply": 93, "burned": 7, "burned:direct": 7}


def test_a_stake_is_slashed_and_withdrawn(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    role, violation = ordinal(StakeRole.STUDIO), ordinal(Violation.REVENUE_FRAUD)
    facts = [
        block.transfer(ZERO, STAKES, 100),
        block.log("StakeManager", "Staked", ALICE, role, 100, 100),
        block.log("StakeManager", "UnstakeRequested", ALICE, role, 60, 1_800_000_000),
        block.log("StakeManager", "Slashed", ALICE, role, violation, 50, 35, 10, 5, BOB, digest("evidence")),
        block.transfer(STAKES, ZERO, 35),
        block.log("StakeManager", "Unstaked", ALICE, role, 20, 30),
    ]
    project(ledger, projector, facts)
    assert balances(database, "supply", "stakes") == {(ALICE, "studio"): 30}
    assert totals(database) == {
        "minted": 100, "staked": 30, "burned": 35, "burned:slash": 35, "supply": 65
    }  # fmt: skip
    (slash,) = current(database, "supply", "slashes")
    assert (slash["violation"], slash["amount_wei"], slash["reporter"]) == ("revenue_fraud", 50, BOB)


def test_a_balance_below_zero_is_reported_and_kept(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    positions = project(ledger, projector, [block.transfer(ALICE, BOB, 30), block.transfer(ALICE, BOB, 1)])
    assert balances(database, "supply", "balances") == {(TOKEN, ALICE): -31, (TOKEN, BOB): 31}
    assert issues(database, "supply") == [(positions[0], "negative-balance")]


def test_an_unknown_scenario_is_an_issue(database: Database, ledger: Ledger, projector: Projector) -> None:
    positions = project(ledger, projector, [settled(Block(1), 18, scenario=200)])
    assert issues(database, "supply") == [(positions[0], "protocol-error")]


def test_logs_that_do_not_decode_are_kept_with_their_reason(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    positions = project(
        ledger,
        projector,
        [
            block.raw_log((digest("Strange()"),), b"", contract=TOKEN),
            block.raw_log((), b"", contract=address("stranger")),
            block.transfer(ZERO, ALICE, 1),
        ],
    )
    assert undecodable(database, "supply") == [(positions[0], "unknown_event"), (positions[1], "unwatched")]
    assert totals(database)["supply"] == 1


def test_two_submitters_anchor_the_same_size(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    anchored = [
        block.log(
            "CheckpointAnchor", "CheckpointAnchored", digest("log"), who, 7, digest(f"root {who.hex()}"), bytes(32)
        )
        for who in (BOB, ALICE)
    ]
    project(ledger, projector, anchored)
    rows = current(database, "supply", "anchors")
    assert [(row["submitter"], row["tree_size"], row["chain"]) for row in rows] == [(BOB, 7, CHAIN), (ALICE, 7, CHAIN)]
