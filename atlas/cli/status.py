"""``atlas-ledger status``: how far everything is."""

import msgspec
from rich.table import Table

from atlas.bootstrap import Program, open_program
from atlas.cli.console import output
from atlas.cli.options import Config, Json
from atlas.cli.standing import standing_table
from atlas.indexer.chain.standing import ChainStanding, standings
from atlas.ledger.checkpoints.checkpointer import parse_checkpoint
from atlas.ledger.errors import InvalidKey
from atlas.projections.projector import ViewStatus
from atlas.projections.standing import ChainStatus, chain_status
from atlas.settings import load


class Status(msgspec.Struct, frozen=True):
    """All of it."""

    log_head: int
    checkpoint_size: int | None
    chains: tuple[ChainStatus, ...]
    views: tuple[ViewStatus, ...]
    indexers: tuple[ChainStanding, ...]


def status(config: Config = None, *, json: Json = False) -> None:
    """Print the log's head and how far chains, views and the checkpoint are behind it."""
    with open_program(load(config)) as program:
        current = _current(program)
    if json:
        output.out(msgspec.json.encode(current).decode(), highlight=False)
        return
    signed = "none" if current.checkpoint_size is None else f"over {current.checkpoint_size:,} facts"
    output.print(f"log: {current.log_head:,} facts, checkpoint {signed}")
    output.print(_chain_table(current.chains))
    output.print(standing_table(list(current.indexers)))
    output.print(_view_table(current.views))


def _current(program: Program) -> Status:
    return Status(
        log_head=program.ledger.head(),
        checkpoint_size=_checkpoint_size(program),
        chains=tuple(chain_status(program.database)),
        views=tuple(program.projector().status()),
        indexers=tuple(standings(program.database)),
    )


def _checkpoint_size(program: Program) -> int | None:
    """The size that the latest checkpoint covers; None without one, and where the log's key is not kept."""
    try:
        latest = program.checkpointer.latest()
    except InvalidKey:
        return None
    return parse_checkpoint(latest.text).tree_size if latest else None


def _chain_table(chains: tuple[ChainStatus, ...]) -> Table:
    table = Table("chain", "newest recorded block", "final block")
    for chain in chains:
        table.add_row(chain.chain, _number(chain.head), _number(chain.finalized))
    return table


def _view_table(views: tuple[ViewStatus, ...]) -> Table:
    table = Table("view", "version", "position", "behind by", "undecodable", "issues")
    for view in views:
        numbers = (view.version, view.position, view.lag, view.undecodable, view.issues)
        table.add_row(view.name, *map(_number, numbers))
    return table


def _number(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"
