"""A chain recorded while it is indexed, and indexed again from the file, with no node there."""

import json
import os
import resource
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.schema import MIGRATIONS
from atlas.indexer.chain.sources.recordings import FORMAT, VERSION, Recorder, Recording
from atlas.indexer.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    FinalityUnknown,
    InconsistentAnswers,
    MalformedResponse,
)
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from tests.indexer.chain.sources.node import ADDRESS, ChainNode, chain, refused
from tests.indexer.chain.workbench import Workbench, catch_up

HEADERS = chain(12)
HASHES = [bytes.fromhex(header["hash"][2:]) for header in HEADERS]
ANY = LogFilter()
OPENING = {"format": FORMAT, "version": VERSION, "endpoint": "http://node"}


@contextmanager
def second_database(postgres_url: str) -> Generator[Database]:
    """Another empty database with the tables of the log and of the indexer."""
    name = f"recordings_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
        with Database(postgres_url.replace("/postgres?", f"/{name}?")) as database:
            migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
            yield database
        connection.execute(f'drop database "{name}" with (force)'.encode())


def record(path: Path, ask: Callable[[Endpoint, ChainNode], object]) -> Endpoint:
    """A recording of what ``ask`` asked a node."""
    with ChainNode(HEADERS) as node:
        source = Endpoint(Recorder(RpcClient(node.url, attempts=1), path))
        ask(source, node)
        source.close()
    return Endpoint(Recording(path))


def written(path: Path, *lines: object) -> Path:
    path.write_bytes(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines))
    return path


@pytest.mark.parametrize("name", ["chain.jsonl", "chain.jsonl.gz", "chain.jsonl.zst"])
def test_a_chain_is_indexed_again_from_its_recording(
    workbench: Workbench, database: Database, postgres_url: str, tmp_path: Path, name: str
) -> None:
    workbench.anvil.emit_all(workbench.emitter, range(12))
    path = tmp_path / name

    def index(source: Endpoint, into: Database) -> list[tuple[UUID, int, bytes]]:
        ledger = Ledger(into)
        indexer = ChainIndexer(workbench.config(), source, ledger, into)
        with closing(source), closing(indexer):
            catch_up(indexer)
        return [(fact.stream, fact.version, fact.payload) for fact in ledger.facts(after=0)]

    recorded = index(Endpoint(Recorder(RpcClient(workbench.anvil.url), path)), database)
    workbench.require_true_to_chain()
    workbench.anvil.stop()
    with second_database(postgres_url) as other:
        assert index(Endpoint(Recording(path)), other) == recorded


def test_answers_come_as_they_were_recorded(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    seen: list[object] = []

    def ask(source: Endpoint) -> list[object]:
        return [
            source.chain_number(),
            source.head(),
            source.headers([1, 2, 3]),
            source.header(HASHES[4]),
            source.header(b"\xab" * 32),
            source.logs_in_range(1, 5, LogFilter((ADDRESS,))),
            source.logs_of_blocks(HASHES[1:4], LogFilter((ADDRESS,))),
            source.log_columns(1, 5, ANY).to_pylist(),
        ]

    def first(source: Endpoint, _: ChainNode) -> None:
        seen.extend(ask(source))

    assert ask(record(path, first)) == seen


def test_the_same_question_is_answered_in_the_order_of_the_recording(tmp_path: Path) -> None:
    def ask(source: Endpoint, node: ChainNode) -> None:
        for length in (5, 6, 7):
            node.headers = HEADERS[:length]
            source.head()

    replayed = record(tmp_path / "chain.jsonl", ask)
    assert [replayed.head().number for _ in range(5)] == [4, 5, 6, 6, 6]


def test_a_refusal_is_played_back_as_the_same_refusal(tmp_path: Path) -> None:
    def ask(source: Endpoint, node: ChainNode) -> None:
        node.fault = lambda _method, _parameters: refused(-32602, "invalid block tag")
        with pytest.raises(FinalityUnknown):
            source.finalized()

    with pytest.raises(FinalityUnknown, match=r"as recorded in chain\.jsonl .*error -32602: invalid block tag$"):
        record(tmp_path / "chain.jsonl", ask).finalized()


def test_time_outs_and_broken_answers_are_not_recorded(tmp_path: Path) -> None:
    def ask(source: Endpoint, node: ChainNode) -> None:
        node.fault = lambda _method, _parameters: (502, {}, b"")
        with pytest.raises(EndpointUnavailable):
            source.chain_number()

    with pytest.raises(EndpointRefused, match="not in the recording"):
        record(tmp_path / "chain.jsonl", ask).chain_number()


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=6),
    st.integers(0, 11),
    st.integers(0, 11),
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ranges_are_put_together_from_those_that_were_asked_for(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int]], first: int, length: int
) -> None:
    ranges = [(min(pair), max(pair)) for pair in asked]
    last = min(11, first + length)

    def ask(source: Endpoint, _: ChainNode) -> None:
        for start, end in ranges:
            source.log_columns(start, end, ANY)

    replayed = record(tmp_path_factory.mktemp("recording") / "chain.jsonl", ask)
    covered = {number for start, end in ranges for number in range(start, end + 1)}
    if covered.issuperset(range(first, last + 1)):
        columns = replayed.log_columns(first, last, ANY)
        assert columns["block_number"].to_pylist() == [n for n in range(first, last + 1) for _ in range(2)]
    else:
        with pytest.raises(EndpointRefused, match="not in the recording"):
            replayed.log_columns(first, last, ANY)


def test_logs_by_hash_follow_from_a_range_when_the_block_is_known(tmp_path: Path) -> None:
    def ask(source: Endpoint, _: ChainNode) -> None:
        source.headers([2, 3])
        source.logs_in_range(1, 5, LogFilter((ADDRESS,)))

    replayed = record(tmp_path / "chain.jsonl", ask)
    assert [len(logs) for logs in replayed.logs_of_blocks(HASHES[2:4], LogFilter((ADDRESS,)))] == [2, 2]
    with pytest.raises(InconsistentAnswers, match="not in the recording"):
        replayed.logs_of_blocks(HASHES[4:5], LogFilter((ADDRESS,)))
    with pytest.raises(InconsistentAnswers, match="not in the recording"):
        replayed.logs_of_blocks(HASHES[2:3], LogFilter((b"\x01" * 20,)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "line 1"),
        ((b"\x00\xff\n",), "line 1"),
        (({"format": "other", "version": 1, "endpoint": ""},), "format other 1"),
        (({**OPENING, "version": 2},), f"format {FORMAT} 2"),
        ((OPENING, {"method": "eth_chainId", "params": [], "result": "0x1"}, b'{"method":"eth_ch'), "line 3"),
        ((OPENING, {"params": [], "result": "0x1"}), "line 2.*method"),
        ((OPENING, {"method": "eth_getLogs", "params": {}, "result": []}), "damaged|Expected"),
        ((OPENING, {"method": "eth_getLogs", "params": [{"fromBlock": "0xz", "toBlock": "0x1"}], "result": []}), "0xz"),
        ((OPENING, {"method": "eth_getBlockByNumber", "params": ["0x1", False], "result": 7}), "Expected"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_place(
    tmp_path: Path, lines: tuple[object, ...], message: str
) -> None:
    with pytest.raises(MalformedResponse, match=message):
        Recording(written(tmp_path / "chain.jsonl", *lines))


def test_an_exchange_without_an_answer_is_refused_when_it_is_asked_for(tmp_path: Path) -> None:
    recording = Recording(written(tmp_path / "chain.jsonl", OPENING, {"method": "eth_chainId", "params": []}))
    with pytest.raises(MalformedResponse, match="neither"):
        recording.results([("eth_chainId", [])])


@pytest.mark.parametrize("name", ["cut.jsonl.gz", "cut.jsonl.zst", "missing.jsonl"])
def test_a_file_that_cannot_be_read_is_unavailable(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"this is not compressed")
    with pytest.raises(EndpointUnavailable, match=f"cannot read .*{name}"):
        Recording(tmp_path / name)


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    path = written(tmp_path / "chain.jsonl", OPENING)
    with pytest.raises(EndpointUnavailable, match="cannot record"):
        Recorder(RpcClient("http://127.0.0.1:1"), path)
    assert path.read_bytes() == json.dumps(OPENING).encode() + b"\n"


def test_a_full_disk_is_an_endpoint_error(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ChainNode(chain(12)) as node, closing(Endpoint(Recorder(RpcClient(node.url), path))) as source:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        try:
            with pytest.raises(EndpointUnavailable, match=r"cannot record to .*File too large"):
                source.chain_number()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_secrets_are_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    Recorder(RpcClient("http://user:hunter2@127.0.0.1:1/v2/0123456789abcdefghij"), path).close()
    assert b"hunter2" not in path.read_bytes()
    assert b"0123456789" not in path.read_bytes()


@given(st.binary(max_size=60), st.integers(0, 400))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_recording_plays_or_is_an_endpoint_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    whole = b"".join(
        json.dumps(line).encode() + b"\n"
        for line in (
            OPENING,
            {"method": "eth_chainId", "params": [], "result": "0x1"},
            {"method": "eth_getLogs", "params": [{"fromBlock": "0x1", "toBlock": "0x2"}], "result": []},
        )
    )
    path = tmp_path_factory.mktemp("recording") / "chain.jsonl"
    path.write_bytes(whole[:at] + noise + whole[at:])
    try:
        recording = Recording(path)
        recording.results([("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x1"}])])
    except EndpointError:
        return
