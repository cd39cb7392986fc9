"""What is indexed beside plain contracts, on a real node: children of factories, events of anybody, starts by code."""

from typing import Any

import pytest

from atlas.indexer.chain import state
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.chain.watching.rules import Contract, Events, Factory, child_address
from atlas.indexer.errors import ContractChanged, InvalidChainConfig, NoContractCode, StateUnavailable
from atlas.protocol.facts import (
    ABI_TOPIC,
    CONTRACT_TOPIC,
    EVENTS_TOPIC,
    RecordedAbi,
    WatchedContract,
    WatchedEvents,
    decode,
)
from atlas.protocol.keccak import keccak256
from atlas.protocol.outside import read_abi
from tests.anvil import CHAIN
from tests.indexer.chain.scripted import LyingNode
from tests.indexer.chain.workbench import Workbench, canonical_logs, catch_up, node_logs

CREATED = keccak256(b"Created(address)")
# Called with (topic, data ...): logs the data under the topic.
ECHO = bytes.fromhex("6014600c60003960146000f3" + "602036036020600037" + "600035" + "60203603" + "6000" + "a1" + "00")
ABI = read_abi(b'[{"type":"event","name":"Created","inputs":[{"name":"child","type":"address"}]}]')


def create(bench: Workbench, factory: bytes, child: bytes) -> None:
    bench.anvil.send(CREATED + child.rjust(32, b"\0"), factory)


def factory_rule(factory: bytes, **fields: Any) -> Factory:
    values: dict[str, Any] = {"abi": "F", "start_block": 0, "event": CREATED, "place": 3, "child_abi": "K"}
    return Factory(address=factory, **{**values, **fields})


def children(bench: Workbench) -> list[bytes]:
    return [child.address for child in state.load(bench.database, CHAIN).children]


@pytest.mark.parametrize("window_blocks", [2, 100])
def test_children_are_indexed_from_the_block_that_names_them(workbench: Workbench, window_blocks: int) -> None:
    anvil = workbench.anvil
    factory, first, second = anvil.deploy(ECHO), anvil.deploy(), anvil.deploy()
    anvil.emit(first, 7)
    create(workbench, factory, first)
    before = anvil.head()
    anvil.emit_all(first, range(5))
    anvil.emit_all(second, range(5))
    indexer = workbench.indexer(factory_rule(factory), window_blocks=window_blocks, max_range_blocks=3)
    catch_up(indexer)
    create(workbench, factory, second)
    anvil.emit_all(second, range(3))
    catch_up(indexer)
    named = anvil.head() - 3
    expected = {
        log
        for log in node_logs(anvil)
        if log[2] == factory
        or (log[2] == first and height(workbench, log[0]) >= before)
        or (log[2] == second and height(workbench, log[0]) >= named)
    }
    assert canonical_logs(workbench.facts()) == expected
    assert children(workbench) == [first, second]


def height(bench: Workbench, block_hash: bytes) -> int:
    return int(bench.anvil.rpc("eth_getBlockByHash", "0x" + block_hash.hex(), False)["number"], 16)


def test_a_log_of_a_child_before_its_naming_in_the_same_block_counts_and_comes_after_the_child(
    workbench: Workbench,
) -> None:
    anvil = workbench.anvil
    factory, child = anvil.deploy(ECHO), anvil.deploy()
    anvil.rpc("evm_setAutomine", False)
    sender = {"from": anvil.rpc("eth_accounts")[0], "gas": hex(1_000_000)}
    for to, data in (
        (child, (5).to_bytes(32, "big") + (1).to_bytes(32, "big")),
        (factory, CREATED + bytes(12) + child),
    ):
        anvil.rpc("eth_sendTransaction", {**sender, "to": "0x" + to.hex(), "data": "0x" + data.hex()})
    anvil.mine()
    anvil.rpc("evm_setAutomine", True)
    catch_up(workbench.indexer(factory_rule(factory)))
    workbench.require_true_to_chain()
    topics = [fact.topic for fact in workbench.facts()]
    assert topics == [CONTRACT_TOPIC, "chain.header", CONTRACT_TOPIC, "chain.log", "chain.log"]
    watched = decode(workbench.facts()[2].payload, WatchedContract)
    assert watched == WatchedContract(CHAIN, child, "K", anvil.head())


def test_a_child_whose_block_was_orphaned_is_forgotten_and_the_others_are_not(workbench: Workbench) -> None:
    anvil = workbench.anvil
    factory, stays, leaves = anvil.deploy(ECHO), anvil.deploy(), anvil.deploy()
    create(workbench, factory, stays)
    create(workbench, factory, leaves)
    indexer = workbench.indexer(factory_rule(factory))
    catch_up(indexer)
    assert children(workbench) == [stays, leaves]
    anvil.reorg(1)
    anvil.emit(leaves, 1)
    anvil.emit(stays, 1)
    catch_up(indexer)
    assert children(workbench) == [stays]
    assert canonical_logs(workbench.facts()) == {log for log in node_logs(anvil) if log[2] in (factory, stays)}


def test_events_are_indexed_whoever_emits_them(workbench: Workbench) -> None:
    anvil = workbench.anvil
    topic = (3).to_bytes(32, "big")
    others = [workbench.emitter, anvil.deploy(), anvil.deploy()]
    for emitter in others:
        anvil.emit_all(emitter, range(2, 5))
    rule = Events("E", (topic,), 2)
    catch_up(workbench.indexer(rule, window_blocks=3))
    logs = canonical_logs(workbench.facts())
    assert logs == {log for log in node_logs(anvil) if log[3] == (topic,)}
    (fact,) = [fact for fact in workbench.facts() if fact.topic == EVENTS_TOPIC]
    assert decode(fact.payload, WatchedEvents) == WatchedEvents(CHAIN, (topic,), "E", 2)


def test_an_abi_from_outside_is_recorded_before_the_contract_that_names_it(workbench: Workbench) -> None:
    rule = Contract("Mine", workbench.emitter, 1, ABI.sha256)
    catch_up(workbench.indexer(rule, abis=(ABI,)))
    facts = workbench.facts()
    assert [fact.topic for fact in facts] == [ABI_TOPIC, CONTRACT_TOPIC]
    assert decode(facts[0].payload, RecordedAbi) == RecordedAbi(ABI.sha256, ABI.json)
    assert decode(facts[1].payload, WatchedContract).abi_sha256 == ABI.sha256


def test_a_factory_added_later_is_read_with_its_children_from_its_start_and_nothing_else_again(
    workbench: Workbench,
) -> None:
    anvil = workbench.anvil
    factory, child = anvil.deploy(ECHO), anvil.deploy()
    anvil.emit_all(workbench.emitter, range(3))
    create(workbench, factory, child)
    anvil.emit_all(child, range(6))
    plain = Contract("Emitter", workbench.emitter, 1)
    first = workbench.indexer(plain, window_blocks=3)
    catch_up(first)
    first.close()
    before = workbench.facts()
    catch_up(workbench.indexer(plain, factory_rule(factory), window_blocks=3))
    workbench.require_true_to_chain()
    assert workbench.facts()[: len(before)] == before


def test_the_start_is_found_by_code_once_and_kept(workbench: Workbench) -> None:
    anvil = workbench.anvil
    anvil.mine(20)
    late = anvil.deploy()
    created = anvil.head()
    anvil.mine(9)
    rule = Contract("Late", late, 0)
    for _ in range(2):
        indexer = workbench.indexer(rule, find_start=frozenset({rule.key}))
        indexer.check()
        catch_up(indexer)
        indexer.close()
    (watch,) = state.load(workbench.database, CHAIN).watches
    assert watch.rule.start_block == created


def test_a_pruned_node_says_that_it_cannot_find_the_start(workbench: Workbench) -> None:
    workbench.anvil.mine(9)

    def tamper(method: str, parameters: list[Any], result: Any) -> Any:
        if method == "eth_getCode" and parameters[1] not in ("latest", hex(workbench.anvil.head())):
            raise RuntimeError("missing trie node 0xabc (path ) state is not available")
        return result

    rule = Contract("Emitter", workbench.emitter, 0)
    with (
        LyingNode(workbench.anvil, tamper) as node,
        pytest.raises(StateUnavailable, match="missing trie node") as caught,
    ):
        workbench.indexer(rule, rpc_url=node.url, find_start=frozenset({rule.key})).step()
    assert "start block by its number" in caught.value.hint


def test_no_start_is_found_where_there_is_no_code(workbench: Workbench) -> None:
    rule = Contract("Nothing", b"\x01" * 20, 0)
    with pytest.raises(NoContractCode):
        workbench.indexer(rule, find_start=frozenset({rule.key})).step()


def test_another_abi_for_a_recorded_factory_is_refused(workbench: Workbench) -> None:
    factory = workbench.anvil.deploy(ECHO)
    first = workbench.indexer(factory_rule(factory))
    catch_up(first)
    first.close()
    with pytest.raises(ContractChanged, match="recorded as F"):
        workbench.indexer(factory_rule(factory, abi="Other")).check()
    with pytest.raises(ContractChanged, match="it cannot be"):
        workbench.indexer(Contract("Other", factory, 0)).check()


def test_two_rules_that_say_different_things_of_one_address_are_refused() -> None:
    rule = factory_rule(b"\x01" * 20)
    with pytest.raises(InvalidChainConfig, match="Other from block 7 and F from block 0"):
        ChainConfig(chain=CHAIN, rpc_url="http://node", contracts=(rule, Contract("Other", rule.address, 7)))


@pytest.mark.parametrize(
    ("place", "topics", "data", "expected"),
    [
        (0, 2, b"", b"\x01" * 20),
        (1, 2, b"", None),
        (3, 1, bytes(12) + b"\x02" * 20, b"\x02" * 20),
        (3, 1, b"\x02" * 32, None),
        (3, 1, bytes(32), None),
        (4, 1, bytes(12) + b"\x02" * 20, None),
    ],
)
def test_a_child_is_an_address_or_nothing(place: int, topics: int, data: bytes, expected: bytes | None) -> None:
    words = (CREATED, bytes(12) + b"\x01" * 20)[:topics]
    assert child_address(Log(1, bytes(32), bytes(32), 0, 0, bytes(20), words, data), place) == expected
