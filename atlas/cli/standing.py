"""``atlas-ledger chain status`` and ``resolve``: how chains stand, and what to do when one left what is stored."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from atlas.bootstrap import open_program
from atlas.cli.console import output, shown
from atlas.cli.options import Config, Json
from atlas.indexer.chain.standing import ChainStanding, decide, standings
from atlas.settings import SettingsError, load


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``chain``."""
    app.command()(status)
    app.command()(resolve)


def status(config: Config = None, *, json: Json = False) -> None:
    """Print how the indexer of each chain fares: its state and the reason, how far it is, and the time left."""
    with open_program(load(config)) as program:
        found = standings(program.database)
    if json:
        output.out(msgspec.json.encode(found).decode(), highlight=False)
        return
    output.print(standing_table(found))
    for one in found:
        if one.reason:
            output.print(shown(f"{one.chain}: {one.reason}\nwhat to do: {one.hint}"), soft_wrap=True)


def resolve(
    chain: Annotated[str, typer.Argument(help="CAIP-2 id, such as eip155:1.")],
    config: Config = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow/--wait", help="Take the endpoint's chain, or wait for the stored one.")
    ],
    contradicting_finality: Annotated[
        bool, typer.Option("--contradicting-finality", help="Follow even if that leaves a finalized block.")
    ] = False,
) -> None:
    """Decide about a chain that is lagging or forked; its indexer acts on it, running or when it next runs."""
    if contradicting_finality and not follow:
        raise SettingsError("--contradicting-finality says how to follow", hint="Add --follow, or leave it out.")
    with open_program(load(config)) as program:
        before = decide(program.database, chain, follow=follow, contradicting_finality=contradicting_finality)
    what = "the endpoint's chain is followed" if follow else "the stored chain is waited for"
    output.print(shown(f"{chain} was {before.state}: {before.reason}"), soft_wrap=True)
    output.print(shown(f"Decided: {what}. `atlas-ledger chain status` says what has become of it."), soft_wrap=True)


def standing_table(found: list[ChainStanding]) -> Table:
    """One row a chain."""
    table = Table("chain", "state", "block", "head", "final", "left", "blocks/s", "time left")
    for one in found:
        numbers = [_number(value) for value in (one.tip, one.head, one.finalized, one.blocks_left)]
        table.add_row(one.chain, one.state, *numbers, f"{one.blocks_per_s:,.1f}", _duration(one.seconds_left))
    return table


def _number(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
