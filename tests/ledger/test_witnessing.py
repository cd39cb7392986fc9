"""Rounds with several witnesses, over real HTTP; among them one that never answers, and one that never ends."""

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.checkpoints.witnessing import Cosigner, Witnesses, collect_cosignature
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable, LedgerError, WitnessRefused, WitnessUnreachable
from atlas.ledger.log import Ledger
from atlas.ledger.publication.published import Publication
from tests.ledger.examples import facts
from tests.ledger.witness import WitnessServer

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))
NOWHERE = "http://127.0.0.1:9"
SILENT = Witness("silent.example.org/w", bytes(32))


@pytest.fixture
def servers() -> Iterator[list[WitnessServer]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(WitnessServer(f"{name}.example.org/w", bytes([number]) * 32, SIGNER.verifier.format()))
            for number, name in enumerate(("one", "two"))
        ]


@pytest.fixture
def checkpointer(database: Database) -> Checkpointer:
    return Checkpointer(database, SIGNER)


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a server that takes every connection and never answers."""
    with answering(lambda connection, stop: stop.wait(30)) as url:
        yield url


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], object]) -> Generator[str]:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not stop.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=[connection], daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with connection:
                answer(connection, stop)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/w"
        stop.set()
        socket.create_connection(listener.getsockname()).close()


def known(servers: list[WitnessServer]) -> list[tuple[Witness, str]]:
    return [(Witness.parse(server.vkey), server.url) for server in servers]


class Failures(list[tuple[str, str]]):
    def __call__(self, witness: str, error: LedgerError) -> None:
        self.append((witness, type(error).__name__))


def test_every_witness_cosigns_each_new_checkpoint_once(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, servers: list[WitnessServer]
) -> None:
    failures = Failures()
    with Witnesses(database, known(servers)) as witnesses:
        cosigner = Cosigner(witnesses, checkpointer.latest, failures)
        cosigner.round()
        for count in (0, 3, 300):
            ledger.append(facts("a", count))
            note = checkpointer.checkpoint()
            cosigner.round()
            cosigner.round()
            assert len(Publication(ledger, ORIGIN, cosignatures_required=2).checkpoint().signatures) == 3
            assert Publication(ledger, ORIGIN, cosignatures_required=2).checkpoint().text == note.text
    assert [server.statuses for server in servers] == [[200] * 3] * 2
    assert failures == []


def test_a_witness_that_never_answers_delays_the_others_by_no_more_than_the_patience(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, servers: list[WitnessServer], silence: str
) -> None:
    failures = Failures()
    publication = Publication(ledger, ORIGIN, cosignatures_required=2)
    with Witnesses(database, [(SILENT, silence), *known(servers)], timeout_s=3) as witnesses:
        cosigner = Cosigner(witnesses, checkpointer.latest, failures, patience_s=0.5)
        for size in (1, 2, 3):
            ledger.append(facts("a", size))
            checkpointer.checkpoint()
            began_s = time.monotonic()
            cosigner.round()
            assert time.monotonic() - began_s < 2.5
            assert publication.size() == size
        assert failures == []
        time.sleep(3)
        cosigner.round()
    assert failures == [(SILENT.name, "WitnessUnreachable")]
    assert [server.statuses for server in servers] == [[200] * 3] * 2


def test_a_witness_that_failed_is_left_alone_for_a_while_and_then_asked_again(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, servers: list[WitnessServer]
) -> None:
    failures = Failures()
    ledger.append(facts("a", 5))
    checkpointer.checkpoint()
    one, two = servers
    one.size = 6  # it has seen more than there is: it refuses
    with Witnesses(database, known(servers)) as witnesses:
        cosigner = Cosigner(witnesses, checkpointer.latest, failures)
        for _ in range(5):
            cosigner.round()
        assert failures == [(one.name, "WitnessRefused")]
        one.size = 0
        time.sleep(1.1)
        cosigner.round()
    assert (one.statuses[-1], two.statuses) == (200, [200])
    assert Publication(ledger, ORIGIN, cosignatures_required=2).size() == 5


def test_it_goes_on_until_it_is_told_to_stop(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, servers: list[WitnessServer]
) -> None:
    stop = threading.Event()
    with Witnesses(database, known(servers)) as witnesses:
        cosigner = Cosigner(witnesses, checkpointer.latest, Failures(), interval_s=0.05)
        thread = threading.Thread(target=cosigner.run, args=[stop])
        thread.start()
        for count in (3, 6, 9):
            ledger.append(facts("a", count))
            checkpointer.checkpoint()
            deadline_s = time.monotonic() + 20
            while min(server.size for server in servers) < count and time.monotonic() < deadline_s:
                time.sleep(0.02)
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()
    assert [server.size for server in servers] == [9, 9]


def test_a_database_that_is_away_is_no_witness_s_failure(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, servers: list[WitnessServer]
) -> None:
    ledger.append(facts("a", 5))
    note = checkpointer.checkpoint()
    failures = Failures()
    with (
        Database("postgresql://nobody@127.0.0.1:9/none", timeout_s=0.5) as away,
        Witnesses(away, known(servers)) as witnesses,
        pytest.raises(DatabaseUnreachable),
    ):
        Cosigner(witnesses, lambda: note, failures, patience_s=10).round()
    assert failures == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe"],
    ids=["nothing", "no HTTP", "a flood", "no text"],
)
def test_an_answer_that_is_none_is_said(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, answer: bytes
) -> None:
    ledger.append(facts("a", 5))
    note = checkpointer.checkpoint()

    def reply(connection: socket.socket, _stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with (
        answering(reply) as url,
        httpx.Client(timeout=5, trust_env=False) as client,
        pytest.raises((WitnessUnreachable, WitnessRefused)),
    ):
        collect_cosignature(database, client, url, SILENT, note)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx-", b""])
def test_an_answer_that_trickles_is_not_waited_for(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, begin: bytes
) -> None:
    ledger.append(facts("a", 5))
    note = checkpointer.checkpoint()

    def trickle(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(begin)
        with suppress(OSError):
            while not stop.wait(0.05):
                connection.sendall(b"x")

    with (
        answering(trickle) as url,
        httpx.Client(timeout=5, trust_env=False) as client,
        pytest.raises(WitnessUnreachable, match="for longer than"),
    ):
        collect_cosignature(database, client, url, SILENT, note, timeout_s=0.3)


def test_a_url_that_is_none_is_said(ledger: Ledger, database: Database, checkpointer: Checkpointer) -> None:
    ledger.append(facts("a", 5))
    note = checkpointer.checkpoint()
    with httpx.Client(timeout=5, trust_env=False) as client:
        for url in (NOWHERE, "http://witness.example:99999/w", "http://[::1/w"):
            with pytest.raises(WitnessUnreachable, match="no answer from"):
                collect_cosignature(database, client, url, SILENT, note)
