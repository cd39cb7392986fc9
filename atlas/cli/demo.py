"""``atlas-ledger demo``: one work, from prompt to payout."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from atlas.cli.console import output
from atlas.demo.play import Options, play


def demo(
    directory: Annotated[Path, typer.Option(help="Where to play; emptied at the start.")] = Path(".demo"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the API.")] = 8000,
    exit: Annotated[bool, typer.Option("--exit", help="Return at the end, 1 if a check failed.")] = False,  # noqa: A002
) -> None:
    """Play a small production on a real PostgreSQL and a real EVM node, ask about it, check the answers."""
    signal.signal(signal.SIGTERM, _leave)
    play(Options(directory, port, exit), output)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End in order: node, server and PostgreSQL are stopped on the way out."""
    raise SystemExit(128 + number)
