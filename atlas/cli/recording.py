"""``atlas-ledger rights``: decisions of people, signed and recorded: agreements, takedowns, any other from a file."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from atlas.bootstrap import open_program
from atlas.cli.console import output, shown, write
from atlas.cli.options import Config, Json
from atlas.indexer.decisions import Admitted
from atlas.indexer.workers.keys import WorkerKey
from atlas.protocol.decision_files import Draft, read_draft, write_draft
from atlas.protocol.decisions import (
    NOBODY,
    AgreementRevoked,
    AgreementSigned,
    Authored,
    Decision,
    TakedownCause,
    TakedownLifted,
    TakedownOrdered,
    checked,
    wallet_form,
)
from atlas.protocol.ids import parse_aaid, parse_address
from atlas.settings import load

_HASH_BYTES = 32

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file of a decision.")]
Key = Annotated[Path, typer.Option(help="File of the author's secp256k1 key, 64 hex digits, mode 0600.")]
Asset = Annotated[str, typer.Argument(help="The asset's AAID.")]
EvidenceUri = Annotated[str, typer.Option(help="Where the evidence is.")]
EvidenceFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="The evidence, whose SHA-256 is signed.")
]
IssuedAt = Annotated[int | None, typer.Option(min=0, help="When it was decided, in seconds since 1970; now otherwise.")]
Territories = Annotated[list[str], typer.Option("--territory", help="Where: a code, a group, or *; repeat it.")]
Media = Annotated[list[str], typer.Option("--media", help="In what: a medium, or *; repeat it.")]
Against = Annotated[str | None, typer.Option(help="The one account that it is against; everybody otherwise.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (typed_data, sign, agree, record, takedown, lift):
        app.command()(command)


def typed_data(file: File) -> None:
    """Print what a wallet signs (eth_signTypedData_v4) for the decision in a file."""
    found = wallet_form(read_draft(file.read_bytes()).decision)
    output.out(msgspec.json.format(msgspec.json.encode(found)).decode(), highlight=False)


def sign(
    file: File,
    key: Key,
    signed: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")] = None,
) -> None:
    """Add a signature to the decision in a file."""
    data = write_draft(read_draft(file.read_bytes()).signed_by(WorkerKey.from_file(key).secret))
    write(data, signed)


def agree(file: File, config: Config = None, *, json: Json = False) -> None:
    """Record a signed agreement, or the revocation of one; it counts like a license on chain."""
    decision = read_draft(file.read_bytes()).complete()
    if not isinstance(decision, AgreementSigned | AgreementRevoked):
        raise typer.BadParameter(f"{file}: it is no agreement; `rights record` takes every decision")
    admit(decision, config, json=json)


def record(file: File, config: Config = None, *, json: Json = False) -> None:
    """Record a signed decision of any kind: portraits, measures, uses, and what wallets have signed."""
    admit(read_draft(file.read_bytes()).complete(), config, json=json)


def takedown(
    asset: Asset,
    cause: Annotated[TakedownCause, typer.Option(help="Why.")],
    key: Key,
    territory: Territories = ["*"],  # noqa: B006 (Typer copies it)
    media: Media = ["*"],  # noqa: B006
    against: Against = None,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Order that an asset may not be used, as a reviewer of this ledger (W26)."""
    take(
        TakedownOrdered,
        key,
        evidence_uri,
        evidence_file,
        issued_at,
        config,
        json=json,
        asset=parse_aaid(asset),
        cause=cause,
        against=address_or_nobody(against),
        territories=tuple(territory),
        media=tuple(media),
    )


def lift(
    takedown_id: Annotated[str, typer.Argument(metavar="TAKEDOWN", help="The takedown's id.")],
    key: Key,
    evidence_uri: EvidenceUri = "",
    evidence_file: EvidenceFile = None,
    issued_at: IssuedAt = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """End a takedown, as a reviewer of this ledger."""
    take(TakedownLifted, key, evidence_uri, evidence_file, issued_at, config, json=json, takedown=matter(takedown_id))


def take(
    kind: Callable[..., Authored],
    key: Path,
    evidence_uri: str,
    evidence_file: Path | None,
    issued_at: int | None,
    config: Path | None,
    *,
    json: bool,
    **fields: object,
) -> None:
    """Sign a decision of one author with its own ``fields``, record it and say where it stands."""
    author = WorkerKey.from_file(key)
    decision = kind(
        author=author.address,
        evidence_uri=evidence_uri,
        evidence_sha256=_sha256_of(evidence_file),
        issued_at=_issued(issued_at),
        **fields,
    )
    admit(_signed_by(author, decision), config, json=json)


def _signed_by(author: WorkerKey, decision: Decision) -> Decision:
    """The decision of one author, signed. Raises MalformedFact, which names the field."""
    return Draft(checked(decision), {}).signed_by(author.secret).complete()


def admit(decision: Decision, config: Path | None, *, json: bool) -> None:
    """Record a decision and say where it stands."""
    with open_program(load(config)) as program:
        admitted = program.decisions.admit(decision)
    if json:
        told = msgspec.to_builtins(_Told.of(admitted))
        output.out(msgspec.json.encode(told).decode(), highlight=False)
        return
    name = decision.TOPIC.removeprefix("decision.")
    verb = "Recorded before" if admitted.is_known else "Recorded"
    output.print(shown(f"{verb}: {name} at position {admitted.position}"), soft_wrap=True)
    output.print(shown(f"  id      0x{admitted.decision.hex()}"), soft_wrap=True)
    if admitted.matter != admitted.decision:
        output.print(shown(f"  matter  0x{admitted.matter.hex()}"), soft_wrap=True)


def matter(text: str) -> bytes:
    """The id of a matter: 0x and 64 hexadecimal digits."""
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise typer.BadParameter(f"{text[:100]!r} is not 0x and {2 * _HASH_BYTES} hexadecimal digits")
    return value


def address_or_nobody(text: str | None) -> bytes:
    """An address; zeros for nobody in particular."""
    return NOBODY if text is None else parse_address(text)


def _sha256_of(file: Path | None) -> bytes:
    """The hash of the evidence; zeros where there is none."""
    return bytes(_HASH_BYTES) if file is None else hashlib.sha256(file.read_bytes()).digest()


def _issued(at: int | None) -> int:
    """When a decision was taken: as stated, or now."""
    return int(time.time()) if at is None else at


class _Told(msgspec.Struct, frozen=True):
    """Where a decision stands, for JSON."""

    position: int
    decision: str
    matter: str
    is_known: bool

    @classmethod
    def of(cls, admitted: Admitted) -> "_Told":
        return cls(admitted.position, f"0x{admitted.decision.hex()}", f"0x{admitted.matter.hex()}", admitted.is_known)
