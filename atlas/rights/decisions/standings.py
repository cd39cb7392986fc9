"""The duties under one grant, as a ledger: what fell due when, what was done about it, what is late.

    pay        flat_wei, buyout_wei and minimum_guarantee_wei at the grant's start; annual_wei then and every 365
               days after; per_use_wei with each recorded use
    report     at the end of each ``report_every_s``, and at the end of the grant for what is left of it
    attribute  with each recorded use, where the terms ask for credit
    share      with every receipt; it is never late here, the royalty statement accounts for it

Payments count for what was due first (``pay/oldest-first/1``), whatever they were meant for. A duty is late from
after its time of grace on; a payment then owes the late fee too, floored to the wei. A duty that is made good
later is remedied. After a licence was terminated for delay nothing new falls due.

A ledger is of an instant and of a position: facts that were known then, of what had happened by then. Beside what
fell due it has the next annual fee and the next report.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from atlas.protocol.parameters import WHOLE_BPS
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.reasons import Action, Duty, DutyState
from atlas.rights.decisions.state import At, Fulfilment, Grant, RecordedUse, revocation
from atlas.rights.terms.document import Terms
from atlas.rights.terms.obligations import YEAR_S, Effect, Obligations
from atlas.rights.terms.prices import Price

PAYMENT_RULE: Final = "pay/oldest-first/1"
MAX_PERIODS: Final = 10_000
"""How many years and reports of one grant are counted at most: a report each day for 27 years."""


def standings(grant: Grant, rights: Rights, at: At) -> tuple[Duty, ...]:
    """Every duty under ``grant`` with its standing at ``at``, by due date; empty where the terms are not known."""
    terms = grant.terms
    if terms is None or grant.position > at.known_position or grant.starts_at > at.valid_time:
        return ()
    owed = sorted(_arising(grant, terms, rights, at), key=_by_due_date)
    done = [
        fact
        for fact in rights.fulfilments.get(grant.position, ())
        if fact.position <= at.known_position and fact.at <= at.valid_time
    ]
    judge = _Judge(grant.position, terms.obligations, at.valid_time, done, _Purse(done))
    found = [judge.pay(each) if each.action is Action.PAY else judge.do(each) for each in owed]
    if terms.obligations.when_late is Effect.TERMINATE:
        found = _until_terminated(found)
    return (*found, *_shares(terms.price, grant.position))


def in_default(duties: Sequence[Duty]) -> Duty | None:
    """The duty whose delay keeps the licence from permitting anything, if there is one."""
    for duty in duties:
        if duty.state is DutyState.LATE and duty.effect is not Effect.NONE:
            return duty
        if duty.state is DutyState.REMEDIED and duty.effect is Effect.TERMINATE:
            return duty
    return None


class _Owed(NamedTuple):
    """A duty before it is judged."""

    action: Action
    rule: str
    due_at: int
    amount_wei: int = 0
    use: int | None = None


def _by_due_date(owed: _Owed) -> tuple[int, str, int]:
    return owed.due_at, owed.rule, owed.use or 0


def _arising(grant: Grant, terms: Terms, rights: Rights, at: At) -> Iterator[_Owed]:
    """What fell due by ``at`` and while the grant lasted, and the next of what recurs."""
    end = _end(grant, at)
    if end is not None and end <= grant.starts_at:
        return
    if terms.price is not None:
        yield from _payments(terms.price, grant.starts_at, end, at.valid_time)
    every_s = terms.obligations.report_every_s
    if every_s is not None:
        for due_at in _recurring(grant.starts_at + every_s, every_s, end, at.valid_time):
            yield _Owed(Action.REPORT, "obligations.report_every_s", due_at if end is None else min(due_at, end))
    for use in rights.uses(grant, at):
        yield from _for_use(use, terms)


def _payments(price: Price, starts_at: int, end: int | None, now: int) -> Iterator[_Owed]:
    for name, amount_wei in (
        ("price.flat_wei", price.flat_wei),
        ("price.buyout_wei", price.buyout_wei),
        ("price.minimum_guarantee_wei", price.minimum_guarantee_wei),
    ):
        if amount_wei:
            yield _Owed(Action.PAY, name, starts_at, amount_wei)
    if price.annual_wei:
        for due_at in _recurring(starts_at, YEAR_S, end, now):
            if end is None or due_at < end:
                yield _Owed(Action.PAY, "price.annual_wei", due_at, price.annual_wei)


def _for_use(use: RecordedUse, terms: Terms) -> Iterator[_Owed]:
    if terms.price is not None and terms.price.per_use_wei:
        yield _Owed(Action.PAY, "price.per_use_wei", use.at, terms.price.per_use_wei * use.count, use.position)
    if terms.scope.attribution:
        yield _Owed(Action.ATTRIBUTE, "scope.attribution", use.at, use=use.position)


def _recurring(first_at: int, every_s: int, end: int | None, now: int) -> Iterator[int]:
    """What fell due by ``now``, and the next; nothing after the one that the end falls into."""
    for due_at in range(first_at, first_at + MAX_PERIODS * every_s, every_s):
        yield due_at
        if due_at > now or (end is not None and due_at >= end):
            return


def _shares(price: Price | None, position: int) -> Iterator[Duty]:
    for name in ("share_bps", "performance_bps") if price is not None else ():
        share_bps: int | None = getattr(price, name)
        if share_bps:
            yield Duty(Action.SHARE, f"price.{name}", None, share_bps=share_bps, position=position)


def _end(grant: Grant, at: At) -> int | None:
    """When the grant ends, as far as is known at ``at``."""
    ends = [grant.expires_at, revocation(grant, at)]
    if grant.terms is not None:
        scope = grant.terms.scope
        ends += [scope.period.ends_at, None if scope.duration_s is None else grant.starts_at + scope.duration_s]
    return min((end for end in ends if end is not None), default=None)


class _Paid(NamedTuple):
    """What a purse gave for one duty."""

    rest_wei: int
    last_at: int | None
    relied_on: tuple[int, ...]


class _Purse:
    """The payments on record, spent in the order in which they were made."""

    def __init__(self, facts: Sequence[Fulfilment]) -> None:
        payments = (fact for fact in facts if fact.action is Action.PAY and fact.amount_wei > 0)
        ordered = sorted(payments, key=lambda fact: (fact.at, fact.position))
        self._left = deque((fact.at, fact.position, fact.amount_wei) for fact in ordered)

    def pay(self, amount_wei: int, until: int | None) -> _Paid:
        """Spend on an amount what was paid up to ``until``."""
        last_at, relied_on = None, list[int]()
        while amount_wei and self._left and (until is None or self._left[0][0] <= until):
            paid_at, position, left_wei = self._left.popleft()
            part_wei = min(amount_wei, left_wei)
            amount_wei -= part_wei
            last_at = paid_at
            relied_on.append(position)
            if left_wei > part_wei:
                self._left.appendleft((paid_at, position, left_wei - part_wei))
        return _Paid(amount_wei, last_at, tuple(relied_on))


class _Judge(NamedTuple):
    """How duties stand at an instant, by what was done until then."""

    position: int  # of the grant
    obligations: Obligations
    now: int
    done: Sequence[Fulfilment]
    purse: _Purse

    def pay(self, owed: _Owed) -> Duty:
        """What is to be paid in its order, against the payments in theirs."""
        late_at = owed.due_at + self.obligations.grace_s
        paid = self.purse.pay(owed.amount_wei, late_at)
        is_late = paid.rest_wei > 0 and self.now > late_at
        if is_late:
            fee_wei = owed.amount_wei * self.obligations.late_fee_bps // WHOLE_BPS
            later = self.purse.pay(paid.rest_wei + fee_wei, None)
            relied_on = tuple(dict.fromkeys((*paid.relied_on, *later.relied_on)))
            paid = _Paid(later.rest_wei, later.last_at or paid.last_at, relied_on)
        return Duty(
            owed.action,
            owed.rule,
            owed.due_at,
            owed.amount_wei,
            position=self.position,
            use=owed.use,
            state=_state(not paid.rest_wei, is_late),
            late_at=late_at,
            fulfilled_at=None if paid.rest_wei else paid.last_at,
            outstanding_wei=paid.rest_wei,
            effect=self.obligations.when_late,
            relied_on=paid.relied_on,
        )

    def do(self, owed: _Owed) -> Duty:
        """Reports and credits: the first fact that counts."""
        late_at = owed.due_at + self.obligations.grace_s
        facts = ((fact.at, fact.position) for fact in self.done if _counts_for(fact, owed))
        first = min(facts, default=None)
        is_late = (self.now if first is None else first[0]) > late_at
        return Duty(
            owed.action,
            owed.rule,
            owed.due_at,
            position=self.position,
            use=owed.use,
            state=_state(first is not None, is_late),
            late_at=late_at,
            fulfilled_at=None if first is None else first[0],
            effect=self.obligations.when_late if owed.action is Action.REPORT else Effect.NONE,
            relied_on=() if first is None else (first[1],),
        )


def _counts_for(fact: Fulfilment, owed: _Owed) -> bool:
    if fact.action is not owed.action:
        return False
    if fact.action is Action.REPORT:
        return (fact.at if fact.until is None else fact.until) >= owed.due_at
    return fact.use == owed.use


def _state(is_done: bool, is_late: bool) -> DutyState:
    if is_late:
        return DutyState.REMEDIED if is_done else DutyState.LATE
    return DutyState.FULFILLED if is_done else DutyState.PENDING


def _until_terminated(duties: Sequence[Duty]) -> list[Duty]:
    """What fell due before delay ended the licence."""
    over = [
        duty.late_at
        for duty in duties
        if duty.effect is Effect.TERMINATE
        and duty.late_at is not None
        and duty.state in (DutyState.LATE, DutyState.REMEDIED)
    ]
    end = min(over, default=None)
    return [duty for duty in duties if end is None or (duty.due_at or 0) <= end]
