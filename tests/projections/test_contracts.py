from atlas.projections.contracts import Contracts
from atlas.protocol.facts import WatchedContract
from tests.projections.chain import CHAIN, address

FIRST = WatchedContract(CHAIN, address("first"), "AtlasToken", 0)
SECOND = WatchedContract(CHAIN, address("second"), "AtlasToken", 0)
ELSEWHERE = WatchedContract("eip155:1", address("first"), "StakeManager", 0)


def test_a_contract_is_known_by_chain_and_address() -> None:
    contracts = Contracts([FIRST, ELSEWHERE])
    assert contracts.abi_of(CHAIN, FIRST.address) == "AtlasToken"
    assert contracts.abi_of("eip155:1", FIRST.address) == "StakeManager"
    assert contracts.abi_of(CHAIN, SECOND.address) is None


def test_the_first_contract_of_an_abi_is_the_first_in_the_log() -> None:
    contracts = Contracts([FIRST])
    contracts.add(SECOND)
    assert contracts.first(CHAIN, "AtlasToken") == FIRST.address
    assert contracts.first("eip155:1", "AtlasToken") is None
