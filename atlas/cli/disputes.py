"""``atlas-ledger rights dispute``: filed, answered, argued, ruled and appealed, each step signed by who takes it."""

from typing import Annotated

import typer

from atlas.cli.options import Config, Json
from atlas.cli.recording import (
    Against,
    Asset,
    EvidenceFile,
    EvidenceUri,
    IssuedAt,
    Key,
    Media,
    Territories,
    address_or_nobody,
    matter,
    take,
)
from atlas.protocol.decisions import (
    DisputeAnswered,
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
    EvidenceAttached,
    Remedy,
)
from atlas.protocol.ids import parse_aaid, parse_address
from atlas.protocol.vocabulary import Ruling

app = typer.Typer(no_args_is_help=True, help="Disputes: file, answer, attach evidence, rule, appeal.")

Dispute = Annotated[str, typer.Argument(help="The dispute's id, as `file` printed it.")]


@app.command("file")
def file_dispute(
    asset: Asset,
    key: Key,
    respondent: Annotated[str, typer.Option(help="Address of the other party.")],
    arbitrator: Annotated[str, typer.Option(help="Address of who decides: one of rights.arbitrators.")],
    category: Annotated[str, typer.Option(help="What it is about.")],
    grant: Annotated[int, typer.Option(min=0, help="Position of the license in dispute; 0: the asset.")] = 0,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """File a dispute; uses are undetermined and accruals held until it is ruled."""
    take(
        DisputeFiled,
        key,
        evidence_uri,
        evidence_file,
        issued_at,
        config,
        json=json,
        asset=parse_aaid(asset),
        respondent=parse_address(respondent),
        arbitrator=parse_address(arbitrator),
        category=category,
        grant=grant,
    )


@app.command()
def answer(
    dispute: Dispute,
    key: Key,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Answer a dispute, as its respondent."""
    take(DisputeAnswered, key, evidence_uri, evidence_file, issued_at, config, json=json, dispute=matter(dispute))


@app.command()
def evidence(
    dispute: Dispute,
    key: Key,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Attach evidence to a pending dispute, as a party or the arbitrator."""
    take(EvidenceAttached, key, evidence_uri, evidence_file, issued_at, config, json=json, dispute=matter(dispute))


@app.command()
def rule(
    dispute: Dispute,
    key: Key,
    ruling: Annotated[Ruling, typer.Option("--for", help="For whom; refused decides nothing.")],
    remedy: Annotated[Remedy, typer.Option(help="What a ruling for the claimant orders.")] = Remedy.NONE,
    against: Against = None,
    territory: Territories = ["*"],  # noqa: B006 (Typer copies it)
    media: Media = ["*"],  # noqa: B006
    appeal_until: Annotated[int, typer.Option(min=0, help="It can be appealed until before this second.")] = 0,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Rule a dispute, as its arbitrator; what is ordered is in force from then on."""
    take(
        DisputeRuled,
        key,
        evidence_uri,
        evidence_file,
        issued_at,
        config,
        json=json,
        dispute=matter(dispute),
        ruling=list(Ruling).index(ruling),
        remedy=remedy,
        against=address_or_nobody(against),
        territories=tuple(territory),
        media=tuple(media),
        appeal_until=appeal_until,
    )


@app.command()
def appeal(
    dispute: Dispute,
    key: Key,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Appeal a ruling, as a party; it is suspended, and the dispute pending again."""
    take(DisputeAppealed, key, evidence_uri, evidence_file, issued_at, config, json=json, dispute=matter(dispute))
