"""Royalties over GraphQL: previews, statements, gaps and conflicts, by the rows of the views."""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from atlas.graphql.http.server import create_app
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.projector import Projector
from atlas.protocol.decisions import AgreementSigned, DisputeFiled, DisputeRuled
from atlas.protocol.ids import checksum_address
from atlas.rights.royalties.statements import recompute
from atlas.rights.terms.document import terms_document
from tests.deciding import ADA, BEN, DERIVATIVE_TERMS, JUDGE, NOW, STRANGER, agreement, decided
from tests.folding import Log
from tests.graphql.conftest import Client, prepare
from tests.graphql.licensed import CHARACTER, FILM, PRICE_WEI, Licensed, received
from tests.projections.chain import Block, address

PREVIEW = """
query($aaid: AAID!, $wei: BigInt!, $rule: String! = "stack-all-paths/1", $first: Int, $asOf: AsOf) {
  royaltyPreview(aaid: $aaid, amountWei: $wei, rule: $rule, first: $first, asOf: $asOf) {
    rule rounding currency knownPosition
    works { aaid via reason grossWei amountWei held }
    payees { payee aaid role share amountWei }
  }
}
"""
STATEMENT = """
query($payee: Address!, $after: BigInt! = "0", $upto: BigInt, $rule: String! = "stack-all-paths/1", $first: Int,
      $skip: Int! = 0, $salt: Bytes! = "0x0000000000000000000000000000000000000000000000000000000000000000") {
  statement(payee: $payee, after: $after, upto: $upto, rule: $rule, first: $first, skip: $skip, salt: $salt) {
    openingWei accruedWei paidWei closingWei heldWei payableWei lineCount currency upto linesRoot document
    lines { number position reason source aaid share grossWei amountWei held }
    subtotals { source reason lines amountWei } payments { position amountWei }
  }
}
"""
CONFLICTS = """
query($aaid: AAID!, $proposed: ProposedGrant, $first: Int, $asOf: AsOf) {
  conflicts(aaid: $aaid, proposed: $proposed, first: $first, asOf: $asOf) {
    position other witness { dimension name } at isCertain
  }
}
"""
GAP = """
query($account: Address!, $uses: [PlannedUse!]!) {
  gap(account: $account, uses: $uses, startsAt: "2026-06-01T00:00:00Z", endsAt: "2027-06-01T00:00:00Z") {
    purchases { offerId aaid uses priceWei shareBps } priceWei isExact held
    uncovered { use media territories missing { path remedy } } forbidden { use } conditions { use }
  }
}
"""


def text(aaid: bytes) -> str:
    return f"aaid:{aaid.hex()}"


def account(who: bytes) -> str:
    return f"0x{who.hex()}"


@pytest.fixture(scope="module")
def log(postgres_url: str) -> Iterator[Log]:
    with Database(postgres_url) as maintenance, maintenance.connection() as connection:
        connection.autocommit = True
        connection.execute("create database royalties")
    with Database(postgres_url.replace("/postgres?", "/royalties?")) as database:
        prepare(database)
        ledger = Ledger(database)
        yield Log(database, ledger, Projector(database, ledger))


@pytest.fixture(scope="module")
def world(log: Log) -> Licensed:
    return Licensed(log)


@pytest.fixture(scope="module")
def client(world: Licensed, log: Log, portal: BlockingPortal) -> Client:
    return Client(portal, create_app(log.database, clock=lambda: datetime.fromtimestamp(NOW, UTC)))


def ask(client: Client, query: str, **variables: Any) -> Any:
    response = client.request("POST", "/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in response, response
    (answer,) = response["data"].values()
    return answer


def refused(client: Client, query: str, **variables: Any) -> tuple[str, str]:
    response = client.request("POST", "/graphql", json={"query": query, "variables": variables}).json()
    (error,) = response["errors"]
    return error["extensions"]["code"], error["message"]


def test_a_preview_divides_a_receipt_over_lineage_and_shares(client: Client) -> None:
    preview = ask(client, PREVIEW, aaid=text(FILM), wei="1000000007")
    works = {each["aaid"]: (each["reason"], int(each["amountWei"])) for each in preview["works"]}
    assert works == {text(CHARACTER): ("ROYALTY", 100_000_001), text(FILM): ("SHARE", 900_000_006)}
    payees = [(each["payee"], each["role"], each["share"]) for each in preview["payees"]]
    assert sorted(payees) == sorted(
        [
            (checksum_address(ADA).lower(), "CREATOR", "1"),
            (checksum_address(BEN).lower(), "STUDIO", "9/10"),
            (checksum_address(STRANGER).lower(), "COMMUNITY", "1/10"),
        ]
    )
    assert sum(int(each["amountWei"]) for each in preview["payees"]) == 1_000_000_007
    assert preview["currency"] == f"eip155:31337/erc20:{checksum_address(address('AtlasToken'))}"


def test_a_preview_of_a_work_without_sources_stays_with_it(client: Client) -> None:
    preview = ask(client, PREVIEW, aaid=text(CHARACTER), wei="5")
    assert [(each["payee"], each["amountWei"]) for each in preview["payees"]] == [(account(ADA), "5")]


def test_a_preview_of_before_the_derivation_owes_nothing(client: Client, world: Licensed) -> None:
    code, message = refused(client, PREVIEW, aaid=text(FILM), wei="5", asOf={"ledgerPosition": str(world.grant)})
    assert (code, "has no shares" in message) == ("BAD_USER_INPUT", True)


def test_a_statement_follows_the_receipts_of_derived_works(client: Client, world: Licensed) -> None:
    found = ask(client, STATEMENT, payee=account(ADA))
    assert (found["openingWei"], found["accruedWei"], found["paidWei"], found["closingWei"]) == ("0", "110", "0", "110")
    assert [(each["position"], each["reason"], each["amountWei"]) for each in found["lines"]] == [
        (str(world.receipts[0]), "ROYALTY", "100"),
        (str(world.receipts[1]), "ROYALTY", "10"),
    ]
    studio = ask(client, STATEMENT, payee=account(BEN))
    assert (studio["paidWei"], [each["position"] for each in studio["payments"]]) == ("900", [str(world.claim)])
    assert int(studio["accruedWei"]) - 900 == int(studio["closingWei"])


def test_a_statement_recomputes_offline_from_its_document(client: Client) -> None:
    found = ask(client, STATEMENT, payee=account(ADA))
    file = recompute(found["document"].encode())
    assert f"0x{file.statement.lines_root.hex()}" == found["linesRoot"]
    shares = {share.share for work in file.books.works for share in work.shares}
    assert shares == {Fraction(1), Fraction(9, 10), Fraction(1, 10)}


def test_a_statement_of_a_past_period_stays_what_it_was(client: Client, world: Licensed) -> None:
    period = {"payee": account(ADA), "after": str(world.receipts[0]), "upto": str(world.receipts[1])}
    found = ask(client, STATEMENT, **period)
    assert (found["openingWei"], found["accruedWei"], found["closingWei"]) == ("100", "10", "110")
    assert ask(client, STATEMENT, **period)["document"] == found["document"]


def test_lines_come_in_pages(client: Client) -> None:
    pages = [ask(client, STATEMENT, payee=account(ADA), first=1, skip=skip)["lines"] for skip in range(3)]
    assert [[line["number"] for line in page] for page in pages] == [[0], [1], []]


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"rule": "stack-none/1"}, "BAD_USER_INPUT"),
        ({"first": 1001}, "LIMIT_EXCEEDED"),
        ({"after": "100000"}, "BAD_USER_INPUT"),
        ({"upto": "100000"}, "POSITION_NOT_REACHED"),
        ({"salt": "0x00"}, "BAD_USER_INPUT"),
    ],
)
def test_a_statement_that_cannot_be_made_is_refused(variables: dict[str, Any], code: str, client: Client) -> None:
    assert refused(client, STATEMENT, payee=account(ADA), **variables)[0] == code


def test_what_accrues_while_a_dispute_is_pending_is_held_until_its_ruling(client: Client, log: Log) -> None:
    filed = decided(DisputeFiled, ADA, asset=FILM, respondent=BEN, arbitrator=JUDGE, category="credit")
    log.decide(filed)
    block = Block(4)
    block.time = NOW
    log.say(received(block, 3, 1_000))
    pending = ask(client, STATEMENT, payee=account(ADA))
    assert (pending["heldWei"], pending["payableWei"], pending["closingWei"]) == ("100", "110", "210")
    assert [line["held"] for line in pending["lines"]] == [False, False, True]
    assert {each["held"] for each in ask(client, PREVIEW, aaid=text(FILM), wei="10")["works"]} == {True}
    log.decide(decided(DisputeRuled, JUDGE, dispute=filed.matter, ruling=2))
    assert ask(client, STATEMENT, payee=account(ADA))["heldWei"] == "0"


def test_a_dispute_over_a_license_holds_nothing(client: Client, log: Log, world: Licensed) -> None:
    filed = decided(
        DisputeFiled, ADA, asset=CHARACTER, respondent=BEN, arbitrator=JUDGE, category="scope", grant=world.grant
    )
    log.decide(filed)
    assert {each["held"] for each in ask(client, PREVIEW, aaid=text(FILM), wei="10")["works"]} == {False}
    log.decide(decided(DisputeRuled, JUDGE, dispute=filed.matter, ruling=0))


def test_the_gap_of_a_plan_is_the_offer_that_it_lacks(client: Client) -> None:
    use = {"aaid": text(FILM), "media": ["film"], "territories": ["DE"], "distributed": False}
    made = {**use, "aaid": text(CHARACTER), "modification": "sequel"}
    assert ask(client, GAP, account=account(BEN), uses=[use, made])["purchases"] == []
    somebody = account(JUDGE)
    gap = ask(client, GAP, account=somebody, uses=[use, made])
    (purchase,) = gap["purchases"]
    assert purchase == {
        "offerId": "1",
        "aaid": text(CHARACTER),
        "uses": [1],
        "priceWei": str(PRICE_WEI),
        "shareBps": 1_000,
    }
    assert (gap["priceWei"], gap["isExact"], gap["held"]) == (str(PRICE_WEI), True, [])
    assert [each["use"] for each in gap["forbidden"]] == [0]  # Ben's license lets nobody below him


def exclusive(licensee: bytes) -> AgreementSigned:
    fields = {"exclusive": True, "starts_at": NOW, "licensee": licensee, "issued_at": NOW}
    return agreement(asset=CHARACTER, **fields)


def test_an_exclusive_agreement_meets_a_license_at_a_point_in_both(client: Client, log: Log, world: Licensed) -> None:
    assert ask(client, CONFLICTS, aaid=text(CHARACTER)) == []
    proposed = {
        "licensee": account(STRANGER),
        "terms": terms_document(DERIVATIVE_TERMS),
        "startsAt": "2026-01-01T00:00:00Z",
        "exclusive": True,
    }
    (planned,) = ask(client, CONFLICTS, aaid=text(CHARACTER), proposed=proposed)
    assert (planned["position"], planned["other"], planned["isCertain"]) == (None, str(world.grant), True)
    (position,) = log.decide(exclusive(STRANGER))
    (found,) = ask(client, CONFLICTS, aaid=text(CHARACTER))
    assert (found["position"], found["other"]) == (str(position), str(world.grant))
    assert {each["dimension"] for each in found["witness"]} >= {"territories", "media", "channels"}
    assert found["at"] == "2026-05-28T20:26:40.000Z"
    assert ask(client, CONFLICTS, aaid=text(CHARACTER), asOf={"ledgerPosition": str(position - 1)}) == []


def test_a_proposal_with_broken_terms_is_refused(client: Client) -> None:
    proposed = {"licensee": account(BEN), "terms": {"format": 2}, "startsAt": "2026-01-01T00:00:00Z"}
    assert refused(client, CONFLICTS, aaid=text(CHARACTER), proposed=proposed)[0] == "BAD_USER_INPUT"


def test_a_plan_of_too_many_uses_is_refused(client: Client) -> None:
    use = {"aaid": text(FILM), "media": ["film"], "territories": ["DE"]}
    assert refused(client, GAP, account=account(BEN), uses=[use] * 51)[0] == "LIMIT_EXCEEDED"
    code, message = refused(client, GAP, account=account(BEN), uses=[{**use, "territories": ["XX"]}])
    assert (code, "territories" in message) == ("BAD_USER_INPUT", True)


def test_a_statement_is_of_a_chain(client: Client) -> None:
    query = "query($payee: Address!, $chain: String) { statement(payee: $payee, chain: $chain) { lineCount } }"
    assert ask(client, query, payee=account(ADA), chain="eip155:31337")["lineCount"]
    assert ask(client, query, payee=account(ADA), chain="eip155:1")["lineCount"] == 0
    code, message = refused(client, query, payee=account(ADA), chain="eip155:1\0")
    assert (code, "CAIP-2" in message) == ("BAD_USER_INPUT", True)
