"""``atlas-ledger verify FILE``: what the file says of itself, held against what the ledger registered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from atlas.bootstrap import load_trust, open_program
from atlas.cli.console import output, shown
from atlas.cli.options import Config, Json
from atlas.protocol.ids import checksum_address, format_aaid
from atlas.provenance.report import Conclusion, FileReport, Registration, require_known, verify_file
from atlas.settings import load

_STYLES = {Conclusion.AUTHENTIC: "bold green", Conclusion.REGISTERED: "green", Conclusion.ALTERED: "bold red"}


def verify(
    file: Annotated[
        Path, typer.Argument(help="A media file, signed or not.", exists=True, dir_okay=False, show_default=False)
    ],
    config: Config = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Read the manifest only; do not ask the ledger.")] = False,
    json: Json = False,
) -> None:
    """Say who signed FILE, whether the ledger knows it byte for byte, and what could not be checked.

    Exit code 0: the ledger knows this file. 1: it does not, or something contradicts it.
    """
    if not file.is_file():  # a pipe cannot be read twice, and may never end
        raise typer.BadParameter(f"{shown(file)} is not a regular file.", param_hint="file")
    settings = load(config)
    trust = load_trust(settings)
    if offline:
        report = verify_file(file, None, trust)
    else:
        with open_program(settings) as program:
            report = verify_file(file, program.database, trust)
    if json:
        readable = _readable(msgspec.to_builtins(report, builtin_types=(bytes,)))
        output.out(msgspec.json.encode(readable).decode(), highlight=False)
    else:
        _show(file, report)
    require_known(report)


def _readable(value: Any) -> Any:  # noqa: ANN401
    """Hashes and addresses as lower-case hexadecimal digits; msgspec would write them as base64."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {key: _readable(item) for key, item in value.items()}
        case list() | tuple():
            return [_readable(item) for item in value]
        case _:
            return value


def _show(file: Path, report: FileReport) -> None:
    """Every value whole, whatever the terminal's width: a hash without its end cannot be compared."""
    style = _STYLES.get(report.conclusion, "yellow")
    output.print(Text.assemble(shown(file), ": ", (report.conclusion, style)), soft_wrap=True)
    for name, value in _rows(report):
        for place, line in enumerate(value.splitlines() or [""]):
            output.print(Text.assemble(f"  {'' if place else name:<13}", shown(line)), soft_wrap=True)


def _rows(report: FileReport) -> Iterator[tuple[str, str]]:
    verdict = report.verdict
    yield "SHA-256", verdict.sha256.hex()
    yield "C2PA", f"{verdict.state}" + "".join(f"\n{reason}" for reason in verdict.reasons)
    if verdict.manifest_id:
        yield "manifest", f"{verdict.manifest_id}\nsigned by {verdict.signer}"
    for registration in report.ledger.registrations if report.ledger else ():
        yield from _registration_rows(registration)
    for contradiction in report.contradictions:
        yield "against it", contradiction
    for gap in report.unchecked:
        yield "not checked", gap


def _registration_rows(registration: Registration) -> Iterator[tuple[str, str]]:
    asset = registration.pedigree.asset
    finality = "final" if registration.final else "not final yet"
    yield "ledger", f"{registration.match} of {format_aaid(asset.aaid)}, version {asset.version}, {finality}"
    yield "type", asset.asset_type
    yield "creator", f"{asset.chain}:{checksum_address(asset.creator)}"
    for generation in registration.pedigree.generations:
        model = f"{generation.model_name} {generation.model_version} by {generation.model_provider}"
        yield "made by", f"{generation.agent}: {model}, on {generation.device}"
