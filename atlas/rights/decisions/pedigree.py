"""What an asset derives from, and what was found out about it, kept for the next use.

Most uses are of today: after the last change that is known, and before the next end of a licence that the pedigree
rests on. In that time, its quiet time, a finding on the pedigree depends on nothing but what the use states of the
dimensions that these licences limit, and on the account where that owns one of the works. Findings of that time are
kept; a question about another time or an earlier position is worked out anew.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from atlas.rights.decisions.limits import limited
from atlas.rights.decisions.reasons import Reason, State
from atlas.rights.decisions.state import At, Derivation, Dispute, Grant, Ownership
from atlas.rights.decisions.uses import FIELDS, Use
from atlas.rights.terms.moments import write_moment
from atlas.rights.terms.obligations import Effect
from atlas.rights.terms.scopes import Period

_KEPT: Final = 16_384


class Term(NamedTuple):
    """When a grant is in force, its revocation aside, and what is said of it then."""

    begins_at: int
    ends_at: int | None
    reasons: tuple[Reason, ...]


class Facts(msgspec.Struct, frozen=True):
    """What a pedigree's quiet time depends on, by asset or position; each list by position."""

    grants: Mapping[int, Grant]
    chains: Mapping[int, Sequence[int]]
    ownerships: Mapping[bytes, Sequence[Ownership]]
    disputes: Mapping[bytes, Sequence[Dispute]]
    exclusives: Mapping[bytes, Sequence[Grant]]


class Pedigree:
    """The derivations that an asset rests on, nearest first."""

    def __init__(self, asset: bytes, steps: tuple[Derivation, ...], facts: Facts) -> None:
        self.steps = steps
        self.assets = (asset, *dict.fromkeys(step.parent for step in steps))
        self.known_position = max((step.position for step in steps), default=0)
        self._quiet = _quiet(steps, facts)
        self._found: dict[object, tuple[Reason, ...]] = {}

    def key(self, use: Use, at: At) -> object | None:
        """What a finding on ``use`` depends on; None where it is not to be kept."""
        quiet = self._quiet
        if quiet is None or at.known_position < quiet.position or at.valid_time < quiet.begins_at:
            return None
        if quiet.ends_at is not None and at.valid_time >= quiet.ends_at:
            return None
        return quiet.stated(use), use.account if use.account in quiet.owners else None

    def found(self, key: object) -> tuple[Reason, ...] | None:
        """The finding that was kept."""
        return self._found.get(key)

    def keep(self, key: object, reasons: tuple[Reason, ...]) -> None:
        """Keep a finding; all are dropped when there are very many."""
        if len(self._found) >= _KEPT:
            self._found.clear()
        self._found[key] = reasons


class _Quiet(NamedTuple):
    begins_at: int
    ends_at: int | None
    position: int
    owners: frozenset[bytes]
    stated: Callable[[Use], object]


def term(grant: Grant) -> Term:
    """The meet of what the registry and the terms say of a grant's time."""
    begins, ends, position = [grant.starts_at], [grant.expires_at], grant.position
    reasons = [_kept("starts_at", "begun", f"from {write_moment(grant.starts_at)}", position)]
    if grant.expires_at is not None:
        reasons.append(_kept("expires_at", "not expired", f"before {write_moment(grant.expires_at)}", position))
    if grant.terms is not None:
        scope = grant.terms.scope
        if scope.period != Period():
            begins.append(scope.period.starts_at or 0)
            ends.append(scope.period.ends_at)
            reasons.append(_kept("period", "in the period", str(scope.period), position))
        if scope.duration_s is not None:
            until = grant.starts_at + scope.duration_s
            ends.append(until)
            reasons.append(_kept("duration", "not over", f"before {write_moment(until)}", position))
    return Term(max(begins), min((end for end in ends if end is not None), default=None), tuple(reasons))


def _kept(name: str, wanted: str, seen: str, position: int) -> Reason:
    return Reason(name, State.SATISFIED, wanted, seen, position)


def _quiet(steps: Sequence[Derivation], facts: Facts) -> _Quiet | None:
    """The time after all that is on record about the steps; None where something goes on, as a dispute does."""
    grants: list[Grant] = []
    for step in steps:
        if step.by_owner:
            continue
        chain = [facts.grants[position] for position in facts.chains.get(step.grant or 0, ())]
        if not chain or any(_is_unsettled(grant, facts) for grant in chain):
            return None
        grants += chain
    owned = [fact for step in steps for asset in (step.child, step.parent) for fact in facts.ownerships.get(asset, ())]
    terms = [term(grant) for grant in grants]
    ends = [end for each in terms for end in (each.ends_at,) if end is not None]
    ends += [grant.revoked_at for grant in grants if grant.revoked_at is not None]
    known = [grant.revoked_position for grant in grants if grant.revoked_position is not None]
    return _Quiet(
        begins_at=max((*(each.begins_at for each in terms), *(fact.starts_at for fact in owned)), default=0),
        ends_at=min(ends, default=None),
        position=max((*_positions(steps), *_positions(grants), *_positions(owned), *known), default=0),
        owners=frozenset(fact.owner for fact in owned),
        stated=attrgetter(*_limited(grants)),
    )


def _is_unsettled(grant: Grant, facts: Facts) -> bool:
    """Whether what is said of a grant may change with time in ways that are not its own end."""
    return (
        (grant.terms is not None and grant.terms.obligations.when_late is not Effect.NONE)
        or any(dispute.grant == grant.position for dispute in facts.disputes.get(grant.asset, ()))
        or any(other.licensee != grant.licensee for other in facts.exclusives.get(grant.asset, ()))
    )


def _limited(grants: Iterable[Grant]) -> tuple[str, ...]:
    """The fields of a use that any of the grants limits; one at least, as an attribute getter wants."""
    scopes = (grant.terms.scope for grant in grants if grant.terms is not None)
    return tuple(sorted({FIELDS[key] for scope in scopes for key in limited(scope)})) or ("territory",)


def _positions(facts: Iterable[Derivation] | Iterable[Grant] | Iterable[Ownership]) -> Iterable[int]:
    return (fact.position for fact in facts)
