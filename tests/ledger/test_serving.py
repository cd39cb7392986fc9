"""The log as others read it: over HTTP, with a client that knows the specifications only."""

import re
from hashlib import sha256

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.publication.published import Publication
from atlas.ledger.publication.serving import log_app
from tests.ledger.auditor import Fetch, audit, path, read_checkpoint, tiles_of
from tests.ledger.examples import facts

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))
VKEY = SIGNER.verifier.format()


@pytest.fixture
def app(ledger: Ledger) -> Starlette:
    return Starlette(routes=[Mount("/log", log_app(Publication(ledger, ORIGIN)))])


@pytest.fixture
def checkpointer(database: Database) -> Checkpointer:
    return Checkpointer(database, SIGNER)


def request(app: Starlette, name: str, method: str = "GET") -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://log.test") as client:
            return await client.request(method, f"/log/{name}")

    return anyio.run(send)


def fetcher(app: Starlette) -> Fetch:
    def fetch(name: str) -> bytes:
        response = request(app, name)
        assert response.status_code == 200, (name, response.text)
        return response.content

    return fetch


def entry(fact: Fact) -> bytes:
    """The documented bytes of an entry, written down a second time."""
    topic = fact.topic.encode()
    return b"".join(
        [
            fact.stream.bytes,
            fact.version.to_bytes(8, "big"),
            len(topic).to_bytes(2, "big"),
            topic,
            len(fact.payload).to_bytes(8, "big"),
            sha256(fact.payload).digest(),
        ]
    )


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 700])
def test_a_client_of_the_specification_recomputes_the_signed_root(
    ledger: Ledger, checkpointer: Checkpointer, app: Starlette, size: int
) -> None:
    recorded = facts("a", size)
    ledger.append(recorded)
    checkpointer.checkpoint()
    assert audit(fetcher(app), VKEY) == [entry(fact) for fact in recorded]


def test_a_tree_of_70_000_has_the_tiles_that_the_specification_counts(
    ledger: Ledger, checkpointer: Checkpointer, app: Starlette
) -> None:
    ledger.append(facts("a", 70_000))
    checkpointer.checkpoint()
    fetch = fetcher(app)
    assert read_checkpoint(fetch("checkpoint"), VKEY)[1] == 70_000
    counted = {level: tiles_of(70_000, level) for level in (0, 1, 2)}
    assert (len(counted[0]), counted[0][-1]) == (274, (273, 112))
    assert counted[1] == [(0, 256), (1, 17)]
    assert counted[2] == [(0, 1)]
    for level in (1, 2):
        for index, width in counted[level]:
            tile = fetch(path(str(level), index, width))
            assert len(tile) == 32 * width
            below = fetch(path(str(level - 1), index * 256, 256))
            assert tile[:32] == _root_of_full(below)
    assert request(app, "tile/2/000").status_code == 404
    assert request(app, "tile/3/000.p/1").status_code == 404
    assert len(fetch("tile/0/273.p/112")) == 112 * 32
    assert fetch("tile/entries/273.p/112")


def _root_of_full(tile: bytes) -> bytes:
    hashes = [tile[place : place + 32] for place in range(0, len(tile), 32)]
    while len(hashes) > 1:
        hashes = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


@pytest.fixture
def grown(ledger: Ledger, checkpointer: Checkpointer) -> None:
    """300 facts under a checkpoint, and 300 more above it."""
    ledger.append(facts("a", 300))
    checkpointer.checkpoint()
    ledger.append(facts("b", 300))


@pytest.mark.usefixtures("grown")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("tile/0/000", 200),
        ("tile/0/001.p/44", 200),
        ("tile/1/000.p/1", 200),
        ("tile/entries/001.p/44", 200),
        ("tile/0/001.p/45", 404),
        ("tile/0/001", 404),
        ("tile/entries/001.p/45", 404),
        ("tile/entries/001", 404),
        ("tile/0/002.p/1", 404),
        ("tile/1/000", 404),
        ("tile/1/000.p/2", 404),
        ("tile/2/000.p/1", 404),
        ("tile/63/000.p/1", 404),
        ("tile/0/x999/x999/x999/x999/x999/999", 404),
        ("tile/0/0", 404),
        ("tile/0/000.p/256", 404),
        ("tile/0", 404),
        ("", 404),
        ("tiles/0/000", 404),
        ("checkpoint/", 404),
    ],
)
def test_only_what_the_checkpoint_covers_is_served(app: Starlette, name: str, status: int) -> None:
    response = request(app, name)
    assert response.status_code == status
    if status == 404:
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("grown")
def test_the_headers_are_those_of_the_specification(app: Starlette) -> None:
    checkpoint = request(app, "checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    for name in ("tile/0/000", "tile/entries/000"):
        tile = request(app, name)
        assert tile.headers["content-type"] == "application/octet-stream"
        assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert request(app, "tile/0/000", "HEAD").status_code == 200
    assert request(app, "tile/0/000", "POST").status_code == 405


@pytest.mark.usefixtures("grown")
def test_a_partial_tile_stays_after_the_full_one_is_there(app: Starlette, checkpointer: Checkpointer) -> None:
    partial = request(app, "tile/0/001.p/44").content
    checkpointer.checkpoint()
    full = request(app, "tile/0/001").content
    assert full.startswith(partial)
    assert request(app, "tile/0/001.p/44").content == partial


def test_before_the_first_checkpoint_nothing_is_served(ledger: Ledger, app: Starlette) -> None:
    ledger.append(facts("a", 3))
    assert request(app, "checkpoint").status_code == 404
    assert request(app, "tile/0/000.p/3").status_code == 404


@pytest.mark.usefixtures("grown")
def test_a_changed_fact_is_an_error_and_no_answer(app: Starlette, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("update ledger.events set payload = 'other' where position = 299")
    response = request(app, "tile/entries/001.p/44")
    assert (response.status_code, response.headers["cache-control"]) == (500, "no-store")
    assert "position 299" in response.text
    assert request(app, "tile/entries/000").status_code == 200


def test_while_the_database_is_away_clients_are_asked_to_come_again() -> None:
    with Database("postgresql://nobody@127.0.0.1:9/none", timeout_s=0.5) as away:
        app = Starlette(routes=[Mount("/log", log_app(Publication(Ledger(away), ORIGIN)))])
        response = request(app, "checkpoint")
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert "127.0.0.1" not in response.text


@pytest.mark.parametrize(
    "damage",
    [
        "delete from ledger.tiles where level = 0 and index = 0",
        "update ledger.checkpoints set note = 'x'",
        "update ledger.head set dropped = 256",
    ],
)
@pytest.mark.usefixtures("grown")
def test_what_is_not_as_signed_is_an_error_that_tells_strangers_nothing_of_the_machine(
    app: Starlette, database: Database, damage: str
) -> None:
    with database.connection() as connection:
        connection.execute(damage.encode())
    answers = [request(app, name) for name in ("checkpoint", "tile/0/000", "tile/entries/000")]
    wrong = [answer for answer in answers if answer.status_code != 200]
    assert wrong
    for answer in wrong:
        assert (answer.status_code, answer.headers["cache-control"]) == (500, "no-store")
        assert re.fullmatch("the log is not as it was signed( at position 1)?: its operator is told why\n", answer.text)
