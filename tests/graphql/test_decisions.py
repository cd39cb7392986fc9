"""``canUse`` decides by the rows of the views, now and as of a position."""

from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from atlas.graphql.server import create_app
from atlas.ledger.database import Database
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.terms import data_uri, make_terms, terms_hash
from tests.graphql.conftest import NOW, Client, prepare

ASSET, OWNER, LICENSEE, STRANGER = b"\x01" * 32, b"\x0a" * 20, b"\x0b" * 20, b"\x0c" * 20
REGISTRY = b"\x0d" * 20
TERMS = make_terms(LicenseKind.COMMERCIAL, territories=["DE", "FR"], media=["film"])
QUERY = """
query($aaid: AAID!, $account: Address!, $territory: String!, $media: String!, $at: DateTime, $kind: LicenseKind,
      $asOf: AsOf) {
  canUse(aaid: $aaid, account: $account, territory: $territory, media: $media, at: $at, kind: $kind, asOf: $asOf) {
    outcome owner { name state } reasons
    grants { position licenseId outcome constraints { name wanted seen state } }
  }
}
"""


@pytest.fixture(scope="module")
def licensed(postgres_url: str, portal: BlockingPortal) -> Iterator[Client]:
    """A server over one asset with one license, granted at position 5 and revoked at position 8."""
    with Database(postgres_url) as maintenance, maintenance.connection() as connection:
        connection.autocommit = True
        connection.execute("create database decisions")
    with Database(postgres_url.replace("/postgres?", "/decisions?")) as database:
        prepare(database)
        with database.connection() as connection:
            connection.execute(
                "insert into view_provenance.assets values (%s, 'eip155:1', %s, 1, %s, %s, 'character', 1, %s, %s, '',"
                " '2026-01-01Z', 1, %s, 1, 1, null)",
                (ASSET, OWNER, OWNER, OWNER, ASSET, ASSET, ASSET),
            )
            for begin, end, revoked in ((5, 8, None), (8, None, "2026-07-01Z")):
                connection.execute(
                    "insert into view_licensing.licenses values ('eip155:1', %s, 7, 0, %s, %s, %s, 'commercial', %s,"
                    " %s, null, '2026-02-01Z', null, false, %s, %s, null, 2, 2, %s, %s)",
                    (
                        *(REGISTRY, ASSET, OWNER, LICENSEE, terms_hash(TERMS), data_uri(TERMS)),
                        *("revoked" if revoked else "granted", revoked, begin, end),
                    ),
                )
            connection.execute("update projections.views set position = 10")
        yield Client(portal, create_app(database, clock=lambda: NOW))


def decide(client: Client, account: bytes, **use: Any) -> dict[str, Any]:
    variables = {"aaid": f"aaid:{ASSET.hex()}", "account": f"0x{account.hex()}", "territory": "DE", "media": "film"}
    response = client.request("POST", "/graphql", json={"query": QUERY, "variables": {**variables, **use}})
    assert "errors" not in response.json(), response.text
    return response.json()["data"]["canUse"]


def test_the_owner_may_without_a_license(licensed: Client) -> None:
    decision = decide(licensed, OWNER)
    assert decision["outcome"] == "PERMIT"
    assert decision["owner"]["state"] == "SATISFIED"
    assert decision["grants"] == []


def test_a_licensee_may_within_the_terms_and_the_reasons_say_so(licensed: Client) -> None:
    decision = decide(licensed, LICENSEE)
    assert decision["outcome"] == "PERMIT"
    [grant] = decision["grants"]
    assert (grant["position"], grant["licenseId"], grant["outcome"]) == ("5", "7", "PERMIT")
    assert {each["state"] for each in grant["constraints"]} == {"SATISFIED"}
    assert decision["reasons"][0] == "permit"


@pytest.mark.parametrize(
    ("use", "violated"),
    [
        ({"territory": "US"}, "territory"),
        ({"media": "game"}, "media"),
        ({"at": "2026-01-15T00:00:00Z"}, "starts_at"),
        ({"at": "2026-07-01T02:00:00+02:00"}, "revoked_at"),
        ({"kind": "SCENE"}, "kind"),
    ],
)
def test_a_licensee_may_not_outside_the_terms(use: dict[str, Any], violated: str, licensed: Client) -> None:
    decision = decide(licensed, LICENSEE, **use)
    assert decision["outcome"] == "DENY"
    [grant] = decision["grants"]
    assert [each["name"] for each in grant["constraints"] if each["state"] == "VIOLATED"] == [violated]


def test_a_stranger_may_not(licensed: Client) -> None:
    assert decide(licensed, STRANGER)["outcome"] == "DENY"


def test_a_decision_travels_in_time(licensed: Client) -> None:
    before = decide(licensed, LICENSEE, asOf={"ledgerPosition": 4})
    assert (before["outcome"], before["grants"]) == ("DENY", [])
    late = {"at": "2026-08-01T00:00:00Z"}
    assert decide(licensed, LICENSEE, asOf={"ledgerPosition": "6"}, **late)["outcome"] == "PERMIT"
    assert decide(licensed, LICENSEE, asOf={"ledgerPosition": "9"}, **late)["outcome"] == "DENY"


@pytest.mark.parametrize(
    ("use", "code"),
    [
        ({"territory": "XX"}, "BAD_USER_INPUT"),
        ({"media": "smell"}, "BAD_USER_INPUT"),
        ({"aaid": "aaid:" + "77" * 32}, "BAD_USER_INPUT"),
        ({"asOf": {"ledgerPosition": 11}}, "POSITION_NOT_REACHED"),
    ],
)
def test_a_use_that_cannot_be_decided_is_refused(use: dict[str, Any], code: str, licensed: Client) -> None:
    variables = {"aaid": f"aaid:{ASSET.hex()}", "account": f"0x{OWNER.hex()}", "territory": "DE", "media": "film"}
    body = {"query": QUERY, "variables": {**variables, **use}}
    [error] = licensed.request("POST", "/graphql", json=body).json()["errors"]
    assert error["extensions"]["code"] == code
    assert error["path"] == ["canUse"]
