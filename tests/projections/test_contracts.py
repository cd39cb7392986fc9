from atlas.projections.contracts import Contracts
from atlas.protocol.facts import ChainLog, WatchedContract
from tests.projections.chain import CHAIN, address

FIRST = WatchedContract(CHAIN, address("first"), "AtlasToken", 0)
SECOND = WatchedContract(CHAIN, address("second"), "AtlasToken", 0)
ELSEWHERE = WatchedContract("eip155:1", address("first"), "StakeManager", 0)


def log_of(contract: WatchedContract) -> ChainLog:
    return ChainLog(contract.chain, 1, bytes(32), 0, bytes(32), 0, 0, contract.address, (), b"")


def test_a_contract_is_known_by_chain_and_address() -> None:
    contracts = Contracts([FIRST, ELSEWHERE])
    assert contracts.abi_of_log(log_of(FIRST)) == "AtlasToken"
    assert contracts.abi_of_log(log_of(ELSEWHERE)) == "StakeManager"
    assert contracts.abi_of_log(log_of(SECOND)) is None


def test_what_is_said_of_a_contract_first_stands() -> None:
    contracts = Contracts([FIRST])
    contracts.add(WatchedContract(CHAIN, FIRST.address, "StakeManager", 0))
    assert contracts.abi_of_log(log_of(FIRST)) == "AtlasToken"


def test_the_first_contract_of_an_abi_is_the_first_in_the_log() -> None:
    contracts = Contracts([FIRST])
    contracts.add(SECOND)
    assert contracts.first(CHAIN, "AtlasToken") == FIRST.address
    assert contracts.first("eip155:1", "AtlasToken") is None
