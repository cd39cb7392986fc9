"""A royalty statement of one payee: what was owed, what accrued from which source by which rule, what was paid.

    {"after":…,"books":{…},"bounds":{…},"format":"atlas-royalty-statement/1","payee":"0x…","salt":"…",
     "statement":{…},"upto":…}

The period is the ledger positions above ``after``, up to ``upto``. The file holds all that the statement depends on,
and names every rule, so that anybody recomputes it, byte for byte, with nothing else at hand. ``inputs_sha256`` is the
hash of everything beside ``statement``: a change that alters no amount is found too.

Each line is a leaf of a tree (RFC 6962) whose root the statement names: lines.py shows one line without the others.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Final, Literal

import msgspec

from atlas.protocol.errors import AtlasError
from atlas.protocol.ids import ADDRESS_BYTES
from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.documents import Plain, decode, encode, to_text
from atlas.rights.errors import InvalidRevenue, StatementMismatch
from atlas.rights.royalties import accruals
from atlas.rights.royalties import rules as royalties
from atlas.rights.royalties.accruals import Accrual, Flow, Reason
from atlas.rights.royalties.lineage import Bounds
from atlas.rights.royalties.lines import Line, Sheet, lines_root, prove
from atlas.rights.royalties.revenue import Books, in_order

FORMAT: Final = "atlas-royalty-statement/1"
SALT_BYTES: Final = 32


class Subtotal(msgspec.Struct, frozen=True):
    """The lines of one source, kind, reason and rule, added up."""

    source: bytes
    kind: RevenueKind
    reason: Reason
    rule: str
    lines: int
    amount_wei: int


class Paid(msgspec.Struct, frozen=True):
    """One payment within the period."""

    position: int
    at: int
    asset: bytes
    amount_wei: int


class Statement(msgspec.Struct, frozen=True):
    """opening + accrued - paid = closing; closing - held = payable. ``held_wei`` is of all that was ever accrued."""

    accrual_rule: str
    royalty_rounding: str
    inputs_sha256: bytes
    opening_wei: int
    accrued_wei: int
    paid_wei: int
    closing_wei: int
    held_wei: int
    payable_wei: int
    subtotals: tuple[Subtotal, ...]
    lines: tuple[Line, ...]
    payments: tuple[Paid, ...]
    lines_root: bytes


class Period(msgspec.Struct, frozen=True):
    """Whose statement, and over which positions: above ``after``, up to ``upto``."""

    payee: bytes
    after: int
    upto: int


class Inputs(msgspec.Struct, frozen=True):
    """Everything that a statement depends on. ``salt`` keeps lines that are not shown from being guessed."""

    payee: bytes
    after: int
    upto: int
    salt: bytes
    bounds: Bounds
    books: Books
    format: Literal["atlas-royalty-statement/1"] = FORMAT


class StatementFile(msgspec.Struct, frozen=True):
    """A statement with its inputs: what the file holds."""

    payee: bytes
    after: int
    upto: int
    salt: bytes
    bounds: Bounds
    books: Books
    statement: Statement
    format: Literal["atlas-royalty-statement/1"] = FORMAT

    @property
    def inputs(self) -> Inputs:
        """Everything beside the statement."""
        return Inputs(self.payee, self.after, self.upto, self.salt, self.bounds, self.books)


def state(books: Books, period: Period, *, salt: bytes, bounds: Bounds = Bounds()) -> StatementFile:  # noqa: B008
    """The statement of a payee for a period. Raises InvalidRevenue, InvalidLineage, InvalidShares, UnknownRule."""
    if len(period.payee) != ADDRESS_BYTES or len(salt) != SALT_BYTES or not 0 <= period.after <= period.upto:
        raise InvalidRevenue(
            f"a statement is for an address of {ADDRESS_BYTES} bytes, over positions from 0 up, with a salt of"
            f" {SALT_BYTES} bytes; got {len(period.payee)} bytes, {period.after} to {period.upto}, {len(salt)} bytes",
            hint="Give the last position of the period before as `after`, and this period's last as `upto`.",
        )
    ordered = in_order(books)
    inputs = Inputs(period.payee, period.after, period.upto, salt, bounds, ordered)
    statement = _compute(inputs)
    return StatementFile(period.payee, period.after, period.upto, salt, bounds, ordered, statement)


def write(file: StatementFile) -> bytes:
    """The file's bytes."""
    return encode(file)


def recompute(data: bytes) -> StatementFile:
    """The statement in a file, after it was computed again from the file's inputs and came out the same.

    Raises StatementMismatch, which names the first difference.
    """
    file = decode(data, StatementFile)
    try:
        again = state(file.books, Period(file.payee, file.after, file.upto), salt=file.salt, bounds=file.bounds)
    except AtlasError as error:
        raise StatementMismatch(f"the inputs give no statement: {error.message}", hint=error.hint) from error
    if write(again) != data:
        where, said, computed = next(_differences("", to_text(file), to_text(again)))
        raise StatementMismatch(
            f"{where}: the file says {_short(said)}, its inputs give {_short(computed)}",
            hint="The file was changed after it was made, or was made by other rules than it names.",
        )
    return file


def prove_line(file: StatementFile, number: int) -> bytes:
    """The file that proves one line of a statement, counted from 0. Raises StatementMismatch for a line beyond it."""
    return prove(_sheet(file.inputs), file.statement.lines, number)


def _compute(inputs: Inputs) -> Statement:
    accrual = Accrual(inputs.books, inputs.bounds)
    everything = tuple(_lines(accrual, inputs))
    lines = tuple(line for line in everything if line.position > inputs.after)
    payments = [each for each in inputs.books.payments if each.payee == inputs.payee and each.position <= inputs.upto]
    period = tuple(
        Paid(each.position, each.at, each.asset, each.amount_wei) for each in payments if each.position > inputs.after
    )
    accrued_wei, paid_wei = _sum(lines), sum(each.amount_wei for each in period)
    closing_wei = _sum(everything) - sum(each.amount_wei for each in payments)
    held_wei = _sum([line for line in everything if line.held])
    return Statement(
        accrual_rule=accruals.RULE,
        royalty_rounding=royalties.ROUNDING,
        inputs_sha256=sha256(encode(inputs)).digest(),
        opening_wei=closing_wei - accrued_wei + paid_wei,
        accrued_wei=accrued_wei,
        paid_wei=paid_wei,
        closing_wei=closing_wei,
        held_wei=held_wei,
        payable_wei=closing_wei - held_wei,
        subtotals=_subtotals(lines),
        lines=lines,
        payments=period,
        lines_root=lines_root(_sheet(inputs), lines),
    )


def _lines(accrual: Accrual, inputs: Inputs) -> Iterator[Line]:
    """Every part of the payee, from the first position on."""
    places = {
        work.asset: [place for place, share in enumerate(work.shares) if share.payee == inputs.payee]
        for work in accrual.books.works
    }
    for flow in accrual.flows(upto=inputs.upto):
        if places[flow.asset]:
            parts = accrual.divisions[flow.asset].parts(flow.amount_wei)
            held = accrual.is_held(flow, at=inputs.upto)
            for ordinal in places[flow.asset]:
                yield _line(accrual, flow, ordinal, parts[ordinal], held=held)


def _line(accrual: Accrual, flow: Flow, ordinal: int, amount_wei: int, *, held: bool) -> Line:
    work = accrual.works[flow.asset]
    share = work.shares[ordinal]
    return Line(
        position=flow.position,
        at=flow.at,
        kind=flow.kind,
        reason=flow.reason,
        rule=flow.rule,
        rounding=work.rounding,
        source=flow.source,
        asset=flow.asset,
        via=flow.via,
        gross_wei=flow.gross_wei,
        over_ceiling_wei=flow.over_ceiling_wei,
        recouped_wei=flow.recouped_wei,
        role=share.role,
        ordinal=ordinal,
        share=share.share,
        amount_wei=amount_wei,
        held=held,
    )


def _subtotals(lines: Sequence[Line]) -> tuple[Subtotal, ...]:
    def key(line: Line) -> tuple[bytes, RevenueKind, Reason, str]:
        return line.source, line.kind, line.reason, line.rule

    grouped = ((group, list(members)) for group, members in groupby(sorted(lines, key=key), key))
    return tuple(Subtotal(*group, len(members), _sum(members)) for group, members in grouped)


def _sum(lines: Sequence[Line]) -> int:
    return sum(line.amount_wei for line in lines)


def _sheet(inputs: Inputs) -> Sheet:
    return Sheet(inputs.payee, inputs.after, inputs.upto, inputs.books.currency, inputs.salt)


def _differences(where: str, said: Plain, computed: Plain) -> Iterator[tuple[str, Plain, Plain]]:
    """Where two documents differ, in the order of the file."""
    if isinstance(said, dict) and isinstance(computed, dict):
        for key in sorted({*said, *computed}):
            yield from _differences(f"{where}.{key}".lstrip("."), said.get(key), computed.get(key))
    elif isinstance(said, list) and isinstance(computed, list) and len(said) == len(computed):
        for place, pair in enumerate(zip(said, computed, strict=True)):
            yield from _differences(f"{where}[{place}]", *pair)
    elif said != computed:
        yield where, said, computed


def _short(value: Plain) -> str:
    text = f"{len(value)} entries" if isinstance(value, list) else str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
