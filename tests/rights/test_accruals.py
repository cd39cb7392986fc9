from collections import Counter
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import RevenueKind
from atlas.rights.errors import InvalidRevenue, SharesOverWhole
from atlas.rights.royalties.accruals import Account, Accrual, Flow, Reason
from atlas.rights.royalties.lineage import Link
from atlas.rights.royalties.revenue import Books, Hold, RuleFrom
from atlas.rights.royalties.rules import PER_HOP, VISIT_ONCE
from tests.rights.books import BOOK, FILM, HERO, VILLAIN, WORLD, asset, books, payee, receipt, some_books, work

replace = msgspec.structs.replace


def amounts(flows: list[Flow]) -> list[tuple[bytes, int]]:
    return [(flow.asset, flow.amount_wei) for flow in flows]


def licensed(**terms: int) -> Link:
    return Link(1, FILM, HERO, Fraction(1, 10), **terms)


def test_w4_a_receipt_accrues_at_once_to_the_lineage_and_to_the_work() -> None:
    flows = list(Accrual(books(receipt(5, FILM, 1_000))).flows())
    assert sorted(amounts(flows)) == sorted(
        [(HERO, 100), (VILLAIN, 100), (WORLD, 50), (WORLD, 50), (BOOK, 100), (FILM, 600)]
    )
    assert {flow.via for flow in flows if flow.asset == WORLD} == {HERO, VILLAIN}


def test_every_kind_of_revenue_has_its_own_account() -> None:
    kinds = list(RevenueKind)
    received = [receipt(5 + place, FILM, 300, kind) for place, kind in enumerate(kinds)]
    totals = Accrual(books(*received, links=())).totals()
    place = FILM, FILM
    assert [totals[Account(payee(1), *place, kind, Reason.SHARE, "stack-all-paths/1")] for kind in kinds] == [200] * 5


def test_a_receipt_is_divided_by_the_rule_of_its_position() -> None:
    changed = replace(
        books(receipt(5, FILM, 1_000), receipt(6, FILM, 1_000)),
        rules=(RuleFrom(0, VISIT_ONCE), RuleFrom(6, PER_HOP)),
    )
    own = [flow for flow in Accrual(changed).flows() if flow.reason is Reason.SHARE]
    assert [(flow.rule, flow.amount_wei) for flow in own] == [(VISIT_ONCE, 650), (PER_HOP, 790)]  # 789.5: a tie


def test_a_link_counts_from_its_own_position_on_for_all_that_derives() -> None:
    links = Link(1, FILM, HERO, Fraction(1, 10)), Link(6, HERO, WORLD, Fraction(1, 10))
    received = [receipt(position, FILM, 1_000) for position in (5, 6, 7)]
    flows = Accrual(books(*received, links=links)).flows()
    assert [flow.amount_wei for flow in flows if flow.reason is Reason.SHARE] == [900, 800, 800]


def test_a_ceiling_accumulates_and_stops() -> None:
    received = [receipt(position, FILM, 1_000) for position in (5, 6, 7)]
    flows = list(Accrual(books(*received, links=(licensed(ceiling_wei=150),))).flows())
    royalties = [flow for flow in flows if flow.reason is Reason.ROYALTY]
    assert [flow.amount_wei for flow in royalties] == [100, 50, 0]
    assert [flow.over_ceiling_wei for flow in royalties] == [0, 50, 100]
    assert [flow.amount_wei for flow in flows if flow.reason is Reason.SHARE] == [900, 950, 1_000]


def test_a_guarantee_is_due_at_once_and_recouped() -> None:
    received = [receipt(position, FILM, 1_000) for position in (5, 6, 7)]
    flows = list(Accrual(books(*received, links=(licensed(guarantee_wei=150),))).flows())
    guarantee, *_ = flows
    assert (guarantee.reason, guarantee.position, guarantee.asset, guarantee.amount_wei) == ("guarantee", 1, HERO, 150)
    royalties = [flow for flow in flows if flow.reason is Reason.ROYALTY]
    assert [flow.recouped_wei for flow in royalties] == [100, 50, 0]
    assert [flow.amount_wei for flow in royalties] == [0, 50, 100]
    assert [flow.amount_wei for flow in flows if flow.reason is Reason.SHARE] == [1_000, 950, 900]


def test_with_both_a_parent_gets_the_ceiling_and_no_more() -> None:
    received = [receipt(position, FILM, 1_000) for position in range(5, 15)]
    flows = Accrual(books(*received, links=(licensed(ceiling_wei=250, guarantee_wei=150),))).flows()
    assert sum(flow.amount_wei for flow in flows if flow.asset == HERO) == 250


def test_a_guarantee_without_receipts_is_due_all_the_same() -> None:
    accrual = Accrual(books(links=(licensed(guarantee_wei=150),)))
    assert amounts(list(accrual.flows())) == [(HERO, 150)]
    assert list(accrual.flows(upto=0)) == []


def test_p8_a_part_is_held_while_a_dispute_over_either_side_is_pending() -> None:
    received = [receipt(position, FILM, 1_000) for position in (5, 6, 7)]
    accrual = Accrual(books(*received, links=(licensed(),), holds=(Hold(6, 7, HERO),)))
    held = [(flow.position, flow.asset) for flow in accrual.flows() if accrual.is_held(flow, at=6)]
    assert held == [(6, HERO)]
    assert not any(accrual.is_held(flow, at=7) for flow in accrual.flows())
    pending = Accrual(books(*received, links=(licensed(),), holds=(Hold(6, None, FILM),)))
    held = [(flow.position, flow.asset) for flow in pending.flows() if pending.is_held(flow, at=99)]
    assert held == [(6, HERO), (6, FILM), (7, HERO), (7, FILM)]


@given(some_books())
def test_what_a_receipt_gives_out_is_the_receipt(drawn: Books) -> None:
    given_out: Counter[int] = Counter()
    for flow in Accrual(drawn).flows():
        if flow.reason is not Reason.GUARANTEE:
            given_out[flow.position] += flow.amount_wei
    assert given_out == Counter({each.position: each.amount_wei for each in drawn.receipts})


@given(some_books())
def test_totals_are_the_parts_added_up(drawn: Books) -> None:
    accrual = Accrual(drawn)
    added: Counter[Account] = Counter()
    for flow in accrual.flows():
        parts = accrual.divisions[flow.asset].parts(flow.amount_wei)
        for share, part in zip(accrual.works[flow.asset].shares, parts, strict=True):
            added[Account(share.payee, flow.asset, flow.source, flow.kind, flow.reason, flow.rule)] += part
    assert accrual.totals() == {account: amount for account, amount in added.items() if amount}


@given(some_books(), st.data())
def test_accruals_do_not_depend_on_the_order_in_which_things_are_given(drawn: Books, data: st.DataObject) -> None:
    shuffled = Books(
        drawn.currency,
        tuple(data.draw(st.permutations(drawn.rules))),
        tuple(data.draw(st.permutations(drawn.works))),
        tuple(data.draw(st.permutations(drawn.links))),
        tuple(data.draw(st.permutations(drawn.receipts))),
        tuple(data.draw(st.permutations(drawn.payments))),
        tuple(data.draw(st.permutations(drawn.holds))),
    )
    assert list(Accrual(shuffled).flows()) == list(Accrual(drawn).flows())


@given(some_books(), st.integers(0, 70))
def test_what_accrued_up_to_a_position_does_not_change_with_what_comes_after(drawn: Books, upto: int) -> None:
    early = replace(
        drawn,
        links=tuple(link for link in drawn.links if link.position <= upto),
        receipts=tuple(each for each in drawn.receipts if each.position <= upto),
        payments=(),
        holds=(),
    )
    assert list(Accrual(early).flows()) == list(Accrual(drawn).flows(upto=upto))


def test_a_receipt_whose_royalties_exceed_it_is_refused() -> None:
    links = Link(1, FILM, HERO, Fraction(2, 3)), Link(1, FILM, VILLAIN, Fraction(2, 3))
    with pytest.raises(SharesOverWhole):
        list(Accrual(books(receipt(5, FILM, 1), links=links)).flows())


def test_a_royalty_to_a_work_whose_shares_are_not_set_yet_is_refused() -> None:
    late = replace(work(HERO, (2, "1")), position=6)
    with pytest.raises(InvalidRevenue, match="shares were set at 6"):
        list(Accrual(books(receipt(5, FILM, 1), links=(licensed(),), works=(work(FILM, (1, "1")), late))).flows())


def test_a_pool_of_hundreds_of_payees_conserves() -> None:
    shares = [(number % 200 + 1, f"{number + 1}/{500 * 501 // 2}") for number in range(500)]
    totals = Accrual(books(receipt(5, asset(7), 10**18 + 7), links=(), works=(work(asset(7), *shares),))).totals()
    assert sum(totals.values()) == 10**18 + 7
