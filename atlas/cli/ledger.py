"""``atlas-ledger ledger``: the log's checkpoint, and its verification."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from atlas.bootstrap import Program, open_program
from atlas.cli.console import output
from atlas.cli.options import Config
from atlas.ledger.checkpoints import open_checkpoint
from atlas.ledger.errors import LedgerError
from atlas.ledger.notes import Verifier
from atlas.ledger.verification import verify_ledger
from atlas.settings import load


class NoteMissing(LedgerError):
    """There is no signed checkpoint to hold the log against."""

    exit_code = 2


app = typer.Typer(no_args_is_help=True, help="The log: its checkpoint, and its verification.")


@app.command()
def checkpoint(config: Config = None) -> None:
    """Sign and print a checkpoint of the log as it is now (C2SP tlog-checkpoint)."""
    with open_program(load(config)) as program:
        output.out(program.checkpointer.checkpoint().encode().decode(), end="", highlight=False)


@app.command()
def verify(
    config: Config = None,
    key: Annotated[str | None, typer.Option(help="Verifier key of the log; else that of ledger.key_file.")] = None,
    note: Annotated[Path | None, typer.Option(help="File of a signed checkpoint; else the latest stored.")] = None,
) -> None:
    """Hash every stored entry again and hold the log against its signed checkpoint."""
    with open_program(load(config)) as program:
        verifier = Verifier.parse(key) if key else program.log_signer.verifier
        data = _note(program, note)
        with Progress(console=output, transient=True) as bar:
            task = bar.add_task("verifying", total=None)
            verify_ledger(
                program.ledger, data, verifier, progress=lambda at, head: bar.update(task, completed=at, total=head)
            )
        covered = open_checkpoint(data, verifier)
        output.print(
            f"The log is as it was signed: {program.ledger.head():,} facts, checkpoint over {covered.tree_size:,}, "
            f"root {covered.root_hash.hex()}.",
            soft_wrap=True,
        )


def _note(program: Program, file: Path | None) -> bytes:
    if file:
        try:
            return file.read_bytes()
        except OSError as error:
            raise NoteMissing(f"{file}: cannot be read: {error.strerror}", hint="Name the file of a note.") from error
    latest = program.checkpointer.latest()
    if latest is None:
        raise NoteMissing("no checkpoint was signed yet", hint="Sign one with `atlas-ledger ledger checkpoint`.")
    return latest.encode()
