"""Fork choice: the stored chain and a path of new headers, to a decision. Pure.

The endpoint's node follows consensus; what is decided here is only what its answer means for the blocks
already stored. Headers are linked by parent hash, so one shared hash means one shared history below it.

    window   10 - 11 - 12 - 13                 stored, canonical so far
    path               12'- 13'- 14'           parent of 12' is 11
    decision Reorg(ancestor=11, orphaned=(12, 13), adopted=(12', 13', 14'))
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from atlas.indexer.chain.header import Header
from atlas.protocol.facts import BlockRef


class WindowBlock(msgspec.Struct, frozen=True):
    """A stored canonical block; ``recorded`` when the log has its header."""

    number: int
    hash: bytes
    parent_hash: bytes
    time_s: int
    recorded: bool

    @property
    def ref(self) -> BlockRef:
        """The block by height and hash."""
        return BlockRef(self.number, self.hash)


class Extend(msgspec.Struct, frozen=True):
    """The path begins right after the stored tip."""

    adopted: tuple[Header, ...]


class Reorg(msgspec.Struct, frozen=True):
    """Above ``ancestor`` the stored blocks give way to the path's; both lists ascend."""

    ancestor: WindowBlock
    orphaned: tuple[WindowBlock, ...]
    adopted: tuple[Header, ...]


class Unchanged(msgspec.Struct, frozen=True):
    """The path says nothing new: its end is stored already.

    A head below the stored tip, on the stored chain, contradicts nothing: a node that lags looks like this.
    """


class NeedParents(msgspec.Struct, frozen=True):
    """The path does not reach the stored chain yet: prepend canonical headers that end in ``parent_hash``."""

    number: int  # of the parent
    parent_hash: bytes


class BeyondWindow(msgspec.Struct, frozen=True):
    """The path left the stored chain before its oldest block: the fork point is not known."""

    oldest: WindowBlock


Decision: TypeAlias = Extend | Reorg | Unchanged | NeedParents | BeyondWindow


def choose(window: Sequence[WindowBlock], path: Sequence[Header]) -> Decision:
    """What ``path`` means for ``window``; both are ascending by one, linked by parent hash and not empty."""
    oldest, tip = window[0], window[-1]
    shared = _last_shared(window, path)
    if shared is None:
        parent_number = path[0].number - 1
        if parent_number <= oldest.number:
            return BeyondWindow(oldest)
        return NeedParents(parent_number, path[0].parent_hash)
    adopted = tuple(header for header in path if header.number > shared.number)
    if not adopted:
        return Unchanged()
    if shared == tip:
        return Extend(adopted)
    return Reorg(shared, tuple(window[shared.number - oldest.number + 1 :]), adopted)


def _last_shared(window: Sequence[WindowBlock], path: Sequence[Header]) -> WindowBlock | None:
    """The highest stored block that is on the path, or the parent of its first header."""
    oldest = window[0].number
    candidates = [(header.number, header.hash) for header in reversed(path)]
    candidates.append((path[0].number - 1, path[0].parent_hash))
    for number, block_hash in candidates:
        if 0 <= number - oldest < len(window) and window[number - oldest].hash == block_hash:
            return window[number - oldest]
    return None
