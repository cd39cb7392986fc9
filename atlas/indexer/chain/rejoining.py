"""When the endpoint's chain cannot be joined to the stored one: say how it stands, wait, or go on from the facts.

Nobody but the operator leaves a finalized block. The automatic policy follows a fork below the window only while
nothing finalized is contradicted, the fork is as high as what is stored, and no other endpoint has the stored chain.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from atlas.indexer.chain.commit import ChainStore
from atlas.indexer.chain.deep import Fork, find_fork, supporters
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.state import ChainState
from atlas.indexer.chain.verification.checks import require_same
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.errors import EndpointError, InconsistentAnswers, ReorgBeyondWindow
from atlas.protocol.facts import BlockRef


class _Trouble(msgspec.Struct, frozen=True):
    """Why the endpoint's chain cannot be joined."""

    state: Literal["lagging", "forked"]
    message: str
    hint: str

    def error(self) -> ReorgBeyondWindow:
        """It waits for the operator."""
        hint = f"{self.hint} `atlas-ledger chain resolve CHAIN --follow` takes the endpoint's chain."
        return ReorgBeyondWindow(self.message, state=self.state, hint=hint)

    def contradiction(self, final: BlockRef | None) -> ReorgBeyondWindow:
        """It waits for the operator to leave a finalized block."""
        name = "" if final is None else f" {final.number} 0x{final.hash.hex()}"
        return ReorgBeyondWindow(
            f"{self.message}; to follow it would leave the finalized block{name}",
            state=self.state,
            hint="Only `atlas-ledger chain resolve CHAIN --follow --contradicting-finality` leaves a finalized block.",
        )


class Rejoining:
    """Decides for one chain, and acts on it."""

    def __init__(self, config: ChainConfig, source: Source, others: Sequence[Source], store: ChainStore) -> None:
        self._config = config
        self._source = source
        self._others = others
        self._store = store

    def below_window(self, stored: ChainState, head: Header) -> int:
        """The endpoint's chain left the stored one before its oldest block; the number of facts offered.

        Raises ReorgBeyondWindow unless it is to be followed.
        """
        oldest = stored.window[0]
        if head.number < oldest.number:
            message = f"{self._at(head)} is below block {oldest.number}, the oldest that is stored"
            hint = "Is the endpoint still synchronising, or a development chain that was started afresh?"
            return self._settle(stored, head, _Trouble("lagging", message, hint))
        message = (
            f"{self._at(head)} does not know block {oldest.number} 0x{oldest.hash.hex()}, the oldest that is stored"
        )
        return self._settle(stored, head, _Trouble("forked", message, "Compare the endpoint with another one."))

    def below_finalized(self, stored: ChainState, head: Header, ancestor: WindowBlock) -> int:
        """It left the stored chain inside the window, but below a finalized block. As ``below_window``."""
        final = stored.finalized or ancestor.ref
        message = (
            f"{self._at(head)} left the stored chain after block {ancestor.number}, "
            f"but block {final.number} 0x{final.hash.hex()} is recorded as final"
        )
        hint = "Finality was broken, or the endpoint is on another fork: compare it with another one."
        return self._settle(stored, head, _Trouble("forked", message, hint))

    def _settle(self, stored: ChainState, head: Header, trouble: "_Trouble") -> int:
        decided = self._store.decision()
        supporting = self._supporting(stored.tip)
        if supporting:
            said = f"{trouble.message}; {', '.join(supporting)} still has block {stored.tip.number} as it is stored"
            trouble = msgspec.structs.replace(trouble, message=said)
        is_followed = self._is_policy(stored, head, trouble) and not supporting if decided is None else decided.follow
        if not is_followed:
            raise trouble.error()
        final = stored.finalized
        is_contradicted = final is not None and self._hash_at(head)(final.number) != final.hash
        if is_contradicted and decided is None:
            raise trouble.error()
        if is_contradicted and decided is not None and not decided.contradicting_finality:
            raise trouble.contradiction(final)
        fork = self._fork(stored, head, shared=None if is_contradicted else final)
        return self._store.restart(stored, self._base(stored, head, fork), fork)

    def _is_policy(self, stored: ChainState, head: Header, trouble: "_Trouble") -> bool:
        is_followed = self._config.deep_reorg == "follow" and trouble.state == "forked"
        return is_followed and head.number >= stored.tip.number

    def _fork(self, stored: ChainState, head: Header, *, shared: BlockRef | None) -> Fork:
        """Where the chains part; below ``shared``, if there is such a block, nothing of the log is looked at."""
        lowest = 0 if shared is None else shared.number
        recorded = self._store.recorded_chain(lowest)
        window = [block.ref for block in stored.window if block.number >= lowest]
        fork = find_fork(recorded, window, self._hash_at(head))
        if shared is not None and fork.ancestor is None:
            raise self._moved(head)
        return fork

    def _base(self, stored: ChainState, head: Header, fork: Fork) -> WindowBlock:
        """The block to read on from: the highest shared one, or the one before all that is indexed."""
        if fork.ancestor is not None and fork.ancestor.number >= stored.tip.number:
            raise self._moved(head)
        starts = [watch.rule.start_block for watch in stored.watches]
        number = max(0, min([*starts, head.number]) - 1) if fork.ancestor is None else fork.ancestor.number
        header = self._source.headers([number])[0]
        if fork.ancestor is not None:
            require_same(self._source.name, header, fork.ancestor)
        is_recorded = fork.ancestor is not None
        return WindowBlock(header.number, header.hash, header.parent_hash, header.time_s, is_recorded)

    def _supporting(self, tip: WindowBlock) -> list[str]:
        answers: list[tuple[str, bytes | None]] = []
        for other in self._others:
            try:
                answers.append((other.name, other.headers([tip.number])[0].hash))
            except EndpointError:
                answers.append((other.name, None))
        return supporters(answers, tip.hash)

    def _hash_at(self, head: Header) -> Callable[[int], bytes | None]:
        def hash_at(number: int) -> bytes | None:
            return self._source.headers([number])[0].hash if number <= head.number else None

        return hash_at

    def _moved(self, head: Header) -> InconsistentAnswers:
        return InconsistentAnswers(
            f"{self._at(head)} contradicts what is stored in one answer, and in another one does not",
            hint="Several nodes may answer behind this URL.",
        )

    def _at(self, head: Header) -> str:
        return f"{self._source.name} (head {head.number} 0x{head.hash.hex()})"
