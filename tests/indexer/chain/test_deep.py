"""Forks below the window and below finality: a state that one can see, and leave."""

import threading

import pytest

from atlas.indexer.chain.deep import RecordedChain, find_fork
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.rpc.endpoint import connect
from atlas.indexer.chain.standing import decide, standings, trouble
from atlas.indexer.errors import NothingToResolve, ReorgBeyondWindow
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.facts import FINALIZED_TOPIC, BlockRef, ChainFinalized, decode
from tests.anvil import CHAIN, Anvil
from tests.indexer.chain.workbench import Workbench, catch_up


def run_until(indexer: ChainIndexer, state: str) -> None:
    """Run it until it says so."""
    stop = threading.Event()
    timer = threading.Timer(20, stop.set)
    timer.start()
    indexer.run(stop, lambda progress: stop.set() if progress.status.state == state else None)
    timer.cancel()
    assert indexer.status.state == state


def forked(bench: Workbench, **settings: object) -> ChainIndexer:
    """An indexer of a chain that left the stored one below the window."""
    bench.anvil.emit_all(bench.emitter, range(30))
    catch_up(first := bench.indexer(window_blocks=10))
    first.close()
    bench.anvil.reorg(20)
    bench.anvil.emit_all(bench.emitter, range(100, 103))
    return bench.indexer(window_blocks=10, poll_interval_s=0.01, **settings)


def test_a_deep_fork_is_a_stored_state_until_the_operator_follows_it(workbench: Workbench) -> None:
    indexer = forked(workbench)
    before = workbench.facts()
    run_until(indexer, "forked")
    assert workbench.facts() == before
    (standing,) = standings(workbench.database)
    assert (standing.state, "the oldest that is stored" in standing.reason) == ("forked", True)
    assert "forked" in (trouble(workbench.database, [CHAIN]) or "")
    decide(workbench.database, CHAIN, follow=True, contradicting_finality=False)
    run_until(indexer, "ok")
    catch_up(indexer)
    workbench.require_true_to_chain()
    assert trouble(workbench.database, [CHAIN]) is None
    assert len(workbench.reorgs()[0].orphaned) == 20


def test_to_wait_is_a_decision_too(workbench: Workbench) -> None:
    indexer = forked(workbench, deep_reorg="follow")
    with workbench.database.connection() as connection:
        connection.execute("insert into indexer.decisions values (%s, false, false, now())", (CHAIN,))
    with pytest.raises(ReorgBeyondWindow):
        indexer.step()


def test_a_deep_fork_is_followed_by_itself_where_that_is_the_policy(workbench: Workbench) -> None:
    catch_up(forked(workbench, deep_reorg="follow"))
    workbench.require_true_to_chain()


def test_it_is_not_followed_by_itself_while_another_endpoint_has_the_stored_chain(
    database: Database, ledger: Ledger
) -> None:
    with Anvil() as a, Anvil() as b:
        for node in (a, b):
            node.rpc("anvil_setBlockTimestampInterval", 12)
        with Workbench(a, ledger, database) as bench:
            b.deploy()
            for node in (a, b):
                node.emit_all(bench.emitter, range(20))
            catch_up(first := bench.indexer(window_blocks=5))
            first.close()
            a.reorg(12)
            a.emit(bench.emitter, 99)
            config = bench.config(window_blocks=5, deep_reorg="follow")
            other, source = connect(b.url), connect(a.url)
            indexer = ChainIndexer(config, source, ledger, database, others=[other])
            with pytest.raises(ReorgBeyondWindow, match=f"{b.url}.* still has block 21"):
                indexer.step()
            for closing in (indexer, other, source):
                closing.close()


def test_a_finalized_block_is_left_only_when_the_operator_says_so_explicitly(
    database: Database, ledger: Ledger
) -> None:
    with Anvil("--slots-in-an-epoch", "2") as anvil, Workbench(anvil, ledger, database) as bench:
        anvil.emit_all(bench.emitter, range(20))
        indexer = bench.indexer(poll_interval_s=0.01, deep_reorg="follow")
        assert catch_up(indexer).finalized == anvil.head() - 4
        anvil.reorg(8)
        run_until(indexer, "forked")
        decide(database, CHAIN, follow=True, contradicting_finality=False)
        with pytest.raises(ReorgBeyondWindow, match="would leave the finalized block"):
            indexer.step()
        decide(database, CHAIN, follow=True, contradicting_finality=True)
        catch_up(indexer)
        bench.require_true_to_chain()
        finalized = [
            decode(fact.payload, ChainFinalized).block for fact in bench.facts() if fact.topic == FINALIZED_TOPIC
        ]
        assert finalized[-1].hash == anvil.block_hash(finalized[-1].number)


def test_finality_goes_back_to_what_is_not_left(database: Database, ledger: Ledger) -> None:
    with Anvil("--slots-in-an-epoch", "2") as anvil, Workbench(anvil, ledger, database) as bench:
        indexer = bench.indexer(poll_interval_s=0.01)
        for number in range(12):
            anvil.emit(bench.emitter, number)
            catch_up(indexer)
        before = catch_up(indexer).finalized or 0
        anvil.reorg(8)
        run_until(indexer, "forked")
        decide(database, CHAIN, follow=True, contradicting_finality=True)
        indexer.step()
        *_, first, left, again = [
            decode(fact.payload, ChainFinalized).block for fact in bench.facts() if fact.topic == FINALIZED_TOPIC
        ]
        assert (left.number, again.number) == (before, anvil.head() - 8)
        assert again.hash == anvil.block_hash(again.number)
        assert again.number < first.number


def test_a_chain_that_was_started_afresh_can_be_followed(database: Database, ledger: Ledger) -> None:
    with Anvil() as anvil, Workbench(anvil, ledger, database) as bench:
        anvil.emit_all(bench.emitter, range(20))
        indexer = bench.indexer(window_blocks=3, poll_interval_s=0.01)
        catch_up(indexer)
        anvil.stop()
        anvil.start()
        run_until(indexer, "lagging")
        decide(database, CHAIN, follow=True, contradicting_finality=True)
        anvil.deploy()
        anvil.emit_all(bench.emitter, range(3))
        catch_up(indexer)
        bench.require_true_to_chain()


def test_nothing_is_resolved_where_there_is_no_trouble(workbench: Workbench) -> None:
    with pytest.raises(NothingToResolve, match="never indexed"):
        decide(workbench.database, CHAIN, follow=True, contradicting_finality=False)
    run_until(workbench.indexer(poll_interval_s=0.01), "ok")
    with pytest.raises(NothingToResolve, match="is ok"):
        decide(workbench.database, CHAIN, follow=True, contradicting_finality=False)


@pytest.mark.parametrize("shared", [0, 1, 3, 5])
def test_the_highest_shared_block_is_found_with_few_questions(shared: int) -> None:
    blocks = tuple(BlockRef(number * 10, bytes([number]) * 32) for number in range(1, 6))
    asked: list[int] = []

    def hash_at(number: int) -> bytes | None:
        asked.append(number)
        return bytes([number // 10]) * 32 if number <= shared * 10 else None

    fork = find_fork(RecordedChain(blocks, ()), [], hash_at)
    assert fork.ancestor == (blocks[shared - 1] if shared else None)
    assert fork.orphaned == blocks[shared:]
    assert len(asked) <= 3
