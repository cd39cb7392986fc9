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

import msgspec

from atlas.protocol.parameters import WHOLE_BPS
from atlas.rights.index import Rights
from atlas.rights.obligations import YEAR_S, Effect, Obligations
from atlas.rights.prices import Price
from atlas.rights.reasons import Action, Duty, DutyState
from atlas.rights.state import At, Fulfilment, Grant, RecordedUse, revocation
from atlas.rights.terms import Terms

PAYMENT_RULE: Final = "pay/oldest-first/1"
MAX_PERIODS: Final = 10_000
"""How many years and reports of one grant are counted at most: a report each day for 27 years."""

_DATED: Final = frozenset({Action.PAY, Action.REPORT})


def standings(grant: Grant, rights: Rights, at: At) -> tuple[Duty, ...]:
    """Every duty under ``grant`` with its standing at ``at``, by due date; empty where the terms are not known."""
    terms = grant.terms
    if terms is None or grant.position > at.known_position or grant.starts_at > at.valid_time:
        return ()
    owed = sorted(_arising(grant, rights, at), key=_by_due_date)
    done = [
        fact
        for fact in rights.fulfilments.get(grant.position, ())
        if fact.position <= at.known_position and fact.at <= at.valid_time
    ]
    found = sorted(
        (*_paid(owed, done, terms.obligations, at), *_done(owed, done, terms.obligations, at)), key=_by_due_date
    )
    return (*_until_terminated(found), *_shares(terms.price, grant.position))


def in_default(duties: Sequence[Duty]) -> Duty | None:
    """The duty whose delay keeps the licence from permitting anything, if there is one."""
    for duty in duties:
        if duty.state is DutyState.LATE and duty.effect is not Effect.NONE:
            return duty
        if duty.state is DutyState.REMEDIED and duty.effect is Effect.TERMINATE:
            return duty
    return None


def _by_due_date(duty: Duty) -> tuple[int, str, int]:
    return duty.due_at or 0, duty.rule, duty.use or 0


def _arising(grant: Grant, rights: Rights, at: At) -> Iterator[Duty]:
    """What fell due by ``at`` and while the grant lasted, and the next of what recurs."""
    terms, end = grant.terms, _end(grant, at)
    if terms is None or (end is not None and end <= grant.starts_at):
        return
    owed = _Owed(grant.position, grant.starts_at, end, at.valid_time)
    if terms.price is not None:
        yield from owed.payments(terms.price)
    if terms.obligations.report_every_s is not None:
        yield from owed.reports(terms.obligations.report_every_s)
    for use in rights.uses.get(grant.position, ()):
        if use.position <= at.known_position and use.at <= at.valid_time:
            yield from owed.for_use(use, terms)


class _Owed(NamedTuple):
    """One grant, and how far its duties are counted."""

    position: int
    starts_at: int
    ends_at: int | None
    now: int

    def payments(self, price: Price) -> Iterator[Duty]:
        for name in ("flat_wei", "buyout_wei", "minimum_guarantee_wei"):
            amount_wei: int | None = getattr(price, name)
            if amount_wei:
                yield self._duty(Action.PAY, f"price.{name}", self.starts_at, amount_wei)
        if price.annual_wei:
            for due_at in self._recurring(self.starts_at, YEAR_S):
                if self.ends_at is None or due_at < self.ends_at:
                    yield self._duty(Action.PAY, "price.annual_wei", due_at, price.annual_wei)

    def reports(self, every_s: int) -> Iterator[Duty]:
        for due_at in self._recurring(self.starts_at + every_s, every_s):
            last_at = due_at if self.ends_at is None else min(due_at, self.ends_at)
            yield self._duty(Action.REPORT, "obligations.report_every_s", last_at)

    def for_use(self, use: RecordedUse, terms: Terms) -> Iterator[Duty]:
        if terms.price is not None and terms.price.per_use_wei:
            amount_wei = terms.price.per_use_wei * use.count
            yield self._duty(Action.PAY, "price.per_use_wei", use.at, amount_wei, use.position)
        if terms.scope.attribution:
            yield self._duty(Action.ATTRIBUTE, "scope.attribution", use.at, None, use.position)

    def _recurring(self, first_at: int, every_s: int) -> Iterator[int]:
        """What fell due by now, and the next; nothing after the one that the end falls into."""
        for due_at in range(first_at, first_at + MAX_PERIODS * every_s, every_s):
            yield due_at
            if due_at > self.now or (self.ends_at is not None and due_at >= self.ends_at):
                return

    def _duty(
        self, action: Action, rule: str, due_at: int, amount_wei: int | None = None, use: int | None = None
    ) -> Duty:
        return Duty(action, rule, due_at, amount_wei, position=self.position, use=use)


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


def _paid(owed: Sequence[Duty], done: Sequence[Fulfilment], obligations: Obligations, at: At) -> Iterator[Duty]:
    """Payments in their order against what is to be paid in its order."""
    purse = _Purse(done)
    for duty in owed:
        if duty.action != Action.PAY or duty.due_at is None or duty.amount_wei is None:
            continue
        late_at = duty.due_at + obligations.grace_s
        fee_wei = duty.amount_wei * obligations.late_fee_bps // WHOLE_BPS
        in_time = purse.pay(duty.amount_wei, late_at)
        is_late = in_time.rest_wei > 0 and at.valid_time > late_at
        after = purse.pay(in_time.rest_wei + fee_wei, None) if is_late else _Paid(in_time.rest_wei, None, ())
        last_at = in_time.last_at if after.last_at is None else after.last_at
        yield msgspec.structs.replace(
            duty,
            state=_state(not after.rest_wei, is_late),
            late_at=late_at,
            fulfilled_at=None if after.rest_wei else last_at,
            outstanding_wei=after.rest_wei,
            effect=obligations.when_late,
            relied_on=tuple(dict.fromkeys((*in_time.relied_on, *after.relied_on))),
        )


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


def _done(owed: Sequence[Duty], done: Sequence[Fulfilment], obligations: Obligations, at: At) -> Iterator[Duty]:
    """Reports and credits: the first fact that counts for the duty."""
    for duty in owed:
        if duty.action == Action.PAY:
            continue
        late_at = (duty.due_at or 0) + obligations.grace_s
        facts = sorted((fact.at, fact.position) for fact in done if _counts_for(fact, duty))
        first = facts[0] if facts else None
        is_late = (at.valid_time if first is None else first[0]) > late_at
        yield msgspec.structs.replace(
            duty,
            state=_state(first is not None, is_late),
            late_at=late_at,
            fulfilled_at=None if first is None else first[0],
            effect=obligations.when_late if duty.action in _DATED else Effect.NONE,
            relied_on=() if first is None else (first[1],),
        )


def _counts_for(fact: Fulfilment, duty: Duty) -> bool:
    if fact.action != duty.action:
        return False
    if fact.action is Action.REPORT:
        return duty.due_at is not None and (fact.at if fact.until is None else fact.until) >= duty.due_at
    return fact.use == duty.use


def _state(is_done: bool, is_late: bool) -> DutyState:
    if is_late:
        return DutyState.REMEDIED if is_done else DutyState.LATE
    return DutyState.FULFILLED if is_done else DutyState.PENDING


def _until_terminated(duties: Sequence[Duty]) -> Iterator[Duty]:
    """All, unless delay terminated the licence: then what fell due up to that instant."""
    defaults = (duty for duty in duties if duty.effect is Effect.TERMINATE)
    over = (duty.late_at for duty in defaults if duty.state in (DutyState.LATE, DutyState.REMEDIED))
    end = min((each for each in over if each is not None), default=None)
    return (duty for duty in duties if end is None or duty.due_at is None or duty.due_at <= end)
