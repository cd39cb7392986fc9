"""What a work owes to the works that it derives from, by rules that have a name and a version (W3, W8).

A link from x to its parent a brings a royalty of multiplicity(x) * share(x to a). The rules differ in multiplicity:

    stack-all-paths/1    the number of paths from the earning work to x: a source that was reached twice is paid twice
    stack-visit-once/1   1: every link counts once, however many paths lead to it
    per-hop-product/1    the sum over the paths to x of the product of their shares: a grandparent has a share of what
                         the parent gets, and not of the whole

They agree on trees of one generation, and the first two on every lineage without diamonds. Shares are exact: integers
over one whole, rounded by ``lr/1`` when an amount is divided; the work itself comes first, then the links by child
and parent.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, repeat
from operator import mul
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from atlas.protocol.ids import format_aaid
from atlas.rights.errors import SharesOverWhole, UnknownRule
from atlas.rights.royalties.lineage import Lineage, Link
from atlas.rights.royalties.rounding import LARGEST_REMAINDER, Division

ALL_PATHS: Final = "stack-all-paths/1"
VISIT_ONCE: Final = "stack-visit-once/1"
PER_HOP: Final = "per-hop-product/1"
ROUNDING: Final = LARGEST_REMAINDER


class Multiplicity(msgspec.Struct, frozen=True):
    """How often the links from one work up count: ``times`` over ``base`` to the power ``exponent``."""

    times: int
    exponent: int = 0


class Stack(msgspec.Struct, frozen=True):
    """What a work owes, link by link: ``weights`` over ``whole``; ``own_weight`` stays with the work."""

    asset: bytes
    rule: str
    links: tuple[Link, ...]
    weights: tuple[int, ...]
    own_weight: int
    whole: int

    @property
    def total(self) -> Fraction:
        """The share of its revenue that the work owes, exactly."""
        return 1 - Fraction(self.own_weight, self.whole)

    def of(self, ancestor: bytes) -> Fraction:
        """The share of the work's revenue that one ancestor gets, over all links to it."""
        pairs = zip(self.links, self.weights, strict=True)
        return Fraction(sum(weight for link, weight in pairs if link.parent == ancestor), self.whole)

    def division(self) -> Division:
        """How an amount is divided: the work's own part first, then each link's."""
        return Division(ROUNDING, (self.own_weight, *self.weights), self.whole)


class Step(NamedTuple):
    """A link as the rules see it: ``owed`` over the base that all shares have in common. There are thousands."""

    link: Link
    parent: bytes
    owed: int


# What each work from the earning one up owes to its parents; a work comes before its parents.
Pedigree = Mapping[bytes, Sequence[Step]]


def _paths(pedigree: Pedigree, _base: int) -> dict[bytes, Multiplicity]:
    counts = dict.fromkeys(pedigree, 0)
    counts[next(iter(pedigree))] = 1
    for asset, steps in pedigree.items():
        for step in steps:
            counts[step.parent] += counts[asset]
    return {asset: Multiplicity(count) for asset, count in counts.items()}


def _once(pedigree: Pedigree, _base: int) -> dict[bytes, Multiplicity]:
    return dict.fromkeys(pedigree, Multiplicity(1))


def _products(pedigree: Pedigree, base: int) -> dict[bytes, Multiplicity]:
    """Over powers of one base, so that sums need no common denominator to be looked for."""
    products = dict.fromkeys(pedigree, Multiplicity(0))
    products[next(iter(pedigree))] = Multiplicity(1)
    for asset, steps in pedigree.items():
        here = products[asset]
        for step in steps:
            through = Multiplicity(here.times * step.owed, here.exponent + 1)
            products[step.parent] = _add(products[step.parent], through, base)
    return products


_RULES: Mapping[str, Callable[[Pedigree, int], dict[bytes, Multiplicity]]] = MappingProxyType(
    {ALL_PATHS: _paths, VISIT_ONCE: _once, PER_HOP: _products}
)


def require_rule(rule: str) -> None:
    """Return when ``rule`` names a royalty rule. Raises UnknownRule."""
    if rule not in _RULES:
        raise UnknownRule(f"{rule!r} is no royalty rule", hint=f"The rules are {', '.join(sorted(_RULES))}.")


def stack(rule: str, lineage: Lineage, asset: bytes, *, upto: int | None = None) -> Stack:
    """What ``asset`` owes by ``rule``, from the links up to position ``upto`` where it is given.

    Raises UnknownRule, LineageTooLarge, and SharesOverWhole when the royalties come to more than the whole revenue.
    """
    require_rule(rule)
    links = {each: lineage.parents(each, upto=upto) for each in lineage.ascending(asset, upto=upto)}
    base = math.lcm(*(link.share.denominator for parents in links.values() for link in parents))
    pedigree = {
        each: [Step(link, link.parent, link.share.numerator * (base // link.share.denominator)) for link in parents]
        for each, parents in links.items()
    }
    counts = _RULES[rule](pedigree, base)
    top = max(count.exponent for count in counts.values())
    scale = list(accumulate(repeat(base, top + 1), mul, initial=1))
    factors = {each: count.times * scale[top - count.exponent] for each, count in counts.items()}
    steps = [(step, factors[each]) for each in sorted(pedigree) for step in pedigree[each]]
    weights = tuple([step.owed * factor for step, factor in steps])
    whole = scale[top + 1]
    own_weight = whole - sum(weights)
    if own_weight < 0:
        raise SharesOverWhole(
            f"{format_aaid(asset)} owes {Fraction(sum(weights), whole)} of its revenue by {rule}",
            hint="Royalties come to at most 1: license fewer sources, at smaller shares, or by another rule.",
        )
    return Stack(asset, rule, tuple([step.link for step, _ in steps]), weights, own_weight, whole)


def _add(left: Multiplicity, right: Multiplicity, base: int) -> Multiplicity:
    low, high = sorted((left, right), key=lambda each: each.exponent)
    return Multiplicity(low.times * base ** (high.exponent - low.exponent) + high.times, high.exponent)
