"""What the players do on chain, act by act; each act is a few transactions of the people named."""

import base64
import json
from collections.abc import Mapping, Sequence

import msgspec
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint, TxReceipt

from atlas.demo.agents import TITLE, Step
from atlas.demo.cast import (
    BRAND,
    COLLECTOR,
    COMMUNITY,
    CREATOR,
    FAN,
    FIRST_WORKER,
    FOUNDATION,
    MODEL_PROVIDER,
    SECOND_WORKER,
    STREAMER,
    STUDIO,
    WATCHER,
    Player,
)
from atlas.demo.contracts import Stage, emitted, send
from atlas.demo.node import CHAIN
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.protocol.ids import parse_address
from atlas.protocol.keccak import keccak256
from atlas.protocol.money import WEI_PER_ATLAS, to_wei
from atlas.protocol.vocabulary import (
    Agent,
    Beneficiary,
    BurnScenario,
    LicenseKind,
    RevenueKind,
    StakeRole,
    Violation,
    ordinal,
)
from atlas.provenance.anchoring import Anchored, anchor_note
from atlas.rights.terms.document import Terms, data_uri, make_terms, terms_hash

STAKE_WEI = 2_000 * WEI_PER_ATLAS
SLASHED_WEI = 1_000 * WEI_PER_ATLAS
YEAR_S = 365 * 24 * 3600
NO_REFERENCE = bytes(32)

GRANTS = {
    STUDIO: 50_000,
    CREATOR: 1_000,
    FIRST_WORKER: 5_000,
    SECOND_WORKER: 5_000,
    STREAMER: 30_000,
    BRAND: 20_000,
    FAN: 500,
    COLLECTOR: 25_000,
}
SHARES = (  # W4: who earns from the film, in basis points
    (CREATOR, Beneficiary.CREATOR, 4_500),
    (STUDIO, Beneficiary.STUDIO, 2_000),
    (MODEL_PROVIDER, Beneficiary.MODEL_PROVIDER, 1_000),
    (FIRST_WORKER, Beneficiary.COMPUTE_PROVIDER, 800),
    (SECOND_WORKER, Beneficiary.COMPUTE_PROVIDER, 700),
    (COMMUNITY, Beneficiary.COMMUNITY, 1_000),
)
RECEIPTS = (  # odd to the wei, so that every split has a remainder
    (STREAMER, RevenueKind.VIEWING, "1234.567890123456789013"),
    (FAN, RevenueKind.SUBSCRIPTION, "9.990000000000000007"),
    (BRAND, RevenueKind.ADVERTISING, "5000.000000000000000011"),
)


class Generated(msgspec.Struct, frozen=True):
    """What a worker made in one step, and the record that says so."""

    step: Step
    record_id: bytes
    sha256: bytes
    size_bytes: int


class Asset(msgspec.Struct, frozen=True):
    """A generated work after its registration."""

    generated: Generated
    token_id: int
    aaid: bytes


def fund(stage: Stage) -> None:
    """The foundation hands out tokens; both GPU workers stake as compute nodes (W21)."""
    token, stakes = stage["AtlasToken"], stage["StakeManager"]
    for player, amount in GRANTS.items():
        send(stage.web3, token.functions.transfer(player.address, amount * WEI_PER_ATLAS), FOUNDATION)
    for worker in (FIRST_WORKER, SECOND_WORKER):
        _approve(stage, worker, "StakeManager", STAKE_WEI)
        send(stage.web3, stakes.functions.stake(ordinal(StakeRole.COMPUTE_NODE), STAKE_WEI), worker)


def register(stage: Stage, generated: Sequence[Generated]) -> dict[Agent, Asset]:
    """The creator registers each work, with its generation record and the works it derives from (W1)."""
    assets: dict[Agent, Asset] = {}
    registry = stage["AssetRegistry"]
    for work in generated:
        parents = [(assets[need].aaid, 0) for need in work.step.needs]
        metadata = json.dumps({"title": f"{TITLE}: {work.step.agent}", "prompt": work.step.prompt}, sort_keys=True)
        registration = (
            ordinal(work.step.asset_type),
            work.sha256,
            keccak256(metadata.encode()),
            f"data:application/json;base64,{base64.b64encode(metadata.encode()).decode()}",
            [work.record_id],
            parents,
            CREATOR.address,
            500,
        )
        receipt = send(stage.web3, registry.functions.register(registration), CREATOR)
        event = emitted(registry, "AssetRegistered", receipt)
        assets[work.step.agent] = Asset(work, event["tokenId"], bytes(event["aaid"]))
    return assets


def pay_for_generation(stage: Stage, assets: Mapping[Agent, Asset]) -> None:
    """W16: 100 for a generation = 70 model and compute + 10 creator incentive + 20 fee."""
    legs = [
        (MODEL_PROVIDER, Beneficiary.MODEL_PROVIDER, 40),
        (SECOND_WORKER, Beneficiary.COMPUTE_PROVIDER, 30),
        (CREATOR, Beneficiary.CREATOR, 10),
    ]
    _settle(stage, STUDIO, BurnScenario.AI_GENERATION, 100, assets[Agent.VIDEO].generated.record_id, legs)


def pay_for_registration(stage: Stage, assets: Mapping[Agent, Asset]) -> None:
    """W16: 50 for the registration of the film, all of it fee."""
    _settle(stage, STUDIO, BurnScenario.ASSET_REGISTRATION, 50, assets[Agent.EDITING].aaid, [])


def trade(stage: Stage, assets: Mapping[Agent, Asset]) -> None:
    """W16: the music is sold for 20,000, of which 600 are fee, and changes hands."""
    music = assets[Agent.MUSIC]
    legs = [(CREATOR, Beneficiary.CREATOR, 19_400)]
    _settle(stage, COLLECTOR, BurnScenario.ASSET_TRADING, 20_000, music.aaid, legs)
    transfer = stage["AssetRegistry"].functions.transferFrom(CREATOR.address, COLLECTOR.address, music.token_id)
    send(stage.web3, transfer, CREATOR)


def license_all_kinds(stage: Stage, assets: Mapping[Agent, Asset]) -> dict[LicenseKind, int]:
    """W3: one licence of each kind; the commercial one is taken from an offer at 10,000 (W16). Returns their ids."""
    film, world = assets[Agent.EDITING], assets[Agent.WORLD]
    keeper, night = assets[Agent.CHARACTER], assets[Agent.SCENE]
    commercial = make_terms(LicenseKind.COMMERCIAL, territories=("DE", "FR"), media=("film", "series"))
    granted = {LicenseKind.COMMERCIAL: _sell(stage, film, commercial, 10_000 * WEI_PER_ATLAS, STREAMER)}
    for asset, licensee, terms in (
        (keeper, BRAND, make_terms(LicenseKind.CHARACTER, territories=("DE",), media=("advertising",))),
        (night, FAN, make_terms(LicenseKind.SCENE, media=("game",))),
        (world, FAN, make_terms(LicenseKind.WORLD, media=("series", "short_drama"))),
        (keeper, FAN, make_terms(LicenseKind.DERIVATIVE, media=("social",))),
        (night, BRAND, make_terms(LicenseKind.AD_INSERTION, territories=("DE", "FR"), media=("short_drama",))),
    ):
        granted[terms.kind] = _grant(stage, asset, terms, licensee)
    return granted


def revoke(stage: Stage, license_id: int) -> None:
    """The licensor ends a licence, with the hash of the reason on chain."""
    reason = keccak256(b"attribution was missing in three uploads")
    send(stage.web3, stage["LicenseRegistry"].functions.revoke(license_id, reason), CREATOR)


def open_pool(stage: Stage, assets: Mapping[Agent, Asset]) -> int:
    """W4: the shares of the film are fixed for good. Returns the pool's id."""
    pool = stage["RevenuePool"]
    shares = [(player.address, ordinal(role), share_bps) for player, role, share_bps in SHARES]
    receipt = send(stage.web3, pool.functions.createPool(assets[Agent.EDITING].aaid, shares), CREATOR)
    return int(emitted(pool, "PoolCreated", receipt)["poolId"])


def earn(stage: Stage, pool_id: int, *, reverse: bool = False) -> list[TxReceipt]:
    """The film earns: three receipts of three kinds, each split at once; ``reverse`` plays them backwards."""
    receipts = RECEIPTS[::-1] if reverse else RECEIPTS
    return [_earn_one(stage, pool_id, payer, kind, to_wei(amount)) for payer, kind, amount in receipts]


def slash(stage: Stage, evidence: bytes) -> TxReceipt:
    """W17: the second worker cheated on compute: 70% burned, 20% treasury, 10% to the watcher who told."""
    call = stage["StakeManager"].functions.slash(
        SECOND_WORKER.address,
        ordinal(StakeRole.COMPUTE_NODE),
        ordinal(Violation.COMPUTE_CHEATING),
        SLASHED_WEI,
        WATCHER.address,
        evidence,
    )
    return send(stage.web3, call, FOUNDATION)


def claim(stage: Stage, pool_id: int) -> None:
    """The creator takes what has accrued."""
    send(stage.web3, stage["RevenuePool"].functions.claim(pool_id), CREATOR)


def anchor(stage: Stage, checkpointer: Checkpointer) -> Anchored:
    """The foundation puts the log's newest signed checkpoint on chain."""
    contract, sender = parse_address(stage.address("CheckpointAnchor")), parse_address(FOUNDATION.address)
    return anchor_note(CHAIN, stage.web3, contract, checkpointer.checkpoint(), sender)


def reorganise(web3: Web3, depth: int) -> None:
    """Make the node forget its last ``depth`` blocks and mine others, empty, in their place."""
    web3.provider.make_request(RPCEndpoint("anvil_reorg"), [depth, []])


def mine(web3: Web3, blocks: int) -> None:
    """Mine empty blocks."""
    web3.provider.make_request(RPCEndpoint("anvil_mine"), [hex(blocks)])


def _approve(stage: Stage, player: Player, spender: str, amount_wei: int) -> None:
    approval: ContractFunction = stage["AtlasToken"].functions.approve(stage.address(spender), amount_wei)
    send(stage.web3, approval, player)


def _settle(
    stage: Stage,
    payer: Player,
    scenario: BurnScenario,
    amount: int,
    reference: bytes,
    legs: Sequence[tuple[Player, Beneficiary, int]],
) -> None:
    _approve(stage, payer, "FeeSettlement", amount * WEI_PER_ATLAS)
    paid = [(ordinal(role), payee.address, part * WEI_PER_ATLAS) for payee, role, part in legs]
    call = stage["FeeSettlement"].functions.settle(ordinal(scenario), amount * WEI_PER_ATLAS, reference, paid)
    send(stage.web3, call, payer)


def _sell(stage: Stage, asset: Asset, terms: Terms, price_wei: int, licensee: Player) -> int:
    registry = stage["LicenseRegistry"]
    offer = registry.functions.publishOffer(
        asset.aaid, ordinal(terms.kind), terms_hash(terms), data_uri(terms), price_wei, YEAR_S, False
    )
    offer_id = emitted(registry, "OfferPublished", send(stage.web3, offer, CREATOR))["offerId"]
    _approve(stage, licensee, "LicenseRegistry", price_wei)
    receipt = send(stage.web3, registry.functions.accept(offer_id), licensee)
    return int(emitted(registry, "LicenseGranted", receipt)["licenseId"])


def _grant(stage: Stage, asset: Asset, terms: Terms, licensee: Player) -> int:
    registry = stage["LicenseRegistry"]
    call = registry.functions.grant(
        licensee.address,
        asset.aaid,
        ordinal(terms.kind),
        terms_hash(terms),
        data_uri(terms),
        YEAR_S,
        terms.kind == LicenseKind.AD_INSERTION,
    )
    return int(emitted(registry, "LicenseGranted", send(stage.web3, call, CREATOR))["licenseId"])


def _earn_one(stage: Stage, pool_id: int, payer: Player, kind: RevenueKind, amount_wei: int) -> TxReceipt:
    _approve(stage, payer, "RevenuePool", amount_wei)
    call = stage["RevenuePool"].functions.receiveRevenue(pool_id, ordinal(kind), amount_wei, NO_REFERENCE)
    return send(stage.web3, call, payer)
