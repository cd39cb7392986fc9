"""``atlas-ledger keys``: making and showing the keys of a ledger."""

import typer

from atlas.bootstrap import create_keys
from atlas.cli.console import output, shown
from atlas.cli.options import Config
from atlas.ledger.notes import Signer
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
    """Print the verifier key of the log, to hand to auditors."""
    settings = load(config)
    signer = Signer.load(settings.path(settings.ledger.key_file))
    output.print(signer.verifier.format(), soft_wrap=True, highlight=False)
