"""``atlas-ledger keys``: making and showing the keys of a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from atlas.bootstrap import create_keys, load_key_ring
from atlas.cli.console import output, shown
from atlas.cli.options import Config
from atlas.ledger.checkpoints.notes import Signer
from atlas.settings import SettingsError, load

app = typer.Typer(no_args_is_help=True, help="The keys that sign checkpoints and manifests.")


@app.command()
def init(config: Config = None) -> None:
    """Make a checkpoint key and a development certificate for C2PA; existing keys are never replaced."""
    settings = load(config)
    try:
        created = create_keys(settings)
    except OSError as error:
        raise SettingsError(
            f"keys cannot be written: {error.strerror}: {error.filename}",
            hint="Set data.directory, ledger.key_file and signing.directory to where this program may write.",
        ) from error
    output.print(f"Checkpoint verifier key: {created.verifier.format()}", soft_wrap=True, highlight=False)
    output.print(
        shown(f"Trust anchor for manifests: {settings.path(settings.signing.directory) / 'root.pem'}"), soft_wrap=True
    )
    output.print("The certificate is for development: for production, name one of a C2PA trust list instead.")


@app.command()
def show(config: Config = None) -> None:
    """Print the verifier keys of the log, to hand to auditors: retired ones first, the present one last."""
    for verifier in load_key_ring(load(config)).verifiers:
        output.print(verifier.format(), soft_wrap=True, highlight=False)


@app.command("next")
def make_next(
    file: Annotated[Path, typer.Argument(help="The new key file.")],
    config: Config = None,
) -> None:
    """Make the checkpoint key that is to follow the present one; see `atlas-ledger ledger hand-over`."""
    signer = Signer.generate(load_key_ring(load(config)).origin)
    signer.save(file)
    output.print(signer.verifier.format(), soft_wrap=True, highlight=False)
