"""Which work derives from which: a directed graph without cycles, from each work up to its parents (W8).

A link is one derivation and the share of revenue that it owes to the parent, from the ledger position on at which it
was recorded. The graph is immutable; a question about the past names a position and sees the links up to it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from atlas.protocol.ids import AAID_BYTES, format_aaid
from atlas.rights.errors import CyclicLineage, InvalidLineage, InvalidShares, LineageTooLarge


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``child`` derives from ``parent`` and owes it ``share`` of its revenue.

    What the link brings in stops at ``ceiling_wei``; ``guarantee_wei`` was due at once and is recouped from it.
    """

    position: int
    child: bytes  # AAID
    parent: bytes
    share: Fraction  # 0 to 1
    ceiling_wei: int | None = None
    guarantee_wei: int = 0


class Bounds(msgspec.Struct, frozen=True):
    """How large a pedigree may be."""

    max_parents: int = 16
    max_ancestors: int = 1_024
    max_depth: int = 1_024


class Lineage:
    """The links as a graph. Its order does not depend on the order in which the links came."""

    def __init__(self, links: Iterable[Link], bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        """Raises CyclicLineage, LineageTooLarge, InvalidLineage, InvalidShares."""
        self.links: Sequence[Link] = sorted(links, key=lambda link: (link.child, link.parent, link.position))
        self.bounds = bounds
        self._up: dict[bytes, list[Link]] = {}
        self._down: dict[bytes, list[Link]] = {}
        for link in self.links:
            _check(link)
            self._up.setdefault(link.child, []).append(link)
            self._down.setdefault(link.parent, []).append(link)
        for child, parents in self._up.items():
            self._check_parents(child, parents)
        self._check_depths()

    def parents(self, asset: bytes, *, upto: int | None = None) -> list[Link]:
        """The links from ``asset`` up, by parent; those up to position ``upto`` where it is given."""
        links = self._up.get(asset, [])
        return links if upto is None else [link for link in links if link.position <= upto]

    def ascending(self, asset: bytes, *, upto: int | None = None) -> list[bytes]:
        """``asset`` and its ancestors, each before its parents. Raises LineageTooLarge."""
        order = _postorder((asset,), lambda each: [link.parent for link in self.parents(each, upto=upto)])[::-1]
        if len(order) - 1 > self.bounds.max_ancestors:
            raise LineageTooLarge(
                f"{format_aaid(asset)} has {len(order) - 1} ancestors, and at most {self.bounds.max_ancestors} may be",
                hint="Raise the bound, or license fewer sources.",
            )
        return order

    def ancestors(self, asset: bytes, *, upto: int | None = None) -> frozenset[bytes]:
        """All that ``asset`` derives from, near or far. Raises LineageTooLarge."""
        return frozenset(self.ascending(asset, upto=upto)[1:])

    def descendants(self, asset: bytes, *, upto: int | None = None) -> Mapping[bytes, tuple[bytes, ...]]:
        """All that derives from ``asset``: each with a shortest path from ``asset`` down to it, nearest first."""
        paths: dict[bytes, tuple[bytes, ...]] = {asset: (asset,)}
        waiting = deque((asset,))
        while waiting:
            parent = waiting.popleft()
            for link in self._down.get(parent, ()):
                if link.child not in paths and (upto is None or link.position <= upto):
                    paths[link.child] = (*paths[parent], link.child)
                    waiting.append(link.child)
        del paths[asset]
        return paths

    def _check_parents(self, child: bytes, links: Sequence[Link]) -> None:
        if len({link.parent for link in links}) != len(links):
            raise InvalidLineage(
                f"{format_aaid(child)} names a parent twice", hint="One link from a child to a parent; add up shares."
            )
        if len(links) > self.bounds.max_parents:
            raise LineageTooLarge(
                f"{format_aaid(child)} has {len(links)} parents, and at most {self.bounds.max_parents} may be",
                hint="Raise the bound, or derive in steps.",
            )

    def _check_depths(self) -> None:
        depths: dict[bytes, int] = {}
        for asset in _postorder(self._up, lambda each: [link.parent for link in self._up.get(each, ())]):
            depths[asset] = max((depths[link.parent] + 1 for link in self._up.get(asset, ())), default=0)
            if depths[asset] > self.bounds.max_depth:
                raise LineageTooLarge(
                    f"{format_aaid(asset)} is {depths[asset]} generations deep,"
                    f" and at most {self.bounds.max_depth} may be",
                    hint="Raise the bound, or derive from a nearer work.",
                )


def _check(link: Link) -> None:
    if {len(link.child), len(link.parent)} != {AAID_BYTES}:
        raise InvalidLineage(f"an AAID has {AAID_BYTES} bytes", hint="Pass the raw bytes, not text.")
    if not 0 <= link.share <= 1:
        raise InvalidShares(
            f"the share that {format_aaid(link.child)} owes {format_aaid(link.parent)} is {link.share}",
            hint="A share lies between 0 and 1.",
        )
    if link.guarantee_wei < 0 or (link.ceiling_wei is not None and link.ceiling_wei < link.guarantee_wei):
        raise InvalidLineage(
            f"the link from {format_aaid(link.child)} to {format_aaid(link.parent)} has a guarantee of"
            f" {link.guarantee_wei} wei and a ceiling of {link.ceiling_wei}",
            hint="A guarantee is not negative, and a ceiling is not below it.",
        )


def _postorder(roots: Iterable[bytes], upward: Callable[[bytes], Sequence[bytes]]) -> list[bytes]:
    """All that the roots lead up to, each after what it leads up to. Raises CyclicLineage."""
    order: list[bytes] = []
    is_open: dict[bytes, bool] = {}
    path: list[bytes] = []
    waiting: list[list[bytes]] = []

    def enter(asset: bytes) -> None:
        is_open[asset] = True
        path.append(asset)
        waiting.append(list(reversed(upward(asset))))

    for root in roots:
        if root not in is_open:
            enter(root)
        while path:
            if not waiting[-1]:
                waiting.pop()
                order.append(path.pop())
                is_open[order[-1]] = False
                continue
            parent = waiting[-1].pop()
            if parent not in is_open:
                enter(parent)
            elif is_open[parent]:
                raise _cycle(path, parent)
    return order


def _cycle(path: list[bytes], again: bytes) -> CyclicLineage:
    cycle = (*path[path.index(again) :], again)
    return CyclicLineage(f"works derive from each other: {' from '.join(map(format_aaid, cycle))}", cycle)
