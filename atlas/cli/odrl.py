"""``atlas-ledger rights odrl``: licenses as ODRL policies and back, and policies judged; all without a database."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from atlas.cli.console import output, shown, write
from atlas.cli.options import Json
from atlas.protocol.ids import parse_aaid
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.reasons import Outcome, State
from atlas.rights.errors import TermsMismatch
from atlas.rights.exchange.avails import Title, avails, write_avails
from atlas.rights.exchange.training import LABEL, training_assertion
from atlas.rights.odrl import profile as published
from atlas.rights.odrl.compare import Finding, describe
from atlas.rights.odrl.evaluate import Evaluation, RuleFinding, evaluate
from atlas.rights.odrl.jsonld import read_document
from atlas.rights.odrl.names import short
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, encode_policy, policy_hash, with_uid
from atlas.rights.odrl.reading import Reading, read_policy
from atlas.rights.odrl.reports import encode_reports
from atlas.rights.odrl.syntax import parse
from atlas.rights.odrl.times import read_instant
from atlas.rights.odrl.world import World, read_world
from atlas.rights.terms.document import encode_terms, parse_terms, terms_document, terms_hash

app = typer.Typer(help="ODRL 2.2: licenses as policies, and policies of others.", no_args_is_help=True)

NOT_PERMITTED = 1
_Policy = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An ODRL policy in JSON-LD.")]
_Policies = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="ODRL policies in JSON-LD.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")]
_STATES = {State.SATISFIED: "active", State.VIOLATED: "inactive", State.UNKNOWN: "undetermined"}


class Kind(StrEnum):
    """What is written."""

    OFFER = "offer"
    AGREEMENT = "agreement"


class Published(StrEnum):
    """A file of the profile."""

    CONTEXT = "context"
    VOCABULARY = "vocabulary"


@app.command()
def export(
    terms: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A terms document, as its hash is computed from it.")
    ],
    asset: Annotated[str, typer.Option(help="AAID of the asset.")],
    assigner: Annotated[str, typer.Option(help="CAIP-10 account of the licensor.")],
    assignee: Annotated[
        str | None, typer.Option(help="CAIP-10 account of the licensee; an offer may have none.")
    ] = None,
    kind: Annotated[Kind, typer.Option("--type", help="What to write.")] = Kind.AGREEMENT,
    currency: Annotated[str | None, typer.Option(help="Currency of the amounts, as CAIP-19.")] = None,
    issued: Annotated[str | None, typer.Option(help="Instant from which durations run: 2026-03-01T00:00:00Z.")] = None,
    uid: Annotated[str | None, typer.Option(help="Name of the policy; else one made from what it says.")] = None,
    expect_hash: Annotated[str | None, typer.Option("--hash", help="Hash that the terms have on chain.")] = None,
    file: _Output = None,
) -> None:
    """Write license terms as an ODRL offer or agreement, in canonical form."""
    read = parse_terms(terms.read_bytes().removesuffix(b"\n"))
    actual = f"0x{terms_hash(read).hex()}"
    if expect_hash is not None and expect_hash.lower() != actual:
        raise TermsMismatch(f"expected terms with the hash {expect_hash[:100]}, the document has {actual}")
    policy = LicensePolicy(
        type=PolicyType(kind.value.capitalize()),
        uid=uid or "",
        assigner=assigner,
        assignee=assignee,
        asset=parse_aaid(asset),
        terms=read,
        currency=currency,
        issued_at=None if issued is None else _instant(issued),
    )
    write(encode_policy(policy if uid else with_uid(policy)), file)


@app.command(name="import")
def import_(
    policy: _Policy,
    kind: Annotated[
        LicenseKind | None, typer.Option(help="Kind of license that a permission to use is read as.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Currency that the policy has to be in, as CAIP-19.")] = None,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="File to write the terms document to.")] = None,
    *,
    json: Json = False,
) -> None:
    """Read a policy as license terms, and list what terms cannot say; exit 1 if that leaves no terms."""
    reading = read_policy(policy.read_bytes(), kind=kind, currency=currency)
    if json:
        output.out(msgspec.json.encode(_told(reading)).decode(), highlight=False)
    else:
        _say_reading(reading)
    if reading.terms is None:
        reading.require()
    elif file is not None:
        write(encode_terms(reading.terms), file)


@app.command(name="evaluate")
def evaluate_(
    policies: _Policies,
    request: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="What is asked: a policy of the type Request.")
    ],
    world: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The state of the world; else nothing is known.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Judge a request by policies of any origin; exit 1 unless it is permitted. JSON is a compliance report."""
    state = World() if world is None else read_world(read_document(world.read_bytes()))
    read = [parse(file.read_bytes()) for file in policies]
    found = evaluate(read, parse(request.read_bytes()), state)
    if json:
        output.out(encode_reports(found).decode(), highlight=False)
    else:
        _say_evaluation(found)
    if found.outcome is not Outcome.PERMIT:
        raise typer.Exit(NOT_PERMITTED)


@app.command()
def profile(
    what: Annotated[Published, typer.Argument(help="The JSON-LD context, or the vocabulary.")] = Published.VOCABULARY,
) -> None:
    """Print the published profile, which needs no network."""
    data = published.context() if what is Published.CONTEXT else published.vocabulary()
    output.out(data.decode(), end="", highlight=False)


def avails_(
    policy: _Policy,
    title: Annotated[str, typer.Option(help="Name of the title.")],
    license_type: Annotated[str, typer.Option(help="LicenseType of Avails: EST, VOD, SVOD and so on.")],
    format_profile: Annotated[str, typer.Option(help="FormatProfile of Avails: SD, HD, UHD and so on.")] = "",
    file: _Output = None,
) -> None:
    """Write a license as rows of MovieLabs Avails (CSV), and list on standard error what they do not say."""
    found = avails(read_policy(policy.read_bytes()).require(), Title(title, license_type, format_profile))
    write(write_avails(found).encode(), file)
    for field, reason in found.left_out:
        typer.echo(f"left out: {field}: {reason}", err=True)


def training(policies: _Policies) -> None:
    """Print what the offers of an asset say about training models, as the CAWG assertion of a C2PA manifest."""
    offers = [read_policy(file.read_bytes()).require() for file in policies]
    data = training_assertion(offers)
    output.out(msgspec.json.encode({"label": LABEL, "data": data}).decode(), highlight=False)


def register(rights: typer.Typer) -> None:
    """Add the commands to ``atlas-ledger rights``."""
    rights.add_typer(app, name="odrl")
    rights.command(name="avails")(avails_)
    rights.command()(training)


def _say_reading(reading: Reading) -> None:
    if reading.terms is not None:
        output.out(f"Read: {reading.terms.kind} license, terms 0x{terms_hash(reading.terms).hex()}", highlight=False)
        output.print(_terms_table(reading))
    if reading.policy is not None:
        policy = reading.policy
        told = {
            "policy": f"{policy.type}, hash 0x{policy_hash(policy).hex()}",
            "assigner": policy.assigner,
            "assignee": policy.assignee or "anyone",
            "reserved": ", ".join(f"{each.territories} {each.media}" for each in policy.reservations) or "nothing",
        }
        for name, value in told.items():
            output.print(shown(f"  {name:10} {value}"), soft_wrap=True)
    if reading.losses:
        output.print(_losses_table(reading))


def _terms_table(reading: Reading) -> Table:
    table = Table("term", "says")
    document = {} if reading.terms is None else terms_document(reading.terms)
    for key, value in document.items():
        for name, each in value.items() if isinstance(value, dict) else [("", value)]:
            text = each if isinstance(each, str) else msgspec.json.encode(each).decode()
            table.add_row(shown(f"{key}.{name}" if name else key), shown(text))
    return table


def _losses_table(reading: Reading) -> Table:
    table = Table("not read", "weight", "reason")
    for loss in reading.losses:
        table.add_row(shown(loss.path), loss.weight.value, shown(loss.reason))
    return table


def _told(reading: Reading) -> dict[str, object]:
    losses = [{"path": loss.path, "reason": loss.reason, "weight": loss.weight} for loss in reading.losses]
    terms = None if reading.terms is None else terms_document(reading.terms)
    return {"terms": terms, "is_whole": reading.policy is not None, "losses": losses}


def _say_evaluation(found: Evaluation) -> None:
    output.print(shown(f"{found.outcome.value}: {'; '.join(found.why)}"), soft_wrap=True)
    table = Table("rule", "state", "premise", "stands", "saw")
    for policy in found.policies:
        for rule in policy.rules:
            _say_rule(rule, table)
        for doubt in policy.doubts:
            table.add_row(shown(policy.policy.uid), "doubt", shown(doubt), "", "")
    output.print(table)


def _say_rule(rule: RuleFinding, table: Table) -> None:
    table.add_row(shown(f"{rule.rule.kind} {rule.rule.path}"), _STATES[rule.state])
    for premise in rule.premises:
        if premise.finding is None:
            table.add_row("", "", premise.part, premise.state.value, "")
        else:
            _say_finding(premise.finding, table, 0)
    for duty in rule.duties:
        actions = ", ".join(short(action.iri) for action in duty.rule.actions)
        table.add_row("", "", shown(f"{duty.rule.kind} {actions}"), duty.deontic.value, "")


def _say_finding(finding: Finding, table: Table, depth: int) -> None:
    saw = finding.why or ", ".join(each.text for each in finding.seen)
    table.add_row("", "", shown("  " * depth + describe(finding.condition)), finding.state.value, shown(saw))
    for member in finding.members:
        _say_finding(member, table, depth + 1)


def _instant(text: str) -> int:
    instant = read_instant(text)
    if instant is None or instant.denominator != 1:
        raise typer.BadParameter(f"{text[:100]!r} is not an instant like 2026-03-01T00:00:00Z")
    return int(instant)
