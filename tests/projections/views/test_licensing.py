from datetime import UTC, datetime

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.projector import Projector
from atlas.projections.views.values import LAST_MOMENT
from atlas.protocol.vocabulary import LicenseKind, ordinal
from atlas.rights.terms.document import data_uri, make_terms, terms_hash
from tests.projections.chain import Block, address, contract_fact, digest
from tests.projections.rows import current, issues

ALICE, BOB = address("alice"), address("bob")
TERMS = make_terms(LicenseKind.COMMERCIAL, territories=("DE", "FR"), media=("film",))
COMMERCIAL = ordinal(LicenseKind.COMMERCIAL)


def offered(block: Block, kind: int = COMMERCIAL, contract: bytes | None = None) -> Fact:
    return block.log(
        "LicenseRegistry", "OfferPublished",
        1, digest("asset"), ALICE, kind, terms_hash(TERMS), data_uri(TERMS), 10**30, 86_400, True, contract=contract,
    )  # fmt: skip


def granted(block: Block, *, uri: str = data_uri(TERMS), expires_at: int = 0, starts_at: int = 1_700_000_000) -> Fact:
    return block.log(
        "LicenseRegistry", "LicenseGranted",
        5, 1, digest("asset"), ALICE, BOB, COMMERCIAL, terms_hash(TERMS), uri, starts_at, expires_at, False,
    )  # fmt: skip


def project(ledger: Ledger, projector: Projector, *said: Fact) -> list[int]:
    positions = ledger.append([contract_fact("LicenseRegistry"), *said])
    projector.catch_up()
    return positions[1:]


def test_an_offer_is_open_until_it_is_withdrawn(database: Database, ledger: Ledger, projector: Projector) -> None:
    project(ledger, projector, offered(Block(1)))
    (offer,) = current(database, "licensing", "offers")
    assert (offer["status"], offer["kind"], offer["price_wei"], offer["duration_s"], offer["exclusive"]) == (
        "open", "commercial", 10**30, 86_400, True
    )  # fmt: skip
    project(ledger, projector, Block(9).log("LicenseRegistry", "OfferWithdrawn", 1))
    (offer,) = current(database, "licensing", "offers")
    assert (offer["status"], offer["block_number"], offer["updated_block"]) == ("withdrawn", 1, 9)


def test_a_perpetual_license_has_no_end_and_carries_its_terms(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    project(ledger, projector, granted(Block(1)))
    (license_,) = current(database, "licensing", "licenses")
    assert (license_["license_id"], license_["licensee"], license_["status"]) == (5, BOB, "granted")
    assert license_["starts_at"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert license_["expires_at"] is None
    assert license_["terms"]["territories"] == ["DE", "FR"]


def test_a_license_that_ends_beyond_the_calendar_ends_with_it(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    project(ledger, projector, granted(Block(1), expires_at=2**64 - 1))
    (license_,) = current(database, "licensing", "licenses")
    assert license_["expires_at"] == LAST_MOMENT


def test_a_revocation_names_its_time_and_reason(database: Database, ledger: Ledger, projector: Projector) -> None:
    revoked = Block(9).log("LicenseRegistry", "LicenseRevoked", 5, ALICE, digest("reason"))
    project(ledger, projector, granted(Block(1)), revoked)
    (license_,) = current(database, "licensing", "licenses")
    assert (license_["status"], license_["reason_hash"]) == ("revoked", digest("reason"))
    assert license_["revoked_at"] == datetime.fromtimestamp(Block(9).time, UTC)
    assert license_["terms"]["territories"] == ["DE", "FR"]


def test_terms_elsewhere_are_unknown_here(database: Database, ledger: Ledger, projector: Projector) -> None:
    project(ledger, projector, granted(Block(1), uri="ipfs://terms"))
    assert [row["terms"] for row in current(database, "licensing", "licenses")] == [None]
    assert issues(database, "licensing") == []


def test_terms_of_another_hash_are_reported_and_not_shown(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    other = data_uri(make_terms(LicenseKind.COMMERCIAL))
    positions = project(ledger, projector, granted(Block(1), uri=other))
    assert [row["terms"] for row in current(database, "licensing", "licenses")] == [None]
    assert issues(database, "licensing") == [(positions[0], "terms-mismatch")]


def test_an_unknown_kind_of_license_is_an_issue(database: Database, ledger: Ledger, projector: Projector) -> None:
    positions = project(ledger, projector, offered(Block(1), kind=99))
    assert issues(database, "licensing") == [(positions[0], "protocol-error")]


def test_withdrawing_an_unknown_offer_is_an_issue(database: Database, ledger: Ledger, projector: Projector) -> None:
    positions = project(ledger, projector, Block(1).log("LicenseRegistry", "OfferWithdrawn", 1))
    assert issues(database, "licensing") == [(positions[0], "missing-row")]


def test_two_registries_of_one_chain_count_their_licenses_apart(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    other = address("another registry")
    block = Block(1)
    watched = [contract_fact("LicenseRegistry"), contract_fact("LicenseRegistry", contract=other)]
    ledger.append([*watched, offered(block), offered(block, contract=other)])
    projector.catch_up()
    assert [(row["registry"], row["offer_id"]) for row in current(database, "licensing", "offers")] == [
        (address("LicenseRegistry"), 1),
        (other, 1),
    ]
