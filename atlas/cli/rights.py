"""``atlas-ledger rights``: books from the views; royalty statements as files, recomputed and proved without a database.

Decisions that are recorded, and licenses in formats of others, have modules beside this.
"""

import secrets
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from atlas.bootstrap import open_program
from atlas.cli import decisions, odrl
from atlas.cli.console import output, shown, write
from atlas.cli.options import Config, Json
from atlas.projections.books import books_of
from atlas.protocol.ids import checksum_address, format_aaid, parse_address
from atlas.rights.documents import encode, parse
from atlas.rights.royalties import lines, simulation, statements
from atlas.rights.royalties.lines import LineProof
from atlas.rights.royalties.revenue import Books, RuleFrom
from atlas.rights.royalties.rules import ALL_PATHS
from atlas.rights.royalties.statements import SALT_BYTES, Period, Statement, StatementFile
from atlas.settings import load

app = typer.Typer(
    help="Rights: may it be used, what is missing; disputes and agreements; royalty statements; ODRL.",
    no_args_is_help=True,
)
app.command()(decisions.decide)
app.command()(decisions.conflicts)
app.command()(decisions.gap)
odrl.register(app)

_HASH_BYTES = 32
_Statement = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A royalty statement.")]
_Books = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Books: works, links, receipts, payments.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")]


@app.command("books")
def read_books(
    payee: Annotated[str, typer.Option(help="Address of the payee.")],
    rule: Annotated[str, typer.Option(help="Royalty rule from the first position on.")] = ALL_PATHS,
    upto: Annotated[int | None, typer.Option(min=0, help="Last position that counts; the latest otherwise.")] = None,
    chain: Annotated[str | None, typer.Option(help="Works of this chain only, as a CAIP-2 name.")] = None,
    file: _Output = None,
    config: Config = None,
) -> None:
    """Write the books that a payee's statement depends on, read from the views."""
    with open_program(load(config)) as program:
        found = books_of(program.database, parse_address(payee), rule=rule, upto=upto, chain=chain)
    write(encode(found), file)


@app.command()
def statement(
    books: _Books,
    payee: Annotated[str, typer.Option(help="Address of the payee.")],
    upto: Annotated[
        int | None, typer.Option(min=0, help="Last position of the period; the last in the books otherwise.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Last position before the period.")] = 0,
    salt: Annotated[
        str | None, typer.Option(help="64 hexadecimal digits, to make the same file again; else drawn.")
    ] = None,
    file: _Output = None,
) -> None:
    """Write a payee's royalty statement for a period, with everything that it depends on."""
    chosen = secrets.token_bytes(SALT_BYTES) if salt is None else _hash(salt)
    found = parse(books.read_bytes(), Books)
    period = Period(parse_address(payee), after, found.last_position if upto is None else upto)
    write(statements.write(statements.state(found, period, salt=chosen)), file)


@app.command()
def recompute(file: _Statement, *, json: Json = False) -> None:
    """Compute a statement again from its own inputs; exit 1, and the first difference, if a byte is not the same."""
    data = file.read_bytes()
    found = statements.recompute(data)
    if json:
        output.out(encode(found.statement).decode(), highlight=False)
        return
    output.out(f"Recomputed: {len(data):,} bytes, the same byte for byte", highlight=False)
    _say_statement(found)


@app.command()
def prove_line(
    file: _Statement,
    number: Annotated[int, typer.Argument(min=0, help="Number of the line, from 0.")],
    proof: _Output = None,
) -> None:
    """Write the proof of one line of a statement, which shows no other line."""
    write(statements.prove_line(statements.recompute(file.read_bytes()), number), proof)


@app.command()
def check_line(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file written by `prove-line`.")],
    root: Annotated[str, typer.Option(help="The statement's `lines_root`, from whom you trust: 64 digits.")],
    *,
    json: Json = False,
) -> None:
    """Check that a line is in the statement with that root, without the statement."""
    proven = lines.check_line(file.read_bytes(), _hash(root))
    if json:
        output.out(encode(proven).decode(), highlight=False)
        return
    _say_line(proven)


@app.command()
def what_if(
    books: _Books,
    other: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Books as they would be; else as they are.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Royalty rule in force from the first position on.")] = None,
    upto: Annotated[int | None, typer.Option(min=0, help="Last position that counts; else all.")] = None,
) -> None:
    """Print what every payee would accrue with other books or by another royalty rule, beside what it does."""
    before = parse(books.read_bytes(), Books)
    after = before if other is None else parse(other.read_bytes(), Books)
    if rule is not None:
        after = msgspec.structs.replace(after, rules=(RuleFrom(0, rule),))
    table = Table("payee", f"before, wei of {before.currency}", "after", "difference")
    for each in simulation.compare(before, after, upto=upto):
        amounts = each.before_wei, each.after_wei, each.difference_wei
        table.add_row(checksum_address(each.payee), *map(str, amounts))
    output.print(table)


def _say_statement(file: StatementFile) -> None:
    found = file.statement
    output.out(f"  payee      {checksum_address(file.payee)}", highlight=False)
    output.out(f"  positions  above {file.after}, up to {file.upto}", highlight=False)
    output.out(f"  rules      {found.accrual_rule}, {found.royalty_rounding}", highlight=False)
    output.out(f"  lines root {found.lines_root.hex()}", highlight=False)
    output.print(_amounts(found, file.books.currency))
    output.print(_subtotals(found))


def _amounts(found: Statement, currency: str) -> Table:
    table = Table("", f"wei of {currency}")
    table.columns[1].justify = "right"
    for name in ("opening", "accrued", "paid", "closing", "held", "payable"):
        table.add_row(name, str(getattr(found, f"{name}_wei")))
    return table


def _subtotals(found: Statement) -> Table:
    table = Table("accrued from", "kind", "reason", "rule", "lines", "wei")
    for each in found.subtotals:
        place = f"{format_aaid(each.source)[:17]}...", each.kind, each.reason, each.rule
        table.add_row(*place, f"{each.lines:,}", str(each.amount_wei))
    return table


def _say_line(proven: LineProof) -> None:
    line = proven.line
    output.out(f"Proven: line {proven.number} of {proven.size} holds", highlight=False)
    told = {
        "payee": checksum_address(proven.payee),
        "positions": f"above {proven.after}, up to {proven.upto}",
        "receipt": f"position {line.position}, {line.kind}, {line.reason} by {line.rule}, {line.rounding}",
        "source": format_aaid(line.source),
        "work": format_aaid(line.asset),
        "share": f"{line.share} as {line.role}",
        "amount": f"{line.amount_wei} wei of {proven.currency}{', held' if line.held else ''}",
    }
    for name, value in told.items():
        output.print(shown(f"  {name:10} {value}"), soft_wrap=True)


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise typer.BadParameter(f"{text[:100]!r} is not {2 * _HASH_BYTES} hexadecimal digits")
    return value
