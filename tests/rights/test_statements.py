import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.errors import AtlasError
from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.errors import InvalidRevenue, StatementMismatch
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.revenue import Books, Hold
from atlas.rights.royalties.statements import Period, StatementFile, recompute, state, write
from tests.rights.books import FILM, HERO, books, payee, payment, receipt, some_books

SALT = bytes(range(32))


def example() -> StatementFile:
    """The hero's owner: two receipts before the period, three in it, two payments, one part held."""
    made = books(
        *(receipt(position, FILM, 1_000) for position in (3, 4, 12, 13)),
        receipt(14, HERO, 300, RevenueKind.LICENSING),
        payments=(payment(5, HERO, 2, 100), payment(15, HERO, 2, 50), payment(16, HERO, 9, 7)),
        holds=(Hold(13, None, FILM),),
    )
    return state(made, Period(payee(2), 10, 20), salt=SALT)


def test_a_statement_opens_accrues_pays_and_closes() -> None:
    found = example().statement
    assert (found.opening_wei, found.accrued_wei, found.paid_wei, found.closing_wei) == (34, 314, 50, 298)
    assert (found.held_wei, found.payable_wei) == (67, 231)
    assert [(line.position, line.reason, line.amount_wei, line.held) for line in found.lines] == [
        (12, "royalty", 67, False),
        (13, "royalty", 67, True),
        (14, "share", 180, False),
    ]
    assert [(each.source, each.kind, each.reason, each.lines, each.amount_wei) for each in found.subtotals] == [
        (FILM, "viewing", "royalty", 2, 134),
        (HERO, "licensing", "share", 1, 180),
    ]
    assert [each.position for each in found.payments] == [15]


def test_a_period_holds_its_last_position_and_not_the_one_before_it() -> None:
    made = books(
        *(receipt(position, HERO, 300) for position in (10, 20, 21)),
        links=(),
        payments=(payment(11, HERO, 2, 1), payment(12, HERO, 2, 1)),
    )
    by_receipts = state(made, Period(payee(2), 10, 20), salt=SALT).statement
    assert [line.position for line in by_receipts.lines] == [20]
    assert (by_receipts.opening_wei, by_receipts.accrued_wei) == (200, 200)
    by_payments = state(made, Period(payee(2), 11, 12), salt=SALT).statement
    assert [paid.position for paid in by_payments.payments] == [12]
    assert by_payments.opening_wei == 199


def test_a_statement_names_every_rule() -> None:
    found = example().statement
    assert (found.accrual_rule, found.royalty_rounding) == ("accrue-at-position/1", "lr/1")
    assert {(line.rule, line.rounding) for line in found.lines} == {("stack-all-paths/1", "lr/1")}


def test_a_statement_recomputes_byte_for_byte() -> None:
    data = write(example())
    assert write(recompute(data)) == data


@given(some_books(), st.integers(1, 9), st.integers(0, 60), st.integers(60, 100))
def test_any_statement_recomputes(drawn: Books, number: int, after: int, upto: int) -> None:
    made = state(drawn, Period(payee(number), after, upto), salt=SALT)
    assert recompute(write(made)) == made


@given(some_books(), st.integers(1, 9), st.integers(1, 90))
def test_a_period_opens_where_the_one_before_closed(drawn: Books, number: int, cut: int) -> None:
    first = state(drawn, Period(payee(number), 0, cut), salt=SALT).statement
    second = state(drawn, Period(payee(number), cut, 100), salt=SALT).statement
    whole = state(drawn, Period(payee(number), 0, 100), salt=SALT).statement
    assert second.opening_wei == first.closing_wei
    assert second.closing_wei == whole.closing_wei == whole.accrued_wei - whole.paid_wei


@given(some_books())
def test_the_statements_of_all_payees_add_up_to_what_accrued(drawn: Books) -> None:
    payees = {share.payee for work in drawn.works for share in work.shares}
    stated = sum(state(drawn, Period(each, 0, 60), salt=SALT).statement.accrued_wei for each in payees)
    assert stated == sum(Accrual(drawn).totals(upto=60).values())


@pytest.mark.parametrize("flipped", [1, 16, 128])
def test_a_statement_with_one_byte_changed_is_refused(flipped: int) -> None:
    data = write(example())
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= flipped
        with pytest.raises(StatementMismatch):
            recompute(bytes(changed))


@pytest.mark.parametrize(
    ("said", "changed", "where"),
    [
        (b'"closing_wei":"298"', b'"closing_wei":"299"', r"statement\.closing_wei: the file says 299, .* give 298"),
        (b'"held":true', b'"held":null', "not a document"),
        (b'"amount_wei":"180"', b'"amount_wei":"181"', r"statement\.lines\[2\]\.amount_wei: the file says 181"),
        (b'"at":1700000015', b'"at":1700000016', r"statement\.inputs_sha256"),
        (b'"rule":"stack-all-paths/1"}],"works"', b'"rule":"stack-all-paths/2"}],"works"', "is no royalty rule"),
        (b'"share":"1/10"', b'"share":"9/10"', "owes"),
        (b'"share":"1/10"', b'"share":"2/20"', "canonical"),
        (b'"opening_wei":"34"', b'"opening_wei": "34"', "canonical form at byte"),
        (b'"max_parents":16', b'"max_parents":15', r"statement\.inputs_sha256"),
        (b'"format":"atlas-royalty-statement/1"', b'"format":"atlas-royalty-statement/2"', "not a document"),
    ],
)
def test_the_first_difference_is_named(said: bytes, changed: bytes, where: str) -> None:
    data = write(example())
    assert said in data
    with pytest.raises(StatementMismatch, match=where) as caught:
        recompute(data.replace(said, changed, 1))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"payee":{}}', b'{"payee":1}'])
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(StatementMismatch):
        recompute(data)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with pytest.raises(AtlasError):
        recompute(data)


@pytest.mark.parametrize(
    ("period", "salt"),
    [
        (Period(b"short", 0, 1), SALT),
        (Period(payee(1), 2, 1), SALT),
        (Period(payee(1), -1, 1), SALT),
        (Period(payee(1), 0, 1), b"short"),
    ],
)
def test_a_malformed_period_is_refused(period: Period, salt: bytes) -> None:
    with pytest.raises(InvalidRevenue):
        state(books(), period, salt=salt)


def test_inputs_are_written_in_one_order() -> None:
    one = books(receipt(3, FILM, 10), receipt(4, FILM, 20))
    other = msgspec.structs.replace(one, receipts=one.receipts[::-1], works=one.works[::-1], links=one.links[::-1])
    period = Period(payee(1), 0, 9)
    assert write(state(one, period, salt=SALT)) == write(state(other, period, salt=SALT))
