"""``atlas-ledger workers``: importing records, the quarantine, and where workers are."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from atlas.bootstrap import Program, open_program
from atlas.cli.console import errors, output, shown
from atlas.cli.options import Config, Json
from atlas.indexer.workers.errors import ImportFailed
from atlas.indexer.workers.intake.bulk import BadFrame, ImportTally, import_frames
from atlas.indexer.workers.intake.importing import files_below, open_file, open_input, read_frames
from atlas.indexer.workers.intake.outcomes import Submission
from atlas.indexer.workers.intake.quarantine import Held, QuarantineTotals
from atlas.protocol.ids import checksum_address, parse_address
from atlas.settings import load

app = typer.Typer(no_args_is_help=True, help="Workers: import of their records, quarantine, and where they are.")
quarantine = typer.Typer(no_args_is_help=True, help="Records of workers without a stake, kept apart from the log.")
app.add_typer(quarantine, name="quarantine")

_PROGRESS_INTERVAL_S = 5.0
_BAD_SHOWN = 100

Worker = Annotated[str, typer.Argument(help="The worker's address, 0x and 40 hex digits.")]


class HeldWorker(msgspec.Struct, frozen=True):
    """What is kept apart of one worker, for JSON."""

    worker: str
    records: int
    size_bytes: int
    first_sequence: int
    last_sequence: int
    since: datetime


class WorkersStatus(msgspec.Struct, frozen=True):
    """What is kept apart."""

    totals: QuarantineTotals
    held: tuple[HeldWorker, ...]


@app.command("import")
def import_records(
    path: Annotated[str, typer.Argument(help="A file or a directory of records; - reads standard input.")],
    config: Config = None,
) -> None:
    """Take signed records from files into the log; what is bad is shown with its offset, and the rest lands."""
    sources = [None] if path == "-" else files_below(Path(path))
    with open_program(load(config)) as program:
        refused = sum(_import_one(program, source) for source in sources)
    if refused:
        raise ImportFailed(
            f"{refused:,} parts of the import were refused; the rest is in the ledger",
            hint="The lines above say where they are. Import again what has been mended: nothing is stored twice.",
        )


@app.command()
def status(config: Config = None, *, json: Json = False) -> None:
    """Print what the quarantine holds, and how much of it was ever dropped for want of room."""
    with open_program(load(config)) as program:
        held = program.quarantine.held()
        current = WorkersStatus(program.quarantine.totals(), tuple(map(_view, held)))
    if json:
        output.out(msgspec.json.encode(current).decode(), highlight=False)
        return
    totals = current.totals
    output.print(f"quarantine: {totals.records:,} records, {totals.size_bytes:,} bytes")
    output.print(f"dropped for want of room so far: {totals.expired_records:,} records, {totals.expired_bytes:,} bytes")


@quarantine.command("list")
def list_held(config: Config = None) -> None:
    """Print whose records are kept apart, those that wait longest first."""
    with open_program(load(config)) as program:
        held = program.quarantine.held()
    table = Table("worker", "records", "bytes", "numbers", "since")
    table.columns[0].min_width = len("0x") + 40  # an address is for copying, whatever the width
    for one in held:
        numbers = f"{one.first_sequence} to {one.last_sequence}"
        since = f"{one.since:%Y-%m-%d %H:%M:%S}"
        table.add_row(checksum_address(one.worker), f"{one.records:,}", f"{one.size_bytes:,}", numbers, since)
    output.print(table)


@quarantine.command()
def release(worker: Worker, config: Config = None) -> None:
    """Take a worker's records into the log by your decision, whether or not the worker has a stake."""
    with open_program(load(config)) as program:
        submission = program.intake().release(parse_address(worker), forced=True)
    _show_release(submission)


@quarantine.command()
def drop(worker: Worker, config: Config = None) -> None:
    """Delete a worker's records from the quarantine, for good."""
    with open_program(load(config)) as program:
        dropped = program.quarantine.drop(parse_address(worker))
    output.print(f"{dropped:,} records dropped")


def _view(held: Held) -> HeldWorker:
    worker, *others = msgspec.structs.astuple(held)
    return HeldWorker(checksum_address(worker), *others)


def _import_one(program: Program, path: Path | None) -> int:
    name = "standard input" if path is None else str(path)
    bad = 0

    def on_bad(one: BadFrame) -> None:
        nonlocal bad
        bad += 1
        if bad <= _BAD_SHOWN:
            errors.print(shown(f"{name}, byte {one.offset}: {one.code}: {one.reason}"))
        elif bad == _BAD_SHOWN + 1:
            errors.print(f"{name}: more of them, counted only")

    on_progress = _progress(name, time.monotonic)
    try:
        with open_input() if path is None else open_file(path) as source:
            tally = import_frames(program.intake(), read_frames(source), on_bad=on_bad, on_progress=on_progress)
    except ImportFailed as error:
        errors.print(shown(f"{name}: {error.code}: {error.message}. {error.hint}"))
        return bad + 1
    for gap in tally.gaps:
        numbers = f"{gap.first} to {gap.last}"
        errors.print(shown(f"{name}: records {numbers} of worker {checksum_address(gap.worker)} are missing"))
    output.print(
        shown(
            f"{name}: {tally.stored:,} stored, {tally.duplicates:,} there before,"
            f" {tally.quarantined:,} in quarantine, {tally.bad:,} refused"
        ),
        soft_wrap=True,
    )
    return tally.bad


def _progress(name: str, clock: Callable[[], float]) -> Callable[[ImportTally], None]:
    due_s = clock() + _PROGRESS_INTERVAL_S

    def on_progress(tally: ImportTally) -> None:
        nonlocal due_s
        if clock() >= due_s:
            due_s = clock() + _PROGRESS_INTERVAL_S
            rate = tally.records / tally.elapsed_s
            errors.print(shown(f"{name}: {tally.records:,} records, {rate:,.0f} a second, byte {tally.read_bytes:,}"))

    return on_progress


def _show_release(submission: Submission) -> None:
    for refusal in submission.refusals:
        errors.print(shown(f"{refusal.error.code}: {refusal.error.message}"))
    output.print(f"{len(submission.receipts):,} records released, {len(submission.refusals):,} stay")
