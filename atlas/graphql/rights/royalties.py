"""``royaltyPreview`` and ``statement``: who would be paid what of a receipt, and what one payee has accrued."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
import strawberry
from strawberry.types import Info

from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput, LimitExceeded
from atlas.graphql.rights.decisions import known_position, query_of, told
from atlas.graphql.scalars import Aaid, Address, BigInt, Bytes, DateTime
from atlas.graphql.types import AsOf, page_size
from atlas.projections.books import VIEWS, earning_works, read_books, sources_of
from atlas.projections.errors import BooksTooLarge
from atlas.projections.rights import Query
from atlas.projections.views.values import moment
from atlas.protocol.errors import ProtocolError
from atlas.protocol.ids import parse_chain
from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.errors import RightsError
from atlas.rights.royalties import accruals, lines, statements
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.revenue import Books, Receipt
from atlas.rights.royalties.rounding import LARGEST_REMAINDER
from atlas.rights.royalties.rules import ALL_PATHS
from atlas.rights.royalties.statements import SALT_BYTES, Period, StatementFile, state, write

T = TypeVar("T")

_BEGINNING = BigInt(0)
PUBLIC_SALT = Bytes(bytes(SALT_BYTES))
strawberry.enum(accruals.Reason, name="AccrualReason", description="Why a work got a part of a receipt.")

Rule = Annotated[str, told("The royalty rule: stack-all-paths/1, stack-visit-once/1 or per-hop-product/1.")]


@strawberry.type(description="What one work gets of a receipt.")
class RoyaltyPart:
    """What one work gets of a receipt, before its shares divide it."""

    aaid: Aaid = strawberry.field(description="The work.")
    via: Aaid | None = strawberry.field(description="The work that derives from it, on whose link it came.")
    reason: accruals.Reason = strawberry.field(description="Why.")
    gross_wei: BigInt = strawberry.field(description="What the rule gives it.")
    over_ceiling_wei: BigInt = strawberry.field(description="What of that is over the license's ceiling.")
    recouped_wei: BigInt = strawberry.field(description="What of that recoups the license's minimum guarantee.")
    amount_wei: BigInt = strawberry.field(description="What it gets.")
    held: bool = strawberry.field(description="Whether a pending dispute holds it back.")


@strawberry.type(description="What one payee gets of a receipt, through one work.")
class PayeePart:
    """What one payee gets of a receipt."""

    payee: Address = strawberry.field(description="Who is paid.")
    aaid: Aaid = strawberry.field(description="Through which work.")
    role: Beneficiary = strawberry.field(description="As what.")
    share: str = strawberry.field(description="The share of the work, as a fraction.")
    amount_wei: BigInt = strawberry.field(description="How much.")


@strawberry.type(description="Who would be paid what of a receipt that came in now.")
class RoyaltyPreview:
    """Who would be paid what."""

    rule: str = strawberry.field(description="The royalty rule.")
    rounding: str = strawberry.field(description="The rule that royalties are rounded by.")
    currency: str = strawberry.field(description="What is paid with, as CAIP-19.")
    known_position: BigInt = strawberry.field(description="By what the ledger said up to here.")
    works: list[RoyaltyPart] = strawberry.field(description="The works' parts; they sum to the receipt.")
    payees: list[PayeePart] = strawberry.field(description="The payees' parts; they sum to the receipt too.")


@strawberry.type(description="One line of a royalty statement: a part that the payee accrued.")
class StatementLine:
    """One line of a royalty statement."""

    number: int = strawberry.field(description="Its number, counted from 0: the one that `prove-line` takes.")
    position: BigInt = strawberry.field(description="The ledger position of the receipt, or of the link.")
    at: DateTime | None = strawberry.field(description="When; null for a guarantee.")
    kind: RevenueKind = strawberry.field(description="What the work earned from.")
    reason: accruals.Reason = strawberry.field(description="Why.")
    rule: str = strawberry.field(description="The royalty rule of that position.")
    source: Aaid = strawberry.field(description="The work that received.")
    aaid: Aaid = strawberry.field(description="The work whose shares divide it.")
    via: Aaid | None = strawberry.field(description="The link's child, for a royalty.")
    gross_wei: BigInt = strawberry.field(description="For all payees of the work, before ceiling and guarantee.")
    share: str = strawberry.field(description="The payee's share of the work, as a fraction.")
    amount_wei: BigInt = strawberry.field(description="For this payee.")
    held: bool = strawberry.field(description="Whether a pending dispute holds it back.")


@strawberry.type(description="The lines of one source, kind, reason and rule, added up.")
class StatementSubtotal:
    """Lines added up."""

    source: Aaid = strawberry.field(description="The work that received.")
    kind: RevenueKind = strawberry.field(description="What it earned from.")
    reason: accruals.Reason = strawberry.field(description="Why.")
    rule: str = strawberry.field(description="The royalty rule.")
    lines: int = strawberry.field(description="How many lines.")
    amount_wei: BigInt = strawberry.field(description="Their sum.")


@strawberry.type(description="One payment within the period of a statement.")
class StatementPayment:
    """One payment."""

    position: BigInt = strawberry.field(description="The ledger position of the claim.")
    at: DateTime = strawberry.field(description="When.")
    aaid: Aaid = strawberry.field(description="Out of which work's revenue.")
    amount_wei: BigInt = strawberry.field(description="How much.")


@strawberry.type(
    description="A royalty statement: opening + accrued - paid = closing, closing - held = payable, in wei."
)
class RoyaltyStatement:
    """A royalty statement."""

    file: strawberry.Private[StatementFile]
    size: strawberry.Private[int]
    begin: strawberry.Private[int]
    payee: Address = strawberry.field(description="Whose.")
    after: BigInt = strawberry.field(description="The period is the positions above this one ...")
    upto: BigInt = strawberry.field(description="... up to this one.")
    currency: str = strawberry.field(description="What is accounted in, as CAIP-19.")
    accrual_rule: str = strawberry.field(description="The rule that receipts accrue by.")
    inputs_sha256: Bytes = strawberry.field(description="SHA-256 of everything that the statement depends on.")
    lines_root: Bytes = strawberry.field(description="The Merkle root of the lines (RFC 6962).")
    opening_wei: BigInt = strawberry.field(description="Owed at the beginning.")
    accrued_wei: BigInt = strawberry.field(description="Accrued within the period.")
    paid_wei: BigInt = strawberry.field(description="Paid within the period.")
    closing_wei: BigInt = strawberry.field(description="Owed at the end.")
    held_wei: BigInt = strawberry.field(description="Of that, held back by disputes.")
    payable_wei: BigInt = strawberry.field(description="Of that, not held back.")
    line_count: int = strawberry.field(description="How many lines there are.")

    @strawberry.field(description="The lines of the page that `first` and `skip` ask for.")
    def lines(self) -> list[StatementLine]:
        """One page."""
        page = self.file.statement.lines[self.begin : self.begin + self.size]
        return [_line(number, line) for number, line in enumerate(page, self.begin)]

    @strawberry.field(description="The lines added up, as many as `first` asks for.")
    def subtotals(self) -> list[StatementSubtotal]:
        """By source, kind, reason and rule."""
        return [_subtotal(each) for each in self.file.statement.subtotals[: self.size]]

    @strawberry.field(description="The payments of the period, as many as `first` asks for.")
    def payments(self) -> list[StatementPayment]:
        """In order."""
        return [_payment(each) for each in self.file.statement.payments[: self.size]]

    @strawberry.field(
        description="The statement with all its inputs, as text: what `atlas-ledger rights recompute` takes."
    )
    def document(self) -> str:
        """The whole file."""
        return write(self.file).decode()


def royalty_preview(
    info: Info[RequestContext, None],
    aaid: Annotated[Aaid, told("The work that receives.")],
    amount_wei: Annotated[BigInt, told("How much, in wei.")],
    kind: Annotated[RevenueKind, told("What it earns from.")] = RevenueKind.VIEWING,
    rule: Rule = ALL_PATHS,
    first: Annotated[int | None, told("How many works and payees: 100 by default, 1000 at most.")] = None,
    as_of: Annotated[AsOf | None, told("By what the ledger said up to a position.")] = None,
) -> RoyaltyPreview:
    """The parts of a receipt. Raises BadInput, LimitExceeded, PositionNotReached."""
    request, size = info.context, page_size(first)
    known = known_position(request.snapshot, VIEWS, as_of)
    query = query_of(request.snapshot)

    def preview() -> RoyaltyPreview:
        books = read_books(query, sources_of(query, aaid, upto=known), rule=rule, upto=known)
        receipt = Receipt(known + 1, int(request.clock().timestamp()), aaid, kind, amount_wei, books.currency)
        return _preview(msgspec.structs.replace(books, receipts=(*books.receipts, receipt)), rule, known, size)

    return _answer(preview)


def statement(
    info: Info[RequestContext, None],
    payee: Annotated[Address, told("Whose.")],
    after: Annotated[BigInt, told("The last position before the period.")] = _BEGINNING,
    upto: Annotated[BigInt | None, told("The last position of the period; the latest otherwise.")] = None,
    rule: Rule = ALL_PATHS,
    chain: Annotated[str | None, told("Works of this chain only; a statement has one currency.")] = None,
    salt: Annotated[
        Bytes, told("32 bytes that keep lines which are not shown from being guessed; zeros where nothing is secret.")
    ] = PUBLIC_SALT,
    first: Annotated[int | None, told("How many lines: 100 by default, 1000 at most.")] = None,
    skip: Annotated[int, told("How many lines to leave out first.")] = 0,
) -> RoyaltyStatement:
    """The statement of a payee. Raises BadInput, LimitExceeded, PositionNotReached."""
    snapshot, size = info.context.snapshot, page_size(first)
    _require_chain(chain)
    end = known_position(snapshot, VIEWS, None if upto is None else AsOf(ledger_position=upto))
    query = query_of(snapshot)

    def stated() -> RoyaltyStatement:
        books = _books(query, payee, rule, end, chain)
        return _statement(state(books, Period(payee, after, end), salt=salt), size, max(skip, 0))

    return _answer(stated)


ROYALTY_PREVIEW = strawberry.field(
    royalty_preview,
    name="royaltyPreview",
    description="Who would be paid what, down to the wei, if a work received so much now: by its pool's shares and by "
    "the licenses that it and its sources were made under.",
)
STATEMENT = strawberry.field(
    statement,
    name="statement",
    description="The royalty statement of a payee for a period of ledger positions, with everything needed to "
    "recompute it offline.",
)


def _answer(make: Callable[[], T]) -> T:
    """What ``make`` makes; errors of the engine as the client's."""
    try:
        return make()
    except BooksTooLarge as error:
        raise LimitExceeded(error.message, hint=error.hint) from error
    except RightsError as error:
        raise BadInput(error.message, hint=error.hint) from error


def _require_chain(chain: str | None) -> None:
    """Raises BadInput for text that is no chain's name: PostgreSQL does not take all of it."""
    try:
        if chain is not None:
            parse_chain(chain)
    except ProtocolError as error:
        raise BadInput(error.message, hint=error.hint) from error


def _books(query: Query, payee: bytes, rule: str, upto: int, chain: str | None) -> Books:
    return read_books(query, earning_works(query, payee, upto=upto, chain=chain), rule=rule, upto=upto)


def _preview(books: Books, rule: str, known: int, size: int) -> RoyaltyPreview:
    accrual = Accrual(books)
    flows = [flow for flow in accrual.flows(upto=known + 1) if flow.position == known + 1]
    payees = (
        PayeePart(
            payee=Address(share.payee),
            aaid=Aaid(flow.asset),
            role=share.role,
            share=str(share.share),
            amount_wei=BigInt(part),
        )
        for flow in flows
        for share, part in zip(
            accrual.works[flow.asset].shares, accrual.divisions[flow.asset].parts(flow.amount_wei), strict=True
        )
    )
    works = [_part(flow, held=accrual.is_held(flow, at=known + 1)) for flow in flows[:size]]
    return RoyaltyPreview(
        rule=rule,
        rounding=LARGEST_REMAINDER,
        currency=books.currency,
        known_position=BigInt(known),
        works=works,
        payees=[each for each, _ in zip(payees, range(size), strict=False)],
    )


def _part(flow: accruals.Flow, *, held: bool) -> RoyaltyPart:
    return RoyaltyPart(
        aaid=Aaid(flow.asset),
        via=None if flow.via is None else Aaid(flow.via),
        reason=flow.reason,
        gross_wei=BigInt(flow.gross_wei),
        over_ceiling_wei=BigInt(flow.over_ceiling_wei),
        recouped_wei=BigInt(flow.recouped_wei),
        amount_wei=BigInt(flow.amount_wei),
        held=held,
    )


def _statement(file: StatementFile, size: int, begin: int) -> RoyaltyStatement:
    found = file.statement
    return RoyaltyStatement(
        file=file,
        size=size,
        begin=begin,
        payee=Address(file.payee),
        after=BigInt(file.after),
        upto=BigInt(file.upto),
        currency=file.books.currency,
        accrual_rule=found.accrual_rule,
        inputs_sha256=Bytes(found.inputs_sha256),
        lines_root=Bytes(found.lines_root),
        opening_wei=BigInt(found.opening_wei),
        accrued_wei=BigInt(found.accrued_wei),
        paid_wei=BigInt(found.paid_wei),
        closing_wei=BigInt(found.closing_wei),
        held_wei=BigInt(found.held_wei),
        payable_wei=BigInt(found.payable_wei),
        line_count=len(found.lines),
    )


def _line(number: int, line: lines.Line) -> StatementLine:
    return StatementLine(
        number=number,
        position=BigInt(line.position),
        at=None if line.at is None else DateTime(moment(line.at)),
        kind=line.kind,
        reason=line.reason,
        rule=line.rule,
        source=Aaid(line.source),
        aaid=Aaid(line.asset),
        via=None if line.via is None else Aaid(line.via),
        gross_wei=BigInt(line.gross_wei),
        share=str(line.share),
        amount_wei=BigInt(line.amount_wei),
        held=line.held,
    )


def _subtotal(each: statements.Subtotal) -> StatementSubtotal:
    return StatementSubtotal(
        source=Aaid(each.source),
        kind=each.kind,
        reason=each.reason,
        rule=each.rule,
        lines=each.lines,
        amount_wei=BigInt(each.amount_wei),
    )


def _payment(each: statements.Paid) -> StatementPayment:
    return StatementPayment(
        position=BigInt(each.position),
        at=DateTime(moment(each.at)),
        aaid=Aaid(each.asset),
        amount_wei=BigInt(each.amount_wei),
    )
