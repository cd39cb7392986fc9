"""The facts of decisions, ordered once for many decisions. Positions and instants are judged on reading."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Protocol, TypeVar

from atlas.rights.decisions.limits import KnownLimits, Limits
from atlas.rights.decisions.pedigree import Facts, Pedigree, Term, term
from atlas.rights.decisions.state import (
    At,
    Derivation,
    Grant,
    Ownership,
    RecordedUse,
    RightsState,
)
from atlas.rights.terms.scopes import MAX_SUBLICENSE_DEPTH

Key = TypeVar("Key")


class _Fact(Protocol):
    @property
    def position(self) -> int: ...


Item = TypeVar("Item", bound=_Fact)


class Rights:
    """A rights state by asset, account and position. It never changes; what it works out on the way, it keeps."""

    def __init__(self, state: RightsState) -> None:
        self.state = state
        self.by_position: dict[int, Grant] = {grant.position: grant for grant in state.grants}
        self.held = _group(state.grants, lambda grant: (grant.asset, grant.licensee))
        self.exclusives = _group(filter(is_exclusive, state.grants), lambda grant: grant.asset)
        self.prohibitions = _group(state.prohibitions, lambda fact: fact.asset)
        self.disputes = _group(state.disputes, lambda fact: fact.asset)
        self.portraits = _group(state.portraits, lambda fact: fact.asset)
        self.authorizations = _group(state.authorizations, lambda fact: fact.asset)
        self.measures = _group(state.measures, lambda fact: fact.asset)
        self.burdened = frozenset((*self.prohibitions, *self.disputes, *self.portraits))
        self.fulfilments = _group(state.fulfilments, lambda fact: fact.grant)
        self._ownerships = _group(state.ownerships, lambda fact: fact.asset)
        self._derivations = _group(state.derivations, lambda fact: fact.child)
        self._chains = {grant.position: _chain(grant, self.by_position) for grant in state.grants}
        counted = ((position, use) for use in state.uses for position in self._chains.get(use.grant, ()))
        self._uses = _group_pairs(counted)
        self._limits: dict[int, Limits] = {}
        self._known_limits = KnownLimits()
        self._terms: dict[int, Term] = {}
        self._pedigrees: dict[bytes, Pedigree] = {}

    def owner(self, asset: bytes, at: At) -> Ownership | None:
        """Who owns the asset at ``at``; of several facts of one instant, the latest known."""
        facts = self._ownerships.get(asset, [])
        if len(facts) == 1:
            [only] = facts
            return only if only.position <= at.known_position and only.starts_at <= at.valid_time else None
        known = (each for each in facts if each.position <= at.known_position)
        begun = [each for each in known if each.starts_at <= at.valid_time]
        return max(begun, key=lambda each: (each.starts_at, each.position), default=None)

    def pedigree(self, asset: bytes, at: At) -> Pedigree:
        """Every derivation that the asset rests on, as known at ``at``, nearest first."""
        whole = self._pedigrees.get(asset)
        if whole is None:
            whole = self._pedigrees[asset] = self._trace(asset, None)
        return whole if whole.known_position <= at.known_position else self._trace(asset, at.known_position)

    def chain(self, grant: Grant, known_position: int) -> tuple[int, ...]:
        """The positions of the grant, of the grant it is held under, and so on up, as far as they were known."""
        chain = self._chains[grant.position]
        if len(chain) == 1 or max(chain) <= known_position:
            return chain
        return tuple(takewhile(lambda position: position <= known_position, chain))

    def uses(self, grant: Grant, at: At) -> list[RecordedUse]:
        """What was used by ``at`` under the grant, and under those that were held under it then."""
        return [
            use
            for use in self._uses.get(grant.position, ())
            if use.position <= at.known_position
            and use.at <= at.valid_time
            and grant.position in self.chain(self.by_position[use.grant], at.known_position)
        ]

    def limits(self, grant: Grant) -> Limits | None:
        """What the terms of a grant limit; None where they are not known."""
        if grant.terms is None:
            return None
        found = self._limits.get(grant.position)
        if found is None:
            found = self._limits[grant.position] = self._known_limits.limits(grant.terms.scope)
        return found

    def term(self, grant: Grant) -> Term:
        """When a grant is in force, its revocation aside."""
        found = self._terms.get(grant.position)
        if found is None:
            found = self._terms[grant.position] = term(grant)
        return found

    def _trace(self, asset: bytes, known_position: int | None) -> Pedigree:
        steps: dict[Derivation, None] = {}
        reached, pending = {asset}, [asset]
        for child in pending:
            for step in self._derivations.get(child, ()):
                if known_position is not None and step.position > known_position:
                    continue
                steps[step] = None
                if step.parent not in reached:
                    reached.add(step.parent)
                    pending.append(step.parent)
        facts = Facts(self.by_position, self._chains, self._ownerships, self.disputes, self.exclusives)
        return Pedigree(asset, tuple(steps), facts)


def is_exclusive(grant: Grant) -> bool:
    """Whether the registry, or the terms, keep others out."""
    return grant.exclusive or (grant.terms is not None and grant.terms.scope.exclusive)


def _chain(grant: Grant, by_position: Mapping[int, Grant]) -> tuple[int, ...]:
    chain = [grant.position]
    while grant.under is not None and grant.under in by_position and len(chain) <= MAX_SUBLICENSE_DEPTH:
        grant = by_position[grant.under]
        chain.append(grant.position)
    return tuple(chain)


def _group_pairs(pairs: Iterable[tuple[int, RecordedUse]]) -> dict[int, list[RecordedUse]]:
    groups: defaultdict[int, list[RecordedUse]] = defaultdict(list)
    for position, use in pairs:
        groups[position].append(use)
    return dict(groups)


def _group(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by key, each list by position, whatever order they came in."""
    groups: defaultdict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    for group in groups.values():
        group.sort(key=lambda item: item.position)
    return dict(groups)
