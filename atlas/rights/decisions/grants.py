"""Whether one grant carries a use: in force, within its terms, in good standing, and held from who could give it."""

from collections.abc import Iterator
from typing import Final

from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.reasons import OUTCOMES, GrantFinding, Reason, State, standing, state_of
from atlas.rights.decisions.standings import in_default, standings
from atlas.rights.decisions.state import At, Grant, in_force, revocation
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.moments import write_moment
from atlas.rights.terms.obligations import Effect
from atlas.rights.terms.scopes import MAX_SUBLICENSE_DEPTH, Period, Scope

_EVER: Final = 2**64  # later than what any fact is dated


def judge(use: Use, grant: Grant, rights: Rights, at: At, exclusivity: Iterator[Reason]) -> GrantFinding:
    """What a grant of the account itself says to ``use``, the ``exclusivity`` of others' grants included."""
    constraints = hold(use, grant, rights, at)
    if use.kind is not None:
        constraints.insert(0, Reason("kind", state_of(use.kind is grant.kind), use.kind, grant.kind))
    constraints.extend(exclusivity)
    outcome, chain = OUTCOMES[standing(constraints)], rights.chain(grant, at.known_position)
    return GrantFinding(grant.position, grant.license_id, outcome, tuple(constraints), chain)


def hold(use: Use, grant: Grant, rights: Rights, at: At, *, depth: int = 0, counted: bool = True) -> list[Reason]:
    """Every constraint of a grant, and of those it is held under, for a use ``depth`` sub-licences below it.

    ``counted`` is whether the use counts against the grant: that of a derivative does not count against the
    grant it was derived under.
    """
    found = _in_force(grant, rights, at)
    _within_terms(use, grant, rights, at, depth, found, counted=counted)
    _in_good_standing(grant, rights, at, found)
    if grant.under is not None:
        head = _head(grant, grant.under, rights, at, depth)
        if isinstance(head, Grant):
            head = _held_under(head, hold(use, head, rights, at, depth=depth + 1, counted=counted))
        found.append(head)
    elif grant.licensor is not None:
        found.append(_owned(grant, grant.licensor, rights, at))
    return found


def valid(grant: Grant, rights: Rights, at: At, *, depth: int = 0) -> list[Reason]:
    """What has to hold for a grant to say anything at ``at``, whatever the use; of those it is held under too."""
    found = _in_force(grant, rights, at)
    _sublicensed(grant, depth, found)
    _in_good_standing(grant, rights, at, found)
    if grant.under is not None:
        head = _head(grant, grant.under, rights, at, depth)
        found.append(_held_under(head, valid(head, rights, at, depth=depth + 1)) if isinstance(head, Grant) else head)
    elif grant.licensor is not None:
        found.append(_owned(grant, grant.licensor, rights, at))
    return found


def used(grant: Grant, rights: Rights, at: At) -> tuple[int, int]:
    """How often, and for how many seconds, a grant was used; uses under sub-licences count against it too."""
    past = rights.uses(grant, at)
    return sum(each.count for each in past), sum(each.exposure_s for each in past)


def write_address(address: bytes) -> str:
    """As reasons show it."""
    return f"0x{address.hex()}"


def _in_force(grant: Grant, rights: Rights, at: At) -> list[Reason]:
    """From its start until before its expiry and its revocation, in the period and for the time of its terms."""
    now, term, revoked_at = at.valid_time, rights.term(grant), revocation(grant, at)
    is_in_term = term.begins_at <= now and (term.ends_at is None or now < term.ends_at)
    if is_in_term and revoked_at is None:
        return [*term.reasons]
    if is_in_term and revoked_at is not None and now < revoked_at:
        seen = f"before {write_moment(revoked_at)}"
        return [*term.reasons, Reason("revoked_at", State.SATISFIED, "not revoked yet", seen, grant.position)]
    wanted, position = f"at {write_moment(now)}", grant.position
    seen = f"from {write_moment(grant.starts_at)}"
    found = [Reason("starts_at", state_of(now >= grant.starts_at), wanted, seen, position)]
    ends = [("expires_at", grant.expires_at), ("revoked_at", revoked_at)]
    if grant.terms is not None:
        scope = grant.terms.scope
        if scope.period != Period():
            found.append(Reason("period", state_of(scope.period.holds(now)), wanted, str(scope.period), position))
        if scope.duration_s is not None:
            ends.append(("duration", grant.starts_at + scope.duration_s))
    for name, until in ends:
        if until is not None:
            found.append(Reason(name, state_of(now < until), wanted, f"before {write_moment(until)}", position))
    return found


def _within_terms(
    use: Use, grant: Grant, rights: Rights, at: At, depth: int, found: list[Reason], *, counted: bool
) -> None:
    limits, terms = rights.limits(grant), grant.terms
    if limits is None or terms is None:
        found.append(Reason("terms", State.UNKNOWN, "the terms", "only their hash is known", grant.position))
        return
    if terms.kind is not grant.kind:
        found.append(Reason("terms_kind", State.UNKNOWN, grant.kind, terms.kind, grant.position))
    found.extend(limits.hold(use))
    if counted and limits.is_counted:
        found.extend(_counters(use, limits.scope, grant, rights, at))
    _sublicensed(grant, depth, found)


def _sublicensed(grant: Grant, depth: int, found: list[Reason]) -> None:
    allowed = None if grant.terms is None else grant.terms.scope.sublicense_depth
    if depth and allowed is not None:
        found.append(
            Reason("sublicensing", state_of(depth <= allowed), f"{depth} deep", f"at most {allowed}", grant.position)
        )


def _counters(use: Use, scope: Scope, grant: Grant, rights: Rights, at: At) -> Iterator[Reason]:
    """What this use and those on record come to."""
    count, exposure_s = used(grant, rights, at)
    counters = (
        ("uses", use.count, count, scope.max_uses),
        ("exposure", use.exposure_s, exposure_s, scope.max_exposure_s),
    )
    for name, more, past, most in counters:
        if most is not None:
            state = state_of(past + more <= most)
            yield Reason(name, state, f"{more} more", f"{past} of {most} used", grant.position)


def _in_good_standing(grant: Grant, rights: Rights, at: At, found: list[Reason]) -> None:
    """No dispute is pending over it, and no delay of its holder has suspended or ended it."""
    for dispute in rights.disputes.get(grant.asset, ()):
        if dispute.grant == grant.position and in_force(dispute, at):
            found.append(Reason("dispute", State.UNKNOWN, "no dispute over the grant", "pending", dispute.position))
    if grant.terms is None or grant.terms.obligations.when_late is Effect.NONE:
        return
    late = in_default(standings(grant, rights, at))
    effect = grant.terms.obligations.when_late
    seen = "none" if late is None else f"{late.rule} due {write_moment(late.due_at or 0)}, {late.state}: {effect}"
    name = "terminated" if late is not None and effect is Effect.TERMINATE else "duty"
    found.append(Reason(name, state_of(late is None), "no duty late", seen, grant.position))


def _head(grant: Grant, under: int, rights: Rights, at: At, depth: int) -> Grant | Reason:
    """The grant that this one sub-licenses, if it is its licensor's; else why it is not."""
    head = rights.by_position.get(under)
    if head is None or head.position > at.known_position:
        return Reason("held_under", State.UNKNOWN, f"the grant at position {under}", "not on record")
    if head.asset != grant.asset or head.licensee != grant.licensor or depth >= MAX_SUBLICENSE_DEPTH:
        seen = f"license {head.license_id} of another"
        return Reason("held_under", State.VIOLATED, "a grant to the licensor", seen, head.position)
    return head


def _held_under(head: Grant, children: list[Reason]) -> Reason:
    seen = f"license {head.license_id}"
    return Reason("held_under", standing(children), "its own constraints", seen, head.position, tuple(children))


def _owned(grant: Grant, licensor: bytes, rights: Rights, at: At) -> Reason:
    """Who gives it owned the asset at its start, and had not lost it again on record before the grant was recorded.

    The start is what the parties say; without the second rule a former owner could date a grant before a sale.
    """
    owner = rights.owner(grant.asset, At(grant.starts_at, at.known_position))
    if owner is None:
        return Reason("licensor", State.UNKNOWN, write_address(licensor), "no owner on record", grant.position)
    last = rights.owner(grant.asset, At(_EVER, min(grant.position, at.known_position)))
    if last is not None and last.starts_at > grant.starts_at and last.owner != licensor:
        owner = last
    state = state_of(owner.owner == licensor)
    return Reason("licensor", state, write_address(licensor), write_address(owner.owner), owner.position)
