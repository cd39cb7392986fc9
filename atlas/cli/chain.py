"""``atlas-ledger chain``: what the indexed chains prove, and what endpoints said that was not so."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from atlas.bootstrap import open_program
from atlas.cli.console import output, shown
from atlas.cli.options import Config, Json
from atlas.indexer.chain.rpc.calls import RpcClient
from atlas.indexer.chain.verification.evidence import Evidence, evidence
from atlas.indexer.chain.verification.proving import prove_recorded_log, recorded_log
from atlas.protocol.errors import MalformedId
from atlas.protocol.evm.errors import MalformedProof
from atlas.protocol.evm.proofs import ProvenLog, parse_log_proof
from atlas.protocol.ids import parse_chain
from atlas.settings import Settings, SettingsError, load

app = typer.Typer(
    no_args_is_help=True, help="The indexed chains: how they stand, proofs of their logs, evidence against endpoints."
)

_HASH_BYTES = 32
_MAX_PROOF_BYTES = 64 * 1024 * 1024  # the largest receipt that a block has gas for, in hexadecimal, several times


@app.command()
def prove(
    position: Annotated[int, typer.Argument(min=1, help="Position of a log of a chain in the ledger, from 1.")],
    file: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")] = None,
    config: Config = None,
) -> None:
    """Write the proof that a recorded log is in its block, for anybody to check offline against the block's hash."""
    settings = load(config)
    with open_program(settings) as program:
        log, header = recorded_log(program.ledger, position)
    client = RpcClient(_url(settings, log.chain))
    try:
        document = prove_recorded_log(log, header, client).encode()
    finally:
        client.close()
    _write(document, file)


@app.command()
def check_proof(
    file: Annotated[Path, typer.Argument(help="A file written by `chain prove`.")],
    block_hash: Annotated[
        str | None, typer.Option(help="0x hash of the block that must have the log, from where you trust it.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Check the proof of a log, without a database or a network."""
    proven = parse_log_proof(_read(file)).check(None if block_hash is None else _hash(block_hash))
    _show(proven, pinned=block_hash is not None, json=json)


@app.command("evidence")
def show_evidence(
    chain: Annotated[str | None, typer.Option(help="CAIP-2 id of one chain; else all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 20,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Print what endpoints said that was not so; --json prints what they were asked and answered as well."""
    if chain is not None:
        parse_chain(chain)
    with open_program(load(config)) as program:
        kept = evidence(program.database, chain=chain, limit=limit)
    if json:
        output.out(msgspec.json.encode([_told(one) for one in kept]).decode(), highlight=False)
        return
    if not kept:
        output.print("No endpoint was found lying.")
    for one in kept:
        output.print(shown(f"{one.number}  {one.chain}  {one.endpoint}  {one.times} times"), soft_wrap=True)
        output.print(shown(f"   {one.reason}"), soft_wrap=True)
        output.print(shown(f"   first {one.first_seen_at.isoformat()}, last {one.last_seen_at.isoformat()}"))


def _url(settings: Settings, chain: str) -> str:
    for one in settings.chains:
        if one.chain == chain:
            return one.rpc_url
    raise SettingsError(f"the log is of {chain}, which is not configured", hint="Add it under [[chains]].")


def _show(proven: ProvenLog, *, pinned: bool, json: bool) -> None:
    if json:
        output.out(msgspec.json.encode(_readable(proven)).decode(), highlight=False)
        return
    title = f"Proven: log {proven.log_place} of transaction {proven.transaction_index} of the block"
    output.out(title, highlight=False)
    unproven = {"chain"} if proven.log_index_proven else {"chain", "log_index"}
    for name, value in _readable(proven).items():
        told = "not proven" if value is None else f"{value}{' (as the file says)' if name in unproven else ''}"
        output.out(f"  {name.replace('_', ' '):17} {told}", highlight=False)
    if not pinned:
        output.out("The proof is worth as much as the block hash: compare it with the chain's, or give --block-hash.")


def _readable(value: Any) -> Any:  # noqa: ANN401
    """Bytes as hexadecimal digits and times as ISO 8601, field by field."""
    match value:
        case msgspec.Struct():
            return {name: _readable(field) for name, field in msgspec.structs.asdict(value).items()}
        case bytes():
            return "0x" + value.hex()
        case tuple():
            return [_readable(item) for item in value]
        case datetime():
            return value.isoformat()
        case _:
            return value


def _told(one: Evidence) -> dict[str, Any]:
    """The evidence with what was said as text; it is JSON, and hexadecimal digits would hide that."""
    said = {name: getattr(one, name).decode(errors="replace") for name in ("request", "response")}
    return {**_readable(one), **said}


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise MalformedId(f"{text!r} is not a block hash", hint="0x and 64 hexadecimal digits are expected.")
    return value


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_PROOF_BYTES + 1)
    except OSError as error:
        raise MalformedProof(f"{file}: cannot be read: {error.strerror}", hint="Name an existing file.") from error
    if len(data) > _MAX_PROOF_BYTES:
        raise MalformedProof(f"{file}: larger than {_MAX_PROOF_BYTES} bytes", hint="No log proof is that large.")
    return data


def _write(document: bytes, file: Path | None) -> None:
    if file is None:
        output.out(document.decode(), end="", highlight=False)
        return
    try:
        file.write_bytes(document)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}", hint="Name another file.") from error
