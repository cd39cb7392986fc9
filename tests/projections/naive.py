"""What the views must say at a log position: a fold of plain values into plain dictionaries, from the first position.

It shares no code with the engine: it takes what was recorded as ``Said``, not as bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.projections.chain import ZERO, Block

Posting = tuple[bytes, int, int, int, int]
AssetVersion = tuple[int, bytes, int, int | None]


@dataclass(frozen=True)
class Watched:
    """A contract is watched from here on in the log."""

    abi: str


@dataclass(frozen=True)
class Header:
    block: Block


@dataclass(frozen=True)
class Moved:
    """Tokens were transferred."""

    block: Block
    sender: bytes
    recipient: bytes
    value: int


@dataclass(frozen=True)
class Registered:
    block: Block
    token_id: int
    creator: bytes


@dataclass(frozen=True)
class Handed:
    """An asset was transferred."""

    block: Block
    token_id: int
    recipient: bytes


@dataclass(frozen=True)
class Reorged:
    orphaned: tuple[Block, ...]
    restored: tuple[Block, ...]


Said = Watched | Header | Moved | Registered | Handed | Reorged


@dataclass
class Views:
    """The rows of three views."""

    balances: dict[bytes, int] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    assets: list[AssetVersion] = field(default_factory=list)
    asset_heights: dict[int, int] = field(default_factory=dict)  # of what was last said of a token
    head: bytes | None = None
    supply_issues: list[tuple[int, str]] = field(default_factory=list)
    provenance_issues: list[tuple[int, str]] = field(default_factory=list)
    unwatched: list[int] = field(default_factory=list)


def fold(log: Sequence[Said], position: int) -> Views:
    """The views after the first ``position`` facts of ``log``."""
    recorded = log[:position]
    orphaned = orphans(recorded)
    views, watched, height = Views(), set[str](), -1
    for at, said in enumerate(recorded, start=1):
        match said:
            case Watched():
                watched.add(said.abi)
            case Header() if said.block.hash not in orphaned and said.block.number >= height:
                height, views.head = said.block.number, said.block.hash
            case Moved() | Registered() | Handed() if said.block.hash not in orphaned:
                if ("AtlasToken" if isinstance(said, Moved) else "AssetRegistry") not in watched:
                    views.unwatched.append(at)
                elif isinstance(said, Moved):
                    _move(views, at, said)
                else:
                    _asset(views, at, said)
            case _:
                pass
    views.postings.sort()
    views.assets.sort(key=lambda row: (row[0], row[2]))
    return views


def orphans(recorded: Sequence[Said]) -> set[bytes]:
    orphaned: set[bytes] = set()
    for said in recorded:
        if isinstance(said, Reorged):
            orphaned |= {block.hash for block in said.orphaned}
            orphaned -= {block.hash for block in said.restored}
    return orphaned


def _move(views: Views, at: int, said: Moved) -> None:
    if not said.value:
        return
    for holder, delta in ((said.sender, -said.value), (said.recipient, said.value)):
        if holder == ZERO:
            continue
        before = views.balances.get(holder, 0)
        views.balances[holder] = before + delta
        ordinal = sum(1 for posting in views.postings if posting[:2] == (holder, at))
        views.postings.append((holder, at, ordinal, delta, before + delta))
        if before + delta < 0 <= before:
            views.supply_issues.append((at, "negative-balance"))


def _asset(views: Views, at: int, said: Registered | Handed) -> None:
    current = next((row for row in views.assets if row[0] == said.token_id and row[3] is None), None)
    if isinstance(said, Registered) == (current is not None):
        views.provenance_issues.append((at, "missing-row" if current is None else "duplicate-row"))
        return
    owner = said.creator if isinstance(said, Registered) else said.recipient
    height = views.asset_heights.get(said.token_id)
    views.asset_heights[said.token_id] = said.block.number
    if current is not None:
        if (current[1], height) == (owner, said.block.number):
            return  # nothing changes: no version
        views.assets.remove(current)
        views.assets.append((current[0], current[1], current[2], at))
    views.assets.append((said.token_id, owner, at, None))
