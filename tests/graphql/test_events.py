"""Events of contracts from outside, from the facts of the log to the answers."""

from collections.abc import Iterator

import pytest
from anyio.from_thread import BlockingPortal

from atlas.graphql.http.server import create_app
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from tests.graphql.conftest import NOW, Client, prepare
from tests.projections.chain import Block, address, digest, finalized_fact
from tests.projections.outside import GOVERNOR, VAULT, abi_fact, log_fact, watch_fact

ALICE, BOB, VAULT_AT, GOVERNOR_AT = map(address, ("alice", "bob", "vault", "governor"))
QUERY = """query ($where: EventWhere) { events(where: $where) {
  nodes { chain contract abi event signature arguments blockNumber txHash logIndex final }
} }"""


@pytest.fixture
def client(database_url: str, portal: BlockingPortal) -> Iterator[Client]:
    first, second = Block(1), Block(2)
    with Database(database_url) as database:
        prepare(database)
        ledger = Ledger(database)
        ledger.append(
            [
                abi_fact(VAULT),
                abi_fact(GOVERNOR),
                watch_fact("Vault", VAULT, VAULT_AT),
                watch_fact("Governor", GOVERNOR, GOVERNOR_AT),
                first.header(),
                log_fact(first, VAULT_AT, VAULT, "Deposit", ALICE, BOB, 10**30, 7),
                finalized_fact(first, 0),
                second.header(),
                log_fact(second, GOVERNOR_AT, GOVERNOR, "VoteCast", BOB, 1, 2, 10**18, "no"),
                second.raw_log((digest("?"),), b"", contract=VAULT_AT),
            ]
        )
        Projector(database, ledger).catch_up()
        yield Client(portal, create_app(database, clock=lambda: NOW))


def events(client: Client, where: object = None) -> list[dict[str, object]]:
    answer = client.request("POST", "/graphql", json={"query": QUERY, "variables": {"where": where}}).json()
    assert "errors" not in answer, answer
    return answer["data"]["events"]["nodes"]


def test_an_event_is_answered_whole(client: Client) -> None:
    deposit, vote = events(client)
    assert deposit == {
        "chain": "eip155:31337",
        "contract": f"0x{VAULT_AT.hex()}",
        "abi": "Vault",
        "event": "Deposit",
        "signature": "Deposit(address,address,uint256,uint256)",
        "arguments": {
            "sender": f"0x{ALICE.hex()}",
            "owner": f"0x{BOB.hex()}",
            "assets": str(10**30),
            "shares": "7",
        },
        "blockNumber": "1",
        "txHash": f"0x{digest('/1/').hex()}",
        "logIndex": 0,
        "final": True,
    }
    assert (vote["abi"], vote["final"]) == ("Governor", False)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"abi": "Governor"}, ["VoteCast"]),
        ({"event_in": ["Deposit", "VoteCast"], "blockNumber_gt": "1"}, ["VoteCast"]),
        ({"contract": f"0x{VAULT_AT.hex()}"}, ["Deposit"]),
        ({"arguments_contains": {"owner": f"0x{BOB.hex()}"}}, ["Deposit"]),
        ({"arguments_contains": {"support": 2, "weight": str(10**18)}}, ["VoteCast"]),
        ({"arguments_contains": {"owner": 'it\'s } "quoted" --'}}, []),
        ({"arguments_contains": {}}, ["Deposit", "VoteCast"]),
    ],
)
def test_events_are_found_by_what_they_are_and_say(client: Client, where: object, expected: list[str]) -> None:
    assert [event["event"] for event in events(client, where)] == expected


@pytest.mark.parametrize("given", ["text", ["list"], {"a": "\x00"}, {"a": "x" * 5000}])
def test_what_is_no_json_object_of_bounded_size_is_refused(client: Client, given: object) -> None:
    variables = {"where": {"arguments_contains": given}}
    answer = client.request("POST", "/graphql", json={"query": QUERY, "variables": variables}).json()
    assert "JSON object" in answer["errors"][0]["message"] or "at most" in answer["errors"][0]["message"]


def test_an_object_can_be_written_in_the_query(client: Client) -> None:
    query = '{ events(where: {arguments_contains: {reason: "no"}}) { nodes { event } } }'
    answer = client.request("POST", "/graphql", json={"query": query}).json()
    assert answer == {"data": {"events": {"nodes": [{"event": "VoteCast"}]}}}


def test_undecodable_logs_are_answered_with_their_reason(client: Client) -> None:
    answer = client.request("POST", "/graphql", json={"query": "{ undecodableLogs { nodes { position reason } } }"})
    assert answer.json()["data"]["undecodableLogs"]["nodes"] == [{"position": "10", "reason": "unknown_event"}]
