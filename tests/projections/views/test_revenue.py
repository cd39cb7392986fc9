from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.projector import Projector
from atlas.protocol.vocabulary import Beneficiary, BurnScenario, RevenueKind, ordinal
from tests.projections.chain import Block, address, contract_fact, digest
from tests.projections.rows import balances, current, issues

ALICE, BOB, CAROL = address("alice"), address("bob"), address("carol")
CREATOR, COMPUTE = ordinal(Beneficiary.CREATOR), ordinal(Beneficiary.COMPUTE_PROVIDER)
CONTRACTS = [contract_fact("RevenuePool"), contract_fact("FeeSettlement")]


def pool(block: Block, *shares: tuple[bytes, int], pool_id: int = 1) -> list[Fact]:
    created = block.log("RevenuePool", "PoolCreated", pool_id, digest("asset"), ALICE)
    set_shares = [
        block.log("RevenuePool", "ShareSet", pool_id, index, payee, CREATOR, share_bps)
        for index, (payee, share_bps) in enumerate(shares)
    ]
    return [created, *set_shares]


def received(block: Block, amount: int, receipt_id: int = 1, pool_id: int = 1) -> Fact:
    viewing = ordinal(RevenueKind.VIEWING)
    return block.log("RevenuePool", "RevenueReceived", pool_id, receipt_id, CAROL, viewing, amount, digest("film"))


def settled(block: Block) -> Fact:
    scenario = ordinal(BurnScenario.AI_GENERATION)
    return block.log("FeeSettlement", "PaymentSettled", 1, digest("reference"), CAROL, scenario, 100, 20, 18, 2)


def project(ledger: Ledger, projector: Projector, *said: Fact) -> list[int]:
    positions = ledger.append([*CONTRACTS, *said])
    projector.catch_up()
    return positions[len(CONTRACTS) :]


def test_a_receipt_is_split_among_the_shares(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    project(ledger, projector, *pool(block, (ALICE, 3_333), (BOB, 6_667)), received(block, 100))
    assert balances(database, "revenue", "accruals") == {
        (1, ALICE, "accrued"): 34,
        (1, ALICE, "owed"): 34,
        (1, BOB, "accrued"): 66,
        (1, BOB, "owed"): 66,
    }
    (receipt,) = current(database, "revenue", "receipts")
    assert (receipt["kind"], receipt["amount_wei"], receipt["payer"]) == ("viewing", 100, CAROL)


def test_a_payee_with_two_shares_accrues_both(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    project(ledger, projector, *pool(block, (ALICE, 5_000), (ALICE, 5_000)), received(block, 101))
    assert balances(database, "revenue", "accruals")[1, ALICE, "owed"] == 101


def test_a_claim_is_paid_from_what_is_owed(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    claimed = block.log("RevenuePool", "RevenueClaimed", 1, ALICE, 60)
    project(ledger, projector, *pool(block, (ALICE, 10_000)), received(block, 60), received(block, 5, 2), claimed)
    assert balances(database, "revenue", "accruals") == {
        (1, ALICE, "accrued"): 65,
        (1, ALICE, "paid"): 60,
        (1, ALICE, "owed"): 5,
    }


def test_a_receipt_of_a_pool_without_shares_is_an_issue_and_leaves_nothing(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    positions = project(ledger, projector, received(Block(1), 60))
    assert issues(database, "revenue") == [(positions[0], "invalid-shares")]
    assert current(database, "revenue", "receipts") == []
    assert balances(database, "revenue", "accruals") == {}


def test_a_share_of_an_unknown_pool_is_an_issue(database: Database, ledger: Ledger, projector: Projector) -> None:
    share = Block(1).log("RevenuePool", "ShareSet", 1, 0, ALICE, CREATOR, 10_000)
    positions = project(ledger, projector, share)
    assert issues(database, "revenue") == [(positions[0], "missing-row")]


def test_a_payment_has_its_legs_in_order(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    legs = [
        block.log("FeeSettlement", "LegPaid", 1, COMPUTE, payee, amount) for payee, amount in ((ALICE, 70), (BOB, 10))
    ]
    project(ledger, projector, settled(block), *legs)
    (payment,) = current(database, "revenue", "payments")
    assert (payment["scenario"], payment["amount_wei"], payment["protocol_fee_wei"]) == ("ai_generation", 100, 20)
    assert (payment["burned_wei"], payment["to_treasury_wei"]) == (18, 2)
    rows = current(database, "revenue", "payment_legs")
    assert [(row["ordinal"], row["role"], row["payee"], row["amount_wei"]) for row in rows] == [
        (0, "compute_provider", ALICE, 70),
        (1, "compute_provider", BOB, 10),
    ]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    cuts=st.lists(st.integers(1, 9_999), unique=True, max_size=8).map(sorted),
    amounts=st.lists(st.integers(1, 2**200), min_size=1, max_size=4),
)
def test_what_accrues_is_what_was_received(
    database: Database, ledger: Ledger, projector: Projector, cuts: list[int], amounts: list[int]
) -> None:
    pool_id = 2**255 + ledger.head()
    block = Block(1, fork=str(pool_id))
    shares = [(address(str(at)), end - at) for at, end in pairwise([0, *cuts, 10_000])]
    receipts = [received(block, amount, receipt, pool_id) for receipt, amount in enumerate(amounts)]
    project(ledger, projector, *pool(block, *shares, pool_id=pool_id), *receipts)
    accounts = balances(database, "revenue", "accruals")
    for book in ("accrued", "owed"):
        assert sum(value for key, value in accounts.items() if key[0] == pool_id and key[2] == book) == sum(amounts)
