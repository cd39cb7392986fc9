import pytest

from atlas.projections.reading.contracts import Contracts, Reading, require_readable
from atlas.protocol.errors import MalformedAbi, UndecodableLog
from atlas.protocol.facts import RecordedAbi, WatchedContract, WatchedEvents
from atlas.protocol.outside import read_abi
from tests.projections.chain import CHAIN, address, digest

TOPIC = digest("Ping(uint256)")
FIRST = WatchedContract(CHAIN, address("first"), "AtlasToken", 0)
SECOND = WatchedContract(CHAIN, address("second"), "AtlasToken", 0)
ELSEWHERE = WatchedContract("eip155:1", address("first"), "StakeManager", 0)
PINGS = WatchedEvents(CHAIN, (TOPIC,), "Pinger", 5)
ABI = read_abi(b'[{"type":"event","name":"Ping","inputs":[{"name":"number","type":"uint256"}]}]')


def readings(contracts: Contracts, chain: str, name: str, topic: bytes | None = None) -> list[tuple[int, str]]:
    return [(watch.position, watch.reading.abi) for watch in contracts.watches(chain, address(name), topic)]


def test_a_contract_is_known_by_chain_and_address() -> None:
    contracts = Contracts([(1, FIRST), (2, ELSEWHERE)])
    assert readings(contracts, CHAIN, "first") == [(1, "AtlasToken")]
    assert readings(contracts, "eip155:1", "first") == [(2, "StakeManager")]
    assert readings(contracts, CHAIN, "second") == []


def test_what_is_said_of_a_contract_first_stands_first() -> None:
    contracts = Contracts([(1, FIRST), (2, WatchedContract(CHAIN, FIRST.address, "StakeManager", 0))])
    assert readings(contracts, CHAIN, "first") == [(1, "AtlasToken"), (2, "StakeManager")]


def test_a_watched_contract_comes_before_watched_events() -> None:
    contracts = Contracts([(1, PINGS), (2, FIRST)])
    assert readings(contracts, CHAIN, "first", TOPIC) == [(2, "AtlasToken"), (1, "Pinger")]
    assert readings(contracts, CHAIN, "unknown", TOPIC) == [(1, "Pinger")]
    assert readings(contracts, CHAIN, "unknown", digest("other")) == []


def test_the_first_contract_of_an_abi_is_the_first_in_the_log_so_far() -> None:
    contracts = Contracts([(2, FIRST), (4, SECOND)])
    assert contracts.first(CHAIN, "AtlasToken", 4) == FIRST.address
    assert contracts.first(CHAIN, "AtlasToken", 1) is None
    assert contracts.first("eip155:1", "AtlasToken", 4) is None


def test_an_abi_from_outside_is_not_the_shipped_one_of_its_name() -> None:
    outside = WatchedContract(CHAIN, address("first"), "AtlasToken", 0, ABI.sha256)
    assert Contracts([(1, outside)]).first(CHAIN, "AtlasToken", 1) is None


def test_a_recorded_abi_reads_from_its_position_on() -> None:
    contracts = Contracts([(3, RecordedAbi(ABI.sha256, ABI.json))])
    decoder, known_from = contracts.decoder(Reading("Pinger", ABI.sha256))
    assert [event.signature for event in decoder.events] == ["Ping(uint256)"]
    assert known_from == 3


@pytest.mark.parametrize("sha256", [None, digest("nothing")])
def test_an_abi_that_is_nowhere_reads_nothing(sha256: bytes | None) -> None:
    with pytest.raises(UndecodableLog, match="not known"):
        Contracts().decoder(Reading("Pinger", sha256))


@pytest.mark.parametrize(
    "fact",
    [
        RecordedAbi(digest("another"), ABI.json),
        RecordedAbi(read_abi(ABI.json).sha256, ABI.json + b" "),
    ],
)
def test_an_abi_under_another_hash_is_refused(fact: RecordedAbi) -> None:
    with pytest.raises(MalformedAbi, match="SHA-256"):
        require_readable(fact)
