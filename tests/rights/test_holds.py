import msgspec

from atlas.rights.decisions.state import Dispute
from atlas.rights.holds import holds_of
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.revenue import Hold
from tests.rights.books import FILM, HERO, books, receipt

PENDING = Dispute(FILM, 1_000, 5)


def test_what_accrues_while_a_dispute_is_pending_is_held_until_it_ends() -> None:
    made = books(receipt(4, FILM, 1_000), receipt(6, FILM, 1_000))
    [ended] = holds_of([msgspec.structs.replace(PENDING, ended_at=2_000, ended_position=9)])
    accrual = Accrual(msgspec.structs.replace(made, holds=(ended,)))
    held = {flow.position for flow in accrual.flows() if accrual.is_held(flow, at=8)}
    assert held == {6}
    assert not any(accrual.is_held(flow, at=9) for flow in accrual.flows())


def test_holds_are_of_works_and_in_one_order() -> None:
    other = Dispute(HERO, 1_000, 3)
    of_a_licence = msgspec.structs.replace(PENDING, grant=2, position=6)
    never_pending = msgspec.structs.replace(PENDING, ended_at=1_000, position=7)
    expected = tuple(sorted((Hold(5, None, FILM), Hold(3, None, HERO)), key=lambda hold: hold.asset))
    assert holds_of([PENDING, other, of_a_licence, never_pending]) == expected
    assert holds_of([never_pending, of_a_licence, other, PENDING]) == expected
