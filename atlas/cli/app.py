"""The command ``atlas-ledger``: its commands, and how any error leaves it."""

import typer

from atlas.cli import (
    archive,
    chain,
    config,
    demo,
    disputes,
    keys,
    ledger,
    recording,
    rights,
    services,
    standing,
    status,
    verify,
    workers,
)
from atlas.cli.console import fail, fail_internally
from atlas.protocol.errors import AtlasError

app = typer.Typer(
    name="atlas-ledger",
    help="An event-sourced ledger and indexer with an off-chain rights engine for AI-made cinema.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(services.up)
app.command()(services.index)
app.command()(services.project)
app.command()(services.sign)
app.command()(services.serve)
app.command()(status.status)
app.command()(verify.verify)
archive.register(ledger.app)
app.add_typer(ledger.app, name="ledger")
standing.register(chain.app)
app.add_typer(chain.app, name="chain")
recording.register(rights.app)
rights.app.add_typer(disputes.app, name="dispute")
app.add_typer(rights.app, name="rights")
app.add_typer(workers.app, name="workers")
app.add_typer(keys.app, name="keys")
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command line; every error becomes a message, a hint and an exit code."""
    try:
        app()
    except AtlasError as error:
        fail(error)
    except Exception as error:
        fail_internally(error)
