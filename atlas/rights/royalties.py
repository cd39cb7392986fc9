"""What a work owes to the works that it derives from, by rules that have a name and a version (W3, W8).

A link from x to its parent a brings a royalty of multiplicity(x) * share(x to a). The rules differ in multiplicity:

    stack-all-paths/1    the number of paths from the earning work to x: a source that was reached twice is paid twice
    stack-visit-once/1   1: every link counts once, however many paths lead to it
    per-hop-product/1    the sum over the paths to x of the product of their shares: a grandparent has a share of what
                         the parent gets, and not of the whole

They agree on trees of one generation, and the first two on every lineage without diamonds. Shares are exact: integers
over one whole, rounded by ``lr/1`` when an amount is divided; the work itself comes first, then the links by parent
and child.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import msgspec

from atlas.protocol.ids import format_aaid
from atlas.rights.errors import SharesOverWhole, UnknownRule
from atlas.rights.lineage import Lineage, Link
from atlas.rights.rounding import LARGEST_REMAINDER, Division

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


def _paths(order: list[bytes], lineage: Lineage, upto: int | None, _base: int) -> dict[bytes, Multiplicity]:
    counts = dict.fromkeys(order, 0)
    counts[order[0]] = 1
    for asset in order:
        for link in lineage.parents(asset, upto=upto):
            counts[link.parent] += counts[asset]
    return {asset: Multiplicity(count) for asset, count in counts.items()}


def _once(order: list[bytes], _lineage: Lineage, _upto: int | None, _base: int) -> dict[bytes, Multiplicity]:
    return dict.fromkeys(order, Multiplicity(1))


def _products(order: list[bytes], lineage: Lineage, upto: int | None, base: int) -> dict[bytes, Multiplicity]:
    """Over powers of one base, so that sums need no common denominator to be looked for."""
    products = dict.fromkeys(order, Multiplicity(0))
    products[order[0]] = Multiplicity(1)
    for asset in order:
        here = products[asset]
        for link in lineage.parents(asset, upto=upto):
            step = Multiplicity(here.times * _over(link.share, base), here.exponent + 1)
            products[link.parent] = _add(products[link.parent], step, base)
    return products


_RULES: Mapping[str, Callable[[list[bytes], Lineage, int | None, int], dict[bytes, Multiplicity]]] = MappingProxyType(
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
    order = lineage.ascending(asset, upto=upto)
    links = [link for each in order for link in lineage.parents(each, upto=upto)]
    links.sort(key=lambda link: (link.parent, link.child))
    base = math.lcm(*(link.share.denominator for link in links))
    counts = _RULES[rule](order, lineage, upto, base)
    top = max(count.exponent for count in counts.values())
    scale = [base**power for power in range(top + 2)]
    weights = tuple(
        counts[link.child].times * _over(link.share, base) * scale[top - counts[link.child].exponent] for link in links
    )
    whole = scale[top + 1]
    own_weight = whole - sum(weights)
    if own_weight < 0:
        raise SharesOverWhole(
            f"{format_aaid(asset)} owes {Fraction(sum(weights), whole)} of its revenue by {rule}",
            hint="Royalties come to at most 1: license fewer sources, at smaller shares, or by another rule.",
        )
    return Stack(asset, rule, tuple(links), weights, own_weight, whole)


def _over(share: Fraction, base: int) -> int:
    return share.numerator * (base // share.denominator)


def _add(left: Multiplicity, right: Multiplicity, base: int) -> Multiplicity:
    low, high = sorted((left, right), key=lambda each: each.exponent)
    return Multiplicity(low.times * base ** (high.exponent - low.exponent) + high.times, high.exponent)
