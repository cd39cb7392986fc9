"""``atlas-ledger ledger archive|drop|restore|redact|resume``: ranges of the log as files, and what operators decide."""

import time
from typing import Annotated

import typer

from atlas.bootstrap import open_program
from atlas.cli.console import output
from atlas.cli.options import Config
from atlas.ledger import recovery
from atlas.ledger.archive.manifests import Range
from atlas.ledger.operations import archiving, redacting
from atlas.ledger.operations.withholding import archived_range
from atlas.settings import load


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``ledger``."""
    for command in (archive, drop, restore, redact, resume):
        app.command()(command)


def archive(config: Config = None) -> None:
    """Write every complete partition of the log that is not archived yet: Parquet, tiles, a signed checkpoint."""
    with open_program(load(config)) as program:
        written = archiving.archive(program.ledger, program.checkpointer, progress=_say("archived"))
        if not written:
            output.print(
                "No partition is complete that is not archived already; one with a redacted payload waits until the "
                "decision's own partition is complete.",
                soft_wrap=True,
            )


def drop(config: Config = None) -> None:
    """Drop the archived partitions from the database, each after its files were read again and checked."""
    with open_program(load(config)) as program:
        if not archiving.drop(program.ledger, program.key_ring, progress=_say("dropped")):
            output.print("Nothing is archived that is still in the database.")


def restore(config: Config = None) -> None:
    """Fill an empty database from the archive, up to the roots that its checkpoints sign.

    When a checkpoint over more was published, the log is halted until an operator decides.
    """
    with open_program(load(config)) as program:
        recovery.reopen_empty(program.database)
        archiving.restore(program.ledger, program.key_ring, progress=_say("restored"))
        root = program.tree.root(program.ledger.head()).hex()
        output.print(f"The log has {program.ledger.head():,} facts again, root {root}.", soft_wrap=True)
        program.high_water.watch()


def redact(
    position: Annotated[int, typer.Argument(help="Position of the fact whose payload is withheld.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded in the log.")],
    authoriser: Annotated[str, typer.Option(help="By whose authority; it is recorded in the log.")],
    config: Config = None,
) -> None:
    """Take a payload out of the log for ever, by a decision that the log records; every proof stays as it is."""
    with open_program(load(config)) as program:
        archived = archived_range(program.database, position) is not None
        decision = redacting.redact(
            program.ledger,
            position,
            reason=reason,
            authoriser=authoriser,
            decided_at_ms=_now_ms(),
            checkpointer=program.checkpointer if archived else None,
        )
        output.print(
            f"The payload at position {position} is withheld ({decision.payload_bytes} bytes, SHA-256 "
            f"{decision.payload_sha256.hex()}): {decision.reason}, authorised by {decision.authoriser}.",
            soft_wrap=True,
            markup=False,
        )


def resume(
    reason: Annotated[str, typer.Option(help="Why; it is recorded in the log.")],
    authoriser: Annotated[str, typer.Option(help="By whose authority; it is recorded in the log.")],
    config: Config = None,
) -> None:
    """Append again to a log that was halted because it is behind a signed checkpoint; the log records the decision."""
    with open_program(load(config)) as program:
        decision, aside = program.high_water.resume(
            program.ledger, reason=reason, authoriser=authoriser, decided_at_ms=_now_ms()
        )
        output.print(
            f"Appending goes on after position {decision.head}; it was halted because {decision.halted}.",
            soft_wrap=True,
            markup=False,
        )
        if aside is not None:
            output.print(
                f"The checkpoint that the log does not extend is kept in {aside}.", soft_wrap=True, markup=False
            )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(done: str) -> archiving.Progress:
    def say(part: Range) -> None:
        output.print(f"{done} positions {part.first:,} to {part.last:,}")

    return say
