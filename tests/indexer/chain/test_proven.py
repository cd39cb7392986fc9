"""``verify = "receipts"``: what an endpoint leaves out is found, and what shows it is kept."""

import threading
from contextlib import closing
from typing import Any

import pytest

from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import Progress
from atlas.indexer.chain.sources.connecting import connect_pool
from atlas.indexer.chain.sources.proven import ProvenEndpoint
from atlas.indexer.chain.verification.evidence import evidence
from atlas.indexer.errors import LyingEndpoint
from atlas.ledger.database import Database
from atlas.protocol.evm.families import ETHEREUM
from tests.anvil import CHAIN
from tests.indexer.chain.scripted import LyingNode
from tests.indexer.chain.workbench import Workbench, catch_up


def without_last_of_several(method: str, _: list[Any], result: Any) -> Any:
    """The bloom of a block says that there are logs, not how many: one of several can go unnoticed."""
    return result[:-1] if method == "eth_getLogs" and len(result or ()) > 1 else result


def emit_history(workbench: Workbench) -> None:
    for topic in range(1, 6):
        workbench.anvil.emit(workbench.emitter, topic, count=2)
    workbench.anvil.mine(10)


@pytest.mark.parametrize("window_blocks", [2, 100], ids=["history", "window"])
def test_an_honest_endpoint_is_believed_and_no_block_is_in_doubt(workbench: Workbench, window_blocks: int) -> None:
    emit_history(workbench)
    catch_up(workbench.indexer(verify="receipts", window_blocks=window_blocks))
    workbench.require_true_to_chain()
    with workbench.database.connection() as connection:
        assert connection.execute("select from indexer.unproven").fetchall() == []


def test_a_log_left_out_of_a_block_with_others_is_found_in_history_by_receipts_only(workbench: Workbench) -> None:
    emit_history(workbench)
    with LyingNode(workbench.anvil, without_last_of_several) as node:
        proving = workbench.indexer(rpc_url=node.url, verify="receipts", window_blocks=2)
        with pytest.raises(LyingEndpoint, match=r"has 2 logs that were asked for, by its receipts; 1 were given"):
            catch_up(proving)
        proving.close()
        catch_up(workbench.indexer(rpc_url=node.url, verify="bloom", window_blocks=2))
    with pytest.raises(AssertionError):
        workbench.require_true_to_chain()


def test_in_the_window_logs_are_taken_from_receipts_themselves(workbench: Workbench) -> None:
    emit_history(workbench)
    with LyingNode(workbench.anvil, without_last_of_several) as node:
        catch_up(workbench.indexer(rpc_url=node.url, verify="receipts", window_blocks=100))
    workbench.require_true_to_chain()


def test_what_shows_the_lie_is_kept(workbench: Workbench, database: Database) -> None:
    def without_a_receipt(method: str, _: list[Any], result: Any) -> Any:
        return result[:-1] if method == "eth_getBlockReceipts" else result

    emit_history(workbench)
    with LyingNode(workbench.anvil, without_a_receipt) as node:
        indexer = workbench.indexer(rpc_url=node.url, verify="receipts")
        stop = threading.Event()

        def on_progress(progress: Progress) -> None:
            assert progress.status.state == "retrying"
            stop.set()

        indexer.run(stop, on_progress)
    (kept,) = evidence(database)
    assert kept.header
    assert b"eth_getBlockReceipts" in kept.request
    assert node.url in kept.endpoint


def test_another_endpoint_stands_in_for_one_that_lies(workbench: Workbench) -> None:
    told: list[str] = []
    emit_history(workbench)
    with LyingNode(workbench.anvil, without_last_of_several) as node:
        pool = connect_pool(
            CHAIN,
            (node.url, workbench.anvil.url),
            proven=lambda client: ProvenEndpoint(client, ETHEREUM, lambda name, _: told.append(name)),
        )
        config = workbench.config(verify="receipts", window_blocks=2)
        with closing(pool), closing(ChainIndexer(config, pool, workbench.ledger, workbench.database)) as indexer:
            catch_up(indexer)
    workbench.require_true_to_chain()
    assert set(told) == {node.url}
