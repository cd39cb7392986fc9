"""``canUse`` decides by the rows of the views, now and as of a position."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from atlas.graphql.http.server import create_app
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.protocol.decisions import (
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
    PortraitAuthorized,
    PortraitDeclared,
    PortraitWithdrawn,
    Remedy,
    TakedownCause,
    TakedownLifted,
    TakedownOrdered,
    UseRecorded,
    decision_id,
)
from atlas.protocol.vocabulary import AssetType, LicenseKind, ordinal
from atlas.rights.terms.document import data_uri, encode_terms, license_terms, make_terms, terms_hash
from atlas.rights.terms.extents import extent
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope
from tests.deciding import ADA, BEN, GUARDIAN, JUDGE, NOW, REVIEWER, STRANGER, agreement, decided
from tests.folding import Log
from tests.graphql.conftest import Client, prepare
from tests.projections.chain import Block, aaid_of, contract_fact, digest

TERMS = make_terms(LicenseKind.COMMERCIAL, territories=["DE", "FR"], media=["film"])
SCENE = license_terms(
    LicenseKind.SCENE, Scope(projects=extent("harbour"), max_uses=3, languages=extent("de")), Price(flat_wei=5)
)
BOUGHT = NOW - 10_000
# Tokens: sold by Ada to Ben; disputed; with a portrait; licensed off chain; with a portrait whose leave is withdrawn.
SOLD, HELD, PORTRAYED, OFF, WITHDRAWN = 1, 2, 3, 4, 5
LICENSE = ordinal(LicenseKind.COMMERCIAL)
QUERY = """
query($aaid: AAID!, $account: Address!, $territory: String!, $media: String!, $at: DateTime, $kind: LicenseKind,
      $project: String, $language: String, $count: BigInt! = "1", $asOf: AsOf) {
  canUse(aaid: $aaid, account: $account, territory: $territory, media: $media, at: $at, kind: $kind,
         project: $project, language: $language, count: $count, distributed: false, asOf: $asOf) {
    outcome at knownPosition owner { name state seen position } rules { name state position children { name } }
    grants { position licenseId source agreementId outcome chain constraints { name wanted seen state } }
    reliedOn missing { path wanted seen remedy text } duties { action rule state dueAt amountWei position } reasons
  }
}
"""


def registered(block: Block, token: int) -> list[Any]:
    """Ada registers an asset."""
    kind = ordinal(AssetType.SCENE)
    values = aaid_of(token), token, ADA, kind, digest("content"), digest("meta"), ""
    return [
        block.log("AssetRegistry", "Transfer", bytes(20), ADA, token),
        block.log("AssetRegistry", "AssetRegistered", *values),
    ]


def granted(block: Block, number: int, token: int, licensee: bytes) -> Any:
    values = aaid_of(token), ADA, licensee, LICENSE, terms_hash(TERMS), data_uri(TERMS), BOUGHT, 0, False
    return block.log("LicenseRegistry", "LicenseGranted", number, 0, *values)


class World:
    """Assets of Ada, and where in the log what happened to them."""

    def __init__(self, log: Log) -> None:
        first, second, third = Block(1), Block(2), Block(3)
        second.time = BOUGHT
        third.time = NOW - 5_000
        rules = [contract_fact("AssetRegistry"), contract_fact("LicenseRegistry")]
        assets = [fact for token in (SOLD, HELD, PORTRAYED, OFF, WITHDRAWN) for fact in registered(first, token)]
        *_, self.grant, self.held, self.portrayed = log.say(
            *rules, *assets, *(granted(second, 7 + token, token, STRANGER) for token in (SOLD, HELD, PORTRAYED))
        )
        self.revoked, self.transferred = log.say(
            third.log("LicenseRegistry", "LicenseRevoked", 7 + SOLD, ADA, digest("reason")),
            third.log("AssetRegistry", "Transfer", ADA, BEN, SOLD),
        )
        self.before = self.transferred


@pytest.fixture(scope="module")
def log(postgres_url: str) -> Iterator[Log]:
    with Database(postgres_url) as maintenance, maintenance.connection() as connection:
        connection.autocommit = True
        connection.execute("create database decisions")
    with Database(postgres_url.replace("/postgres?", "/decisions?")) as database:
        prepare(database)
        ledger = Ledger(database)
        yield Log(database, ledger, Projector(database, ledger))


@pytest.fixture(scope="module")
def world(log: Log) -> World:
    return World(log)


@pytest.fixture(scope="module")
def client(world: World, log: Log, portal: BlockingPortal) -> Client:
    return Client(portal, create_app(log.database, clock=lambda: datetime.fromtimestamp(NOW, UTC)))


def variables(token: int, account: bytes, **use: Any) -> dict[str, Any]:
    asset = f"aaid:{aaid_of(token).hex()}"
    return {"aaid": asset, "account": f"0x{account.hex()}", "territory": "DE", "media": "film", **use}


def decide(client: Client, token: int, account: bytes, **use: Any) -> dict[str, Any]:
    body = {"query": QUERY, "variables": variables(token, account, **use)}
    response = client.request("POST", "/graphql", json=body)
    assert "errors" not in response.json(), response.text
    return response.json()["data"]["canUse"]


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_the_owner_may_without_a_license(client: Client, world: World) -> None:
    decision = decide(client, HELD, ADA)
    assert decision["outcome"] == "PERMIT"
    assert decision["owner"]["state"] == "SATISFIED"
    assert (decision["grants"], decision["missing"]) == ([], [])
    assert decision["reliedOn"] == [decision["owner"]["position"]]


def test_a_past_use_is_judged_with_the_owner_of_that_day(client: Client) -> None:
    before = moment(NOW - 6_000)
    assert [decide(client, SOLD, who, at=before)["outcome"] for who in (ADA, BEN)] == ["PERMIT", "DENY"]
    assert [decide(client, SOLD, who)["outcome"] for who in (ADA, BEN)] == ["DENY", "PERMIT"]


def test_a_sale_is_known_from_its_position_on(client: Client, world: World) -> None:
    known = {"ledgerPosition": str(world.transferred - 1)}
    assert [decide(client, SOLD, who, asOf=known)["outcome"] for who in (ADA, BEN)] == ["PERMIT", "DENY"]


def test_a_licensee_may_within_the_terms_and_the_reasons_say_so(client: Client, world: World) -> None:
    decision = decide(client, PORTRAYED, STRANGER, asOf={"ledgerPosition": str(world.before)})
    assert decision["outcome"] == "PERMIT"
    [grant] = decision["grants"]
    assert (grant["position"], grant["licenseId"], grant["outcome"]) == (str(world.portrayed), "10", "PERMIT")
    assert (grant["source"], grant["agreementId"], grant["chain"]) == ("CHAIN", None, [grant["position"]])
    assert {each["state"] for each in grant["constraints"]} == {"SATISFIED"}
    assert decision["reasons"][0] == "permit"
    assert decision["reliedOn"] == [grant["position"]]
    assert [duty["action"] for duty in decision["duties"]] == ["attribute"]


@pytest.mark.parametrize(
    ("use", "violated"),
    [
        ({"territory": "US"}, "territory"),
        ({"media": "game"}, "media"),
        ({"at": moment(BOUGHT - 1)}, "starts_at"),
        ({"kind": "SCENE"}, "kind"),
    ],
)
def test_a_licensee_may_not_outside_the_terms(use: dict[str, Any], violated: str, client: Client, world: World) -> None:
    decision = decide(client, PORTRAYED, STRANGER, asOf={"ledgerPosition": str(world.before)}, **use)
    assert decision["outcome"] == "DENY"
    [grant] = decision["grants"]
    assert [each["name"] for each in grant["constraints"] if each["state"] == "VIOLATED"] == [violated]
    assert decision["missing"]
    assert decision["missing"][0]["path"] == [violated]


def test_a_revocation_counts_from_its_day_and_its_position_on(client: Client, world: World) -> None:
    known = {"ledgerPosition": str(world.revoked - 1)}
    assert decide(client, SOLD, STRANGER)["outcome"] == "DENY"
    assert decide(client, SOLD, STRANGER, at=moment(NOW - 5_001))["outcome"] == "PERMIT"
    assert decide(client, SOLD, STRANGER, asOf=known)["outcome"] == "PERMIT"


def test_a_decision_says_by_what_position_and_is_the_same_with_it(client: Client, world: World) -> None:
    decision = decide(client, SOLD, STRANGER)
    assert decide(client, SOLD, STRANGER, asOf={"ledgerPosition": decision["knownPosition"]}) == decision


def test_an_agreement_counts_like_a_license_and_says_its_source(client: Client, log: Log) -> None:
    """Terms that limit project, language and uses: what the use does not state is undetermined."""
    signed = agreement(asset=aaid_of(OFF), terms_hash=terms_hash(SCENE), document=encode_terms(SCENE))
    (position,) = log.decide(signed)
    stated = {"project": "harbour", "language": "de"}
    decision = decide(client, OFF, BEN, **stated)
    assert decision["outcome"] == "PERMIT"
    [grant] = decision["grants"]
    assert (grant["source"], grant["agreementId"]) == ("OFF_CHAIN", f"0x{signed.matter.hex()}")
    assert decide(client, OFF, BEN)["outcome"] == "UNDETERMINED"
    assert [each["path"] for each in decide(client, OFF, BEN)["missing"]] == [["project"], ["language"]]
    assert decide(client, OFF, BEN, asOf={"ledgerPosition": str(position - 1)}, **stated)["outcome"] == "DENY"
    log.decide(decided(UseRecorded, REVIEWER, grant=position, used_at=NOW, reference=digest("film"), count=2))
    assert decide(client, OFF, BEN, **stated)["outcome"] == "PERMIT"
    assert decide(client, OFF, BEN, count="2", **stated)["outcome"] == "DENY"


def test_an_agreement_by_somebody_who_did_not_own_the_asset_permits_nothing(client: Client, log: Log) -> None:
    log.decide(agreement(asset=aaid_of(SOLD), starts_at=NOW - 1))
    decision = decide(client, SOLD, BEN, at=moment(NOW), kind="DERIVATIVE", asOf=None)
    [grant] = decision["grants"]
    assert grant["outcome"] == "DENY"
    assert [each["name"] for each in grant["constraints"] if each["state"] == "VIOLATED"] == ["licensor"]


def test_a_dispute_leaves_open_until_its_ruling_and_that_revokes(client: Client, log: Log, world: World) -> None:
    filed = decided(
        DisputeFiled,
        *(ADA,),
        asset=aaid_of(HELD),
        respondent=STRANGER,
        arbitrator=JUDGE,
        category="breach",
        grant=world.held,
    )
    (pending,) = log.decide(filed)
    later = {"at": moment(NOW + 1_000)}
    assert decide(client, HELD, STRANGER, **later)["outcome"] == "UNDETERMINED"
    assert decide(client, HELD, ADA, **later)["outcome"] == "PERMIT"
    ruled = decided(DisputeRuled, JUDGE, dispute=filed.matter, ruling=1, remedy=Remedy.REVOKE, appeal_until=NOW + 99)
    (ruling,) = log.decide(ruled)
    assert decide(client, HELD, STRANGER, **later)["outcome"] == "DENY"
    assert decide(client, HELD, STRANGER, asOf={"ledgerPosition": str(pending)}, **later)["outcome"] == "UNDETERMINED"
    log.decide(decided(DisputeAppealed, STRANGER, dispute=filed.matter))
    assert decide(client, HELD, STRANGER, **later)["outcome"] == "UNDETERMINED"
    assert decide(client, HELD, STRANGER, asOf={"ledgerPosition": str(ruling)}, **later)["outcome"] == "DENY"
    log.decide(decided(DisputeRuled, JUDGE, dispute=filed.matter, ruling=2, issued_at=NOW + 1))
    assert decide(client, HELD, STRANGER, **later)["outcome"] == "PERMIT"


def test_a_takedown_wins_over_a_license_while_it_lasts(client: Client, log: Log) -> None:
    takedown = decided(
        TakedownOrdered, REVIEWER, asset=aaid_of(HELD), cause=TakedownCause.MISINFORMATION, territories=("DE",)
    )
    log.decide(takedown)
    later = {"at": moment(NOW + 1_000)}
    decision = decide(client, HELD, ADA, **later)
    assert decision["outcome"] == "DENY"
    assert [rule["name"] for rule in decision["rules"] if rule["state"] == "VIOLATED"] == ["prohibition"]
    assert decide(client, HELD, ADA, territory="FR", **later)["outcome"] == "PERMIT"
    log.decide(decided(TakedownLifted, REVIEWER, takedown=takedown.matter))
    assert decide(client, HELD, ADA, **later)["outcome"] == "PERMIT"


def test_a_portrait_needs_the_leave_of_the_person(client: Client, log: Log) -> None:
    portrait = decided(PortraitDeclared, REVIEWER, asset=aaid_of(PORTRAYED), person=digest("p"), guardian=GUARDIAN)
    log.decide(portrait)
    assert decide(client, PORTRAYED, STRANGER)["outcome"] == "DENY"
    log.decide(decided(PortraitAuthorized, GUARDIAN, portrait=portrait.matter, account=STRANGER, territories=("DE",)))
    assert decide(client, PORTRAYED, STRANGER)["outcome"] == "PERMIT"
    assert decide(client, PORTRAYED, STRANGER, territory="FR")["outcome"] == "DENY"


def test_a_withdrawal_leaves_the_end_that_was_known_before_it(client: Client, log: Log) -> None:
    """Leave until NOW + 100, withdrawn before: by what was known before the withdrawal it ends at NOW + 100."""
    portrait = decided(PortraitDeclared, REVIEWER, asset=aaid_of(WITHDRAWN), person=digest("q"), guardian=GUARDIAN)
    allowed = decided(PortraitAuthorized, GUARDIAN, portrait=portrait.matter, ends_at=NOW + 100)
    withdrawn = decided(
        PortraitWithdrawn, GUARDIAN, portrait=portrait.matter, authorization=decision_id(allowed), issued_at=NOW
    )
    position = log.decide(portrait, allowed, withdrawn)[1]

    def outcomes(**known: Any) -> list[str]:
        return [decide(client, WITHDRAWN, ADA, at=moment(NOW + at), **known)["outcome"] for at in (99, 100)]

    assert outcomes() == ["DENY", "DENY"]
    assert outcomes(asOf={"ledgerPosition": str(position)}) == ["PERMIT", "DENY"]


@pytest.mark.parametrize(
    ("use", "code"),
    [
        ({"territory": "XX"}, "BAD_USER_INPUT"),
        ({"media": "smell"}, "BAD_USER_INPUT"),
        ({"count": "0"}, "BAD_USER_INPUT"),
        ({"language": "Klingon"}, "BAD_USER_INPUT"),
        ({"aaid": "aaid:" + "77" * 32}, "BAD_USER_INPUT"),
        ({"asOf": {"ledgerPosition": "2"}}, "BAD_USER_INPUT"),
        ({"asOf": {"ledgerPosition": "100000"}}, "POSITION_NOT_REACHED"),
    ],
)
def test_a_use_that_cannot_be_decided_is_refused(use: dict[str, Any], code: str, client: Client) -> None:
    body = {"query": QUERY, "variables": variables(HELD, ADA, **use)}
    [error] = client.request("POST", "/graphql", json=body).json()["errors"]
    assert error["extensions"]["code"] == code
    assert error["path"] == ["canUse"]
