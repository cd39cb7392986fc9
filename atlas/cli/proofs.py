"""``atlas-ledger ledger proof`` and its kin: proofs as files, made here and checked anywhere."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from atlas.bootstrap import open_program
from atlas.cli.console import output
from atlas.cli.options import Config, Json
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Verifier
from atlas.ledger.checkpoints.proofs import (
    ConsistencyProof,
    InclusionProof,
    parse_consistency_proof,
    parse_inclusion_proof,
)
from atlas.ledger.errors import LedgerError, NotPublished
from atlas.ledger.publication.published import stored_entries
from atlas.settings import load

_Size = Annotated[int | None, typer.Option(min=1, help="Tree size of a signed checkpoint; else the latest published.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")]
_Keys = Annotated[list[str], typer.Option("--key", help="Verifier key of the log; its retired keys may be given too.")]


class FileUnusable(LedgerError):
    """A file named on the command line cannot be read or written."""

    exit_code = 2


class Proven(msgspec.Struct, frozen=True):
    """What an inclusion proof shows."""

    origin: str
    position: int
    stream: str
    version: int
    topic: str
    payload_bytes: int
    payload_sha256: str
    tree_size: int
    root_hash: str
    cosigned_at: dict[str, str]


class Extended(msgspec.Struct, frozen=True):
    """What a consistency proof shows."""

    origin: str
    old_size: int
    new_size: int
    root_hash: str


def proof(
    position: Annotated[int, typer.Argument(min=1, help="Position of the fact, from 1.")],
    size: _Size = None,
    file: _Output = None,
    config: Config = None,
) -> None:
    """Write the proof that a fact is in the log (C2SP tlog-proof), for anybody to check offline."""
    with open_program(load(config)) as program:
        tree_size = program.publication.size() if size is None else size
        if position > tree_size:
            raise NotPublished(
                f"the checkpoint covers {tree_size} facts, and not position {position}",
                hint="Sign a newer one with `atlas-ledger ledger checkpoint`, if the log reaches that far.",
            )
        note = program.publication.checkpoint_of(tree_size)
        (entry,) = stored_entries(program.ledger, after=position - 1, upto=position)
        hashes = program.tree.inclusion_proof(position, tree_size)
        made = InclusionProof(entry, position - 1, tuple(hashes), note)
        made.check(program.key_ring)
    _write(made.encode(), file)


def check_proof(
    file: Annotated[Path, typer.Argument(help="A .tlog-proof file.")],
    key: _Keys,
    witness: Annotated[
        list[str] | None, typer.Option(help="Verifier key of a witness that must have cosigned.")
    ] = None,
    payload: Annotated[Path | None, typer.Option(help="File that must be the fact's payload, byte for byte.")] = None,
    *,
    json: Json = False,
) -> None:
    """Check an inclusion proof, without a database or a network."""
    checked = parse_inclusion_proof(_read(file))
    entry, checkpoint = checked.check(_ring(key))
    cosigned = {one.name: one.verify(checked.note).isoformat() for one in map(Witness.parse, witness or [])}
    if payload is not None:
        entry.check_payload(_read(payload))
    proven = Proven(
        origin=checkpoint.origin,
        position=checked.index + 1,
        stream=str(entry.stream),
        version=entry.version,
        topic=entry.topic,
        payload_bytes=entry.payload_bytes,
        payload_sha256=entry.payload_sha256.hex(),
        tree_size=checkpoint.tree_size,
        root_hash=checkpoint.root_hash.hex(),
        cosigned_at=cosigned,
    )
    _say(proven, f"Proven: position {proven.position:,} of {proven.origin} holds", json=json)


def consistency(
    old: Annotated[int, typer.Argument(min=1, help="Tree size of the older checkpoint.")],
    new: Annotated[int, typer.Argument(min=1, help="Tree size of the newer checkpoint, a signed one.")],
    file: _Output = None,
    config: Config = None,
) -> None:
    """Write the proof that the log over NEW facts begins with the log over OLD (as C2SP tlog-witness sends it)."""
    with open_program(load(config)) as program:
        note = program.publication.checkpoint_of(new)
        made = ConsistencyProof(old, tuple(program.tree.consistency_proof(old, new)), note)
    _write(made.encode(), file)


def check_consistency(
    file: Annotated[Path, typer.Argument(help="A file written by `consistency`.")],
    note: Annotated[Path, typer.Option(help="The older checkpoint, as you kept it.")],
    key: _Keys,
    *,
    json: Json = False,
) -> None:
    """Check that a newer checkpoint extends the older one that you hold, without a database or a network."""
    old, new = parse_consistency_proof(_read(file)).check(_read(note), _ring(key))
    extended = Extended(old.origin, old.tree_size, new.tree_size, new.root_hash.hex())
    _say(extended, f"Proven: {old.origin} has only grown", json=json)


def _ring(keys: list[str]) -> KeyRing:
    *retired, current = map(Verifier.parse, keys)
    return KeyRing(current, retired)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileUnusable(f"{file}: cannot be read: {error.strerror}", hint="Name an existing file.") from error


def _write(data: bytes, file: Path | None) -> None:
    if file is None:
        output.out(data.decode(), end="", highlight=False)
        return
    try:
        file.write_bytes(data)
    except OSError as error:
        raise FileUnusable(f"{file}: cannot be written: {error.strerror}", hint="Name another file.") from error


def _say(found: Proven | Extended, title: str, *, json: bool) -> None:
    if json:
        output.out(msgspec.json.encode(found).decode(), highlight=False)
        return
    output.out(title, highlight=False)
    for name, value in msgspec.structs.asdict(found).items():
        if value != {}:
            output.out(f"  {name.replace('_', ' '):15} {value}", highlight=False)
