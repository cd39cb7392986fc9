from eth_abi.abi import encode

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.projections.views import VIEWS
from tests.projections.chain import CHAIN, ZERO, Block, address, contract_fact, digest, reorg_fact
from tests.projections.outside import (
    GOVERNOR,
    VAULT,
    abi_fact,
    child_fact,
    event_of,
    events_fact,
    log_fact,
    watch_fact,
)
from tests.projections.rows import current, undecodable

ALICE, BOB = address("alice"), address("bob")
VAULT_AT, GOVERNOR_AT = address("vault"), address("governor")


def arguments(database: Database) -> list[tuple[str, dict[str, object]]]:
    return [(row["event"], row["arguments"]) for row in current(database, "events", "events")]


def test_arguments_are_exact_whatever_their_type(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(1)
    created = (2**256 - 1, ALICE, [BOB, ZERO], [0, 2**64], ["f()", ""], [b"\x01", b""], 5, 6, 'tab\t "quoted" \\')
    ledger.append(
        [
            abi_fact(GOVERNOR),
            watch_fact("Governor", GOVERNOR, GOVERNOR_AT),
            log_fact(block, GOVERNOR_AT, GOVERNOR, "ProposalCreated", *created),
            log_fact(block, GOVERNOR_AT, GOVERNOR, "VoteCast", ALICE, 7, 1, 10**18, "100 %s"),
            log_fact(block, GOVERNOR_AT, GOVERNOR, "Labelled", "hashed"),
        ]
    )
    projector.catch_up()
    alice, bob = f"0x{ALICE.hex()}", f"0x{BOB.hex()}"
    assert arguments(database) == [
        (
            "ProposalCreated",
            {
                "proposalId": str(2**256 - 1),
                "proposer": alice,
                "targets": [bob, f"0x{ZERO.hex()}"],
                "values": ["0", str(2**64)],
                "signatures": ["f()", ""],
                "calldatas": ["0x01", "0x"],
                "voteStart": "5",
                "voteEnd": "6",
                "description": 'tab\t "quoted" \\',
            },
        ),
        (
            "VoteCast",
            {"voter": alice, "proposalId": "7", "support": 1, "weight": str(10**18), "reason": "100 %s"},
        ),
        ("Labelled", {"label": {"keccak256": f"0x{digest('hashed').hex()}"}}),
    ]


def test_a_row_says_where_its_event_comes_from(database: Database, ledger: Ledger, projector: Projector) -> None:
    block = Block(4)
    positions = ledger.append(
        [
            abi_fact(VAULT),
            watch_fact("Vault", VAULT, VAULT_AT),
            contract_fact("AtlasToken"),
            log_fact(block, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 3, 2, tx="a"),
            block.transfer(ZERO, ALICE, 5),
        ]
    )
    projector.catch_up()
    deposit, transfer = current(database, "events", "events")
    assert {name: deposit[name] for name in ("position", "chain", "contract", "abi", "signature", "log_index")} == {
        "position": positions[3],
        "chain": CHAIN,
        "contract": VAULT_AT,
        "abi": "Vault",
        "signature": "Deposit(address,address,uint256,uint256)",
        "log_index": 0,
    }
    assert (deposit["block_number"], int(deposit["block_time"].timestamp())) == (4, block.time)
    assert (transfer["abi"], transfer["event"], transfer["arguments"]["value"]) == ("AtlasToken", "Transfer", "5")


def test_logs_are_read_by_their_contract_else_by_their_first_topic_from_the_start_block_on(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    early, late = Block(1), Block(9)
    positions = ledger.append(
        [
            abi_fact(VAULT),
            events_fact("AnyVault", VAULT, "Deposit", start_block=5),
            watch_fact("Vault", VAULT, VAULT_AT, start_block=9),
            log_fact(early, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 1, 1),
            log_fact(late, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 2, 2),
            log_fact(late, ALICE, VAULT, "Deposit", ALICE, BOB, 3, 3),
            log_fact(late, ALICE, VAULT, "Withdraw", ALICE, BOB, BOB, 4, 4),
        ]
    )
    projector.catch_up()
    rows = current(database, "events", "events")
    assert [(row["abi"], row["arguments"]["assets"]) for row in rows] == [("Vault", "2"), ("AnyVault", "3")]
    assert undecodable(database, "events") == [(positions[3], "unwatched"), (positions[6], "unwatched")]


def test_logs_without_their_abi_and_logs_of_another_shape_are_kept_with_a_reason(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block, deposit = Block(1), event_of(VAULT, "Deposit").topic
    positions = ledger.append(
        [
            watch_fact("Vault", VAULT, VAULT_AT),
            log_fact(block, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 1, 1),
            abi_fact(VAULT),
            block.raw_log((deposit,), encode(["uint256"], [1]), contract=VAULT_AT),
            block.raw_log((digest("?"),), b"", contract=VAULT_AT),
            block.raw_log((), b"", contract=VAULT_AT),
            block.raw_log((deposit,) * 5, b"", contract=VAULT_AT),
            log_fact(block, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 2, 2),
        ]
    )
    projector.catch_up()
    reasons = ["unknown_abi", "shape", "unknown_event", "anonymous", "shape"]
    assert undecodable(database, "events") == list(zip([positions[1], *positions[3:7]], reasons, strict=True))
    assert [found["assets"] for _, found in arguments(database)] == ["2"]


def test_a_factorys_child_counts_as_long_as_its_block_does(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    parent, lost, late = Block(1), Block(2, "a"), Block(3)
    positions = ledger.append(
        [
            abi_fact(VAULT),
            parent.header(),
            child_fact(lost, "Vault", VAULT, VAULT_AT),
            log_fact(late, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 1, 1),
        ]
    )
    projector.catch_up()
    assert len(arguments(database)) == 1
    ledger.append([reorg_fact(0, parent, (lost,))])
    projector.catch_up()
    assert arguments(database) == []
    assert undecodable(database, "events") == [(positions[3], "unwatched")]
    ledger.append([reorg_fact(1, parent, (), (lost,))])
    projector.catch_up()
    assert len(arguments(database)) == 1
    assert undecodable(database, "events") == []
    assert projector.compare("events") == ledger.head()


def test_what_was_recorded_is_known_after_a_restart(database: Database, ledger: Ledger, projector: Projector) -> None:
    ledger.append([abi_fact(VAULT), events_fact("AnyVault", VAULT, "Deposit"), watch_fact("Vault", VAULT, VAULT_AT)])
    projector.catch_up()
    block = Block(1)
    ledger.append(
        [log_fact(block, contract, VAULT, "Deposit", ALICE, BOB, 1, 1) for contract in (VAULT_AT, GOVERNOR_AT)]
    )
    again = Projector(database, ledger, {"events": VIEWS["events"]})
    again.catch_up()
    assert [row["abi"] for row in current(database, "events", "events")] == ["Vault", "AnyVault"]
    again.rebuild("events")
    assert again.compare("events") == ledger.head()


def test_a_recorded_abi_that_is_none_is_undecodable(database: Database, ledger: Ledger, projector: Projector) -> None:
    fact = abi_fact(VAULT)
    broken = type(fact)(fact.stream, 0, fact.topic, fact.payload.replace(b"Deposit", b"DEPOSIT"))
    (position,) = ledger.append([broken])
    projector.catch_up()
    assert undecodable(database, "events") == [(position, "malformed-abi")]
