"""What the demo checks when the production is over, each against a source that is not the view it checks."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from eth_typing import ChecksumAddress

from atlas.bootstrap import Program, load_trust
from atlas.demo.agents import STEPS
from atlas.demo.cast import FAN, STREAMER
from atlas.demo.contracts import Stage
from atlas.demo.errors import CheckFailed
from atlas.demo.node import CHAIN
from atlas.demo.production import RECEIPTS, SHARES, SLASHED_WEI, Asset
from atlas.demo.server import Server
from atlas.ledger.checkpoints.checkpointer import open_checkpoint
from atlas.ledger.verification.whole import verify_ledger
from atlas.projections.views import VIEWS
from atlas.protocol.errors import AtlasError
from atlas.protocol.facts import REORGED_TOPIC
from atlas.protocol.ids import checksum_address, format_aaid, parse_address
from atlas.protocol.money import WEI_PER_ATLAS, format_atlas, to_wei
from atlas.protocol.vocabulary import Agent, LicenseKind
from atlas.provenance.anchoring import Anchored, log_id
from atlas.provenance.reading import read_pedigree, snapshot
from atlas.provenance.report import Conclusion, verify_file

BURNED_BY_W16 = {"AI_GENERATION": 18, "ASSET_REGISTRATION": 45, "IP_LICENSING": 900, "ASSET_TRADING": 540}
BURNED_BY_SLASH_WEI = SLASHED_WEI * 7 // 10
MEDIA = ("image/png", "audio/wav", "video/mp4")

_SUPPLY = "{ supply { nodes { mintedWei burnedWei supplyWei stakedWei burnedByCause { cause amountWei } } } }"
_BALANCES = "{ balances(first: 1000) { nodes { holder balanceWei } } }"
_OWED = "{ accruals(first: 1000) { nodes { poolId payee accruedWei owedWei } } receipts { nodes { amountWei } } }"
_FILM = """\
query ($film: AAID!, $streamer: Address!, $fan: Address!, $keeper: AAID!, $at: DateTime!) {
  film: canUse(aaid: $film, account: $streamer, territory: "FR", media: "series", at: $at) { outcome }
  abroad: canUse(aaid: $film, account: $streamer, territory: "US", media: "film", at: $at) { outcome }
  revoked: canUse(aaid: $keeper, account: $fan, territory: "DE", media: "social", at: $at) { outcome }
  licenses { nodes { kind status } }
}
"""
_ANCHOR = "{ anchors { nodes { treeSize rootHash noteHash final } } }"


class Played(msgspec.Struct, frozen=True):
    """What was played: where it can be looked up, and what came of it."""

    stage: Stage
    server: Server
    program: Program
    assets: Mapping[Agent, Asset]
    licenses: Mapping[LicenseKind, int]
    anchored: Anchored
    at: str  # RFC 3339, the moment that uses are asked for


class Outcome(msgspec.Struct, frozen=True):
    """What a check found; ``failure`` is empty when it found what it expected."""

    title: str
    found: str
    failure: str


def check_all(played: Played) -> Iterator[Outcome]:
    """Run every check; one that fails does not stop the others."""
    for title, check in CHECKS.items():
        try:
            yield Outcome(title, check(played), "")
        except AtlasError as error:
            yield Outcome(title, "", error.message)


def burned_to_the_wei(played: Played) -> str:
    """W16, W17: 18 + 45 + 900 + 540, and 70% of the slash, by cause."""
    supply = played.server.ask(_SUPPLY)["supply"]["nodes"][0]
    causes = {each["cause"]: int(each["amountWei"]) for each in supply["burnedByCause"] if int(each["amountWei"])}
    expected = {cause: amount * WEI_PER_ATLAS for cause, amount in BURNED_BY_W16.items()}
    _equal("burned by cause", causes, {**expected, "SLASH": BURNED_BY_SLASH_WEI})
    _equal("burned in all", int(supply["burnedWei"]), sum(causes.values()))
    return f"18 + 45 + 900 + 540 + 70% of {format_atlas(SLASHED_WEI)} = {format_atlas(int(supply['burnedWei']))} ATLAS"


def supply_reconciles(played: Played) -> str:
    """The supply is the token contract's, and so is each holder's balance."""
    token = played.stage["AtlasToken"].functions
    supply = played.server.ask(_SUPPLY)["supply"]["nodes"][0]
    _equal("supply", int(supply["supplyWei"]), token.totalSupply().call())
    _equal("minted less burned", int(supply["mintedWei"]) - int(supply["burnedWei"]), int(supply["supplyWei"]))
    staked = token.balanceOf(played.stage.address("StakeManager")).call()
    _equal("staked", int(supply["stakedWei"]), staked)
    balances = played.server.ask(_BALANCES)["balances"]["nodes"]
    for holder in balances:
        address = ChecksumAddress(checksum_address(parse_address(holder["holder"])))  # pyright: ignore[reportArgumentType]
        _equal(f"balance of {address}", int(holder["balanceWei"]), token.balanceOf(address).call())
    _equal("sum of balances", sum(int(holder["balanceWei"]) for holder in balances), int(supply["supplyWei"]))
    return f"{format_atlas(int(supply['supplyWei']))} ATLAS in {len(balances)} accounts, each as the contract says"


def accruals_close(played: Played) -> str:
    """W4: what is owed is what the pool contract would pay, and accruals sum to the receipts."""
    data = played.server.ask(_OWED)
    received = sum(int(receipt["amountWei"]) for receipt in data["receipts"]["nodes"])
    _equal("received", received, sum(to_wei(amount) for _, _, amount in RECEIPTS))
    accounts = data["accruals"]["nodes"]
    _equal("accrued", sum(int(account["accruedWei"]) for account in accounts), received)
    _equal("payees", len(accounts), len(SHARES))
    pool = played.stage["RevenuePool"].functions
    for account in accounts:
        payee = checksum_address(parse_address(account["payee"]))
        _equal(f"owed to {payee}", int(account["owedWei"]), pool.claimable(int(account["poolId"]), payee).call())
    return f"{format_atlas(received)} ATLAS received, split among {len(accounts)} payees without losing a wei"


def rights_answer(played: Played) -> str:
    """W3: six kinds granted, one revoked; permitted where the terms reach, and nowhere else."""
    variables = {
        "film": format_aaid(played.assets[Agent.EDITING].aaid),
        "keeper": format_aaid(played.assets[Agent.CHARACTER].aaid),
        "streamer": STREAMER.address,
        "fan": FAN.address,
        "at": played.at,
    }
    data = played.server.ask(_FILM, variables)
    outcomes = {name: data[name]["outcome"] for name in ("film", "abroad", "revoked")}
    _equal("decisions", outcomes, {"film": "PERMIT", "abroad": "DENY", "revoked": "DENY"})
    licenses = data["licenses"]["nodes"]
    _equal("kinds", sorted(each["kind"] for each in licenses), sorted(kind.name for kind in LicenseKind))
    _equal("revoked", [each["kind"] for each in licenses if each["status"] == "REVOKED"], ["DERIVATIVE"])
    return "six kinds granted; permitted in France, denied in the United States and after revocation"


def pedigree_complete(played: Played) -> str:
    """W5: from the film back to the first prompt, every record is there and linked."""
    with snapshot(played.program.database) as connection:
        pedigree = read_pedigree(connection, played.assets[Agent.EDITING].aaid, 1)
    if pedigree is None or not pedigree.complete:
        raise CheckFailed("the film has no complete pedigree")
    agents = sorted(generation.agent.value for generation in pedigree.generations)
    _equal("agents in the film's pedigree", agents, sorted(step.agent.value for step in STEPS))
    return f"{len(agents)} signed records by two workers, linked from the film back to the first prompt"


def manifests_trusted(played: Played) -> str:
    """W5: every media file carries a manifest that reads back as Trusted, and is byte for byte what was recorded."""
    trust = load_trust(played.program.settings)
    media = [asset for asset in played.assets.values() if asset.generated.step.media_type in MEDIA]
    nodes = played.server.ask("{ manifests { nodes { aaid mediaType signedSha256 } } }")["manifests"]["nodes"]
    _equal("assets with a manifest", {node["aaid"] for node in nodes}, {format_aaid(asset.aaid) for asset in media})
    for node in nodes:
        file = played.program.content.path(bytes.fromhex(node["signedSha256"][2:]))
        report = verify_file(file, played.program.database, trust)
        _equal(f"{file.name[:12]}… ({node['mediaType']})", report.conclusion, Conclusion.AUTHENTIC)
        _equal(f"C2PA state of {file.name[:12]}…", report.verdict.state.value, "Trusted")
    kinds = ", ".join(sorted({node["mediaType"] for node in nodes}))
    return f"{len(nodes)} signed files ({kinds}) are Trusted and byte for byte as recorded"


def reorganisation_followed(played: Played) -> str:
    """What was orphaned does not count, what was mined again counts once."""
    reorgs = list(played.program.ledger.facts(after=0, topics=[REORGED_TOPIC]))
    if not reorgs:
        raise CheckFailed("the log has no chain.reorged fact")
    counts = played.server.ask("{ receipts { totalCount } slashes { totalCount } }")
    _equal("receipts", counts["receipts"]["totalCount"], len(RECEIPTS))
    _equal("slashes", counts["slashes"]["totalCount"], 1)
    return f"{len(reorgs)} recorded; {len(RECEIPTS)} receipts and 1 slash, each counted once"


def views_equal_a_fold(played: Played) -> str:
    """Each view equals a fold of the log from position 1, row by row."""
    projector = played.program.projector()
    positions = [projector.compare(name) for name in VIEWS]
    findings = {view.name: (view.undecodable, view.issues) for view in projector.status()}
    _equal("undecodable facts and issues", findings, dict.fromkeys(VIEWS, (0, 0)))
    return f"{', '.join(VIEWS)}: equal row by row at position {min(positions):,}"


def ledger_verifies(played: Played) -> str:
    """Every byte of the log is under a checkpoint signed by the log's key."""
    program = played.program
    note = program.checkpointer.checkpoint()
    verify_ledger(program.ledger, note, program.log_signer.verifier)
    covered = open_checkpoint(note, program.log_signer.verifier)
    return f"{covered.tree_size:,} facts hashed again, root {covered.root_hash.hex()[:16]}… signed by {covered.origin}"


def checkpoint_anchored(played: Played) -> str:
    """The contract holds the root that the log has, and the view has seen it, final."""
    anchored = played.anchored
    identity = log_id(played.program.settings.ledger.origin)
    latest = played.stage["CheckpointAnchor"].functions.latest(identity, anchored.sender).call()
    tree_size, _anchored_at, root_hash, _note_hash = latest
    _equal("checkpoint on chain", (tree_size, f"0x{root_hash.hex()}"), (anchored.tree_size, anchored.root_hash))
    _equal("root of the log", f"0x{played.program.tree.root(anchored.tree_size).hex()}", anchored.root_hash)
    seen = played.server.ask(_ANCHOR)["anchors"]["nodes"]
    expected = {"treeSize": str(anchored.tree_size), "rootHash": anchored.root_hash, "final": True}
    _equal("anchor in the view", [{key: node[key] for key in expected} for node in seen], [expected])
    return f"root over {anchored.tree_size:,} facts is on {CHAIN}, in a final block"


CHECKS: dict[str, Callable[[Played], str]] = {
    "burned, to the wei": burned_to_the_wei,
    "supply reconciles with the token contract": supply_reconciles,
    "pool accruals close": accruals_close,
    "rights answer as granted": rights_answer,
    "the pedigree is complete": pedigree_complete,
    "manifests are trusted": manifests_trusted,
    "the reorganisation was followed": reorganisation_followed,
    "views equal a fold from position 1": views_equal_a_fold,
    "the ledger verifies against its checkpoint": ledger_verifies,
    "the checkpoint is anchored on chain": checkpoint_anchored,
}


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise CheckFailed(f"{what}: expected {expected}, found {found}")
