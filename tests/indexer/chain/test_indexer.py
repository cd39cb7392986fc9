"""The indexer on a real node: history, following, reorganisations, contracts, finality."""

import threading
from contextlib import closing

import httpx
import msgspec
import psycopg
import pytest

from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import Progress, Status
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.sources.watching import Polling
from atlas.indexer.chain.watching.config import Contract
from atlas.indexer.errors import (
    AlreadyRunning,
    ContractChanged,
    EndpointUnavailable,
    NoContractCode,
    ReorgBeyondWindow,
    WrongChain,
)
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.facts import (
    CONTRACT_TOPIC,
    FINALIZED_TOPIC,
    HEADER_TOPIC,
    ChainFinalized,
    WatchedContract,
    block_stream,
    decode,
    finality_stream,
)
from tests.anvil import CHAIN, Anvil, free_port
from tests.indexer.chain.scripted import Reply, ScriptedServer
from tests.indexer.chain.workbench import Workbench, canonical_logs, catch_up, node_logs

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("verify_every_header", [True, False])
def test_history_is_read_and_then_the_head_followed(workbench: Workbench, verify_every_header: bool) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(20))
    anvil.mine(30)
    indexer = workbench.indexer(window_blocks=8, max_range_blocks=7, verify="bloom" if verify_every_header else "off")
    result = catch_up(indexer)
    assert result.tip == result.head == anvil.head()
    workbench.require_true_to_chain()
    for topic in range(5):
        anvil.emit(emitter, topic, count=3)
        assert catch_up(indexer).tip == anvil.head()
        workbench.require_true_to_chain()


def test_each_log_follows_the_header_of_its_block(workbench: Workbench) -> None:
    workbench.anvil.emit(workbench.emitter, count=2)
    catch_up(workbench.indexer())
    facts = workbench.facts()
    assert [(fact.topic, fact.version) for fact in facts] == [
        (CONTRACT_TOPIC, 0),
        (HEADER_TOPIC, 0),
        ("chain.log", 1),
        ("chain.log", 2),
    ]
    assert decode(facts[0].payload, WatchedContract) == WatchedContract(CHAIN, workbench.emitter, "Emitter", 1)


def test_a_block_without_watched_logs_leaves_no_fact(workbench: Workbench) -> None:
    other = workbench.anvil.deploy()
    workbench.anvil.emit(other)
    workbench.anvil.mine(3)
    catch_up(workbench.indexer())
    assert [fact.topic for fact in workbench.facts()] == [CONTRACT_TOPIC]


def test_nothing_is_recorded_twice_when_nothing_happens(workbench: Workbench) -> None:
    workbench.anvil.emit(workbench.emitter)
    indexer = workbench.indexer()
    catch_up(indexer)
    before = workbench.facts()
    assert indexer.step().facts == 0
    catch_up_again = workbench.indexer()
    indexer.close()
    catch_up(catch_up_again)
    assert workbench.facts() == before


@pytest.mark.parametrize("depth", [1, 5, 40])
def test_a_reorg_replaces_the_logs_of_the_orphaned_blocks(workbench: Workbench, depth: int) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(45))
    indexer = workbench.indexer()
    catch_up(indexer)
    orphaned = [anvil.block_hash(number) for number in range(anvil.head() - depth + 1, anvil.head() + 1)]
    anvil.reorg(depth)
    anvil.emit(emitter, 1000)
    catch_up(indexer)
    workbench.require_true_to_chain()
    assert [[block.hash for block in reorg.orphaned] for reorg in workbench.reorgs()] == [orphaned]


@pytest.mark.parametrize(("removed", "added"), [(1, 1), (3, 1), (3, 3), (3, 6)])
def test_a_rollback_with_other_blocks_is_a_reorg_at_any_height(workbench: Workbench, removed: int, added: int) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(6))
    indexer = workbench.indexer()
    catch_up(indexer)
    anvil.rollback(removed)
    anvil.emit_all(emitter, range(100, 100 + added))
    result = indexer.step()
    assert result.tip == anvil.head()
    workbench.require_true_to_chain()
    assert [len(reorg.orphaned) for reorg in workbench.reorgs()] == [removed]


def test_a_head_that_only_falls_back_contradicts_nothing(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(6))
    indexer = workbench.indexer()
    catch_up(indexer)
    anvil.rollback(2)
    result = indexer.step()
    assert (result.tip, result.facts) == (anvil.head() + 2, 0)
    assert not workbench.reorgs()
    anvil.emit(emitter, 50)
    catch_up(indexer)
    workbench.require_true_to_chain()


@pytest.mark.parametrize("mined", [0, 3, 60])
def test_a_reorg_while_the_indexer_was_stopped_is_found(workbench: Workbench, mined: int) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(12))
    first = workbench.indexer(window_blocks=30)
    catch_up(first)
    first.close()
    anvil.reorg(5)
    anvil.emit_all(emitter, range(200, 200 + mined))
    catch_up(workbench.indexer(window_blocks=30, max_range_blocks=11))
    workbench.require_true_to_chain()
    assert [len(reorg.orphaned) for reorg in workbench.reorgs()] == [5]


def test_a_reorg_near_the_head_during_the_backfill_is_seen_as_it_ends(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(60))
    indexer = workbench.indexer(window_blocks=10, max_range_blocks=10)
    assert not indexer.step().caught_up
    anvil.reorg(9)
    anvil.emit(emitter, 300)
    catch_up(indexer)
    workbench.require_true_to_chain()


def test_blocks_that_come_back_are_named_as_restored(database: Database, ledger: Ledger) -> None:
    """Three nodes on one history: chain A, chain B, and chain A again, first only its first block."""
    with Anvil() as a, Anvil() as b, Anvil() as again:
        for node in (a, b, again):
            node.rpc("anvil_setBlockTimestampInterval", 12)
        with Workbench(a, ledger, database) as bench:
            for node in (b, again):
                assert node.deploy() == bench.emitter
            a.emit_all(bench.emitter, range(1, 6))
            b.emit_all(bench.emitter, [1, 2, 77])
            again.emit_all(bench.emitter, range(1, 4))
            fork = b.head() - 1
            hashes = [a.block_hash(number) for number in range(fork + 1, fork + 4)]
            for node, later in ((a, []), (b, []), (again, range(4, 6))):
                indexer = bench.indexer(rpc_url=node.url)
                catch_up(indexer)
                node.emit_all(bench.emitter, later)
                catch_up(indexer)
                indexer.close()
            assert again.block_hash(fork + 3) == hashes[-1]
            reorgs = bench.reorgs()
            assert [[block.hash for block in reorg.orphaned] for reorg in reorgs] == [
                hashes,
                [b.block_hash(fork + 1)],
                [],
            ]
            # The first returns in place of another block, the others extend it one by one: all are named.
            assert [[block.hash for block in reorg.restored] for reorg in reorgs] == [[], hashes[:1], hashes[1:]]
            bench.require_true_to_chain()


def test_orphans_that_came_back_deep_below_the_head_are_named_too(database: Database, ledger: Ledger) -> None:
    """Away while the chain returned to its orphaned blocks and went on: history is read by range over them."""
    with Anvil() as a, Anvil() as b:
        for node in (a, b):
            node.rpc("anvil_setBlockTimestampInterval", 12)
        with Workbench(a, ledger, database) as bench:
            assert b.deploy() == bench.emitter
            a.emit_all(bench.emitter, range(1, 9))
            b.emit_all(bench.emitter, [1, 2, 77])
            hashes = [a.block_hash(number) for number in range(4, a.head() + 1)]
            for node in (a, b, a):
                indexer = bench.indexer(rpc_url=node.url, window_blocks=10, max_range_blocks=6)
                catch_up(indexer)
                indexer.close()
                if node is b:
                    a.mine(40)
            returned = [block.hash for reorg in bench.reorgs() for block in reorg.restored]
            assert returned == hashes
            bench.require_true_to_chain()


def test_a_reorg_beyond_the_window_is_a_typed_state_and_changes_nothing(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(30))
    indexer = workbench.indexer(window_blocks=10)
    catch_up(indexer)
    before = workbench.facts()
    anvil.reorg(20)
    with pytest.raises(ReorgBeyondWindow, match="oldest that is stored") as caught:
        indexer.step()
    assert caught.value.hint
    assert workbench.facts() == before


def test_the_window_follows_a_reorg_of_exactly_its_depth(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    anvil.emit_all(emitter, range(30))
    indexer = workbench.indexer(window_blocks=10)
    catch_up(indexer)
    anvil.reorg(10)
    anvil.emit(emitter, 500)
    catch_up(indexer)
    workbench.require_true_to_chain()


def test_a_chain_that_was_started_afresh_is_a_typed_state(workbench: Workbench) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(3))
    indexer = workbench.indexer(Contract("Emitter", workbench.emitter, 2), window_blocks=1)
    catch_up(indexer)
    workbench.anvil.stop()
    workbench.anvil.start()
    with pytest.raises(ReorgBeyondWindow):
        indexer.step()


def test_a_reorg_below_the_finalized_block_is_refused(database: Database, ledger: Ledger) -> None:
    with Anvil("--slots-in-an-epoch", "2") as anvil, Workbench(anvil, ledger, database) as bench:
        anvil.emit_all(bench.emitter, range(20))
        indexer = bench.indexer()
        assert catch_up(indexer).finalized == anvil.head() - 4
        anvil.reorg(8)
        with pytest.raises(ReorgBeyondWindow, match="recorded as final"):
            indexer.step()


def test_finality_moves_with_the_tag_and_records_the_tip(workbench: Workbench) -> None:
    anvil = workbench.anvil
    indexer = workbench.indexer()
    anvil.mine(70)
    first = catch_up(indexer)
    anvil.mine(3)
    second = catch_up(indexer)
    tag = int(anvil.rpc("eth_getBlockByNumber", "finalized", False)["number"], 16)
    assert (first.finalized, second.finalized) == (tag - 3, tag)
    finalized = workbench.ledger.stream(finality_stream(CHAIN))
    blocks = [decode(fact.payload, ChainFinalized).block for fact in finalized]
    assert [block.number for block in blocks] == [tag - 3, tag]
    for block in blocks:
        assert block.hash == anvil.block_hash(block.number)
        assert workbench.ledger.stream(block_stream(CHAIN, block.hash))[0].topic == HEADER_TOPIC
    assert {fact.topic for fact in finalized} == {FINALIZED_TOPIC}


def test_a_contract_is_read_from_its_own_start_block(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    late = anvil.deploy()
    for topic in range(8):
        anvil.emit(emitter, topic)
        anvil.emit(late, topic)
    start = anvil.head() - 5
    catch_up(
        workbench.indexer(Contract("A", emitter, 1), Contract("B", late, start), window_blocks=4, max_range_blocks=100)
    )
    expected = {key for key in node_logs(anvil) if key[2] == emitter or number_of(anvil, key[0]) >= start}
    assert canonical_logs(workbench.facts()) == expected


@pytest.mark.parametrize("window_blocks", [3, 50])
def test_a_contract_added_later_is_read_from_its_start(workbench: Workbench, window_blocks: int) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    added = anvil.deploy()
    for topic in range(10):
        anvil.emit(emitter, topic)
        anvil.emit(added, topic)
    both = (Contract("A", emitter, 1), Contract("B", added, 2))
    settings = {"window_blocks": window_blocks, "max_range_blocks": 4}
    first = workbench.indexer(both[0], **settings)
    catch_up(first)
    first.close()
    anvil.emit(added, 99)
    catch_up(workbench.indexer(*both, **settings))
    workbench.require_true_to_chain()


def test_a_contract_that_was_dropped_for_a_while_misses_nothing(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    other = anvil.deploy()
    both = (Contract("A", emitter, 1), Contract("B", other, 1))
    for contracts in (both, both[:1], both):
        anvil.emit(emitter)
        anvil.emit(other)
        indexer = workbench.indexer(*contracts)
        catch_up(indexer)
        indexer.close()
    workbench.require_true_to_chain()


def test_a_reorg_below_what_was_read_of_an_added_contract_is_read_again(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    added = anvil.deploy()
    for topic in range(65):
        anvil.emit(emitter, topic)
        anvil.emit(added, topic)
    both = (Contract("A", emitter, 1), Contract("B", added, 1))
    first = workbench.indexer(both[0])
    catch_up(first)
    first.close()
    second = workbench.indexer(*both)
    assert not second.step().caught_up, "one step reads 100 blocks of the added contract"
    anvil.rollback(40)
    anvil.emit_all(added, range(200, 245))
    catch_up(second)
    workbench.require_true_to_chain()


def test_a_reorg_below_the_start_of_a_dropped_contract_does_not_move_its_start(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    other = anvil.deploy()
    anvil.emit_all(emitter, range(6))
    both = (Contract("A", emitter, 1), Contract("B", other, anvil.head()))
    for contracts in (both, both[:1], both):
        indexer = workbench.indexer(*contracts)
        catch_up(indexer)
        if contracts != both:
            anvil.rollback(5)
            anvil.emit_all(other, range(100, 107))
            catch_up(indexer)
        indexer.close()
    logs = [log for log in canonical_logs(workbench.facts()) if log[2] == other]
    assert min(number_of(anvil, log[0]) for log in logs) == both[1].start_block
    assert len(logs) == anvil.head() - both[1].start_block + 1


def test_other_settings_of_a_recorded_contract_are_refused(workbench: Workbench) -> None:
    first = workbench.indexer()
    catch_up(first)
    first.close()
    changed = workbench.indexer(Contract("Another", workbench.emitter, 1))
    with pytest.raises(ContractChanged, match="recorded as Emitter") as caught:
        changed.check()
    assert caught.value.exit_code == 2
    with pytest.raises(ContractChanged):
        changed.step()


def test_a_second_indexer_of_the_chain_is_refused_until_the_first_closes(workbench: Workbench) -> None:
    first, second = workbench.indexer(), workbench.indexer()
    first.step()
    with pytest.raises(AlreadyRunning):
        second.step()
    first.close()
    second.step()


def test_a_lock_that_was_lost_with_its_connection_is_taken_again(workbench: Workbench) -> None:
    first, second = workbench.indexer(), workbench.indexer()
    first.step()
    end_the_session_that_holds_a_lock(workbench)
    first.step()
    with pytest.raises(AlreadyRunning):
        second.step()
    end_the_session_that_holds_a_lock(workbench)
    second.step()
    with pytest.raises(AlreadyRunning):
        first.step()
    first.close()


def test_a_contract_that_another_indexer_dropped_meanwhile_misses_nothing(workbench: Workbench) -> None:
    anvil, emitter = workbench.anvil, workbench.emitter
    other = anvil.deploy()
    both = (Contract("A", emitter, 1), Contract("B", other, 1))
    first, second = workbench.indexer(*both), workbench.indexer(both[0])
    for indexer in (first, second, first):
        catch_up(indexer)
        indexer.close()
    anvil.emit(other)
    for indexer in (second, first):
        catch_up(indexer)
        indexer.close()
    workbench.require_true_to_chain()


def test_check_passes_on_a_chain_that_is_as_configured(workbench: Workbench) -> None:
    workbench.indexer().check()


def test_check_refuses_another_chain(workbench: Workbench) -> None:
    with pytest.raises(WrongChain, match="serves the chain eip155:31337, not eip155:1") as caught:
        workbench.indexer(chain="eip155:1").check()
    assert caught.value.exit_code == 2


def test_check_refuses_an_address_without_code(workbench: Workbench) -> None:
    with pytest.raises(NoContractCode, match="has no code") as caught:
        workbench.indexer(Contract("Nothing", b"\x01" * 20, 1)).check()
    assert caught.value.exit_code == 2


def test_check_refuses_an_endpoint_that_is_not_there(workbench: Workbench) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(EndpointUnavailable, match=url) as caught:
        workbench.indexer(rpc_url=url).check()
    assert caught.value.exit_code == 3


class Running:
    """An indexer that runs in a thread of its own; ``wait_for`` says when it is where it should be."""

    def __init__(self, indexer: ChainIndexer) -> None:
        self._stop = threading.Event()
        self._seen = threading.Condition()
        self._last: Progress | None = None
        self._thread = threading.Thread(target=indexer.run, args=(self._stop, self._report), daemon=True)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def wait_for(self, state: str, tip: int) -> Status:
        """Wait until the indexer reports this state and tip, 30 seconds at most; its status then."""

        def holds() -> bool:
            return self._last is not None and (self._last.status.state, self._last.tip) == (state, tip)

        with self._seen:
            assert self._seen.wait_for(holds, timeout=30), self._last
            assert self._last is not None
            return self._last.status

    def _report(self, progress: Progress) -> None:
        with self._seen:
            self._last = progress
            self._seen.notify_all()


def test_a_node_that_goes_away_is_waited_for(
    database: Database, ledger: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("anvil") / "state.json"
    with Anvil("--state", str(file)) as anvil, Workbench(anvil, ledger, database) as bench:
        anvil.emit_all(bench.emitter, range(5))
        indexer = bench.indexer(poll_interval_s=0.05)
        with Running(indexer) as running:
            running.wait_for("ok", anvil.head())
            head = anvil.head()
            anvil.stop()
            status = running.wait_for("retrying", head)
            assert status == indexer.status
            assert anvil.url in status.reason
            assert status.hint
            anvil.start()
            anvil.emit(bench.emitter, 9)
            running.wait_for("ok", anvil.head())
        bench.require_true_to_chain()


def test_run_waits_out_a_reorg_beyond_the_window_and_goes_on_after_it(workbench: Workbench) -> None:
    """Behind one URL, another chain for a while: nothing of it is recorded."""
    workbench.anvil.emit_all(workbench.emitter, range(8))
    with Anvil("--timestamp", "1600000000") as other:
        other.deploy()
        other.mine(30)
        nodes = [workbench.anvil]

        def forward(body: bytes) -> Reply:
            return 200, {}, httpx.post(nodes[-1].url, content=body, headers=JSON, trust_env=False).content

        with ScriptedServer(forward) as server:
            indexer = workbench.indexer(rpc_url=server.url, window_blocks=5, poll_interval_s=0.02)
            with Running(indexer) as running:
                head = workbench.anvil.head()
                running.wait_for("ok", head)
                nodes.append(other)
                assert "the oldest that is stored" in running.wait_for("forked", head).reason
                nodes.append(workbench.anvil)
                workbench.anvil.emit(workbench.emitter)
                running.wait_for("ok", head + 1)
    workbench.require_true_to_chain()


def test_progress_tells_rate_and_blocks_left(workbench: Workbench) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(30))
    indexer = workbench.indexer(window_blocks=4, max_range_blocks=5)
    stop = threading.Event()
    reports: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        reports.append(progress)
        if progress.blocks_left == 0:
            stop.set()

    indexer.run(stop, on_progress)
    left = [report.blocks_left for report in reports]
    assert left == sorted(left, key=lambda blocks: -(blocks or 0))
    assert reports[-1].blocks_per_s > 0
    assert reports[-1].facts_per_s > 0
    assert msgspec.json.encode(reports[-1])


def end_the_session_that_holds_a_lock(workbench: Workbench) -> None:
    """As a server that restarts would, or an operator."""
    with psycopg.connect(workbench.database.url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_locks join pg_database on pg_database.oid = database"
            " where locktype = 'advisory' and datname = current_database()"
        )


def number_of(anvil: Anvil, block_hash: bytes) -> int:
    """The height of a block."""
    return int(anvil.rpc("eth_getBlockByHash", "0x" + block_hash.hex(), False)["number"], 16)


def test_who_waits_for_a_head_stops_when_told_to(workbench: Workbench) -> None:
    config = workbench.config(poll_interval_s=60)
    stop, waiting = threading.Event(), threading.Event()

    def on_progress(_: Progress) -> None:
        waiting.set()

    with closing(connect(config.rpc_url)) as source:
        indexer = ChainIndexer(config, source, workbench.ledger, workbench.database, watch=Polling())
        thread = threading.Thread(target=indexer.run, args=(stop, on_progress), daemon=True)
        thread.start()
        assert waiting.wait(20)
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
