"""The port to a chain: what the indexer asks, and what it can rely on in the answers.

An adapter verifies what one answer can prove: headers hash to their hash, logs have the form of logs.
Whether answers fit together is decided above it, in ``checks`` and ``forkchoice``.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header

FinalityTag: TypeAlias = Literal["finalized", "safe"]


class Log(msgspec.Struct, frozen=True, gc=False):
    """A log as an endpoint gave it: 20-byte address, 32-byte hashes and topics."""

    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Source(Protocol):
    """Answers about one chain, to several threads at once. Every method raises EndpointError."""

    @property
    def name(self) -> str:
        """The endpoint, fit for logs."""
        ...

    def chain_number(self) -> int:
        """The EIP-155 number of the chain that is served."""
        ...

    def code_size(self, address: bytes, number: int | None = None) -> int:
        """How many bytes of code ``address`` has after block ``number``, None: at the head.

        Raises StateUnavailable when the node no longer keeps the state of that block.
        """
        ...

    def head(self) -> Header:
        """The newest block."""
        ...

    def finalized(self, tag: FinalityTag = "finalized") -> Header | None:
        """The newest block with this tag, None when there is none yet; FinalityUnknown where there is no such tag."""
        ...

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Canonical headers by number, in that order; InconsistentAnswers when one is not there."""
        ...

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> Sequence[Log]:
        """Logs that ``wanted`` matches in canonical blocks ``first`` to ``last``, both included."""
        ...

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> Sequence[Sequence[Log]]:
        """Logs that ``wanted`` matches in each block, by its hash; InconsistentAnswers when a block is not there."""
        ...
