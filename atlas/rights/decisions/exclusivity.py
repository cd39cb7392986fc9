"""Whom an exclusive grant keeps out (W3): the rule of the decision on a use. Of two grants: see conflicts.py.

An exclusive grant keeps out the owner, and later grants of its kind, with all that is held under them. What was
granted before it stands, and so does what is given under that later. An exclusive sub-licence reaches no farther
than what its licensor has: it keeps out the licensor, and later sub-licences of the same grant. A grant that is
not in force, or that its licensor could not give, keeps nobody out.
"""

from collections.abc import Iterator

from atlas.rights.decisions.grants import valid, write_address
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.limits import CHANGE
from atlas.rights.decisions.reasons import Reason, State, worst
from atlas.rights.decisions.state import At, Grant
from atlas.rights.decisions.uses import Use


def kept_out(use: Use, asset: bytes, rights: Rights, at: At, grant: Grant | None) -> Iterator[Reason]:
    """Exclusive grants on ``asset`` that a use would break into; ``grant`` is what it relies on, if on any."""
    exclusives = rights.exclusives.get(asset, ())
    if not exclusives:
        return
    account, kind = (use.account, use.kind) if grant is None else (grant.licensee, grant.kind)
    own = () if grant is None else rights.chain(grant, at.known_position)
    for other in exclusives:
        if other.position > at.known_position or other.licensee == account or other.position in own:
            continue
        if (kind is None or other.kind is kind) and _bars(other, own):
            reached = _reached(use, other, rights, at, kind_known=kind is not None)
            if reached is not None:
                yield reached


def _bars(other: Grant, own: tuple[int, ...]) -> bool:
    """Whether ``other`` comes before the grant whose chain is ``own``, or before ownership, where there is none."""
    if other.under is None:
        return not own or other.position < own[-1]
    if other.under not in own:
        return False
    place = own.index(other.under)
    return place == 0 or other.position < own[place - 1]


def _reached(use: Use, other: Grant, rights: Rights, at: At, *, kind_known: bool) -> Reason | None:
    """Violated where ``other`` has the use, unknown where it may have it; None where it does not."""
    children = [*valid(other, rights, at), *_places(use, other, rights)]
    if not kind_known:
        children.append(Reason("kind", State.UNKNOWN, "not stated", other.kind))
    state = worst([child.state for child in children])
    if state is State.VIOLATED:
        return None  # not valid, or somewhere else
    seen = f"license {other.license_id} of {write_address(other.licensee)}, exclusive {other.kind}"
    if state is State.SATISFIED:
        return Reason("exclusivity", State.VIOLATED, "no exclusive license of another", seen, other.position)
    open_ = tuple(child for child in children if child.state is State.UNKNOWN)
    return Reason("exclusivity", State.UNKNOWN, "no exclusive license of another", seen, other.position, open_)


def _places(use: Use, other: Grant, rights: Rights) -> Iterator[Reason]:
    limits = rights.limits(other)
    if limits is None:
        yield Reason("terms", State.UNKNOWN, "the terms", "only their hash is known", other.position)
        return
    for limit in limits.limits:
        if limit.field != CHANGE:
            yield limit.meet(getattr(use, limit.field))
