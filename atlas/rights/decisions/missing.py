"""What a permit would still take: every leaf of a decision that does not hold, and what would remedy it.

The rules have all to hold, whatever gives title; of the grants one is enough. So a decision misses the open leaves
of its rules, and those of one way to a title: ``missing`` takes the nearest, ``ways`` lists each.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from atlas.rights.decisions.jurisdictions import LAW, PORTRAIT_RULE
from atlas.rights.decisions.reasons import Decision, Missing, Outcome, Reason, Remedy, State
from atlas.rights.decisions.uses import FIELDS

NO_LICENSE: Final = Reason("license", State.VIOLATED, "a license for the account", "none on record")

_REMEDIES: Final = {
    "prohibition": Remedy.LIFTING,
    "dispute": Remedy.RULING,
    PORTRAIT_RULE: Remedy.AUTHORIZATION,
    "exclusivity": Remedy.RELEASE,
    "duty": Remedy.DUTY,
    "registered": Remedy.RECORD,
}
_STATED: Final = frozenset({*FIELDS.values(), "kind"})


def missing(decision: Decision) -> tuple[Missing, ...]:
    """What a permit takes beside what is there: empty for a permit, else all of it along the nearest way."""
    return min(ways(decision), key=_distance, default=())


def ways(decision: Decision) -> tuple[tuple[Missing, ...], ...]:
    """Each way to a permit: the open rules with what one grant lacks, or with a licence where none is held."""
    if decision.outcome is Outcome.PERMIT:
        return ()
    rules = tuple(_missing(decision.rules, None))
    return tuple((*rules, *way) for way in _titles(decision))


def _distance(way: tuple[Missing, ...]) -> tuple[int, int]:
    """What is violated is farther off than what only has to be known."""
    return sum(each.state is State.VIOLATED for each in way), len(way)


def _titles(decision: Decision) -> Iterator[tuple[Missing, ...]]:
    if decision.owner.state is State.SATISFIED:
        yield ()
        return
    if decision.owner.children:  # the owner, kept out by an exclusive license of another
        yield tuple(_missing((decision.owner,), None))
    for finding in decision.grants:
        yield tuple(_missing(finding.constraints, finding.position))
    if not decision.grants and not decision.owner.children:
        yield tuple(_missing((NO_LICENSE,), None))


def _missing(reasons: Iterable[Reason], grant: int | None) -> Iterator[Missing]:
    for reason in reasons:
        yield from _leaves(reason, (), grant, grant)


def _leaves(reason: Reason, above: tuple[str, ...], position: int | None, grant: int | None) -> Iterator[Missing]:
    if reason.state is State.SATISFIED:
        return
    path, place = (*above, reason.name), position if reason.position is None else reason.position
    below = [leaf for child in reason.children for leaf in _leaves(child, path, place, grant)]
    leaf = Missing(path, reason.state, reason.wanted, reason.seen, place, grant, _remedy(reason))
    yield from below or (leaf,)


def _remedy(reason: Reason) -> Remedy:
    if reason.name in _REMEDIES:
        return _REMEDIES[reason.name]
    if reason.name.startswith(LAW):
        return Remedy.MEASURE
    if reason.state is State.VIOLATED:
        return Remedy.LICENSE
    return Remedy.STATEMENT if reason.name in _STATED else Remedy.RECORD
