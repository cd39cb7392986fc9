"""A registered character, a film that derives from it under a license, and what the film earned: a real log."""

from atlas.ledger.log import Fact
from atlas.protocol.vocabulary import AssetType, Beneficiary, RevenueKind, ordinal
from atlas.rights.terms.document import Terms, data_uri, terms_hash
from tests.deciding import ADA, BEN, DERIVATIVE_TERMS, NOW, STRANGER
from tests.folding import Log
from tests.projections.chain import ZERO, Block, aaid_of, contract_fact, digest

CHARACTER, FILM = aaid_of(1), aaid_of(2)
CONTRACTS = ("AtlasToken", "AssetRegistry", "LicenseRegistry", "RevenuePool")
PRICE_WEI = 5 * 10**18


def registered(block: Block, token: int, owner: bytes, kind: AssetType) -> list[Fact]:
    """``owner`` registers an asset."""
    values = aaid_of(token), token, owner, ordinal(kind), digest("content"), digest("meta"), ""
    return [
        block.log("AssetRegistry", "Transfer", ZERO, owner, token),
        block.log("AssetRegistry", "AssetRegistered", *values),
    ]


def granted(block: Block, number: int, terms: Terms, licensee: bytes, offer: int = 0) -> Fact:
    """Ada licenses the character."""
    kind, uri = ordinal(terms.kind), data_uri(terms)
    values = CHARACTER, ADA, licensee, kind, terms_hash(terms), uri, block.time, 0, False
    return block.log("LicenseRegistry", "LicenseGranted", number, offer, *values)


def offered(block: Block, number: int, terms: Terms) -> Fact:
    """Ada offers the character to anyone."""
    kind, uri = ordinal(terms.kind), data_uri(terms)
    return block.log(
        "LicenseRegistry", "OfferPublished", number, CHARACTER, ADA, kind, terms_hash(terms), uri, PRICE_WEI, 0, False
    )


def received(block: Block, number: int, amount_wei: int) -> Fact:
    """The film earns."""
    viewing = ordinal(RevenueKind.VIEWING)
    return block.log("RevenuePool", "RevenueReceived", 1, number, STRANGER, viewing, amount_wei, digest("receipt"))


class Licensed:
    """The character is Ada's, the film Ben's; the positions of what happened, in order."""

    def __init__(self, log: Log) -> None:
        first, second, third = Block(1), Block(2), Block(3)
        third.time = NOW - 100
        log.say(
            *map(contract_fact, CONTRACTS),
            *registered(first, 1, ADA, AssetType.CHARACTER),
            offered(first, 1, DERIVATIVE_TERMS),
        )
        *_, self.grant = log.say(granted(second, 7, DERIVATIVE_TERMS, BEN))
        log.say(
            *registered(second, 2, BEN, AssetType.SHOT),
            second.log("AssetRegistry", "DerivativeLinked", FILM, CHARACTER, 7),
            second.log("RevenuePool", "PoolCreated", 1, FILM, BEN),
            second.log("RevenuePool", "ShareSet", 1, 0, BEN, ordinal(Beneficiary.STUDIO), 9_000),
            second.log("RevenuePool", "ShareSet", 1, 1, STRANGER, ordinal(Beneficiary.COMMUNITY), 1_000),
        )
        self.receipts = log.say(received(third, 1, 1_000), received(third, 2, 101))
        (self.claim,) = log.say(third.log("RevenuePool", "RevenueClaimed", 1, BEN, 900))
