"""``atlas-ledger ledger``: the log's checkpoints, proofs, verification and numbers."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress

from atlas.bootstrap import Program, load_signing_key, open_program
from atlas.cli import proofs
from atlas.cli.console import output
from atlas.cli.options import Config, Json
from atlas.ledger.checkpoints.checkpointer import latest_note, parse_checkpoint
from atlas.ledger.checkpoints.cosignatures import Witness, store_cosignature
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import SignedNote, Verifier, parse_note
from atlas.ledger.errors import LedgerError
from atlas.ledger.operations.statistics import log_statistics
from atlas.ledger.verification.ranges import verify_range
from atlas.ledger.verification.whole import verify_ledger
from atlas.settings import SettingsError, load

app = typer.Typer(no_args_is_help=True, help="The log: its checkpoints, proofs, verification and numbers.")
app.command()(proofs.proof)
app.command()(proofs.check_proof)
app.command()(proofs.consistency)
app.command()(proofs.check_consistency)


class NoteMissing(LedgerError):
    """There is no signed checkpoint to hold the log against."""

    exit_code = 2


class Verified(msgspec.Struct, frozen=True):
    """What was verified, against which checkpoint."""

    origin: str
    first: int
    last: int
    tree_size: int
    root_hash: str


@app.command()
def checkpoint(config: Config = None) -> None:
    """Sign and print a checkpoint of the log as it is now (C2SP tlog-checkpoint)."""
    with open_program(load(config)) as program:
        output.out(program.checkpointer.checkpoint().encode().decode(), end="", highlight=False)


@app.command()
def verify(
    config: Config = None,
    key: Annotated[str | None, typer.Option(help="Verifier key of the log; else that of ledger.key_file.")] = None,
    note: Annotated[Path | None, typer.Option(help="File of a signed checkpoint; else the latest known here.")] = None,
    first: Annotated[int | None, typer.Option("--from", min=1, help="First position; else 1.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Last position; else the checkpoint's.")] = None,
    *,
    json: Json = False,
) -> None:
    """Hash every stored entry again, or those of a range, and hold them against the signed checkpoint."""
    with open_program(load(config)) as program:
        ring = KeyRing(Verifier.parse(key)) if key else program.key_ring
        data = _note(program, note)
        covered = ring.open(data).checkpoint
        whole = first is None and last is None
        first, last = first or 1, last or (program.ledger.head() if whole else covered.tree_size)
        with Progress(console=output, transient=True, disable=json or not output.is_terminal) as bar:
            task = bar.add_task("verifying", total=None)

            def progress(at: int, total: int) -> None:
                bar.update(task, completed=at, total=total)

            if whole:
                verify_ledger(
                    program.ledger,
                    data,
                    ring.current,
                    retired=ring.verifiers[:-1],
                    witnesses=[Witness.parse(witness.key) for witness in program.settings.witnesses],
                    progress=progress,
                )
            else:
                verify_range(program.ledger, data, ring, first=first, last=last, progress=progress)
    _print(
        Verified(covered.origin, first, last, covered.tree_size, covered.root_hash.hex()),
        f"The log is as it was signed: {last - first + 1:,} facts{'' if whole else f' from position {first:,}'}, "
        f"checkpoint over {covered.tree_size:,}, root {covered.root_hash.hex()}.",
        json=json,
    )


@app.command()
def anchor(config: Config = None, *, json: Json = False) -> None:
    """Sign a checkpoint of the log as it is now, and put its root on chain (see the table anchoring)."""
    with open_program(load(config)) as program:
        anchored = program.anchor(program.checkpointer.checkpoint())
    _print(
        anchored,
        f"Anchored on {anchored.chain}: {anchored.tree_size:,} facts, root {anchored.root_hash}, "
        f"transaction {anchored.transaction}",
        json=json,
    )


@app.command()
def cosign(
    note: Annotated[
        Path | None, typer.Option(help="File of a checkpoint that a witness cosigned; else the witnesses are asked.")
    ] = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Collect the cosignatures of the configured witnesses (C2SP tlog-witness), or take over those in a file."""
    settings = load(config)
    if not settings.witnesses:
        raise SettingsError("there is no witness", hint="Add [[witnesses]]; see `atlas-ledger config example`.")
    with open_program(settings) as program:
        times = _ask(program) if note is None else _import(program, _note(program, note))
    _print(times, "\n".join(f"Cosigned by {name} at {time}" for name, time in times.items()), json=json)


@app.command()
def hand_over(
    successor: Annotated[Path, typer.Argument(help="The configuration file of tomorrow, which names the new key.")],
    config: Config = None,
) -> None:
    """Sign a checkpoint with the present key and the new one together, and print it: the present key then retires."""
    settings, tomorrow = load(config), load(successor)
    with open_program(settings) as program:
        present = program.log_signer.verifier.format()
        if present not in tomorrow.ledger.retired_keys:
            raise SettingsError(
                f"{successor}: ledger.retired_keys lacks the present key {present}", hint="Add it as the last one."
            )
        note = program.checkpointer.hand_over(load_signing_key(tomorrow))
    output.out(note.encode().decode(), end="", highlight=False)


@app.command()
def stats(config: Config = None, *, json: Json = False) -> None:
    """Print the log's size, its tree, checkpoints and cosignatures, and how fast it grows."""
    with open_program(load(config)) as program:
        numbers = log_statistics(program.database, program.settings.ledger.origin)
    lines = (f"{name.replace('_', ' '):21} {_text(value)}" for name, value in msgspec.structs.asdict(numbers).items())
    _print(numbers, "\n".join(lines), json=json)


def _ask(program: Program) -> dict[str, str]:
    """Every witness is asked; the first failure is raised when all have been."""
    note = program.checkpointer.checkpoint()
    times: dict[str, str] = {}
    failures: list[LedgerError] = []
    with program.witnesses() as witnesses:
        for name, answer in [(name, witnesses.ask(name, note)) for name in witnesses.names]:
            try:
                times[name] = answer.result().isoformat()
            except LedgerError as error:
                failures.append(error)
    if failures:
        raise failures[0]
    return times


def _import(program: Program, data: bytes) -> dict[str, str]:
    """The cosignatures in a note that must be a checkpoint of this log, as it is."""
    note = parse_note(data)
    signed = program.key_ring.open(note).checkpoint
    if program.tree.root(signed.tree_size) != signed.root_hash:
        raise LedgerError(
            f"the checkpoint over {signed.tree_size} facts is not one of the log as it is here",
            hint="Keep it, and verify the log against it: `atlas-ledger ledger verify --note FILE`.",
        )
    lines = {(line.name, line.key_id) for line in note.signatures}
    witnesses = [Witness.parse(witness.key) for witness in program.settings.witnesses]
    present = [witness for witness in witnesses if (witness.name, witness.key_id) in lines]
    if not present:
        raise LedgerError(
            "none of the configured witnesses has cosigned this checkpoint",
            hint="Name a note with their cosignatures, or add the witness that signed it to [[witnesses]].",
        )
    return {witness.name: store_cosignature(program.database, note, witness).isoformat() for witness in present}


def _note(program: Program, file: Path | None) -> bytes:
    if file:
        try:
            return file.read_bytes()
        except OSError as error:
            raise NoteMissing(f"{file}: cannot be read: {error.strerror}", hint="Name the file of a note.") from error
    return _latest(program).encode()


def _latest(program: Program) -> SignedNote:
    """The newest checkpoint that one of the log's keys has signed, also when the database has forgotten it."""
    stored = [latest_note(program.database, key) for key in program.key_ring.verifiers]
    notes = [note for note in (*stored, program.high_water.note()) if note is not None]
    if not notes:
        raise NoteMissing("no checkpoint was signed yet", hint="Sign one with `atlas-ledger ledger checkpoint`.")
    return max(notes, key=lambda note: parse_checkpoint(note.text).tree_size)


def _print(found: msgspec.Struct | dict[str, str], text: str, *, json: bool) -> None:
    output.out(msgspec.json.encode(found).decode() if json else text, highlight=False)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
