"""Whether one grant carries a use: in force, within its terms, and held from somebody who could give it."""

from collections.abc import Iterator

from atlas.rights.index import Rights
from atlas.rights.limits import CHANGE
from atlas.rights.reasons import OUTCOMES, GrantFinding, Reason, State, standing, state_of, worst
from atlas.rights.scopes import MAX_SUBLICENSE_DEPTH, Period, Scope
from atlas.rights.state import At, Grant, in_force, revocation
from atlas.rights.uses import Use


def judge(use: Use, grant: Grant, rights: Rights, at: At) -> GrantFinding:
    """What a grant of the account itself says to ``use``."""
    constraints = hold(use, grant, rights, at)
    if use.kind is not None:
        constraints.insert(0, Reason("kind", state_of(use.kind is grant.kind), use.kind, grant.kind))
    constraints.extend(kept_out(use, rights, at, grant))
    outcome = OUTCOMES[standing(constraints)]
    return GrantFinding(grant.position, grant.license_id, outcome, tuple(constraints), rights.chain(grant))


def hold(use: Use, grant: Grant, rights: Rights, at: At, *, depth: int = 0, counted: bool = True) -> list[Reason]:
    """Every constraint of a grant, and of those it is held under, for a use ``depth`` sub-licences below it.

    ``counted`` is whether the use counts against the grant: that of a derivative does not count against the
    grant it was derived under.
    """
    found = [*_in_force(grant, rights, at)]
    _within_terms(use, grant, rights, at, depth, found, counted=counted)
    for dispute in rights.disputes.get(grant.asset, ()):
        if dispute.grant == grant.position and in_force(dispute, at):
            found.append(Reason("dispute", State.UNKNOWN, "no dispute over the grant", "pending", dispute.position))
    if grant.under is not None:
        found.append(_head(use, grant, grant.under, rights, at, depth, counted=counted))
    elif grant.licensor is not None:
        found.append(_owned(grant, grant.licensor, rights, at))
    return found


def kept_out(use: Use, rights: Rights, at: At, grant: Grant | None) -> Iterator[Reason]:
    """Exclusive grants of others that the use would break into; ``grant`` is what it relies on, if not on ownership.

    An exclusive grant keeps out later grants of its kind, and the owner; what was granted before it stands.
    """
    exclusives = rights.exclusives.get(use.asset, ())
    if not exclusives:
        return
    own = () if grant is None else rights.chain(grant)
    kind = use.kind if grant is None else grant.kind
    for other in exclusives:
        if other.position > at.known_position or other.licensee == use.account or other.position in own:
            continue
        if (kind is not None and other.kind is not kind) or (grant is not None and other.position > grant.position):
            continue
        state = _excludes(use, other, rights, at, kind_known=kind is not None)
        if state is not State.SATISFIED:
            seen = f"license {other.license_id}, exclusive {other.kind}"
            yield Reason("exclusivity", state, "no exclusive license of another", seen, other.position)


def _excludes(use: Use, other: Grant, rights: Rights, at: At, *, kind_known: bool) -> State:
    states = [constraint.state for constraint in _in_force(other, rights, at)]
    limits = rights.limits(other)
    if limits is None:
        states.append(State.UNKNOWN)
    else:
        states.extend(limit.meets(getattr(use, limit.field)) for limit in limits.limits if limit.field != CHANGE)
        states.extend(constraint.state for constraint in _periods(limits.scope, other, at))
    reached = worst(states)
    if reached is State.VIOLATED:
        return State.SATISFIED  # somewhere else, or at another time
    return State.VIOLATED if reached is State.SATISFIED and kind_known else State.UNKNOWN


def _in_force(grant: Grant, rights: Rights, at: At) -> tuple[Reason, ...]:
    """From its start until before its expiry and its revocation."""
    now, end = at.valid_time, grant.expires_at
    revoked_at = revocation(grant, at)
    begun = now >= grant.starts_at
    if begun and revoked_at is None and (end is None or now < end):
        return rights.within_term(grant)
    found = [Reason("starts_at", state_of(begun), f"at {now}", f"from {grant.starts_at}", grant.position)]
    for name, until in (("expires_at", end), ("revoked_at", revoked_at)):
        if until is not None:
            found.append(Reason(name, state_of(now < until), f"at {now}", f"before {until}", grant.position))
    return tuple(found)


def _within_terms(
    use: Use, grant: Grant, rights: Rights, at: At, depth: int, found: list[Reason], *, counted: bool
) -> None:
    limits = rights.limits(grant)
    terms = grant.terms
    if limits is None or terms is None:
        found.append(Reason("terms", State.UNKNOWN, "the terms", "only their hash is known", grant.position))
        return
    if terms.kind is not grant.kind:
        found.append(Reason("terms_kind", State.UNKNOWN, grant.kind, terms.kind, grant.position))
    found.extend(limits.hold(use))
    scope = limits.scope
    if not limits.is_timeless:
        found.extend(_periods(scope, grant, at))
    if counted and (scope.max_uses is not None or scope.max_exposure_s is not None):
        found.extend(_counters(use, scope, grant, rights, at))
    if depth and scope.sublicense_depth is not None:
        allowed = scope.sublicense_depth
        found.append(
            Reason("sublicensing", state_of(depth <= allowed), f"{depth} deep", f"at most {allowed}", grant.position)
        )


def _periods(scope: Scope, grant: Grant, at: At) -> Iterator[Reason]:
    """The period that the terms state, and the duration that runs from the grant's start."""
    now = at.valid_time
    if scope.period != Period():
        yield Reason("period", state_of(scope.period.holds(now)), f"at {now}", str(scope.period), grant.position)
    if scope.duration_s is not None:
        end = grant.starts_at + scope.duration_s
        yield Reason("duration", state_of(now < end), f"at {now}", f"before {end}", grant.position)


def _counters(use: Use, scope: Scope, grant: Grant, rights: Rights, at: At) -> Iterator[Reason]:
    """What this use and those on record come to; uses under sub-licences count against the head grant too."""
    past = [
        each
        for each in rights.uses.get(grant.position, ())
        if each.position <= at.known_position and each.at <= at.valid_time
    ]
    counters = (
        ("uses", use.count, sum(each.count for each in past), scope.max_uses),
        ("exposure", use.exposure_s, sum(each.exposure_s for each in past), scope.max_exposure_s),
    )
    for name, more, used, most in counters:
        if most is not None:
            state = state_of(used + more <= most)
            yield Reason(name, state, f"{more} more", f"{used} of {most} used", grant.position)


def _head(use: Use, grant: Grant, under: int, rights: Rights, at: At, depth: int, *, counted: bool) -> Reason:
    """The grant that this one sub-licenses is its licensor's, and carries the use too."""
    head = rights.by_position.get(under)
    if head is None or head.position > at.known_position:
        return Reason("held_under", State.UNKNOWN, f"the grant at position {under}", "not on record")
    if head.asset != grant.asset or head.licensee != grant.licensor or depth >= MAX_SUBLICENSE_DEPTH:
        seen = f"license {head.license_id} of another"
        return Reason("held_under", State.VIOLATED, "a grant to the licensor", seen, head.position)
    children = tuple(hold(use, head, rights, at, depth=depth + 1, counted=counted))
    seen = f"license {head.license_id}"
    return Reason("held_under", standing(children), "its own constraints", seen, head.position, children)


def _owned(grant: Grant, licensor: bytes, rights: Rights, at: At) -> Reason:
    ownership = rights.owner(grant.asset, At(grant.starts_at, at.known_position))
    if ownership is None:
        return Reason("licensor", State.UNKNOWN, write_address(licensor), "no owner on record", grant.position)
    state = state_of(ownership.owner == licensor)
    return Reason("licensor", state, write_address(licensor), write_address(ownership.owner), ownership.position)


def write_address(address: bytes) -> str:
    """As reasons show it."""
    return f"0x{address.hex()}"
