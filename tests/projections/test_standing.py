from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.projections.standing import chain_status, is_staked
from atlas.protocol.vocabulary import StakeRole, ordinal
from tests.projections.chain import CHAIN, Block, address, contract_fact

ALICE, BOB = address("alice"), address("bob")
CONTRACTS = [contract_fact(abi) for abi in ("AtlasToken", "StakeManager")]
COMPUTE = ordinal(StakeRole.COMPUTE_NODE)


def test_a_stake_admits_its_operator_in_its_role_until_it_is_withdrawn(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    ledger.append([*CONTRACTS, Block(1).log("StakeManager", "Staked", ALICE, COMPUTE, 100, 100)])
    projector.catch_up()
    assert is_staked(database, ALICE, StakeRole.COMPUTE_NODE)
    assert not is_staked(database, ALICE, StakeRole.REVIEW_NODE)
    assert not is_staked(database, BOB, StakeRole.COMPUTE_NODE)
    ledger.append([Block(2).log("StakeManager", "Unstaked", ALICE, COMPUTE, 100, 0)])
    projector.catch_up()
    assert not is_staked(database, ALICE, StakeRole.COMPUTE_NODE)


def test_a_chain_without_a_final_block_has_none(database: Database, ledger: Ledger, projector: Projector) -> None:
    ledger.append([Block(7).header()])
    projector.catch_up()
    (status,) = chain_status(database)
    assert (status.chain, status.head, status.finalized) == (CHAIN, 7, None)
