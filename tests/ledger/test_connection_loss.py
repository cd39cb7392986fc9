"""Connections that are cut by the network in the middle of an append, at any byte in either direction."""

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.appending import SIGNER
from tests.ledger.examples import facts, stream

BATCH = [Fact(stream("cut"), version, "t", bytes(500)) for version in range(20_000)]  # some 12 MB of COPY
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Network:
    """A TCP port in front of a server's socket; once ``cut_after`` is set, a connection dies after so many bytes."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_after: dict[str, int] = {}
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._server))
            for name, source, target in (("up", near, far), ("down", far, near)):
                threading.Thread(target=self._carry, args=[name, source, target], daemon=True).start()

    def _carry(self, direction: str, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if direction in self.cut_after:
                    left = self.cut_after[direction]
                    self.cut_after[direction] = left - len(data)
                    if left < len(data):
                        target.sendall(data[: max(left, 0)])
                        self.cuts += 1
                        break
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                _kill(end)

    def close(self) -> None:
        self._listener.close()


def _kill(end: socket.socket) -> None:
    """Close without a farewell, as a router that has lost the connection does."""
    try:
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        end.close()


@pytest.fixture
def network(database: Database) -> Iterator[Network]:
    directory = conninfo_to_dict(database.url)["host"]
    network = Network(Path(f"{directory}/.s.PGSQL.5432"))
    yield network
    network.close()


@pytest.fixture
def far(network: Network, database: Database) -> Iterator[Database]:
    """The database over the network."""
    parts = conninfo_to_dict(database.url)
    with Database(f"postgresql://{parts['user']}@127.0.0.1:{network.port}/{parts['dbname']}", timeout_s=5) as far:
        yield far


def append_often(ledger: Ledger, count: int) -> None:
    for number in range(20):
        ledger.append(facts(f"after {number}", count))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("cut_after", [0, 1_000, 1_000_000, 9_000_000])
def test_a_cut_within_copy_leaves_nothing_and_the_batch_is_appended_again(
    far: Database, network: Network, ledger: Ledger, database: Database, cut_after: int
) -> None:
    distant = Ledger(far)
    distant.append(facts("before", 3))
    network.cut_after = {"up": cut_after}
    with pytest.raises(DatabaseUnreachable):
        distant.append(BATCH)
    assert network.cuts > 0
    with database.connection() as connection:  # waits for what the server still has in hand
        connection.execute("select from ledger.head for update")
    assert ledger.head() == 3
    assert [fact.position for fact in ledger.facts(after=0)] == [1, 2, 3]
    network.cut_after = {}
    assert distant.append(BATCH) == list(range(4, 20_004))
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize("cut_after", [0, 60, 200])
def test_an_answer_that_is_lost_is_given_again_and_nothing_is_recorded_twice(
    far: Database, network: Network, ledger: Ledger, database: Database, cut_after: int, count: int
) -> None:
    distant = Ledger(far)
    distant.append(facts("before", 3))
    network.cut_after = {"down": cut_after}
    with pytest.raises(DatabaseUnreachable):
        append_often(distant, count)
    network.cut_after = {}
    append_often(distant, count)
    assert ledger.head() == 3 + 20 * count
    assert [fact.position for fact in ledger.facts(after=0)] == list(range(1, ledger.head() + 1))
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)
